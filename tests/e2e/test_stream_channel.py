"""Agents woken over a stream of server-sent events: before and after a loss of the server and of the database.

The slow poll is minutes away, and before anything is applied the agents are done with all they fetch because they lost
touch: what then runs at once was told by a wake-up.
"""
import re
import time

import pytest

from support.cluster import project
from support.wait import wait_for

FAR_AWAY = "10min"
OPEN = "channel open  kind=stream poll_ms=600000"
AT_ONCE = 10.0
QUIET = 2.5  # an agent asks for a new channel up to two heartbeats after it is in touch again


@pytest.fixture
def streaming(cluster):
    """Every agent has a stream, logs what it does, and will not poll within a test."""
    poll = cluster.sql("SELECT value FROM cara.setting WHERE name = 'poll_interval'")[0][0]
    plain = {node.name: dict(node.agent.env) for node in cluster.nodes}
    cluster.setting("poll_interval", FAR_AWAY)
    seen = log_sizes(cluster)
    for node in cluster.nodes:
        node.agent.env.update(AGENT_CHANNEL="stream", DEBUG="true")
        again(node)
    wait_until_caught_up(cluster, OPEN, seen)
    cluster.wait_for_nodes()
    yield cluster
    cluster.heal()
    cluster.setting("poll_interval", poll)
    for node in cluster.nodes:
        node.agent.env = plain[node.name]
        again(node)
    cluster.wait_for_nodes()


def again(node):
    node.agent.kill()
    node.agent.start()


def log_sizes(cluster):
    return {node.name: node.agent.log_size() for node in cluster.nodes}


def logged(node, seen):
    return node.agent.log.read_bytes()[seen[node.name]:].decode(errors="replace")


def wait_until_caught_up(cluster, sign, seen):
    """Each agent has logged the sign, and has fetched since."""
    for node in cluster.nodes:
        wait_for(lambda node=node: "assignments fetched" in logged(node, seen).partition(sign)[2],
                 f"{node.name} has fetched after {sign!r}")


def identities(cluster):
    merged = {}
    for node in cluster.nodes:
        merged.update(node.engine.identities())
    return merged


def wait_until_quiet(cluster):
    """No agent has opened a channel, was woken or has fetched for a while."""
    def doings():
        return [len(re.findall("channel (?:lost|open)|woken|assignments fetched", node.agent.log_text()))
                for node in cluster.nodes]
    last, since = doings(), time.monotonic()

    def are_quiet():
        nonlocal last, since
        now = doings()
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > QUIET
    wait_for(are_quiet, "the agents have nothing to fetch", every=0.1)


def runs_by_wake_up(cluster, name):
    wait_until_quiet(cluster)
    seen = log_sizes(cluster)
    cluster.apply(project(name))
    cluster.wait_for_phase(name, "Running", AT_ONCE)
    told = logged(cluster.node_of(name), seen)
    assert "woken" in told.partition("assignments fetched")[0], told


def test_wake_ups_come_over_a_stream_and_again_when_a_killed_server_is_back(streaming):
    runs_by_wake_up(streaming, "first")
    before, seen = identities(streaming), log_sizes(streaming)
    streaming.server.kill()
    for node in streaming.nodes:
        node.agent.wait_for_log("channel lost", seen[node.name])
    assert identities(streaming) == before
    streaming.server.start()
    wait_until_caught_up(streaming, OPEN, seen)
    runs_by_wake_up(streaming, "second")
    after = identities(streaming)
    assert {key: after[key] for key in before} == before and len(after) == len(before) + 1


def test_wake_ups_come_over_a_stream_again_when_postgres_is_back(streaming):
    runs_by_wake_up(streaming, "early")
    before, seen = identities(streaming), log_sizes(streaming)
    streaming.postgres.stop()
    for node in streaming.nodes:
        node.agent.wait_for_log("control plane refuses or is away", seen[node.name])
    assert identities(streaming) == before
    streaming.postgres.start()
    wait_until_caught_up(streaming, "control plane is back", seen)
    runs_by_wake_up(streaming, "late")
    after = identities(streaming)
    assert {key: after[key] for key in before} == before and len(after) == len(before) + 1
