"""port-forward: bytes to and from a container, through its node's agent."""
import contextlib
import hashlib
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from support.cluster import project, service
from support.process import BIN, Process, run
from support.wait import holds_for, wait_for
from support.websocket import CLOSE, CONTINUATION, PING, PONG, TEXT, Refused, WebSocket

MIB = 1024 * 1024
PROTOCOL = "tunnel.v1.caravanserai"
ECHO, SUM, BLOB, SILENT, LAST_WORD, CLOSED = 7000, 7001, 7002, 7003, 7004, 7099
BLOB_SIZE = 100 * MIB

# Each connection gets a process of its own.
TALKER = " & ".join([
    f"head -c {BLOB_SIZE} /dev/urandom >/blob",
    f"nc -ll -p {ECHO} -e cat",
    f"nc -ll -p {SUM} -e sha256sum",
    f"nc -ll -p {BLOB} -e cat /blob",
    f"nc -ll -p {SILENT} -e sleep 1d",
    f"nc -ll -p {LAST_WORD} -e echo bye",
    "wait"])


@pytest.fixture(scope="module")
def talker(shared_cluster):
    """A project with a service that listens on the ports above; one for all tests of this module."""
    shared_cluster.heal()
    shared_cluster.apply(project("talk", service("main", TALKER)))
    shared_cluster.wait_for_phase("talk", "Running")
    node = shared_cluster.node_of("talk")
    wait_for(lambda: node.engine.run_in("talk-main", "wc", "-c", "/blob").startswith(str(BLOB_SIZE)), "the blob is made")
    yield node
    shared_cluster.delete_all()


@pytest.fixture
def cluster(shared_cluster, talker):
    """The one with that project; whatever else a test applies goes after it."""
    yield shared_cluster
    shared_cluster.ask_to_delete_all_but("talk")


class PortForward(Process):
    """caractrl port-forward on ports it picks itself; `ports` are they, in the order asked for."""

    def __init__(self, cluster, target, *remote, flags=(), name="port-forward"):
        super().__init__(name, [BIN / "caractrl", "--server", cluster.url, "port-forward", *flags, target,
                                *(f"0:{port}" for port in remote)])
        self.log.unlink(missing_ok=True)
        self.start()
        wait_for(lambda: self.log_text().count("Forwarding ") >= len(remote), "it listens")
        self.ports = [int(port) for port in re.findall(r"^Forwarding \S+:(\d+) -> ", self.log_text(), re.M)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def connect(self, index=0):
        made = socket.create_connection(("127.0.0.1", self.ports[index]), 30)
        made.settimeout(30)
        return made


def read_all(connection):
    hashed, size = hashlib.sha256(), 0
    while data := connection.recv(MIB):
        hashed.update(data)
        size += len(data)
    return size, hashed.hexdigest()


def agent_of(node):
    return f"{node.address}:9090"


def path(port, target="talk/main"):
    return f"/api/v1/forward/{target}/{port}"


def rss(process):
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) * 1024


# --- what it is for ----------------------------------------------------------------------------------------------------


def test_what_is_said_is_as_people_know_it(cluster, talker):
    with PortForward(cluster, "talk/main", ECHO) as forward:
        with forward.connect() as connection:
            connection.sendall(b"hello")
            assert connection.recv(100) == b"hello"
            local = "127.0.0.1:%d" % connection.getsockname()[1]
        wait_for(lambda: f"Connection from {local} closed" in forward.log_text(), "the end is told")
        assert forward.kill(signal.SIGINT) == 0
        assert forward.log_text() == (
            f"Forwarding 127.0.0.1:{forward.ports[0]} -> talk/main:{ECHO}\n"
            f"Handling connection for {local}\nConnection from {local} closed\n\nShutting down...\n")


def test_a_hundred_mebibytes_go_up_whole_and_the_answer_to_their_end_comes_back(cluster, talker):
    data = os.urandom(BLOB_SIZE)
    with PortForward(cluster, "talk/main", SUM) as forward, forward.connect() as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while more := connection.recv(1000):
            answer += more
    assert answer.split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_a_hundred_mebibytes_come_down_whole(cluster, talker):
    expected = talker.engine.run_in("talk-main", "sha256sum", "/blob").split()[0]
    with PortForward(cluster, "talk/main", BLOB) as forward, forward.connect() as connection:
        assert read_all(connection) == (BLOB_SIZE, expected)


