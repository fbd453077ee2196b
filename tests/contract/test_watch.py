"""Watches: what changes arrives, once and in order, from where the watcher left off; those that cannot follow are told."""
import os
import re
import socket
import time

import pytest
from support.manifests import node, project
from support.wait import wait_for
from support.watch import Watch


def version(reply):
    return int(reply.json["metadata"]["resourceVersion"])


def labelled(name, **labels):
    wanted = project(name)
    wanted["metadata"]["labels"] = labels
    return wanted


def types(watch, name):
    return [event[0] for event in watch.events if event[1] == name]


@pytest.fixture
def pair(make_database, make_server):
    """Two servers of one database."""
    database = make_database()
    return database, make_server(database.url), make_server(database.url)


# --- what arrives ----------------------------------------------------------------------------------------------------


def test_changes_arrive_as_added_modified_and_deleted(api):
    with Watch(api, "nodes", version=version(api.get("/api/v1/nodes"))) as watch:
        assert api.post("/api/v1/nodes", node("n1")).status == 201
        watch.wait("ADDED", "n1")
        changed = api.put("/api/v1/nodes/n1", node("n1", unschedulable=True))
        watch.wait_newest("n1", version(changed))
        assert api.call("DELETE", "/api/v1/nodes/n1").status == 204
        watch.wait("DELETED", "n1")
        assert types(watch, "n1") == ["ADDED", "MODIFIED", "DELETED"]
        versions = [event[2] for event in watch.events]
        assert versions == sorted(set(versions))


def test_the_object_of_an_event_is_what_get_answers(api):
    with Watch(api, version=version(api.get("/api/v1/projects"))) as watch:
        api.post("/api/v1/projects", labelled("web", team="a"))
        event = watch.wait("ADDED", "web")
        wait_for(lambda: watch.events[-1][3] == api.get("/api/v1/projects/web").json, "the event and GET to agree")
        assert event[3]["kind"] == "Project"


def test_without_a_version_it_begins_with_what_is_there_by_name(api):
    names = [f"p{number:03}" for number in range(130)]  # more than a page
    assert api.post("/api/v1/apply", {"items": [labelled(name) for name in names]}).status == 200
    with Watch(api, bookmarks="true") as watch:
        wait_for(lambda: watch.bookmarks, "the bookmark behind what was there")
        added = [event[1] for event in watch.events if event[0] == "ADDED"]
        assert added[:130] == names
        api.post("/api/v1/projects", project("later"))
        watch.wait("ADDED", "later")


def test_a_list_version_is_where_a_watch_goes_on(api):
    api.post("/api/v1/projects", project("before"))
    at = version(api.get("/api/v1/projects"))
    api.post("/api/v1/projects", project("after"))
    with Watch(api, version=at) as watch:
        watch.wait("ADDED", "after")
        assert all(event[2] > at for event in watch.events)


def test_a_watch_goes_on_where_another_ended(api):
    start = version(api.get("/api/v1/projects"))
    with Watch(api, version=start) as watch:
        api.post("/api/v1/projects", project("one"))
        watch.wait("ADDED", "one")
        last = watch.events[-1][2]
    api.post("/api/v1/projects", project("two"))
    with Watch(api, version=last) as watch:
        watch.wait("ADDED", "two")
        assert all(event[2] > last for event in watch.events)


def test_what_leaves_the_filter_is_deleted_and_what_enters_is_added(api):
    with Watch(api, selector="team%3Da", version=version(api.get("/api/v1/projects"))) as watch:
        api.post("/api/v1/projects", labelled("other", team="b"))
        api.post("/api/v1/projects", labelled("web", team="a"))
        watch.wait("ADDED", "web")
        api.put("/api/v1/projects/web", labelled("web", team="b"))
        watch.wait("DELETED", "web")
        api.put("/api/v1/projects/other", labelled("other", team="a"))
        watch.wait("ADDED", "other")
        assert api.get("/api/v1/projects/web").status == 200


def test_a_phase_that_is_left_is_deleted(api):
    api.post("/api/v1/projects", project("web"))
    with Watch(api, phase="Pending", version=version(api.get("/api/v1/projects"))) as watch:
        assert api.patch("/api/v1/projects/web/status", {"phase": "Failed"}).status == 204
        watch.wait("DELETED", "web")


def test_what_psql_changes_arrives(shared_server, api):
    api.post("/api/v1/nodes", node("n1"))
    with Watch(api, "nodes", version=version(api.get("/api/v1/nodes"))) as watch:
        shared_server.database.sql("UPDATE cara.node SET labels = '{\"by\": \"hand\"}'")
        assert watch.wait("MODIFIED", "n1")[3]["metadata"]["labels"] == {"by": "hand"}


def test_what_another_server_changes_arrives(pair):
    _, one, other = pair
    with Watch(one) as watch:
        other.post("/api/v1/projects", project("web"))
        watch.wait("ADDED", "web")


