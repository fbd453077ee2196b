"""What stays open while PostgreSQL or the server is killed, and that it goes on once what was killed is started again."""
import contextlib
import threading
import time

import pytest
from support.agent import Agent
from support.database import Database
from support.manifests import node, project
from support.wait import wait_for
from support.watch import Wakeups, Watch

NEVER = "1h"
PATIENCE = 5  # seconds in which every request has an answer, whatever it says


class Asker(threading.Thread):
    """Asks without a pause for as long as it is entered; `replies` has what was answered, `wrong` why it stopped before."""

    def __init__(self, ask):
        super().__init__(daemon=True)
        self.ask, self.over = ask, threading.Event()
        self.replies, self.longest, self.wrong = [], 0.0, None

    def run(self):
        try:
            while not self.over.is_set():
                began = time.monotonic()
                self.replies.append(self.ask(len(self.replies)))
                self.longest = max(self.longest, time.monotonic() - began)
        except Exception as error:  # pylint: disable=broad-except
            self.wrong = error

    def count(self, status):
        return [reply.status for reply in list(self.replies)].count(status)

    def wait_more(self, status, times):
        """Until it was answered so, so many times more."""
        wanted = self.count(status) + times
        wait_for(lambda: self.wrong or self.count(status) >= wanted, f"{times} more answers of {status}")
        assert self.wrong is None, repr(self.wrong)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join(30)


@pytest.fixture
def database(postgres):
    made = Database(admin=postgres.url)
    yield made
    postgres.start()  # a test that failed may have left it down
    made.drop()


def takes(server, name, project_name):
    """A new node that is ready, and a new project that lands on it; no other will."""
    assert server.post("/api/v1/nodes", node(name)).status == 201
    assert server.post(f"/api/v1/nodes/{name}/heartbeat", {"state": "Ready"}).status in (200, 204)
    assert server.post("/api/v1/projects", project(project_name)).status == 201
    wait_for(lambda: server.get(f"/api/v1/projects/{project_name}").json["status"].get("nodeRef") == name, f"{project_name} on {name}")
    assert server.put(f"/api/v1/nodes/{name}", node(name, unschedulable=True)).status == 200


def stream_of(server, name):
    reply = server.post(f"/api/v1/nodes/{name}/channel", {"kind": "stream"})
    assert reply.status == 200, reply
    return Wakeups(server, reply.json["url"])


def changes(server, name, image, streams, mine, watch):
    """The change of a project reaches the stream of its node and the watch."""
    before = streams[mine].count
    changed = server.put(f"/api/v1/projects/{name}", project(name, image=image))
    assert changed.status == 200, changed
    streams[mine].wait_more(before)
    watch.wait_newest(name, int(changed.json["metadata"]["resourceVersion"]))


@pytest.mark.parametrize("accident", ["kill", "stop_immediately"])
def test_streams_watches_and_requests_outlive_postgres_itself(postgres, database, make_server, accident):
    server = make_server(database.url)
    database.set(heartbeat_timeout=NEVER)
    takes(server, "n1", "web")
    takes(server, "n2", "api")
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(stream_of(server, name)) for name in ("n1", "n2")]
        projects, nodes = stack.enter_context(Watch(server)), stack.enter_context(Watch(server, "nodes"))
        wait_for(lambda: all(stream.lines for stream in streams), "the greetings")
        changes(server, "web", "nginx:2", streams, 0, projects)
        with Asker(lambda _: server.get("/api/v1/projects")) as reader, \
                Asker(lambda number: server.post("/api/v1/nodes", node(f"w{number}"))) as writer:
            for asker, well in ((reader, 200), (writer, 201)):
                asker.wait_more(well, 3)
            getattr(postgres, accident)()
            for asker in (reader, writer):
                asker.wait_more(503, 5)
            wait_for(lambda: server.get("/api/readyz").status == 503, "the server to say that it is not ready")
            assert server.get("/api/healthz").status == 200
            postgres.start()
            wait_for(lambda: server.get("/api/readyz").status == 200, "the server to be ready again")
            for asker, well in ((reader, 200), (writer, 201)):
                asker.wait_more(well, 3)
        for asker, well in ((reader, 200), (writer, 201)):
            assert asker.wrong is None, repr(asker.wrong)
            assert {reply.status for reply in asker.replies} == {well, 503}
            assert all(int(reply.headers["retry-after"]) > 0 for reply in asker.replies if reply.status == 503)
            assert asker.longest < PATIENCE
        for image in ("nginx:3", "nginx:4"):
            changes(server, "web", image, streams, 0, projects)
            changes(server, "api", image, streams, 1, projects)
        acknowledged = {reply.json["metadata"]["name"] for reply in writer.replies if reply.status == 201}
        assert acknowledged <= {item["metadata"]["name"] for item in server.get("/api/v1/nodes").json["items"]}
        wait_for(lambda: acknowledged <= {event[1] for event in nodes.events}, "the watch to see what was acknowledged")
        assert [each.ended for each in (*streams, projects, nodes)] == [None] * 4
    assert server.child.poll() is None


def test_the_stream_of_an_agent_comes_back_to_a_server_that_was_killed(make_database, make_server):
    database = make_database()
    server = make_server(database.url)
    database.set(poll_interval=NEVER, heartbeat_interval="20s", heartbeat_timeout=NEVER)
    agent = Agent(server.url, "n1", AGENT_CHANNEL="stream").start()
    try:
        agent.opens("stream")
        server.kill()
        agent.says("channel lost")
        server.start()
        agent.opens("stream", 2, seconds=30)
        # without an engine it says NotReady
        assert server.post("/api/v1/nodes/n1/heartbeat", {"state": "Ready"}).status in (200, 204)
        woken = len(agent.said("woken"))
        assert server.post("/api/v1/projects", project("web")).status == 201
        agent.says("woken", woken + 1)
        agent.says(r"assignments fetched  count=1 changed=1")
    finally:
        agent.stop()
