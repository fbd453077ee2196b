"""exec: commands in a container, through its node's agent."""
import hashlib
import json
import os
import signal
import subprocess
import threading
import time

import pytest
from support.cluster import project, service
from support.process import BIN
from support.terminal import Terminal
from support.wait import holds_for, wait_for
from support.websocket import TEXT, Refused, WebSocket

MIB = 1024 * 1024
PROTOCOL = "exec.v1.caravanserai"


@pytest.fixture(scope="module")
def shell(shared_cluster):
    """A project to run commands in, for all tests of this module; gives its node."""
    shared_cluster.heal()
    shared_cluster.apply(project("box", service("main")))
    shared_cluster.wait_for_phase("box", "Running")
    yield shared_cluster.node_of("box")
    shared_cluster.delete_all()


@pytest.fixture
def cluster(shared_cluster, shell):
    """The one with that project; whatever else a test applies goes after it."""
    yield shared_cluster
    shared_cluster.ask_to_delete_all_but("box")


def argv(cluster, *words, flags=()):
    return [str(BIN / "caractrl"), "--server", cluster.url, "exec", *flags, "box/main", "--", *words]


def run(cluster, *words, stdin=b"", flags=()):
    """CompletedProcess, with bytes."""
    return subprocess.run(argv(cluster, *words, flags=flags), input=stdin, capture_output=True, timeout=60, check=False)


def outcome(done):
    return done.returncode, done.stdout, done.stderr


def processes(node, name):
    return node.engine.run_in("box-main", "sh", "-c", f"pidof {name} || true").split()


# --- without a terminal ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_the_exit_status_is_carried(cluster, code):
    assert outcome(run(cluster, "sh", "-c", f"exit {code}")) == (code, b"", b"")


def test_what_cannot_be_run_has_the_status_of_a_shell(cluster):
    missing = run(cluster, "no-such-program")
    assert missing.returncode in (126, 127) and b"no-such-program" in missing.stdout + missing.stderr
    denied = run(cluster, "/etc")
    assert denied.returncode == 126, denied


def test_stdout_and_stderr_stay_apart(cluster):
    assert outcome(run(cluster, "sh", "-c", "echo out; echo err >&2; echo out again")) == (0, b"out\nout again\n", b"err\n")


def test_flags_behind_the_command_are_its_own(cluster):
    done = cluster.ctl("exec", "box/main", "echo", "-n", "-t", "--server")
    assert done.stdout == "-t --server"


def test_stdin_reaches_it_with_its_end_and_only_when_asked_for(cluster):
    data = os.urandom(20 * MIB)
    done = run(cluster, "sha256sum", stdin=data, flags=("-i",))
    assert done.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert outcome(run(cluster, "cat", stdin=b"not asked for")) == (0, b"", b"")


def test_a_lot_of_output_comes_whole(cluster):
    done = run(cluster, "sh", "-c", f"head -c {30 * MIB} /dev/zero; head -c {MIB} /dev/zero >&2")
    assert (done.returncode, len(done.stdout), len(done.stderr)) == (0, 30 * MIB, MIB)


def test_there_and_back_nothing_is_lost(cluster):
    data = os.urandom(10 * MIB)
    assert run(cluster, "cat", stdin=data, flags=("-i",)).stdout == data


def test_who_does_not_read_the_output_holds_it_back(cluster, shell):
    with open(f"/proc/{shell.agent.pid}/statm") as statm:
        before = int(statm.read().split()[1]) * 4096
    with subprocess.Popen(argv(cluster, "cat", "/dev/zero"), stdout=subprocess.PIPE) as child:
        child.stdout.read(MIB)

        def is_small():
            with open(f"/proc/{shell.agent.pid}/statm") as statm:
                return int(statm.read().split()[1]) * 4096 - before < 8 * MIB
        holds_for(is_small, "the agent does not grow", 1)
        child.terminate()
        child.stdout.close()
        assert child.wait(10) == 128 + signal.SIGTERM