def test_many_watchers_of_one_query_get_the_same(api):
    start = version(api.get("/api/v1/projects"))
    watches = [Watch(api, version=start) for _ in range(40)]
    try:
        for number in range(10):
            api.post("/api/v1/projects", project(f"p{number}"))
        newest = {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in api.get("/api/v1/projects").json["items"]}
        for watch in watches:
            for name in newest:
                watch.wait("ADDED", name)
    finally:
        for watch in watches:
            watch.close()


def test_who_come_back_together_are_read_for_once(make_database, make_server):
    """After a restart all watchers miss the same: that is read a few times, not once for each."""
    database = make_database()
    database.sql(f"ALTER DATABASE {database.name} SET track_functions = 'all'")
    server = make_server(database.url)
    start = version(server.get("/api/v1/projects"))
    assert server.post("/api/v1/apply", {"items": [project(f"p{number}") for number in range(300)]}).status == 200
    watchers = [server.connect(30) for _ in range(100)]
    try:
        for watcher in watchers:
            watcher.sendall(f"GET /api/v1/projects?watch=true&resourceVersion={start} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        for watcher in watchers:
            received, names = b"", set()
            while len(names) < 300:
                received += watcher.recv(1 << 20)
                names = set(re.findall(rb'"metadata":{"name":"(p\d+)"', received))
        database.sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        assert database.value("SELECT calls FROM pg_stat_user_functions WHERE funcname = 'watch_read'") < 50
    finally:
        for watcher in watchers:
            watcher.close()


# --- how it ends -----------------------------------------------------------------------------------------------------


def test_timeout_seconds_end_it_well(api):
    began = time.monotonic()
    with Watch(api, timeout=1) as watch:
        assert watch.wait_end() == ""
    assert 0.9 < time.monotonic() - began < 5


def test_the_end_of_the_server_ends_it_well(make_database, make_server):
    database = make_database()
    server = make_server(database.url)
    with Watch(server) as watch, Watch(server, "nodes", version=0) as other:
        began = time.monotonic()
        server.child.terminate()
        assert server.child.wait(10) == 0
        assert time.monotonic() - began < 4
        assert watch.wait_end() == "" and other.wait_end() == ""


def test_clients_that_leave_leave_nothing_behind(api):
    pid = api.child.pid
    before = len(os.listdir(f"/proc/{pid}/fd"))
    watches = [Watch(api, timeout=60) for _ in range(50)]
    assert len(os.listdir(f"/proc/{pid}/fd")) >= before + 40
    for watch in watches:
        watch.close()
    wait_for(lambda: len(os.listdir(f"/proc/{pid}/fd")) <= before + 2, "the connections to be closed")


def test_no_more_streams_than_allowed(make_database, make_server):
    server = make_server(make_database().url, MAX_STREAMS="2")
    with Watch(server), Watch(server):
        refused = server.get("/api/v1/projects?watch=true")
        assert refused.status == 503 and refused.headers["retry-after"]
        assert server.get("/api/v1/projects").status == 200
    wait_for(lambda: Watch(server, timeout=1).status == 200, "room again")


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query,word", [
    ("watch=perhaps", "watch"), ("watch=true&resourceVersion=x", "resourceVersion"), ("watch=true&resourceVersion=-1", "resourceVersion"),
    ("watch=true&timeoutSeconds=never", "timeoutSeconds"), ("watch=true&timeoutSeconds=99999999", "timeoutSeconds"),
    ("watch=true&allowWatchBookmarks=2", "allowWatchBookmarks"), ("watch=true&limit=5", "limit"), ("watch=true&continue=x", "continue"),
    ("watch=true&labelSelector=a%3D%3D%3Db", "labelSelector"), ("watch=true&resourceVersion=1&labelSelector=%21", "labelSelector"),
])
def test_what_cannot_be_watched_is_refused(api, query, word):
    refused = api.get(f"/api/v1/projects?{query}")
    assert refused.status == 400 and word in refused.json["detail"] + refused.json.get("field", "")


def test_other_lists_ignore_watch_and_head_has_no_body(api):
    assert api.get("/api/v1/settings?watch=true").status == 200
    assert api.get("/api/v1/projects?watch=false").json["kind"] == "ProjectList"
    assert api.call("HEAD", "/api/v1/projects?watch=true").status == 200


def test_a_version_that_was_trimmed_is_gone(make_database, make_server):
    database = make_database()
    server = make_server(database.url)
    for number in range(3):
        server.post("/api/v1/nodes", node(f"n{number}"))
    database.set(change_retention="0s")
    database.sql("SELECT api.tick()")
    wait_for(lambda: database.value("SELECT count(*) FROM cara.change") == 0, "the log to be trimmed")
    with Watch(server, "nodes", version=1) as watch:
        assert watch.status == 410 and "list" in watch.problem["detail"]


