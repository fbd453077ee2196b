"""Starting, being refused, losing Postgres and finding it again, ending."""
import concurrent.futures
import re
import signal
import socket
import threading
import time

import psycopg2
import pytest
from support.impostor import Impostor, refusal, welcome
from support.manifests import node
from support.server import Server, free_port, run_server
from support.wait import wait_for

SECRET = "s3cr3t-passw0rd"


def assert_refused(result, *words):
    """One line on stderr that says what is wrong, exit 1, and no password anywhere."""
    assert result.returncode == 1, result
    assert SECRET not in result.stdout + result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("cara-server: ")
    for word in words:
        assert word in lines[0]


def url(port, **parts):
    return f"host=127.0.0.1 port={port} user={parts.get('user', 'someone')} password={SECRET} dbname={parts.get('dbname', 'cara')}"


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [None, ""])
def test_without_database_url(given, tmp_path):
    assert_refused(run_server(given, cwd=tmp_path), "database_url is required", "DATABASE_URL", "postgres://")


def test_a_url_that_is_none(tmp_path):
    for bad in (f"mysql:{SECRET}", f"postgres://u:{SECRET}@h:port/x?nonsense", "postgres://u:" + SECRET + "@["):
        result = run_server(bad, cwd=tmp_path)
        assert result.returncode == 1 and SECRET not in result.stderr + result.stdout and len(result.stderr.splitlines()) == 1


def test_unreachable():
    port = free_port()
    assert_refused(run_server(url(port)), f"cannot reach Postgres at 127.0.0.1:{port}", "Connection refused", "is it running")


def test_an_unknown_host():
    assert_refused(run_server(f"postgres://u:{SECRET}@host.invalid/x"), "cannot reach Postgres at host.invalid:5432", "could not translate")


def test_a_server_that_never_answers():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        started = time.monotonic()
        assert_refused(run_server(url(port)), f"127.0.0.1:{port}", "timeout expired")
        assert time.monotonic() - started < 9


def test_something_else_answers():
    with Impostor(None) as other:
        assert_refused(run_server(url(other.port)), f"127.0.0.1:{other.port}", "does not speak Postgres' protocol")


@pytest.mark.parametrize("sqlstate,text,advice", [
    ("28P01", 'password authentication failed for user "someone"', "check the user and password"),
    ("28000", "no pg_hba.conf entry", "pg_hba.conf"),
    ("3D000", 'database "cara" does not exist', "create the database"),
    ("53300", "sorry, too many clients already", "max_connections"),
    ("57P03", "the database system is starting up", "try again"),
    ("42501", 'permission denied for database "cara"', "grant the user CONNECT"),
])
def test_postgres_says_no(sqlstate, text, advice):
    with Impostor(refusal(sqlstate, text)) as other:
        assert_refused(run_server(url(other.port)), f"127.0.0.1:{other.port} refuses the connection", text, advice)


def test_too_old():
    with Impostor(welcome("15.8 (Debian 15.8-0+deb12u1)")) as other:
        assert_refused(run_server(url(other.port)), "version 15", "too old", "16 or newer")


def test_a_user_that_does_not_exist(make_database):
    assert_refused(run_server(make_database().url_with(user="nobody_like_this", password=SECRET)), "refuses the connection")


def test_a_database_that_does_not_exist(make_database):
    assert_refused(run_server(make_database().url_with(dbname="cara_no_such")), '"cara_no_such" does not exist', "createdb")


def test_a_database_of_another_encoding(make_database):
    assert_refused(run_server(make_database(encoding="SQL_ASCII").url), "encoding SQL_ASCII", "UTF8")


@pytest.fixture
def poor_user(make_database):
    """A database, and a user who may only connect to it."""
    database = make_database()
    role = database.name + "_poor"
    database.sql(f'CREATE ROLE "{role}" LOGIN PASSWORD \'{SECRET}\'')
    yield database, role
    database.sql(f'REASSIGN OWNED BY "{role}" TO CURRENT_USER')
    database.sql(f'DROP OWNED BY "{role}"')
    database.sql(f'DROP ROLE "{role}"')


def test_without_the_rights_to_install(poor_user):
    database, role = poor_user
    assert_refused(run_server(database.url_with(user=role, password=SECRET)), f'user "{role}" lacks the rights', "GRANT CREATE ON DATABASE")


def test_without_the_rights_to_upgrade(poor_user):
    database, role = poor_user
    assert run_server(database.url, "migrate").returncode == 0
    database.sql(f'GRANT CREATE ON DATABASE "{database.name}" TO "{role}"')
    assert_refused(run_server(database.url_with(user=role, password=SECRET)), f'user "{role}" lacks the rights', "owner of schema cara")


def test_a_user_without_createrole_may_install_and_is_told_once(poor_user, make_server):
    database, role = poor_user
    database.sql(f'GRANT CREATE ON DATABASE "{database.name}" TO "{role}"')
    server = make_server(database.url_with(user=role, password=SECRET))
    assert server.post("/api/v1/nodes", node("n1")).status == 201
    assert server.post("/api/v1/nodes/n1/channel", {}).json["kind"] == "stream"
    assert server.log_text().count("CREATEROLE") == 1
    assert SECRET not in server.log_text()


