"""What containers wrote: while they run, after they died, and when they are gone."""
import http.client
import json
import re
import socket
import subprocess
import threading
import time

from support.cluster import project, service
from support.process import BIN, run
from support.wait import holds_for, wait_for

AGENT_PORT = 9090
FRAMES = "application/vnd.docker.multiplexed-stream"


class Reader:
    """An answer of an agent that is still coming."""

    def __init__(self, node, path, accept="*/*", buffer=None):
        self.connection = http.client.HTTPConnection(node.address, AGENT_PORT, timeout=15)
        if buffer:
            self.connection.sock = socket.socket()
            self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            self.connection.sock.connect((node.address, AGENT_PORT))
        self.connection.request("GET", path, headers={"Accept": accept})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.type = self.answer.getheader("Content-Type")

    def all(self):
        try:
            return self.answer.read()
        finally:
            self.connection.close()

    def until(self, wanted, limit=10):
        """Reads until `wanted` has come; returns all that came."""
        got = b""
        end = time.monotonic() + limit
        while wanted not in got:
            assert time.monotonic() < end, got[-2000:]
            piece = self.answer.read1(65536)
            assert piece, f"ended before {wanted}: {got[-2000:]}"
            got += piece
        return got

    def close(self):
        self.connection.close()


def logs(cluster, name, service_name="main", query="", **more):
    return Reader(cluster.node_of(name), f"/api/v1/logs/{name}/{service_name}{query}", **more)


def running(cluster, name, *services):
    cluster.apply(project(name, *(services or [service("main")])))
    cluster.wait_for_phase(name, "Running")
    return cluster.node_of(name)


def resident_kib(process):
    status = open(f"/proc/{process.pid}/status", encoding="ascii").read()
    return int(re.search(r"RssAnon:\s+(\d+)", status).group(1))


# --- the agent's answer ------------------------------------------------------------------------------------


def test_both_streams_of_a_running_container_come_as_plain_text(cluster):
    running(cluster, "talks", service("main", "echo out; echo err >&2; sleep 1d & wait"))
    wait_for(lambda: logs(cluster, "talks").all().count(b"\n") == 2, "both lines are there")
    reader = logs(cluster, "talks")
    assert (reader.status, reader.type) == (200, "text/plain; charset=utf-8")
    assert reader.answer.getheader("X-Content-Type-Options") == "nosniff"
    assert sorted(reader.all().split()) == [b"err", b"out"]


def test_who_asks_for_frames_gets_the_streams_apart(cluster):
    running(cluster, "apart", service("main", "echo out; echo err >&2; sleep 1d & wait"))
    wait_for(lambda: logs(cluster, "apart").all().count(b"\n") == 2, "both lines are there")
    reader = logs(cluster, "apart", accept=FRAMES)
    assert reader.type == FRAMES
    body = reader.all()
    frames = []
    while body:
        length = int.from_bytes(body[4:8], "big")
        frames.append((body[0], body[8:8 + length]))
        body = body[8 + length:]
    assert sorted(frames) == [(1, b"out\n"), (2, b"err\n")]


def test_tail_since_and_timestamps(cluster):
    running(cluster, "many", service("main", "for i in 1 2 3 4 5; do echo line $i; done; sleep 2; echo late; sleep 1d & wait"))
    wait_for(lambda: b"late" in logs(cluster, "many").all(), "all lines are there")
    assert logs(cluster, "many", query="?tail=2").all() == b"line 5\nlate\n"
    assert logs(cluster, "many", query="?tail=0").all() == b""
    stamped = logs(cluster, "many", query="?timestamps=true&tail=1").all().decode()
    time_of_last, text = stamped.split(" ", 1)
    assert text == "late\n" and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", time_of_last), stamped
    assert logs(cluster, "many", query=f"?since={time_of_last}").all() == b"late\n"
    assert logs(cluster, "many", query="?since=1h").all().count(b"\n") == 6
    assert logs(cluster, "many", query="?since=0").all().count(b"\n") == 6


def test_what_is_wrong_with_a_query_is_said(cluster):
    running(cluster, "asked")
    for query, said in (("?tail=many", "invalid tail"), ("?tail=-1", "invalid tail"),
                        ("?since=yesterday", "invalid since"), ("?tail=9999999999", "invalid tail")):
        reader = logs(cluster, "asked", query=query)
        assert (reader.status, reader.type) == (400, "application/problem+json"), query
        assert said in json.loads(reader.all())["detail"], query


def test_what_is_not_there_is_404_and_what_is_not_ours_too(cluster):
    node = running(cluster, "known")
    run("docker", "-H", node.engine.host, "run", "-d", "--net", "none", "--name", "other-main", "demo:1", "echo", "secret")
    try:
        for path in ("known/nothing", "nobody/main", "other/main", "known%2Fmain/x", "..%2Fknown/main"):
            reader = Reader(node, f"/api/v1/logs/{path}")
            assert reader.status == 404, path
            detail = json.loads(reader.all())["detail"]
            assert detail.endswith("container not found") and "secret" not in detail, detail
    finally:
        run("docker", "-H", node.engine.host, "rm", "-f", "other-main")


def test_a_container_that_never_logged_answers_its_headers_at_once(cluster):
    node = running(cluster, "silent")
    began = time.monotonic()
    reader = logs(cluster, "silent", query="?follow=true")
    assert reader.status == 200 and time.monotonic() - began < 1
    node.engine.run_in("silent-main", "sh", "-c", "echo now > /proc/1/fd/1")
    reader.until(b"now\n")
    reader.close()


def test_following_ends_with_the_container(cluster):
    node = running(cluster, "ends", service("main", "echo begin; sleep 1d & wait", restartPolicy="Never"))
    reader = logs(cluster, "ends", query="?follow=1")
    reader.until(b"begin\n")
    node.engine.call("POST", "/containers/ends-main/kill")
    assert reader.all() == b""


def test_a_dead_a_stopped_and_a_paused_container_have_logs(cluster):
    cluster.apply(project("states", service("dead", "echo i am dead; exit 7", restartPolicy="Never"),
                          service("paused", "echo i am paused; sleep 1d & wait")))
    node = wait_for(lambda: cluster.node_of("states"), "it has a node")
    wait_for(lambda: logs(cluster, "states", "paused").all() == b"i am paused\n", "what the other one wrote")
    wait_for(lambda: logs(cluster, "states", "dead").all() == b"i am dead\n", "what the dead one wrote")
    assert logs(cluster, "states", "dead", "?follow=true").all() == b"i am dead\n"
    node.engine.call("POST", "/containers/states-paused/pause")
    try:
        assert logs(cluster, "states", "paused").all() == b"i am paused\n"
    finally:
        node.engine.call("POST", "/containers/states-paused/unpause")
    node.agent.pause()  # stopped by hand, and nobody starts it again
    node.engine.call("POST", "/containers/states-paused/stop")
    node.agent.resume()
    assert logs(cluster, "states", "paused").all().startswith(b"i am paused\n")
