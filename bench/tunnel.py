"""The timing of bench/tunnel: tunnel.py ROUNDS MIB FIGURES"""
import socket
import statistics
import sys
import time

MIB = 1024 * 1024
BLOCK = 64 * 1024  # in which the far end counts
SIDES = {"port-forward": (17000, 17001), "socat": (18000, 18001)}


def connect(port):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port), 30)
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise SystemExit(f"nothing listens on {port}")


def down(port, size):
    """MiB/s from the container."""
    buffer = bytearray(MIB)
    got = 0
    with connect(port) as connection:
        began = time.monotonic()
        while count := connection.recv_into(buffer):
            got += count
        elapsed = time.monotonic() - began
    assert got == size, f"{got} of {size} bytes came"
    return size / MIB / elapsed


def up(port, size):
    """MiB/s to the container, until it has counted them."""
    block = bytes(MIB)
    with connect(port) as connection:
        began = time.monotonic()
        for _ in range(size // MIB):
            connection.sendall(block)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while more := connection.recv(100):
            answer += more
        elapsed = time.monotonic() - began
    assert answer.startswith(b"%d+0 records" % (size // BLOCK)), f"{answer} of {size} bytes came"
    return size / MIB / elapsed


def main():
    rounds, size = int(sys.argv[1]), int(sys.argv[2]) * MIB
    rates = {(side, way): [] for side in SIDES for way in ("down", "up")}
    for number in range(rounds + 1):  # the first warms up
        for side, (from_port, to_port) in SIDES.items():
            for way, rate in (("down", down(from_port, size)), ("up", up(to_port, size))):
                if number > 0:
                    rates[side, way].append(rate)
    ratios = []
    for way in ("down", "up"):
        for side in SIDES:
            found = sorted(rates[side, way])
            print(f"{way:4} {side:12} {statistics.median(found):6.0f} MiB/s ({found[0]:.0f} to {found[-1]:.0f}), {rounds} times "
                  f"{size // MIB} MiB")
        ratios.append(statistics.median(rates["port-forward", way]) / statistics.median(rates["socat", way]))
        print(f"{way:4} ratio {ratios[-1]:.2f}")
    with open(sys.argv[3], "w", encoding="utf-8") as figures:
        figures.write(f"tunnel.bytes-vs-socat {min(ratios):.2f} x >= 0.5\n")


main()
