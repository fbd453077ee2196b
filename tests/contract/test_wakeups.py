"""Wake-up streams: an agent hears of what concerns it, whoever changed it and on whichever server; revoked channels end."""
import json

import pytest
from support.manifests import node, project
from support.meddler import NoNotifications
from support.wait import wait_for
from support.watch import Wakeups, Watch


def stream_url(server, name):
    reply = server.post(f"/api/v1/nodes/{name}/channel", {"kind": "stream"})
    assert reply.status == 200 and reply.json["kind"] == "stream", reply
    return reply.json["url"]


def ready(server, name):
    wanted = node(name)
    assert server.post("/api/v1/nodes", wanted).status == 201
    assert server.post(f"/api/v1/nodes/{name}/heartbeat", {"state": "Ready"}).status in (200, 204)


def lands_on(server, project_name, name):
    wait_for(lambda: server.get(f"/api/v1/projects/{project_name}").json["status"].get("nodeRef") == name, f"{project_name} on {name}")


@pytest.fixture
def pair(make_database, make_server):
    database = make_database()
    return database, make_server(database.url), make_server(database.url)


def test_a_decision_wakes_the_node_it_concerns_and_no_other(api):
    ready(api, "n1")
    api.post("/api/v1/nodes", node("n2", unschedulable=True))
    with Wakeups(api, stream_url(api, "n1")) as mine, Wakeups(api, stream_url(api, "n2")) as other:
        assert mine.answer.getheader("content-type") == "text/event-stream"
        wait_for(lambda: mine.lines and other.lines, "both to be greeted")
        before = mine.count, other.count
        api.post("/api/v1/projects", project("web"))
        mine.wait_more(before[0])
        lands_on(api, "web", "n1")
        before = mine.count, other.count
        api.put("/api/v1/projects/web", project("web", image="nginx:2"))
        mine.wait_more(before[0])
        assert other.count == before[1]


def test_what_another_server_or_a_person_changes_wakes_too(pair):
    database, one, other = pair
    ready(one, "n1")
    one.post("/api/v1/projects", project("web"))
    lands_on(one, "web", "n1")
    with Wakeups(other, stream_url(one, "n1")) as stream:
        wait_for(lambda: stream.lines, "the greeting")
        before = stream.count
        one.put("/api/v1/projects/web", project("web", image="nginx:2"))
        stream.wait_more(before)
        before = stream.count
        database.sql("UPDATE cara.project SET labels = '{\"a\": \"b\"}'")
        stream.wait_more(before)


def test_a_token_may_come_as_a_header(api):
    api.post("/api/v1/nodes", node("n1"))
    path, token = stream_url(api, "n1").split("?token=")
    with Wakeups(api, path, {"Authorization": f"Bearer {token}"}) as stream:
        assert stream.status == 200


def test_without_the_right_token_there_is_no_stream(api):
    api.post("/api/v1/nodes", node("n1"))
    path = stream_url(api, "n1").split("?")[0]
    assert api.get(path).status == 401
    assert api.get(path + "?token=" + "0" * 64).status == 401
    assert api.get(path + "?token=%ff").status == 400
    assert api.get("/api/v1/nodes/none/wakeups?token=" + "0" * 64).status == 404


def test_a_new_channel_ends_the_stream_of_the_old_one(pair):
    _, one, other = pair
    one.post("/api/v1/nodes", node("n1"))
    old = stream_url(one, "n1")
    with Wakeups(one, old) as stream, Wakeups(other, old) as elsewhere:
        new = stream_url(other, "n1")
        assert stream.wait_end() == "" and elsewhere.wait_end() == ""
        assert one.get(old).status == 401
        with Wakeups(one, new) as again:
            assert again.status == 200


def test_the_end_of_a_node_ends_its_stream(api):
    api.post("/api/v1/nodes", node("n1"))
    url = stream_url(api, "n1")
    with Wakeups(api, url) as stream:
        assert api.call("DELETE", "/api/v1/nodes/n1").status == 204
        assert stream.wait_end() == ""
        assert api.get(url).status == 404


def test_a_second_stream_takes_the_place_of_the_first(api):
    api.post("/api/v1/nodes", node("n1"))
    url = stream_url(api, "n1")
    with Wakeups(api, url) as first, Wakeups(api, url) as second:
        assert first.wait_end() == ""
        assert second.ended is None


def test_the_end_of_the_server_ends_streams_well(make_database, make_server):
    server = make_server(make_database().url)
    server.post("/api/v1/nodes", node("n1"))
    with Wakeups(server, stream_url(server, "n1")) as stream:
        server.child.terminate()
        assert server.child.wait(10) == 0
        assert stream.wait_end() == ""


def test_streams_outlive_postgres_and_make_up_for_what_they_missed(make_database, make_server, make_proxy):
    database = make_database()
    proxy = make_proxy(database)
    server = make_server(database.url_with(host="127.0.0.1", port=proxy.port))
    ready(server, "n1")
    server.post("/api/v1/projects", project("web"))
    lands_on(server, "web", "n1")
    with Wakeups(server, stream_url(server, "n1")) as stream:
        wait_for(lambda: stream.lines, "the greeting")
        proxy.cut()
        wait_for(lambda: server.get("/api/v1/projects").status == 503, "the server to miss Postgres")
        before = stream.count
        database.sql("UPDATE cara.project SET labels = '{\"a\": \"b\"}'")
        proxy.join()
        stream.wait_more(before)
        assert stream.ended is None


def test_a_server_that_hears_no_notification_looks_by_itself(make_database, make_server, make_meddler):
    """Streams and watches within about a second; the clock when it is next due, here a third of six seconds."""
    database = make_database()
    heard = []

    def deafen():
        heard.append(NoNotifications())
        return heard[-1]

    meddler = make_meddler(database.port, deafen)
    server = make_server(database.url_with(host="127.0.0.1", port=str(meddler.port)))
    database.set(control_plane_gap="6s")
    ready(server, "n1")
    server.post("/api/v1/projects", project("web"))
    lands_on(server, "web", "n1")
    with Wakeups(server, stream_url(server, "n1")) as stream, Watch(server) as watch:
        wait_for(lambda: stream.lines, "the greeting")
        watch.wait("ADDED", "web")
        before, swallowed = stream.count, sum(ears.swallowed for ears in heard)
        database.sql("UPDATE cara.project SET labels = '{\"by\": \"hand\"}'")
        stream.wait_more(before, 5)
        wait_for(lambda: watch.events[-1][3]["metadata"].get("labels") == {"by": "hand"}, "the watch to tell", 5)
        wait_for(lambda: sum(ears.swallowed for ears in heard) > swallowed, "the NOTIFY to be swallowed")
        database.sql("SELECT api.project_create(%s, 'psql')", json.dumps(project("by-hand")))
        lands_on(server, "by-hand", "n1")


def test_a_stream_that_is_silent_is_kept_alive(api):
    api.post("/api/v1/nodes", node("n1"))
    with Wakeups(api, stream_url(api, "n1")) as stream:
        wait_for(lambda: ":" in stream.lines, "a comment", 25)


def test_commits_of_the_server_reach_listeners_in_one_late_notify(make_database, make_server):
    database = make_database()
    server = make_server(database.url)
    with database.listen("cara_bus") as heard:
        before = heard()
        for number in range(5):
            server.post("/api/v1/nodes", node(f"n{number}"))
        wait_for(lambda: heard() > before, "the NOTIFY")
