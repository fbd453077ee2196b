"""Opens that many connections through the port-forward of bench/agent-memory, sends 64 KiB through each and back, and
prints the agent's resident MiB with all of them open: agent_memory.py TUNNELS PID"""
import os
import socket
import sys
import time

SIZE = 64 * 1024


def connect():
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", 17000), 30)
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise SystemExit("port-forward does not listen")


def echo(connection):
    data = os.urandom(SIZE)
    connection.sendall(data)
    got = b""
    while len(got) < SIZE:
        more = connection.recv(SIZE)
        assert more, "a tunnel has ended"
        got += more
    assert got == data, "an echo is not what was sent"


def main():
    connections = []
    for _ in range(int(sys.argv[1])):
        connections.append(connect())
        echo(connections[-1])
    with open(f"/proc/{sys.argv[2]}/status", encoding="ascii") as status:
        kib = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    print(f"{kib / 1024:.1f}")


main()