def test_ctrl_c_ends_it_at_once(cluster):
    with subprocess.Popen(argv(cluster, "sh", "-c", "echo here; sleep 60"), stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"here\n"
        began = time.monotonic()
        child.send_signal(signal.SIGINT)
        assert child.wait(10) == 130 and time.monotonic() - began < 1


def test_output_into_a_pipe_that_is_closed(cluster):
    with subprocess.Popen(argv(cluster, "cat", "/dev/zero"), stdout=subprocess.PIPE) as child:
        child.stdout.read(1000)
        child.stdout.close()
        assert child.wait(10) == -signal.SIGPIPE


def test_many_at_once(cluster):
    results = {}

    def one(number):
        results[number] = outcome(run(cluster, "sh", "-c", f"read x; echo $x; exit {number}", stdin=b"%d\n" % number,
                                      flags=("-i",)))
    threads = [threading.Thread(target=one, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: (number, b"%d\n" % number, b"") for number in range(20)}


# --- with one ----------------------------------------------------------------------------------------------------------


def terminal(cluster, *words, **more):
    return Terminal(*argv(cluster, *words, flags=("-it",)), **more)


def test_a_terminal_has_its_size_and_follows_it(cluster):
    with terminal(cluster, "sh", columns=93, rows=31) as screen:
        screen.type("test -t 0 && test -t 1 && echo is-a-$TERM\r")
        screen.wait_for("is-a-xterm\r\n")
        screen.type("stty size\r")
        screen.wait_for("31 93")
        screen.resize(120, 40)

        def sees_it():
            screen.type("stty size\r")
            screen.wait_for("40 120")
            return True
        wait_for(sees_it, "the new size")
        screen.type("exit 7\r")
        assert screen.status() == 7
        assert screen.is_as_before()


def test_keys_go_to_the_program(cluster):
    with terminal(cluster, "sh", "-c", "trap 'echo caught' INT; echo ready; read x; echo got $x; read y") as screen:
        screen.wait_for("ready\r\n")
        assert not screen.is_as_before()
        screen.type("\x03")
        screen.wait_for("caught\r\n")
        screen.type("\x04")
        screen.status()
        assert screen.is_as_before()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_as_before_whatever_ends_it(cluster, number):
    with terminal(cluster, "sh", "-c", "echo ready; sleep 60") as screen:
        screen.wait_for("ready")
        screen.child.send_signal(number)
        assert screen.status() == 128 + number
        assert screen.is_as_before()


def test_the_terminal_is_as_before_when_the_agent_goes(cluster, shell):
    with terminal(cluster, "sh", "-c", "echo ready; sleep 60") as screen:
        screen.wait_for("ready")
        shell.agent.kill()
        try:
            assert screen.status() == 1
            assert "the connection to the agent was lost" in screen.text
            assert screen.is_as_before()
        finally:
            shell.agent.start()
            cluster.wait_for_nodes()


def test_a_terminal_wants_one(cluster):
    done = run(cluster, "sh", flags=("-t",))
    assert (done.returncode, done.stderr) == (
        1, b"Error: stdin is not a terminal: leave out -t, and use -i to send it input\n")


def test_what_ran_on_a_terminal_is_hung_up_when_that_goes(cluster, shell):
    with terminal(cluster, "sh", "-c", "echo ready; exec tail -f /dev/null") as screen:
        screen.wait_for("ready")
        wait_for(lambda: processes(shell, "tail"), "it runs")
        screen.child.kill()
        wait_for(lambda: not processes(shell, "tail"), "it is gone")


# --- what is refused ---------------------------------------------------------------------------------------------------


def test_a_project_and_a_service_there_are_not(cluster):
    done = cluster.ctl("exec", "nope/main", "true", check=False)
    assert (done.returncode, done.stderr) == (
        1, 'Error: get project "nope": Not Found: project not found: nope: resource not found\n')
    done = cluster.ctl("exec", "box/nope", "true", check=False)
    assert (done.returncode, done.stderr) == (1, 'Error: service "nope" not found in project "box": it has main\n')


def test_a_paused_container(cluster):
    cluster.apply(project("frozen", service("main")))
    cluster.wait_for_phase("frozen", "Running")
    engine = cluster.node_of("frozen").engine
    engine.call("POST", "/containers/frozen-main/pause")
    try:
        done = cluster.ctl("exec", "frozen/main", "true", check=False)
        assert (done.returncode, done.stderr) == (1, "Error: Conflict: container frozen-main: container is paused\n")
    finally:
        engine.call("POST", "/containers/frozen-main/unpause")


def test_a_dead_container(cluster):
    cluster.apply(project("dead", service("main", "exit 1", restartPolicy="Never"), service("stays")))
    engine = wait_for(lambda: cluster.node_of("dead").engine, "it has a node")
    wait_for(lambda: any(c["Name"] == "/dead-main" and c["State"]["Status"] == "exited"
                         for c in engine.containers("dead")), "it is dead")
    done = cluster.ctl("exec", "dead/main", "true", check=False)
    assert (done.returncode, done.stderr) == (1, "Error: Conflict: container dead-main: container not running\n")


def test_a_container_that_dies_under_it(cluster):
    cluster.apply(project("mortal", service("main")))
    cluster.wait_for_phase("mortal", "Running")
    engine = cluster.node_of("mortal").engine
    command = [str(BIN / "caractrl"), "--server", cluster.url, "exec", "mortal/main", "sh", "-c", "echo here; sleep 60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"here\n"
        engine.call("POST", "/containers/mortal-main/kill")
        assert child.wait(20) == 137


# --- the wire ----------------------------------------------------------------------------------------------------------


def open_exec(node, protocol=PROTOCOL):
    return WebSocket(f"{node.address}:9090", "/api/v1/exec/box/main", protocol)


def say(client, word):
    client.send(json.dumps(word).encode(), opcode=TEXT)


def answer(client):
    """The first text message."""
    while True:
        opcode, payload = client.receive()
        if opcode == TEXT:
            return json.loads(payload)


def test_it_needs_its_subprotocol(shell):
    with pytest.raises(Refused) as refused:
        open_exec(shell, None)
    assert refused.value.status == 400


@pytest.mark.parametrize("word, detail", [
    ({"resize": {"columns": 1, "rows": 1}}, "start comes first"),
    ({"start": {}}, "command must be a list of 1 to 4096 words"),
    ({"start": {"command": []}}, "command must be a list of 1 to 4096 words"),
    ({"start": {"command": ["a", 1]}}, "command[1] must be a string"),
    ({"start": {"command": ["true"], "columns": 0}}, "columns must be between 1 and 65535"),
    ({"start": {"command": ["x" * 60000]}}, "the command is longer than 48 KiB: send it by stdin"),
    ({"other": 1}, "expected start, resize or eof")])
def test_words_that_make_no_sense(shell, word, detail):
    client = open_exec(shell)
    say(client, word)
    problem = answer(client)["problem"]
    assert (problem["status"], problem["detail"]) == (400, detail)
    assert client.receive_close() == 1011


def test_input_that_comes_before_the_command_runs_is_not_lost(shell):
    client = open_exec(shell)
    frames = [client.frame(json.dumps({"start": {"command": ["cat"], "stdin": True}}).encode(), opcode=TEXT),
              client.frame(b"one "), client.frame(b"two"), client.frame(b'{"eof":true}', opcode=TEXT)]
    client.socket.sendall(b"".join(frames))
    got = b""
    while True:
        opcode, payload = client.receive()
        if opcode == TEXT:
            break
        got += payload
    assert b"".join(got.split(b"\x01\0\0\0")).endswith(b"two") and json.loads(payload) == {"exit": 0}


def test_a_text_without_end_is_cut_off(shell):
    client = open_exec(shell)
    client.send(b"{" * 200000, opcode=TEXT)
    assert client.receive_close() == 1009
