"""Agents and their channels: woken whatever the kind, wherever the change was made; back after every loss."""
import re
import socket
import subprocess
import time

import pytest

from support.agent import Agent
from support.manifests import node, project
from support.meddler import NoAnswers, NoNotifications
from support.server import BIN
from support.wait import wait_for

NEVER = "1h"  # no test waits for a poll that it did not ask for


@pytest.fixture
def database(make_database):
    return make_database()


@pytest.fixture
def make_agent():
    made = []

    def make(url, name="n1", **variables):
        made.append(Agent(url, name, **variables).start())
        return made[-1]

    yield make
    for agent in made:
        agent.stop()


@pytest.fixture
def make_cluster(database, make_server):
    """A server with these settings; polls and heartbeats so rare that only channels tell of anything."""

    def make(server_options=None, **settings):
        server = make_server(database.url, **(server_options or {}))
        database.set(**{"poll_interval": NEVER, "heartbeat_interval": "20s", "heartbeat_timeout": NEVER, **settings})
        return server

    return make


def let_in(server, name="n1"):
    """Without an engine the agent says NotReady; the tests say otherwise, so that something is placed on it."""
    assert server.post(f"/api/v1/nodes/{name}/heartbeat", {"state": "Ready"}).status in (200, 204)


def is_woken_by(agent, server, name, seconds=15.0):
    """A new project is placed on the agent's node, and it fetches it."""
    before = [int(n) for n in agent.said(r"assignments fetched  count=(\d+)")]
    began = time.monotonic()
    assert server.post("/api/v1/projects", project(name)).status == 201
    wait_for(lambda: max(int(n) for n in agent.said(r"fetched  count=(\d+) changed=1")) > max(before), f"{name} to be fetched", seconds)
    return time.monotonic() - began


def test_the_server_picks_postgres_for_the_first_nodes_and_streams_for_the_rest(make_cluster, make_agent):
    server = make_cluster(channel_pg_max="1")
    first = make_agent(server.url, "n1")
    first.opens("postgres")
    second = make_agent(server.url, "n2")
    second.opens("stream")


def test_when_the_cluster_has_outgrown_it_who_was_given_postgres_is_moved_to_a_stream(database, make_cluster, make_agent):
    server = make_cluster(channel_pg_max="2")
    given = make_agent(server.url, "n1")
    given.opens("postgres")
    asking = make_agent(server.url, "n2", AGENT_CHANNEL="postgres")
    asking.opens("postgres")
    let_in(server)
    is_woken_by(given, server, "before")
    for i in range(3):
        assert server.post("/api/v1/nodes", node(f"other{i}")).status == 201
    given.says("channel lost")
    is_woken_by(given, server, "meanwhile")  # it hears of nothing now, and fetches once it has a stream
    given.opens("stream")
    woken = len(given.said("woken"))
    is_woken_by(given, server, "after")
    assert len(given.said("woken")) > woken
    assert not asking.said("channel lost")
    assert not given.said(r"(?m)^FATAL")  # libpq prints nothing between the lines of the log
    assert database.value("SELECT string_agg(node || ' ' || kind, ', ' ORDER BY node) FROM cara.channel") == "n1 stream, n2 postgres"


@pytest.mark.parametrize("kind", ["postgres", "stream"])
def test_an_agent_gets_the_kind_it_asks_for_and_is_woken(make_cluster, make_agent, kind):
    server = make_cluster()
    agent = make_agent(server.url, AGENT_CHANNEL=kind)
    agent.opens(kind)
    let_in(server)
    is_woken_by(agent, server, "web")


