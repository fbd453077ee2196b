"""What containers wrote: while they run, after they died, and when they are gone."""
import http.client
import json
import pathlib
import re
import signal
import socket
import subprocess
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


def test_binary_output_and_a_very_long_line_come_as_they_were_written(cluster):
    running(cluster, "bytes", service("main", r"printf '\000\001\033[1m\r\n'; sleep 1d & wait"),
            service("long", "head -c 5000000 /dev/zero | tr '\\0' x; echo; sleep 1d & wait"))
    wait_for(lambda: logs(cluster, "bytes").all() == b"\x00\x01\x1b[1m\r\n", "the bytes")
    wait_for(lambda: logs(cluster, "bytes", "long").all() == b"x" * 5000000 + b"\n", "the whole line")
    assert len(logs(cluster, "bytes", "long").all()) == 5000001


def test_the_output_of_a_terminal_comes_as_it_was_written(cluster):
    node = running(cluster, "terminal")
    labels = ["--label", "cara.project=terminal", "--label", "cara.service=tty"]
    node.agent.pause()  # which would remove what nobody asked for
    run("docker", "-H", node.engine.host, "run", "-dt", "--net", "none", "--name", "terminal-tty", *labels,
        "demo:1", "sh", "-c", "echo hello; sleep 1d")
    node.agent.resume()
    reader = logs(cluster, "terminal", "tty", accept=FRAMES)
    if reader.status == 200:  # or the agent was quicker
        assert reader.type == "application/vnd.docker.raw-stream" and reader.all() == b"hello\r\n"
    wait_for(lambda: len(node.engine.containers("terminal")) == 1, "what nobody asked for is gone")


def test_a_reader_that_does_not_read_costs_the_agent_no_memory(cluster):
    node = running(cluster, "flood", service("main", "yes abcdefghijklmnopqrstuvwxyz0123456789 | head -c 60000000; sleep 1d & wait"))
    wait_for(lambda: logs(cluster, "flood", query="?tail=1").all(), "it writes")
    for _ in range(20):
        logs(cluster, "flood", query="?tail=1").all()
    before = resident_kib(node.agent)
    readers = [logs(cluster, "flood", query="?follow=true", buffer=4096) for _ in range(20)]
    holds_for(lambda: resident_kib(node.agent) < before + 4096, "the agent stays small", 5)
    assert logs(cluster, "flood", query="?tail=1").status == 200  # and answers others meanwhile
    for reader in readers:
        reader.close()
    assert len(logs(cluster, "flood").all()) >= 1000000


def test_many_follow_at_once_and_who_leaves_is_noticed(cluster):
    node = running(cluster, "crowd", service("main", "while sleep 0.5; do echo tick; done"))
    readers = [logs(cluster, "crowd", query="?follow=true&tail=1") for _ in range(200)]
    for reader in readers:
        reader.until(b"tick\n")
    for reader in readers:
        reader.close()
    wait_for(lambda: open_files(node.agent) < 60, "their streams are closed")


def test_followers_of_a_silent_container_that_leave_are_noticed(cluster):
    node = running(cluster, "quiet")
    readers = [logs(cluster, "quiet", query="?follow=true") for _ in range(50)]
    assert open_files(node.agent) >= 100
    for reader in readers:
        reader.close()
    wait_for(lambda: open_files(node.agent) < 60, "their streams are closed")


def open_files(process):
    return len(list(pathlib.Path(f"/proc/{process.pid}/fd").iterdir()))


# --- caractrl -----------------------------------------------------------------------------------------------


def test_caractrl_prints_one_service_as_it_is_and_keeps_the_streams_apart(cluster):
    running(cluster, "one", service("main", "echo out; echo err >&2; sleep 1d & wait"))
    wait_for(lambda: logs(cluster, "one").all().count(b"\n") == 2, "both lines are there")
    done = cluster.ctl("logs", "one/main")
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    assert re.fullmatch(r"\S+Z out\n", cluster.ctl("logs", "one/main", "--timestamps").stdout)
    assert cluster.ctl("logs", "one/main", "--tail", "0").stdout == ""


