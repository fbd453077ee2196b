"""apply_to_running.py ROUNDS OUTPUT: for bench/apply-to-running. Writes the ratio of the medians to OUTPUT."""
import http.client
import json
import os
import select
import socket
import statistics
import sys
import time
from urllib.parse import urlsplit

import psycopg2
import psycopg2.extensions

IMAGE = "demo:1"
COMMAND = ["sleep", "1d"]
PATIENCE = 60
WARM_UP = 2


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("docker")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def call(connection, method, path, body=None):
    headers = {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    reply = connection.getresponse()
    text = reply.read()
    if reply.status >= 300 and reply.status != 404:
        sys.exit(f"{method} {path}: {reply.status} {text.decode()}")
    return reply.status


def bare(engine, name):
    """Seconds for what must be done; then undoes it."""
    began = time.monotonic()
    call(engine, "POST", "/networks/create", {"Name": name, "CheckDuplicate": True, "Driver": "bridge"})
    call(engine, "POST", f"/containers/create?name={name}",
         {"Image": IMAGE, "Entrypoint": COMMAND, "HostConfig": {"NetworkMode": name},
          "NetworkingConfig": {"EndpointsConfig": {name: {"Aliases": ["main"]}}}})
    call(engine, "POST", f"/containers/{name}/start")
    took = time.monotonic() - began
    call(engine, "DELETE", f"/containers/{name}?force=1")
    call(engine, "DELETE", f"/networks/{name}")
    return took


class Database:
    def __init__(self, url):
        self.connection = psycopg2.connect(url)
        self.connection.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_AUTOCOMMIT)
        self.cursor = self.connection.cursor()
        self.cursor.execute("LISTEN cara_bus")

    def wait_until(self, query, name, wanted):
        """Looks whenever the bus says that something changed."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self.cursor.execute(query, (name,))
            row = self.cursor.fetchone()
            if row == wanted:
                return
            if time.monotonic() > deadline:
                sys.exit(f"{name}: {row} and not {wanted} after {PATIENCE} s")
            self.connection.poll()
            if not self.connection.notifies:
                select.select([self.connection], [], [], 1)
                self.connection.poll()
            self.connection.notifies.clear()


def ours(server, database, name):
    spec = {"services": [{"name": "main", "image": IMAGE, "command": COMMAND, "stopGracePeriod": "1s"}]}
    began = time.monotonic()
    call(server, "POST", "/api/v1/projects", {"metadata": {"name": name}, "spec": spec})
    database.wait_until("SELECT phase FROM cara.project_status WHERE project = %s", name, ("Running",))
    took = time.monotonic() - began
    call(server, "DELETE", f"/api/v1/projects/{name}")
    database.wait_until("SELECT 1 FROM cara.project WHERE name = %s", name, None)
    return took


def spread(name, seconds):
    ms = sorted(s * 1000 for s in seconds)
    print(f"{name}: p50 {statistics.median(ms):.0f} ms, {ms[0]:.0f} to {ms[-1]:.0f}, "
          f"middle half {ms[len(ms) // 4]:.0f} to {ms[len(ms) * 3 // 4]:.0f}")


def main(rounds, output):
    engine = UnixConnection(os.environ["DOCKER_HOST"].removeprefix("unix://"))
    server = http.client.HTTPConnection(urlsplit(os.environ["SERVER_URL"]).netloc)
    database = Database(os.environ["DATABASE"])
    sides = {"bare": [], "apply to Running": []}
    print(f"POST of a project to Running in Postgres against network create, container create and start, {rounds} rounds,\n"
          f"alternating, {os.cpu_count()} cores for all of it.")
    for number in range(-WARM_UP, rounds):
        took = (bare(engine, f"bare{number + WARM_UP}"), ours(server, database, f"ours{number + WARM_UP}"))
        if number >= 0:
            for side, seconds in zip(sides.values(), took):
                side.append(seconds)
    for name, seconds in sides.items():
        spread(name, seconds)
    ratios = sorted(o / b for b, o in zip(*sides.values()))
    print(f"ratio of a round's pair: p50 {statistics.median(ratios):.2f}, {ratios[0]:.2f} to {ratios[-1]:.2f}")
    with open(output, "w", encoding="utf-8") as file:
        file.write(f"{statistics.median(sides['apply to Running']) / statistics.median(sides['bare']):.2f}\n")


main(int(sys.argv[1]), sys.argv[2])