@pytest.mark.parametrize("kind, secret", [("postgres", rb"password='?(\w+)"), ("stream", rb"token=(\w+)")])
def test_no_log_and_no_url_has_the_secret_of_a_channel(make_cluster, make_agent, make_meddler, kind, secret):
    server = make_cluster({"DEBUG": "true"})
    meddler = make_meddler(server.port)
    agent = make_agent(meddler.url, AGENT_CHANNEL=kind)
    agent.opens(kind)
    assert server.post("/api/v1/nodes/n1/channel", {"kind": kind}).status == 200  # one that is lost is told of, too
    agent.says("channel lost")
    agent.opens(kind, 2)
    given = {found.decode() for found in re.findall(secret, bytes(meddler.answered))}
    assert len(given) == 2 and all(len(word) >= 32 for word in given)
    told = agent.log_text() + server.log_text() + "".join(re.findall(r"[A-Z]+ /\S* HTTP", meddler.heard.decode()))
    assert f"GET /api/v1/nodes/n1/{'wakeups' if kind == 'stream' else 'assignments'} " in told
    assert not [word for word in given if word in told]


def test_an_agent_that_wants_no_channel_polls(make_cluster, make_agent):
    server = make_cluster(poll_interval="500ms")
    agent = make_agent(server.url, AGENT_CHANNEL="poll")
    agent.says("no channel, only the slow poll")
    let_in(server)
    is_woken_by(agent, server, "web")
    assert not agent.said("woken")


def test_what_did_not_change_is_not_sent_again(make_cluster, make_agent):
    server = make_cluster(poll_interval="200ms")
    agent = make_agent(server.url)
    agent.opens("postgres")
    agent.says(r"fetched  count=\d+ changed=0", 3)
    assert len(agent.said("changed=1")) == 1
    let_in(server)
    is_woken_by(agent, server, "web")


@pytest.mark.parametrize("kind", ["postgres", "stream"])
def test_a_change_made_at_another_server_or_in_psql_wakes_too(database, make_cluster, make_server, make_agent, kind):
    server = make_cluster()
    other = make_server(database.url)
    agent = make_agent(server.url, AGENT_CHANNEL=kind)
    agent.opens(kind)
    let_in(server)
    is_woken_by(agent, other, "by-other")
    woken = len(agent.said("woken"))
    database.sql("UPDATE cara.project SET labels = '{\"by\": \"hand\"}'")
    agent.says("woken", woken + 1)


def test_swallowed_notifications_cost_no_more_than_the_slow_poll(database, make_cluster, make_agent, make_meddler):
    meddler = make_meddler(database.port, NoNotifications)
    server = make_cluster({"CHANNEL_HOST": f"127.0.0.1:{meddler.port}"}, poll_interval="2s")
    agent = make_agent(server.url, AGENT_CHANNEL="postgres")
    agent.opens("postgres")
    let_in(server)
    for i in range(3):
        assert is_woken_by(agent, server, f"p{i}") < 2 * 1.25 + 2
    assert meddler.connections and not agent.said("woken") and not agent.said("channel lost")


def test_a_stream_gone_silent_is_polled_for_then_replaced(make_cluster, make_agent, make_meddler):
    # no heartbeat is swallowed: one without an answer has the agent ask for a channel sooner
    server = make_cluster(poll_interval="2s", heartbeat_interval=NEVER)
    meddler = make_meddler(server.port)
    agent = make_agent(meddler.url, AGENT_CHANNEL="stream")
    agent.opens("stream")
    let_in(server)
    is_woken_by(agent, server, "heard")
    woken = len(agent.said("woken"))
    assert woken > 0
    meddler.swallow()
    is_woken_by(agent, server, "unheard", 30)  # requests of its own hang as well, until they time out
    assert len(agent.said("woken")) == woken
    agent.says(r"channel lost  error=the wake-up stream: silent for \d+ s", seconds=60)
    agent.opens("stream", 2)
    is_woken_by(agent, server, "heard-again")
    agent.says("woken", woken + 1)


def test_any_server_will_do_when_one_dies(database, make_cluster, make_server, make_agent, make_meddler):
    server = make_cluster()
    other = make_server(database.url)
    meddler = make_meddler(server.port)
    agent = make_agent(meddler.url, AGENT_CHANNEL="stream")
    agent.opens("stream")
    let_in(server)
    issued = database.value("SELECT serial FROM cara.channel")
    meddler.target = ("127.0.0.1", other.port)
    server.kill()
    agent.says("channel lost")
    agent.opens("stream", 2, seconds=30)
    assert database.value("SELECT serial FROM cara.channel") == issued  # the one it had holds there, too
    is_woken_by(agent, other, "web")