def test_both_ways_at_once_nothing_is_lost_or_mixed_up(cluster, talker):
    data = os.urandom(20 * MIB)
    with PortForward(cluster, "talk/main", ECHO) as forward, forward.connect() as connection:
        sender = threading.Thread(target=lambda: (connection.sendall(data), connection.shutdown(socket.SHUT_WR)))
        sender.start()
        got = read_all(connection)
        sender.join()
    assert got == (len(data), hashlib.sha256(data).hexdigest())


def test_several_ports_and_addresses(cluster, talker):
    with PortForward(cluster, "talk/main", ECHO, LAST_WORD, flags=("--address", "127.0.0.2,::1")) as forward:
        assert len(forward.ports) == 4
        for address, port, expected in (("127.0.0.2", forward.ports[0], b"x"), ("::1", forward.ports[1], b"x"),
                                        ("127.0.0.2", forward.ports[2], b"bye\n"), ("::1", forward.ports[3], b"bye\n")):
            with socket.create_connection((address, port), 20) as connection:
                connection.sendall(b"x")
                assert connection.recv(100) == expected
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", forward.ports[0]), 5).close()


def test_five_hundred_at_once(cluster, talker):
    with PortForward(cluster, "talk/main", ECHO) as forward, contextlib.ExitStack() as stack:
        connections = []
        for number in range(500):
            connections.append(stack.enter_context(forward.connect()))
            connections[-1].sendall(b"?")
            assert connections[-1].recv(1) == b"?"
        for number, connection in enumerate(connections):
            connection.sendall(b"%d" % number)
        for number, connection in enumerate(connections):
            assert connection.recv(100) == b"%d" % number
        assert rss(talker.agent) < 24 * MIB
    wait_for(lambda: talker.engine.run_in("talk-main", "sh", "-c", "pidof cat || true") == "", "all ends have ended")


# --- how it ends -------------------------------------------------------------------------------------------------------


def test_ctrl_c_ends_it_at_once_with_connections_open(cluster, talker):
    with PortForward(cluster, "talk/main", SILENT) as forward, forward.connect() as connection:
        wait_for(lambda: "Handling connection" in forward.log_text(), "it is taken")
        began = time.monotonic()
        assert forward.kill(signal.SIGINT) == 0
        assert time.monotonic() - began < 1
        assert connection.recv(100) == b""


def test_the_last_word_of_a_service_arrives_though_it_closes_at_once(cluster, talker):
    with PortForward(cluster, "talk/main", LAST_WORD) as forward:
        for _ in range(20):
            with forward.connect() as connection:
                assert read_all(connection)[0] == len(b"bye\n")


def test_who_goes_without_a_word_resets_what_is_behind_it(cluster, talker):
    with PortForward(cluster, "talk/main", ECHO) as forward, forward.connect() as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        forward.kill()
    wait_for(lambda: talker.engine.run_in("talk-main", "sh", "-c", "pidof cat || true") == "", "the far end is gone")


def test_a_container_that_dies_ends_its_connections(cluster):
    cluster.apply(project("mortal", service("main", f"nc -ll -p {ECHO} -e cat & wait")))
    cluster.wait_for_phase("mortal", "Running")
    engine = cluster.node_of("mortal").engine
    with PortForward(cluster, "mortal/main", ECHO) as forward, forward.connect() as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        engine.call("POST", "/containers/mortal-main/kill")
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""


# --- what is refused ---------------------------------------------------------------------------------------------------


def refusal(cluster, target, port, flags=()):
    """What port-forward says to a connection that cannot be made; it stays up."""
    with PortForward(cluster, target, port, flags=flags) as forward:
        with forward.connect() as connection, contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""
        wait_for(lambda: "Error: " in forward.log_text(), "it is told")
        assert forward.alive()
        return re.search(r"^Error: .*$", forward.log_text(), re.M).group(0)


def test_a_port_nothing_listens_on(cluster, talker):
    said = refusal(cluster, "talk/main", CLOSED)
    assert re.fullmatch(rf"Error: Bad Gateway: cannot reach [\d.]+:{CLOSED}: dial tcp [\d.]+:{CLOSED}: "
                        r"connect: connection refused: port unreachable", said), said