def test_a_version_from_the_future_is_gone(api):
    with Watch(api, version=10 ** 15) as watch:
        assert watch.status == 410


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_who_does_not_read_is_cut_off_and_others_go_on(make_database, make_server):
    """The slow one holds what the kernel takes, then a bounded backlog; then it is told 410, and the server forgets it."""
    server = make_server(make_database().url, WATCH_BACKLOG="64")
    big = project("web")
    server.post("/api/v1/projects", big)
    start = version(server.get("/api/v1/projects"))
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", server.port))
    slow.sendall(f"GET /api/v1/projects?watch=true&resourceVersion={start} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    with slow, Watch(server, version=start) as watch:
        for number in range(120):
            big["metadata"]["annotations"] = {"round": str(number), "filler": "x" * 20000}
            newest = server.put("/api/v1/projects/web", big)
            watch.wait_newest("web", version(newest))
        slow.settimeout(30)
        received = b""
        while chunk := slow.recv(1 << 20):
            received += chunk
        assert b'"type":"ERROR"' in received[-2000:] and b'"code":410' in received[-2000:]
        assert watch.ended is None
        newest = server.put("/api/v1/projects/web", project("web"))
        watch.wait_newest("web", version(newest))


# --- outages ---------------------------------------------------------------------------------------------------------


def test_watches_outlive_postgres(make_database, make_server, make_proxy):
    database = make_database()
    proxy = make_proxy(database)
    server = make_server(database.url_with(host="127.0.0.1", port=proxy.port))
    with Watch(server) as watch:
        server.post("/api/v1/projects", project("before"))
        watch.wait("ADDED", "before")
        proxy.cut()
        database.sql("SELECT api.project_create(%s::jsonb)", '{"metadata":{"name":"meanwhile"},"spec":{"services":[{"name":"a","image":"b"}]}}')
        wait_for(lambda: server.get("/api/v1/projects").status == 503, "the server to miss Postgres")
        assert Watch(server, version=1, selector="never%3Dread").status == 503
        proxy.join()
        watch.wait("ADDED", "meanwhile")
        assert watch.ended is None


def selecting(does):
    """The SQL for a cara.selector_matches() that does something else."""
    return ("CREATE OR REPLACE FUNCTION cara.selector_matches(p_labels jsonb, p_labels_wanted jsonb, p_expressions jsonb) "
            f"RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN {does}; RETURN true; END $$")


def test_postgres_may_go_in_the_middle_of_a_read(make_database, make_server):
    """Who has an answer already goes on after it; who has none is told to come again, all that waited for one read."""
    database = make_database()
    server = make_server(database.url)
    start = version(server.get("/api/v1/projects"))
    reads = "FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND wait_event = 'PgSleep'"
    with Watch(server, selector="team%3Da", version=start) as watch:
        server.post("/api/v1/projects", labelled("web", team="a"))
        watch.wait("ADDED", "web")
        well = database.value("SELECT pg_get_functiondef('cara.selector_matches'::regproc)")
        database.sql(selecting("PERFORM pg_sleep(60)"))
        waiting = [server.connect(30) for _ in range(5)]
        for client in waiting:
            client.sendall(f"GET /api/v1/projects?watch=true&resourceVersion={start}&labelSelector=team%3Db HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        changed = server.put("/api/v1/projects/web", labelled("web", team="a", round="2"))
        wait_for(lambda: database.value(f"SELECT count(*) {reads}") == 2, "the hub and one for all who wait to read")
        database.sql(well)
        assert database.sql(f"SELECT pg_terminate_backend(pid) {reads}")
        for client in waiting:
            with client:
                assert client.recv(4096).startswith(b"HTTP/1.1 503")
        watch.wait_newest("web", version(changed))
        assert watch.ended is None


def test_a_watch_that_cannot_be_read_holds_up_no_other(make_database, make_server):
    database = make_database()
    server = make_server(database.url)
    start = version(server.get("/api/v1/projects"))
    with Watch(server, selector="sick", version=start) as sick, Watch(server, version=start) as watch:
        server.post("/api/v1/projects", labelled("web", sick="no"))
        watch.wait("ADDED", "web")
        sick.wait("ADDED", "web")
        well = database.value("SELECT pg_get_functiondef('cara.selector_matches'::regproc)")
        database.sql(selecting("RAISE EXCEPTION 'sick'"))
        began = time.monotonic()
        for number in range(20):
            changed = server.put("/api/v1/projects/web", labelled("web", sick=str(number)))
            watch.wait_newest("web", version(changed))
        assert time.monotonic() - began < 10  # it is tried again each second
        database.sql(well)
        sick.wait_newest("web", version(changed))
        assert sick.ended is None


def test_a_forgotten_transaction_elsewhere_holds_nothing_up(shared_server, api):
    import psycopg2
    other = psycopg2.connect(shared_server.database.url)
    try:
        other.cursor().execute("CREATE TEMP TABLE t (); SELECT txid_current()")
        with Watch(api, version=version(api.get("/api/v1/projects"))) as watch:
            api.post("/api/v1/projects", project("web"))
            watch.wait("ADDED", "web", 3)
    finally:
        other.close()