@pytest.mark.parametrize("kind", ["postgres", "stream"])
def test_the_loss_of_all_database_sessions_is_survived(database, make_cluster, make_agent, kind):
    server = make_cluster()
    agent = make_agent(server.url, AGENT_CHANNEL=kind)
    agent.opens(kind)
    let_in(server)
    database.terminate_sessions()
    if kind == "postgres":
        agent.says("channel lost")
        agent.opens("postgres", 2)
    wait_for(lambda: server.get("/api/readyz").status == 200, "the server to be back")
    is_woken_by(agent, server, "web")


def test_a_long_outage_of_postgres_is_survived(database, make_server, make_proxy, make_agent):
    proxy = make_proxy(database)
    server = make_server(database.url_with(host="127.0.0.1", port=str(proxy.port)))
    database.set(poll_interval=NEVER, heartbeat_interval="300ms", heartbeat_timeout=NEVER)
    agent = make_agent(server.url)
    agent.opens("postgres")
    proxy.cut()
    agent.says("channel lost")
    agent.says("control plane refuses or is away")
    proxy.join()
    agent.opens("postgres", 2, seconds=30)
    let_in(server)
    is_woken_by(agent, server, "web")


def test_a_node_out_of_postgres_reach_takes_a_stream(make_cluster, make_agent):
    server = make_cluster({"CHANNEL_HOST": "127.0.0.1:1"})
    agent = make_agent(server.url)
    agent.opens("stream", seconds=30)
    let_in(server)
    is_woken_by(agent, server, "web")


@pytest.mark.parametrize("ears, doing", [(NoAnswers, "listen on"), (lambda: lambda _: b"", "connect to")])
def test_a_postgres_that_falls_silent_holds_no_heartbeat_back(database, make_cluster, make_agent, make_meddler, ears, doing):
    meddler = make_meddler(database.port, ears)
    server = make_cluster({"CHANNEL_HOST": f"127.0.0.1:{meddler.port}"}, heartbeat_interval="500ms")
    agent = make_agent(server.url)
    wait_for(lambda: meddler.connections, "the agent to try")
    for attempt in (1, 2):
        wait_for(lambda n=attempt: len(meddler.connections) >= n, "the agent to try")
        tried = database.value("SELECT clock_timestamp()")
        wait_for(lambda t=tried: database.value("SELECT renewed_at > %s FROM cara.lease WHERE node = 'n1'", t), "a heartbeat", 5 + 3)
    assert agent.said(f"take a channel error={doing} the wake-up channel: no answer within 5 s")
    agent.opens("stream", seconds=30)
    let_in(server)
    is_woken_by(agent, server, "web")


@pytest.mark.parametrize("kind", ["postgres", "stream"])
def test_a_channel_that_someone_else_was_given_is_asked_for_again(make_cluster, make_agent, kind):
    server = make_cluster()
    agent = make_agent(server.url, AGENT_CHANNEL=kind)
    agent.opens(kind)
    let_in(server)
    assert server.post("/api/v1/nodes/n1/channel", {"kind": kind}).status == 200
    agent.says("channel lost")
    agent.opens(kind, 2)
    is_woken_by(agent, server, "web")


def test_an_agent_whose_node_is_deleted_registers_again(make_cluster, make_agent):
    server = make_cluster()
    agent = make_agent(server.url, AGENT_CHANNEL="stream")
    agent.opens("stream")
    assert server.delete("/api/v1/nodes/n1").status == 204
    agent.says("registered", 2)
    agent.opens("stream", 2)
    let_in(server)
    is_woken_by(agent, server, "web")


def test_heartbeats_become_rarer_as_the_cluster_grows(database, make_cluster, make_agent):
    server = make_cluster(heartbeat_interval="500ms", heartbeats_per_second="10")
    agent = make_agent(server.url)
    agent.opens("postgres")
    assert "heartbeat_ms=500" in agent.log_text()
    for i in range(39):
        assert server.post("/api/v1/nodes", node(f"other{i}")).status == 201
    database.set(heartbeats_per_second="10")  # reckoned anew once a minute, and whenever a setting is touched
    told = agent.says(r"heartbeat interval told  heartbeat_ms=(\d+)", len(agent.said("heartbeat interval told")) + 1)
    assert told[-1] == "4000"