def test_a_service_there_is_not(cluster, talker):
    done = cluster.ctl("port-forward", "talk/other", f"0:{ECHO}", check=False)
    assert (done.returncode, done.stderr) == (1, 'Error: service "other" not found in project "talk": it has main\n')
    assert refusal(cluster, "talk/other", ECHO, ["--node", agent_of(talker)]) == \
        "Error: Not Found: container talk-other: container not found"


def test_a_paused_container(cluster):
    cluster.apply(project("frozen", service("main", f"nc -ll -p {ECHO} -e cat & wait")))
    cluster.wait_for_phase("frozen", "Running")
    engine = cluster.node_of("frozen").engine
    with PortForward(cluster, "frozen/main", ECHO) as forward, forward.connect() as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        engine.call("POST", "/containers/frozen-main/pause")
        try:
            assert refusal(cluster, "frozen/main", ECHO) == \
                "Error: Service Unavailable: container frozen-main: container is paused"
            connection.sendall(b"y")
            connection.settimeout(1)
            with pytest.raises(TimeoutError):
                connection.recv(1)
        finally:
            engine.call("POST", "/containers/frozen-main/unpause")
        connection.settimeout(20)
        assert connection.recv(1) == b"y"


def test_a_dead_container(cluster):
    cluster.apply(project("dead", service("main", "exit 1", restartPolicy="Never"), service("stays")))
    engine = wait_for(lambda: cluster.node_of("dead").engine, "it has a node")
    wait_for(lambda: any(c["Name"] == "/dead-main" and c["State"]["Status"] == "exited"
                         for c in engine.containers("dead")), "it is dead")
    assert refusal(cluster, "dead/main", ECHO, ["--node", agent_of(cluster.node_of("dead"))]) == \
        "Error: Service Unavailable: container dead-main: container not running"

    def refused_at_once():
        done = cluster.ctl("port-forward", "dead/main", f"0:{ECHO}", check=False)
        return done.returncode == 1 and "its container has exited with 1" in done.stderr

    wait_for(refused_at_once, "the server knows it too")


def test_what_is_not_ours_cannot_be_reached_whatever_its_name(cluster, talker):
    docker = ["docker", "-H", talker.engine.host]
    run(*docker, "run", "-d", "--net", "none", "--name", "talk-stranger", "demo:1", "sleep", "1d")
    try:
        with pytest.raises(Refused) as refused:
            WebSocket(agent_of(talker), path(ECHO, "talk/stranger"))
        assert refused.value.status == 404
    finally:
        run(*docker, "rm", "-f", "talk-stranger")


def test_words_that_are_no_ports_or_targets(cluster):
    for argv, said in ((("a", "1"), 'invalid target "a": expected <project>/<service>'),
                       (("a/b", "0"), 'invalid port "0"'),
                       (("a/b", ":80"), 'invalid local port ""'),
                       (("a/b", "1:2:3"), 'invalid remote port "2:3"'),
                       (("a/b", "1:65536"), 'invalid remote port "65536"'),
                       (("a/b", "80", "--address", "x"), 'get project "a": Not Found: project not found: a: '
                                                         'resource not found')):
        done = cluster.ctl("port-forward", *argv, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"Error: {said}\n"), done


def test_a_local_port_that_is_taken(cluster, talker):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cluster.ctl("port-forward", "talk/main", f"{port}:{ECHO}", check=False)
    assert (done.returncode, done.stderr) == (
        1, f"Error: listen on port {port}: listen tcp 127.0.0.1:{port}: bind: address already in use\n")


# --- the wire ----------------------------------------------------------------------------------------------------------


def test_without_the_subprotocol_it_is_as_the_original(talker):
    client = WebSocket(agent_of(talker), path(ECHO))
    assert client.protocol is None
    client.send(b"plain")
    assert client.receive_bytes(5) == b"plain"
    client.send(b"text too", opcode=TEXT)
    assert client.receive_bytes(8) == b"text too"
    client = WebSocket(agent_of(talker), path(LAST_WORD))
    assert client.receive_bytes(4) == b"bye\n"
    with pytest.raises(EOFError):  # no close frame
        client.receive()


