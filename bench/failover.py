"""failover.py ROUNDS PROJECTS OUTPUT: for bench/failover. Writes lines of NAME VALUE UNIT [GOAL] to OUTPUT."""
import contextlib
import json
import os
import pathlib
import random
import statistics
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "e2e"))

from support import network  # noqa: E402
from support.cluster import Cluster, project, service  # noqa: E402
from support.engine import IMAGE, Engine  # noqa: E402
from support.process import run  # noqa: E402
from support.wait import wait_for  # noqa: E402

NODES = 3
LEASE = "5s"
HEARTBEAT = "1s"
MANAGER = ("manager", "10.212.0.10")
COMMAND = ["sh", "-c", "trap 'exit 0' TERM; sleep 1d & wait"]
PATIENCE = 120
LOOK_EVERY = 0.01
SEED = 3


class Caravanserai:
    name = "caravanserai"

    def __init__(self, cluster):
        self.cluster = cluster
        for setting, value in (("heartbeat_interval", HEARTBEAT), ("heartbeat_timeout", LEASE), ("running_grace", "0s")):
            cluster.setting(setting, value)
        cluster.server.terminate()  # it has given every node one lease of the length that was
        cluster.server.start()
        cluster.wait_for_server()
        cluster.wait_for_nodes()

    def deploy(self, count):
        self.cluster.apply(*(project(f"p{number}", service("main")) for number in range(count)))
        wait_for(lambda: len(self.running()) == count, "all projects run", PATIENCE)

    def running(self):
        """{name: node}"""
        return {p["metadata"]["name"]: p["status"]["nodeRef"] for p in self.cluster.projects()
                if p["status"]["phase"] == "Running"}

    def is_whole(self):
        return all(self.cluster.node_state(node.name) == "Ready" for node in self.cluster.nodes)

    def clear(self):
        self.cluster.delete_all()


class Swarm:
    """Swarm mode of the same engines, and of one more that manages and runs nothing."""
    name = "swarm"

    def __init__(self, cluster):
        self.cluster = cluster
        network.make_namespace(*MANAGER)
        self.manager = Engine(MANAGER[0], MANAGER[0])
        self.manager.start()
        self.manager.ready()
        self.manager.call("POST", "/swarm/init", {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": MANAGER[1]})
        token = self.manager.call("GET", "/swarm")["JoinTokens"]["Worker"]
        for node in cluster.nodes:
            node.engine.call("POST", "/swarm/join", {
                "ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": node.address, "JoinToken": token,
                "RemoteAddrs": [f"{MANAGER[1]}:2377"]})
        (own,) = [n for n in self.nodes() if n["Spec"]["Role"] == "manager"]
        self.manager.call("POST", f"/nodes/{own['ID']}/update?version={own['Version']['Index']}",
                          {**own["Spec"], "Availability": "drain"})
        wait_for(self.is_whole, "the swarm is whole")
        self.addresses = {n["ID"]: n["Status"]["Addr"] for n in self.nodes()}
        self.names = {node.address: node.name for node in cluster.nodes}
        # by its id, so that no node asks a registry for it
        self.image = self.manager.call("GET", f"/images/{IMAGE}/json")["Id"]
        self.services = {}

    def nodes(self):
        return self.manager.call("GET", "/nodes")

    def is_whole(self):
        states = [n["Status"]["State"] for n in self.nodes()]
        return len(states) == NODES + 1 and set(states) == {"ready"}

    def deploy(self, count):
        for number in range(count):
            spec = {"Name": f"s{number}", "Mode": {"Replicated": {"Replicas": 1}},
                    "TaskTemplate": {"ContainerSpec": {"Image": self.image, "Command": COMMAND}}}
            self.services[self.manager.call("POST", "/services/create", spec)["ID"]] = spec["Name"]
        wait_for(lambda: len(self.running()) == count, "all services run", PATIENCE)

    def running(self):
        filters = urllib.parse.quote(json.dumps({"desired-state": ["running"]}))
        return {self.services[task["ServiceID"]]: self.names[self.addresses[task["NodeID"]]]
                for task in self.manager.call("GET", f"/tasks?filters={filters}") or []
                if task["Status"]["State"] == "running"}

    def clear(self):
        for identity in self.services:
            self.manager.call("DELETE", f"/services/{identity}")
        self.services = {}
        for node in self.cluster.nodes:
            wait_for(lambda engine=node.engine: not engine.call("GET", "/containers/json?all=1"),
                     f"nothing is left on {node.name}", PATIENCE)


def same_image(cluster, manager):
    """An import is another image on each engine: all get the manager's."""
    archive = cluster.postgres.dir.parent / "image.tar"
    run("docker", "-H", manager.host, "save", "-o", archive, IMAGE)
    for node in cluster.nodes:
        node.engine.remove_image(IMAGE)
        run("docker", "-H", node.engine.host, "load", "-i", archive)


def fail_over(side, lost):
    """Seconds from the death of that node until each of its projects runs elsewhere."""
    there = {name for name, node in side.running().items() if node == lost}
    took = {}
    time.sleep(random.uniform(0, 2))  # wherever between two heartbeats that is
    began = time.monotonic()
    network.cut(lost)
    while len(took) < len(there):
        now = time.monotonic() - began
        if now > PATIENCE:
            sys.exit(f"{side.name}: after {PATIENCE} s only {len(took)} of {len(there)} run elsewhere")
        with contextlib.suppress(AssertionError, OSError):
            for name, node in side.running().items():
                if name in there and node != lost:
                    took.setdefault(name, now)
        time.sleep(LOOK_EVERY)
    return list(took.values())


def percentile(samples, p):
    ordered = sorted(samples)
    return ordered[int((len(ordered) - 1) * p / 100 + 0.5)]


def main(rounds, count, output):
    random.seed(SEED)
    cluster = Cluster(NODES)
    cluster.start()
    swarm = Swarm(cluster)
    same_image(cluster, swarm.manager)
    sides = [Caravanserai(cluster), swarm]
    samples = {side.name: [] for side in sides}
    print(f"Death of one of {NODES} nodes to each of its projects (services) Running elsewhere, {count} of one container in\n"
          f"all, {rounds} rounds of each side in turns, {os.cpu_count()} cores for all of it. Caravanserai: lease {LEASE}, "
          f"heartbeat {HEARTBEAT},\nno grace. Swarm: Docker {swarm.manager.call('GET', '/version')['Version']}, "
          "all at its defaults (dispatcher heartbeat 5 s).", flush=True)
    for number in range(rounds):
        lost = cluster.nodes[number % NODES].name
        for side in sides:
            side.deploy(count)
            took = fail_over(side, lost)
            network.join(lost)
            for other in sides:
                wait_for(other.is_whole, f"{other.name} is whole again", PATIENCE)
            side.clear()
            samples[side.name] += took
            print(f"round {number + 1} {side.name}: {len(took)} from {lost}, {min(took):.2f} to {max(took):.2f} s", flush=True)
    for name, took in samples.items():
        print(f"{name}: p50 {statistics.median(took):.2f} s, p99 {percentile(took, 99):.2f} s, "
              f"{min(took):.2f} to {max(took):.2f} s, {len(took)} samples")
    ours, theirs = (percentile(took, 99) for took in samples.values())
    with open(output, "w", encoding="utf-8") as file:
        file.write(f"failover.p99 {ours:.2f} s\nfailover.p99-vs-swarm {ours / theirs:.2f} x <= 0.6\n")


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
