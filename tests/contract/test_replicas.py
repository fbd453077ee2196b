"""Whatever dies meanwhile: who lists once and follows its watch from version to version ends with what the table holds.

Writers work in random transactions, some rolled back; watchers follow through two servers, which are killed and lose their
database at random. REPLICA_SEED repeats a run, REPLICA_SECONDS makes it longer."""
import contextlib
import http.client
import json
import os
import random
import threading
import time

import psycopg2
from support.manifests import node
from support.wait import wait_for

WRITERS = 6
WATCHERS = 6
NAMES = [f"n{number}" for number in range(25)]


class Writer(threading.Thread):
    def __init__(self, database, seed, stop):
        super().__init__(daemon=True)
        self.database, self.random, self.stop = database, random.Random(seed), stop
        self.committed = 0

    def run(self):
        while not self.stop.is_set():
            with contextlib.suppress(psycopg2.Error):
                connection = psycopg2.connect(self.database.url)
                with contextlib.closing(connection):
                    while not self.stop.is_set():
                        self.transaction(connection)

    def transaction(self, connection):
        try:
            cursor = connection.cursor()
            for _ in range(self.random.randint(1, 4)):
                self.change(cursor, self.random.choice(NAMES))
            if self.random.random() < 0.2:
                time.sleep(self.random.random() / 20)  # others commit meanwhile, with later ids
            if self.random.random() < 0.25:
                connection.rollback()
            else:
                connection.commit()
                self.committed += 1
        except psycopg2.Error:
            connection.rollback()

    def change(self, cursor, name):
        labels = {"group": self.random.choice("ab"), "n": str(self.random.randint(0, 9))}
        manifest = node(name)
        manifest["metadata"]["labels"] = labels
        what = self.random.random()
        if what < 0.2:
            cursor.execute("DELETE FROM cara.node WHERE name = %s", (name,))
        elif what < 0.6:
            cursor.execute("SELECT api.apply(%s::jsonb)", (json.dumps({"items": [manifest]}),))
        else:
            cursor.execute("UPDATE cara.node SET labels = %s::jsonb WHERE name = %s", (json.dumps(labels), name))


class Replica(threading.Thread):
    """Lists, then watches from where it was, whenever a connection ends; lists again only when told that it must."""

    def __init__(self, servers, seed, selector, stop):
        super().__init__(daemon=True)
        self.servers, self.random, self.selector, self.stop = servers, random.Random(seed), selector, stop
        self.objects, self.version, self.lists, self.wrong = {}, None, 0, []

    def run(self):
        while not self.stop.is_set():
            server = self.random.choice(self.servers)
            try:
                if self.version is None:
                    self.list(server)
                self.watch(server)
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.05)

    def request(self, server, query):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=3)
        connection.request("GET", f"/api/v1/nodes?{query}{self.selector}")
        return connection.getresponse()

    def list(self, server):
        answer = self.request(server, "")
        if answer.status != 200:
            raise OSError(answer.status)
        listed = json.loads(answer.read())
        self.objects = {item["metadata"]["name"]: int(item["metadata"]["resourceVersion"]) for item in listed["items"]}
        self.lists += 1
        self.version = int(listed["metadata"]["resourceVersion"])

    def watch(self, server):
        answer = self.request(server, f"watch=true&allowWatchBookmarks=true&resourceVersion={self.version}")
        if answer.status == 410:
            self.version = None
        if answer.status != 200:
            raise OSError(answer.status)
        last = self.version
        while line := answer.readline():
            if not line.endswith(b"\n"):
                return  # cut in the middle
            event = json.loads(line)
            meta = event["object"].get("metadata", {})
            version = int(meta.get("resourceVersion", 0))
            if event["type"] == "ERROR":
                self.version = None
                return
            if version < last or (version == last and event["type"] != "BOOKMARK"):
                self.wrong.append(f"{event['type']} {meta.get('name')} {version} after {last}")
            last = self.version = version
            if event["type"] == "DELETED":
                self.objects.pop(meta["name"], None)
            elif event["type"] != "BOOKMARK":
                if version < self.objects.get(meta["name"], 0):
                    self.wrong.append(f"{event['type']} {meta['name']} {version} after its {self.objects[meta['name']]}")
                self.objects[meta["name"]] = version


def hurt(chance, servers, proxies, database):
    """One accident, over when this returns."""
    number = chance.randrange(len(servers))
    what = chance.random()
    if what < 0.4:
        server = servers[number]
        server.kill()
        server.running.remove(server)
        time.sleep(chance.random() / 4)
        server.start()
    elif what < 0.8:
        proxies[number].cut()
        time.sleep(chance.random() / 2)
        proxies[number].join()
    else:
        database.terminate_sessions()


def test_every_replica_equals_the_table_whatever_dies(make_database, make_server, make_proxy):
    seed = int(os.environ.get("REPLICA_SEED", random.randrange(1 << 32)))
    print(f"REPLICA_SEED={seed}")
    chance = random.Random(seed)
    database = make_database()
    proxies = [make_proxy(database) for _ in range(2)]
    servers = [make_server(database.url_with(host="127.0.0.1", port=proxy.port)) for proxy in proxies]
    no_more_writes, stop = threading.Event(), threading.Event()
    writers = [Writer(database, seed + number, no_more_writes) for number in range(WRITERS)]
    replicas = [Replica(servers, seed + 100 + number, "&labelSelector=group%3Da" if number % 3 == 2 else "", stop) for number in range(WATCHERS)]
    for thread in writers + replicas:
        thread.start()
    try:
        until = time.monotonic() + float(os.environ.get("REPLICA_SECONDS", "12"))
        while time.monotonic() < until:
            time.sleep(chance.random())
            hurt(chance, servers, proxies, database)
    finally:
        no_more_writes.set()
    for writer in writers:
        writer.join(20)
    assert sum(writer.committed for writer in writers) > 20
    rows = database.sql("SELECT n.name, greatest(n.resource_version, s.resource_version), n.labels->>'group' = 'a'"
                        " FROM cara.node n JOIN cara.node_status s ON s.node = n.name")
    try:
        for replica in replicas:
            truth = {name: version for name, version, chosen in rows if chosen or not replica.selector}
            wait_for(lambda r=replica, t=truth: r.objects == t, f"a replica{replica.selector} to be the table {truth}, not {replica.objects}", 30)
            assert not replica.wrong[:5]
    finally:
        stop.set()