def test_caractrl_prints_every_service_behind_its_name(cluster):
    running(cluster, "both", service("web", "echo from web; sleep 1d & wait"),
            service("database", "echo from database; sleep 1d & wait"))
    wait_for(lambda: cluster.ctl("logs", "both").stdout == "web      | from web\ndatabase | from database\n",
             "both services' lines")


def test_caractrl_follows_every_service_and_ends_with_ctrl_c(cluster):
    running(cluster, "live", service("a", "while sleep 0.2; do echo tick; done"),
            service("b", "while sleep 0.2; do echo tock; done"))
    child = subprocess.Popen([BIN / "caractrl", "--server", cluster.url, "logs", "-f", "live"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen = set()
    while seen != {"a | tick\n", "b | tock\n"}:
        line = child.stdout.readline()
        assert line in ("a | tick\n", "b | tock\n"), line
        seen.add(line)
    child.send_signal(signal.SIGINT)
    assert child.wait(5) == 0 and child.communicate()[1] == ""


def test_following_ends_with_the_container_and_its_next_life_is_in_the_same_log(cluster):
    node = running(cluster, "over")
    child = subprocess.Popen([BIN / "caractrl", "--server", cluster.url, "logs", "-f", "over/main"],
                             stdout=subprocess.PIPE, text=True)
    node.engine.run_in("over-main", "sh", "-c", "echo first > /proc/1/fd/1")
    assert child.stdout.readline() == "first\n"
    node.engine.call("POST", "/containers/over-main/kill")
    assert child.wait(10) == 0
    wait_for(lambda: node.engine.call("GET", "/containers/over-main/json")["State"]["Running"], "it runs again")
    node.engine.run_in("over-main", "sh", "-c", "echo second > /proc/1/fd/1")  # and its log goes on
    wait_for(lambda: cluster.ctl("logs", "over/main").stdout == "first\nsecond\n", "both lives are in the log")


def test_caractrl_says_what_is_wrong(cluster):
    running(cluster, "wrong")
    for argv, said in ((("wrong/none",), 'service "none" not found in project "wrong": it has main'),
                       (("nobody/main",), "get project"), (("wrong/",), "expected <project>/<service>"),
                       (("wrong/main", "--tail", "x"), "invalid --tail"),
                       (("wrong/main", "--since", "soon"), "invalid --since"),
                       (("wrong/main", "-p", "-f"), "exclude each other"),
                       (("wrong/main", "-p"), "none has ended"),
                       (("wrong/main", "--node", "127.0.0.1:1"), "the agent at 127.0.0.1:1 does not answer: connection refused")):
        done = cluster.ctl("logs", *argv, check=False)
        assert done.returncode == 1 and said in done.stderr and done.stdout == "", (argv, done)


# --- why did it die -----------------------------------------------------------------------------------------


def previous(cluster, target, *more):
    return cluster.ctl("logs", target, "--previous", *more)


def deaths(cluster, name, query=""):
    answer = cluster.api.call("GET", f"/api/v1/projects/{name}/logs?previous=true{query}")
    assert answer.status == 200, answer
    return answer.json["items"]


def death_of(cluster, name):
    return wait_for(lambda: deaths(cluster, name), "the death is recorded")[0]


def test_the_last_lines_of_a_crash_are_kept_with_its_exit_code(cluster):
    cluster.apply(project("crashes", service("main", r"echo working; printf 'b\377d\000\n' >&2; exit 3")))
    death = death_of(cluster, "crashes")
    assert death["exitCode"] == 3 and "signal" not in death and "stopped" not in death, death
    lines = re.sub(r"\S+Z ", "", death["log"]).splitlines()  # the engine reads two pipes: either may come first
    assert sorted(lines) == ["stderr F b\ufffdd\ufffd", "stdout F working"]
    done = previous(cluster, "crashes/main")
    assert done.stdout == "working\n" and "b\ufffdd\ufffd\n" in done.stderr and "exited 3 on n" in done.stderr
    shown = cluster.ctl("describe", "project", "crashes").stdout
    assert re.search(r"Last Deaths:\n  main exited 3, \d+s ago on n\d\n( {6}.*\n)* {6}working\n", shown), shown


def test_a_killed_container_tells_the_signal(cluster):
    node = running(cluster, "killed", service("main", "echo alive; sleep 1d & wait"))
    node.engine.call("POST", "/containers/killed-main/kill")
    death = death_of(cluster, "killed")
    assert (death["exitCode"], death["signal"]) == (137, 9) and death["node"] == node.name
    assert "exited 137 (SIGKILL)" in previous(cluster, "killed/main").stderr


def test_a_container_that_wanted_more_memory_than_its_limit_tells_that(cluster):
    """The shell lives on for a moment: an engine hears of what the kernel killed by another way than of the end."""
    greedy = service("main", "echo filling; tail /dev/zero; code=$?; sleep 1; exit $code",
                     resources={"limits": {"memory": "16Mi"}})
    cluster.apply(project("greedy", greedy))
    death = death_of(cluster, "greedy")
    assert (death["exitCode"], death.get("oomKilled")) == (137, True), death
    assert "exited 137 (SIGKILL, out of memory)" in previous(cluster, "greedy/main").stderr
    shown = cluster.ctl("describe", "project", "greedy").stdout
    assert re.search(r"Last Deaths:\n  main exited 137 \(SIGKILL, out of memory\)", shown), shown


def test_every_death_is_told_once_and_only_the_newest_are_kept(cluster):
    cluster.setting("deaths_kept", "2")
    try:
        cluster.apply(project("again", service("main", "echo $(date +%s%N); exit 1")))
        wait_for(lambda: cluster.project("again")["status"]["services"][0].get("restarts", 0) >= 3, "some crashes")
        kept = deaths(cluster, "again", "&limit=10")
        assert len(kept) == 2 and kept[0]["finishedAt"] > kept[1]["finishedAt"]
        assert len({death["finishedAt"] for death in kept}) == 2
        node = cluster.node_of("again")
        node.agent.terminate()
        node.agent.start()
        cluster.wait_for_nodes()
        holds_for(lambda: len(deaths(cluster, "again", "&limit=10")) == 2, "no more than two", 1)
    finally:
        cluster.setting("deaths_kept", "5")


def test_the_last_lines_outlive_the_container_and_the_node(cluster):
    cluster.add_node()
    node = cluster.nodes[-1]
    manifest = project("outlives", service("main", "echo said on n3; exit 9", restartPolicy="Never"))
    others = [n.name for n in cluster.nodes if n is not node]
    for name in others:
        cluster.ctl("cordon", name)
    try:
        cluster.apply(manifest)
        wait_for(lambda: deaths(cluster, "outlives"), "the death is recorded")
        assert cluster.project("outlives")["status"]["nodeRef"] == node.name
        node.engine.call("DELETE", "/containers/outlives-main?force=1")
        assert previous(cluster, "outlives/main").stdout == "said on n3\n"
        node.agent.kill()
        node.engine.crash()
        done = cluster.ctl("logs", "outlives/main", check=False)
        assert done.returncode == 1 and "does not answer" in done.stderr, done
        assert previous(cluster, "outlives").stdout == "main | said on n3\n"
        assert "main exited 9" in cluster.ctl("describe", "project", "outlives").stdout
    finally:
        for name in others:
            cluster.ctl("uncordon", name)
        node.engine.start()
        node.engine.ready()
        node.agent.start()
        cluster.wait_for_nodes()
        cluster.delete_all()
        cluster.take_node()


def test_what_an_update_stopped_is_told_as_stopped(cluster):
    running(cluster, "updated", service("main", "echo old one; sleep 1d & wait"))
    cluster.apply(project("updated", service("main", "echo new one; sleep 1d & wait")))
    cluster.wait_until_current("updated")
    death = death_of(cluster, "updated")
    assert death["stopped"] and death["log"].endswith(" stdout F old one\n"), death


def test_deaths_that_the_server_missed_are_told_when_it_is_back(cluster):
    node = running(cluster, "later", service("main", "echo before; sleep 1d & wait"))
    cluster.server.kill()
    node.engine.call("POST", "/containers/later-main/kill")
    wait_for(lambda: node.engine.containers("later")[0]["State"]["Running"], "it was started again")
    cluster.server.start()
    cluster.wait_for_server()
    assert death_of(cluster, "later")["signal"] == 9