def test_a_database_of_a_newer_version(make_database):
    database = make_database()
    assert run_server(database.url, "migrate").returncode == 0
    database.sql("INSERT INTO cara.migration (version, name) VALUES (9999, 'of the future')")
    for args in ((), ("migrate",)):
        assert_refused(run_server(database.url, *args), "migrated by a newer version (9999 > ", "upgrade this cara-server")


def test_an_address_that_is_taken(make_database, make_server):
    database = make_database()
    server = make_server(database.url)
    result = run_server(database.url, PORT=str(server.port))
    assert result.returncode == 1 and f"cannot listen on 127.0.0.1:{server.port}: Address already in use" in result.stderr


def test_settings_that_cannot_be(make_database):
    assert_refused(run_server("x", PORT="http"), 'environment: PORT is "http"', "1 to 65535")
    assert_refused(run_server("host=x", DB_CONNECTIONS="0"), "db_connections must be from 1 to 64")
    unknown = run_server("x", "-no-such-flag")
    assert unknown.returncode == 2 and "unknown flag -no-such-flag" in unknown.stderr


def test_help_and_version():
    helped = run_server(None, "--help")
    assert helped.returncode == 0 and "DATABASE_URL" in helped.stdout and "-port PORT" in helped.stdout
    version = run_server(None, "--version")
    assert re.fullmatch(r"cara-server \S+ \(commit \S+, built \S+\)\n", version.stdout)


# --- migrating -------------------------------------------------------------------------------------------------------


def test_migrate_only_migrates_and_again_does_nothing(make_database):
    database = make_database()
    first = run_server(database.url, "migrate")
    assert first.returncode == 0 and "database migrated" in first.stderr
    assert database.value("SELECT count(*) FROM cara.migration") >= 1
    applied = database.value("SELECT applied_at FROM cara.installed")
    again = run_server(database.url, "migrate")
    assert again.returncode == 0 and again.stderr == ""
    assert database.value("SELECT applied_at FROM cara.installed") == applied


def test_functions_are_applied_again_when_they_differ(make_database):
    database = make_database()
    run_server(database.url, "migrate")
    database.sql("UPDATE cara.installed SET checksum = 'of another version'")
    assert "database migrated" in run_server(database.url, "migrate").stderr


def test_many_servers_may_migrate_at_once(make_database):
    database = make_database()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: run_server(database.url, "migrate", seconds=60), range(4)))
    assert [result.returncode for result in results] == [0] * 4, results
    assert sum("database migrated" in result.stderr for result in results) == 1


def test_a_migration_that_fails_leaves_nothing(make_database):
    database = make_database()
    database.sql("CREATE SCHEMA cara; CREATE TABLE cara.node (in_the_way int)")
    result = run_server(database.url, "migrate")
    assert_refused(result, "migrate: migrations/", "already exists")
    assert database.value("SELECT to_regclass('cara.migration')") is None


def test_pooled_connections_take_the_role_that_may_only_execute(make_database, make_server):
    database = make_database()
    make_server(database.url)
    assert database.value("SELECT api.server_role()") == "cara_server"
    for table in ("node", "project", "setting"):
        assert not database.value(f"SELECT has_table_privilege('cara_server', 'cara.{table}', 'SELECT, INSERT, UPDATE, DELETE')")


def test_channel_host_replaces_the_address_agents_are_given(make_database, make_server):
    server = make_server(make_database().url, CHANNEL_HOST="db.example:6432")
    server.post("/api/v1/nodes", node("n1"))
    channel = server.post("/api/v1/nodes/n1/channel", {"kind": "postgres"}).json
    assert channel["kind"] == "postgres"
    assert "host='db.example' port='6432'" in channel["conninfo"]


# --- losing Postgres -------------------------------------------------------------------------------------------------


def test_without_postgres_it_answers_503_and_is_itself_again_within_a_second(make_database, make_proxy, make_server):
    database = make_database()
    proxy = make_proxy(database)
    server = make_server(database.url_with(host="127.0.0.1", port=proxy.port))
    for _ in range(3):
        assert server.get("/api/v1/nodes").status == 200
        proxy.cut()
        wait_for(lambda: server.get("/api/v1/nodes").status == 503, "503", seconds=2)
        reply = server.get("/api/v1/nodes")
        assert reply.status == 503 and reply.headers["retry-after"] == "1"
        assert reply.json["title"] == "Service Unavailable"
        assert server.get("/api/readyz").status == 503
        assert server.get("/api/healthz").status == 200
        time.sleep(0.6)  # long enough for the backoff to have grown
        proxy.join()
        back = time.monotonic()
        wait_for(lambda: server.get("/api/v1/nodes").status == 200, "the server to be itself again", seconds=3)
        assert time.monotonic() - back < 1.0
    assert server.post("/api/v1/nodes", node("n1")).status == 201


