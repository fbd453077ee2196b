"""docker-compose.yml gives a PostgreSQL that cara-server can live with."""
import psycopg2
import pytest

from support.engine import Engine
from support.http import Client
from support.process import BIN, ROOT, Process, library, run
from support.wait import wait_for

IMAGE = "caravanserai-postgres:test"
ADDRESS = "127.0.0.1"  # the engine is in the tests' own namespace: a published port is one of this loopback
PORT = "15432"


@pytest.fixture(scope="module")
def compose():
    """docker-compose on an engine of its own, with an image made here instead of postgres:16."""
    engine = Engine("compose", None)
    engine.start()
    engine.ready()
    run(*library("postgres_image_import", IMAGE), env={"DOCKER_HOST": engine.host})

    def call(*argv, check=True):
        return run("docker-compose", "-p", "test", "-f", ROOT / "docker-compose.yml", *argv, check=check, env={
            "DOCKER_HOST": engine.host, "CARA_POSTGRES_IMAGE": IMAGE, "CARA_POSTGRES_PORT": PORT,
            "CARA_POSTGRES_PASSWORD": "of the test"})

    call.engine = engine
    yield call
    call("down", "-v", check=False)
    engine.process.terminate()


def container(compose):
    found = compose("ps", "-q", "postgres").stdout.strip()
    return compose.engine.call("GET", f"/containers/{found}/json")


def connect():
    try:
        connection = psycopg2.connect(host=ADDRESS, port=PORT, user="postgres", password="of the test",
                                      dbname="caravanserai")
    except psycopg2.OperationalError as error:
        raise OSError(str(error)) from error
    connection.autocommit = True
    return connection


def query(sql):
    connection = connect()
    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows


def test_up_gives_a_healthy_postgres_16_on_the_port_asked_for(compose):
    compose("up", "-d")
    wait_for(lambda: container(compose)["State"]["Health"]["Status"] == "healthy", "the container is healthy")
    assert int(query("SHOW server_version_num")[0][0]) >= 160000


def test_the_volume_outlives_the_container(compose):
    query("CREATE TABLE kept AS SELECT 42 AS answer")
    compose("down")
    compose("up", "-d")
    assert wait_for(lambda: query("SELECT answer FROM kept"), "the table is there again") == [(42,)]


def test_the_server_migrates_it_and_is_ready(compose):
    server = Process("server-on-compose", [BIN / "cara-server"], env={
        "HOST": "127.0.0.1", "PORT": "18080",
        "DATABASE_URL": f"postgresql://postgres:of%20the%20test@{ADDRESS}:{PORT}/caravanserai"}).start()
    wait_for(lambda: Client("127.0.0.1:18080").call("GET", "/api/readyz").status == 200, "the server is ready")
    assert server.terminate() == 0