def test_fragments_and_control_frames_between_them(talker):
    client = WebSocket(agent_of(talker), path(ECHO), PROTOCOL)
    assert client.protocol == PROTOCOL
    client.send(b"one ", fin=False)
    client.send(b"two ", opcode=CONTINUATION, fin=False)
    client.send(b"are you there?", opcode=PING)
    client.send(b"three", opcode=CONTINUATION)
    got, pong = b"", None
    while len(got) < 13 or pong is None:
        opcode, payload = client.receive()
        if opcode == PONG:
            pong = payload
        else:
            got += payload
    assert (got, pong) == (b"one two three", b"are you there?")


def test_bytes_that_come_with_the_handshake_are_not_lost(talker):
    client = WebSocket(agent_of(talker), path(ECHO), PROTOCOL, early=WebSocket.frame(b"early"))
    assert client.receive_bytes(5) == b"early"


def test_half_close_is_carried_both_ways(talker):
    client = WebSocket(agent_of(talker), path(SUM), PROTOCOL)
    client.send(b"abc")
    client.send(b"eof", opcode=TEXT)
    assert client.receive_bytes(64 + 4).split()[0].decode() == hashlib.sha256(b"abc").hexdigest()
    assert client.receive() == (TEXT, b"eof")
    assert client.receive_close() == 1000
    with pytest.raises(EOFError):
        client.receive()


@pytest.mark.parametrize("how", [
    {"masked": False}, {"rsv": 4}, {"rsv": 1}, {"opcode": 3}, {"opcode": 11}, {"opcode": CONTINUATION}],
    ids=["unmasked", "rsv1", "rsv3", "opcode 3", "opcode 11", "continuation of nothing"])
def test_who_breaks_the_protocol_is_told_1002(talker, how):
    client = WebSocket(agent_of(talker), path(ECHO))
    client.send(b"x", **how)
    assert client.receive_close() == 1002
    with pytest.raises((EOFError, ConnectionResetError)):
        client.receive()


def test_a_close_frame_is_echoed(talker):
    client = WebSocket(agent_of(talker), path(SILENT), PROTOCOL)
    client.send(b"\x03\xe8", opcode=CLOSE)
    assert client.receive_close() == 1000


@pytest.mark.parametrize("port", ["0", "65536", "x", "80x", "-1"])
def test_a_port_that_is_none(talker, port):
    with pytest.raises(Refused) as refused:
        WebSocket(agent_of(talker), path(port))
    assert refused.value.status == 400 and f"invalid port: {port}".encode() in refused.value.body


def test_a_request_that_is_no_handshake(talker):
    done = subprocess.run(["curl", "-si", f"http://{agent_of(talker)}{path(ECHO)}"], capture_output=True, text=True,
                          timeout=20, check=True).stdout.lower()
    assert done.startswith("http/1.1 400 bad request") and "sec-websocket-version: 13" in done
    assert done.endswith("bad request\n")


# --- who does not read -------------------------------------------------------------------------------------------------


def test_who_does_not_read_is_waited_for_and_costs_no_memory(cluster, talker):
    expected = talker.engine.run_in("talk-main", "sha256sum", "/blob").split()[0]
    with PortForward(cluster, "talk/main", BLOB, ECHO) as forward, contextlib.ExitStack() as stack:
        before = rss(talker.agent), rss(forward)
        slow = [stack.enter_context(forward.connect()) for _ in range(8)]
        time_limit = 2
        holds_for(lambda: rss(talker.agent) - before[0] < 6 * MIB and rss(forward) - before[1] < 6 * MIB,
                  "neither grows", time_limit)
        with forward.connect(1) as other:  # nobody else is held up
            other.sendall(b"x")
            assert other.recv(1) == b"x"
        assert read_all(slow[0]) == (BLOB_SIZE, expected)


def test_a_service_that_does_not_read_is_waited_for_and_costs_no_memory(cluster, talker):
    with PortForward(cluster, "talk/main", SILENT) as forward, forward.connect() as connection:
        before = rss(talker.agent), rss(forward)
        connection.setblocking(False)
        sent = 0

        def fills():
            nonlocal sent
            with contextlib.suppress(BlockingIOError):
                while True:
                    sent += connection.send(bytes(MIB))
            return rss(talker.agent) - before[0] < 6 * MIB and rss(forward) - before[1] < 6 * MIB

        holds_for(fills, "neither grows", 2)
        assert sent < 64 * MIB  # what sockets hold