def test_requests_under_way_are_answered_when_their_connection_dies(make_database, make_server):
    database = make_database()
    server = make_server(database.url)
    statuses, done = [], threading.Event()

    def ask():
        while not done.is_set():
            statuses.append(server.get("/api/v1/nodes").status)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for _ in range(5):
        database.terminate_sessions()
        wait_for(lambda: server.get("/api/readyz").status == 200, "the server to be itself again", seconds=2)
    done.set()
    for asker in askers:
        asker.join(10)
        assert not asker.is_alive()
    assert set(statuses) <= {200, 503} and 200 in statuses


def test_a_lock_does_not_hold_up_what_does_not_need_it(make_database, make_server):
    database = make_database()
    server = make_server(database.url)
    server.post("/api/v1/nodes", node("n1"))
    blocker = psycopg2.connect(database.url)
    blocker.cursor().execute("LOCK TABLE cara.lease IN ACCESS EXCLUSIVE MODE")
    waiting = threading.Thread(target=lambda: server.call("POST", "/api/v1/nodes/n1/heartbeat", timeout=30))
    waiting.start()
    for _ in range(20):
        assert server.get("/api/v1/projects").status == 200
    blocker.close()
    waiting.join(10)
    assert not waiting.is_alive()


def test_too_many_requests_of_agents_are_turned_away_and_nobody_else(make_database, make_server):
    database = make_database()
    server = make_server(database.url, DB_CONNECTIONS="1")
    server.post("/api/v1/nodes", node("n1"))
    blocker = psycopg2.connect(database.url)
    blocker.cursor().execute("LOCK TABLE cara.lease IN ACCESS EXCLUSIVE MODE")
    request = b"POST /api/v1/nodes/n1/heartbeat HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    sockets = [server.connect(30) for _ in range(2300)]
    for sock in sockets:
        sock.sendall(request)
    assert server.post("/api/v1/nodes/n1/heartbeat").status == 503
    with server.connect(30) as person:
        person.sendall(b"GET /api/v1/nodes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        turned_away = server.post("/api/v1/nodes/n1/heartbeat")  # asked after it: the server has that one, too
        assert turned_away.status == 503 and turned_away.headers["retry-after"] == "1"
        assert "too many requests" in turned_away.json["detail"]
        blocker.close()
        assert person.recv(1024).startswith(b"HTTP/1.1 200 ")
    statuses = [int(sock.recv(1024).split()[1]) for sock in sockets]
    for sock in sockets:
        sock.close()
    assert set(statuses) == {204, 503} and statuses.count(204) > 2000


# --- ending ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_request_under_way_is_answered_before_the_end(make_database, make_server, sign):
    database = make_database()
    server = make_server(database.url)
    server.post("/api/v1/nodes", node("n1"))
    blocker = psycopg2.connect(database.url)
    blocker.cursor().execute("LOCK TABLE cara.lease IN ACCESS EXCLUSIVE MODE")
    with server.connect() as sock:
        sock.sendall(b"POST /api/v1/nodes/n1/heartbeat HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        wait_for(lambda: database.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"),
                 "the request to wait for the lock")
        server.child.send_signal(sign)
        wait_for(lambda: "ending" in server.log_text(), "the server to begin to end")
        with pytest.raises(OSError):
            server.connect()
        blocker.close()
        assert sock.recv(1024).startswith(b"HTTP/1.1 204 ")
    assert server.child.wait(5) == 0


def test_a_request_that_does_not_end_is_cut_off_after_five_seconds(make_database, make_server):
    database = make_database()
    server = make_server(database.url)
    server.post("/api/v1/nodes", node("n1"))
    blocker = psycopg2.connect(database.url)
    blocker.cursor().execute("LOCK TABLE cara.lease IN ACCESS EXCLUSIVE MODE; SET lock_timeout = 0")
    with server.connect() as sock:
        database.sql("ALTER DATABASE \"%s\" SET lock_timeout = 0" % database.name)
        sock.sendall(b"POST /api/v1/nodes/n1/heartbeat HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        wait_for(lambda: database.value("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"),
                 "the request to wait for the lock")
        started = time.monotonic()
        server.child.send_signal(signal.SIGTERM)
        assert server.child.wait(9) == 0
        assert 2 < time.monotonic() - started < 7
    blocker.close()


def test_without_requests_it_ends_at_once(make_database):
    database = make_database()
    assert run_server(database.url, "migrate").returncode == 0
    server = Server(database.url).start()
    idle = server.connect()
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 2
    idle.close()


def test_it_ends_while_postgres_is_away(make_database, make_proxy, make_server):
    database = make_database()
    proxy = make_proxy(database)
    server = make_server(database.url_with(host="127.0.0.1", port=proxy.port))
    proxy.cut()
    wait_for(lambda: server.get("/api/readyz").status == 503, "503")
    started = time.monotonic()
    server.child.send_signal(signal.SIGTERM)
    assert server.child.wait(5) == 0
    assert time.monotonic() - started < 2