def test_an_unknown_kind_of_channel_is_refused_at_the_start():
    done = subprocess.run([str(BIN / "cara-agent"), "--channel", "pigeon"], capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 1
    assert "AGENT_CHANNEL" in done.stderr and "postgres" in done.stderr


class Fleet:
    """Simulated agents (bench/fleet), told what to do a line at a time."""

    def __init__(self, server, database):
        self.child = subprocess.Popen([str(BIN.parent / "bench" / "fleet"), server.url, database.url],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, command):
        self.child.stdin.write(command + "\n")
        self.child.stdin.flush()
        results = {}
        for line in self.child.stdout:
            words = line.split()
            if words[0] == "result":
                results[words[1]] = float(words[2])
            elif words[0] in ("done", "failed"):
                assert words[0] == "done", f"{command}: {line}{results}"
                return results
        raise AssertionError(f"the fleet is gone at: {command}")

    def quit(self):
        self.child.stdin.close()
        assert self.child.wait(10) == 0


# Of 10,000 at once: `bench/agents 30 0 10000`, its last lines.
def test_hundreds_of_streams_dropped_at_once_are_back_and_nobody_else_notices(database, make_server):
    agents = 500
    server = make_server(database.url)
    fleet = Fleet(server, database)
    fleet.tell(f"add n {agents} stream 200")
    fleet.tell("projects 20")
    dropped = fleet.tell("drop")
    assert dropped["drop.lost"] == agents
    assert dropped["drop.seconds"] < 60
    assert dropped["drop.probes"] > 0 and dropped["drop.failed"] == 0
    assert dropped["heartbeat.refused"] == 0 and dropped["fetch.refused"] == 0
    assert dropped["channel.answered"] == 0  # none had to be issued anew
    woken = fleet.tell("wake n 10 50")
    assert woken["wake.missing"] == 0 and woken["wake.count"] >= 10
    fleet.quit()
    assert not re.search(r'"level":"error"', server.log_text())


def test_a_machine_with_the_name_of_one_that_is_alive_does_nothing_until_that_is_gone(database, make_cluster, make_agent):
    server = make_cluster(heartbeat_interval="300ms")
    first = make_agent(server.url, AGENT_ADVERTISE_IP="10.0.0.5")
    first.opens("postgres")
    second = make_agent(server.url, AGENT_ADVERTISE_IP="10.0.0.6")
    second.says(r'duty=heartbeat error=Conflict: node "n1" is alive at 10\.0\.0\.5, and this is 10\.0\.0\.6; each machine needs a NODE_NAME of its own')
    let_in(server)
    is_woken_by(first, server, "meanwhile")
    assert not second.said("channel open|assignments fetched") and len(first.said("channel open")) == 1
    first.child.kill()
    first.child.wait()
    database.set(heartbeat_timeout="1s")
    second.opens("postgres", seconds=30)


def test_an_engine_has_one_agent(make_cluster, make_agent, tmp_path):
    """Whatever its name, port or path to the engine."""
    server = make_cluster()
    (tmp_path / "link").symlink_to(tmp_path / "docker.sock")
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(tmp_path / "docker.sock"))
        first = make_agent(server.url, "n1", DOCKER_HOST=f"unix://{tmp_path}/docker.sock")
        first.opens("postgres")
        second = Agent(server.url, "n2", DOCKER_HOST=f"unix://{tmp_path}/link").start()
        assert second.child.wait(10) == 1
        assert second.log_text() == (f"another cara-agent has the engine at unix://{tmp_path}/link: one engine is one node, "
                                     "and a second agent needs an engine (DOCKER_HOST) of its own\n")
        second.stop()
        first.child.terminate()
        assert first.child.wait(10) == 0
        second.start().opens("postgres")
        second.stop()
