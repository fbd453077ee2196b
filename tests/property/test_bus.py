"""Watchers of a database that 16 writers change at once, with rollbacks, savepoints and killed sessions: each one's replica is the
table's in the end, versions come strictly in order, none twice, none skipped. BUS_ROUNDS=1000 runs more rounds, BUS_SEED another story;
a round that fails names its seed."""
import json
import os
import random
import threading
import time

import psycopg2
import pytest

ROUNDS = int(os.environ.get("BUS_ROUNDS", "3"))
SEED = int(os.environ.get("BUS_SEED", "1"))
WRITERS, TRANSACTIONS = 16, 12
NODES = [f"n{i}" for i in range(4)]
PROJECTS = [f"p{i}" for i in range(8)]
QUERIES = [
    ("Project", {}),
    ("Project", {"phase": ["Pending"]}),
    ("Project", {"phase": ["Running", "Failed"]}),
    ("Project", {"labelSelector": ["app=a"]}),
    ("Project", {"labelSelector": ["app in (a, b), !old"], "phase": ["Scheduled", "Running"]}),
    ("Project", {"nodeRef": ["n1"]}),
    ("Project", {"nodeRef": ["n2"], "labelSelector": ["app!=a"], "phase": ["Running", "Scheduled"]}),
    ("Project", {"fieldSelector": ["metadata.name=p1"]}),
    ("Node", {}),
    ("Node", {"state": ["Ready"]}),
    ("Node", {"state": ["NotReady"], "labelSelector": ["app"]}),
]


def labels(dice):
    found = {"app": dice.choice("abc")} if dice.random() < 0.8 else {}
    if dice.random() < 0.2:
        found["old"] = "yes"
    return found


def project(dice, name):
    service = {"name": "s", "image": f"x:{dice.randrange(3)}"}
    return json.dumps({"metadata": {"name": name, "labels": labels(dice)}, "spec": {"services": [service]}})


def node(dice, name):
    return json.dumps({"metadata": {"name": name, "labels": labels(dice)}})


def one_change(dice):
    """A statement that someone may run, in psql or through the server."""
    p, n = dice.choice(PROJECTS), dice.choice(NODES)
    return dice.choice([
        ("SELECT api.project_create(%s)", [project(dice, p)]),
        ("SELECT api.project_create(%s)", [project(dice, p)]),
        ("SELECT api.project_update(%s, %s)", [p, project(dice, p)]),
        ("SELECT api.project_report(%s, %s)", [p, json.dumps({"phase": dice.choice(["Pending", "Scheduled", "Running", "Failed"])})]),
        ("SELECT api.project_report(%s, %s)", [p, json.dumps({"phase": dice.choice(["Running", "Failed"]), "reason": dice.choice("xyz")})]),
        ("SELECT api.project_delete(%s)", [p]),
        ("SELECT api.project_delete(%s, '{\"force\":[\"true\"]}')", [p]),
        ("DELETE FROM cara.project WHERE name > %s", [p]),
        ("UPDATE cara.project SET labels = %s WHERE name <= %s", [json.dumps(labels(dice)), p]),
        ("INSERT INTO cara.claim VALUES ('volume', %s, %s)", [p, p]),
        ("SELECT api.node_create(%s)", [node(dice, n)]),
        ("SELECT api.node_update(%s, %s)", [n, node(dice, n)]),
        ("SELECT api.node_heartbeat(%s, %s)", [n, json.dumps({"state": dice.choice(["Ready", "Ready", "NotReady"]), "capacity": {"cpu": str(dice.randrange(9))}})]),
        ("SELECT api.node_heartbeat(%s, '')", [n]),
        ("DELETE FROM cara.node WHERE name = %s", [n]),
        ("UPDATE cara.node_status SET message = %s WHERE node < %s", [dice.choice("xyz"), n]),
        ("SELECT api.schedule()", []),
        ("SELECT api.schedule()", []),
        ("SELECT api.tick()", []),
        ("SELECT api.plan(%s)", [json.dumps({"delete": [f"project/{p}"]})]),
        ("SELECT nextval('cara.change_id')", []),  # an id that nobody ever writes
        ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [f"writer {dice.randrange(WRITERS)}"]),
    ])


class Writer(threading.Thread):
    def __init__(self, url, seed, number):
        super().__init__(daemon=True)
        self.url, self.number, self.dice, self.unexpected = url, number, random.Random(f"{seed}/{number}"), None

    def run(self):
        connection = None
        try:
            for _ in range(TRANSACTIONS):
                if connection is None or connection.closed:
                    connection = psycopg2.connect(self.url, application_name=f"writer {self.number}",
                                                  options="-c deadlock_timeout=5ms -c lock_timeout=200ms")
                try:
                    self.transaction(connection.cursor())
                    if self.dice.random() < 0.25:
                        connection.rollback()
                    else:
                        connection.commit()
                except psycopg2.Error as error:  # refused, in each other's way, or killed: whoever sent it tries something else
                    if error.pgcode and not error.pgcode.startswith(("SR", "23", "40", "57", "25P02", "55P03")):
                        raise
                    try:
                        connection.rollback()
                    except psycopg2.Error:  # killed meanwhile
                        connection.close()
        except BaseException as error:  # pylint: disable=broad-except
            self.unexpected = error
        finally:
            if connection is not None:
                connection.close()

    def transaction(self, cursor):
        for step in range(self.dice.choice([1, 1, 1, 2, 3, 5])):
            guarded = self.dice.random() < 0.5
            if guarded:
                cursor.execute("SAVEPOINT step")
            sql, arguments = one_change(self.dice)
            try:
                cursor.execute(sql, arguments)
            except psycopg2.Error as error:
                if not guarded or (error.pgcode or "57").startswith(("57", "40")):
                    raise
                cursor.execute("ROLLBACK TO step")
            if guarded and self.dice.random() < 0.2:
                cursor.execute("ROLLBACK TO step")
            if self.dice.random() < 0.3:
                time.sleep(self.dice.random() * 0.004)


class Watcher(threading.Thread):
    """Keeps a replica of what a query shows, as a client would; now and then it forgets all and lists again."""

    def __init__(self, url, seed, number):
        super().__init__(daemon=True)
        self.kind, self.query = QUERIES[number % len(QUERIES)]
        self.connection = psycopg2.connect(url)
        self.connection.autocommit = True
        self.dice = random.Random(f"{seed}/watch {number}")
        self.stop, self.wrong, self.position, self.have, self.last_event, self.events = threading.Event(), None, None, {}, 0, 0

    def listed(self):
        """What the query shows now, and a position, by pages of a random size."""
        found, token, position = {}, None, None
        while position is None or token:
            query = {**self.query, "limit": [str(self.dice.choice([0, 1, 2, 3]))], **({"continue": [token]} if token else {})}
            if query["limit"] == ["0"] and token is None:
                del query["limit"]
            cursor = self.connection.cursor()
            cursor.execute(f"SELECT api.{self.kind.lower()}_list(%s)", [json.dumps(query)])
            answer = cursor.fetchone()[0]
            position = position or answer["metadata"]["resourceVersion"]
            assert answer["metadata"]["resourceVersion"] == position, "all pages say where the first began"
            for item in answer["items"]:
                found[item["metadata"]["name"]] = int(item["metadata"]["resourceVersion"])
            token = answer["metadata"].get("continue")
        return found, int(position)

    def relist(self):
        self.have, self.position = self.listed()
        self.last_event = self.position

    def step(self):
        cursor = self.connection.cursor()
        cursor.execute("SELECT id, line FROM api.watch_read(%s, %s, %s, %s)",
                       [self.kind, json.dumps(self.query), self.position, self.dice.choice([1, 2, 5, 1000])])
        rows = cursor.fetchall()
        assert rows[-1][1] is None and all(line for _, line in rows[:-1]), "the last row, and no other, has no event"
        for version, line in rows[:-1]:
            event = json.loads(line)
            meta = event["object"]["metadata"]
            assert int(meta["resourceVersion"]) == version, f"an event is at its object's version: {line}"
            assert self.last_event < version, f"{version} comes after {self.last_event}"
            assert self.position < version <= rows[-1][0], "between the positions"
            self.last_event, name = version, meta["name"]
            self.events += 1
            if event["type"] == "DELETED":
                self.have.pop(name, None)
            else:
                assert self.have.get(name, 0) <= version, f"{name} {version} after {self.have.get(name)}"
                self.have[name] = version
        moved = rows[-1][0] > self.position
        assert rows[-1][0] >= self.position, "a position never goes back"
        self.position = rows[-1][0]
        return moved

    def run(self):
        try:
            self.relist()
            while not self.stop.is_set():
                if self.dice.random() < 0.02:
                    self.relist()
                if not self.step():
                    time.sleep(0.001)
            while self.step():
                pass
        except BaseException as error:  # pylint: disable=broad-except
            self.wrong = error

    def differs(self):
        """What is missing, left over or old in the replica."""
        table, _ = self.listed()
        return {name: (self.have.get(name), table.get(name)) for name in table.keys() | self.have.keys() if self.have.get(name) != table.get(name)}


class Fanout(Watcher):
    """Does for agents what a server does: a node asks for its work when the bus says so, and never else."""

    def __init__(self, url, seed):
        super().__init__(url, seed, 0)
        self.kind, self.query = "work of", "nodes"

    def work(self, name):
        """What the agent of a node would do by what it was told; None when there is no such node."""
        cursor = self.connection.cursor()
        try:
            cursor.execute("SELECT api.node_assignments(%s)", [name])
        except psycopg2.Error as error:
            assert error.pgcode == "SR404", error
            return None
        return {(i["project"], i["epoch"]): (i["generation"], i["labels"], i["uid"]) if i["desired"] == "Running" else "Removed" for i in cursor.fetchone()[0]["items"]}

    def relist(self):
        cursor = self.connection.cursor()
        cursor.execute("SELECT api.bus_read()")
        self.position = cursor.fetchone()[0]["position"]
        self.have = {name: self.work(name) for name in NODES}

    def step(self):
        cursor = self.connection.cursor()
        cursor.execute("SELECT api.bus_read(%s, %s)", [self.position, self.dice.choice([1, 3, 1000])])
        answer, before = cursor.fetchone()[0], self.position
        assert not answer["trimmed"] and answer["position"] >= before
        for name in {*answer["nodes"], *answer["channels"]}:
            self.have[name] = self.work(name)
            self.events += 1
        self.position = answer["position"]
        return self.position > before

    def differs(self):
        return {name: (self.have[name], self.work(name)) for name in NODES if (self.have[name] or {}) != (self.work(name) or {})}


def one_round(url, seed):
    watchers = [Watcher(url, seed, n) for n in range(len(QUERIES))] + [Fanout(url, seed)]
    writers = [Writer(url, seed, n) for n in range(WRITERS)]
    for thread in watchers + writers:
        thread.start()
    for writer in writers:
        writer.join(120)
        assert not writer.is_alive() and writer.unexpected is None, f"seed {seed}: writer {writer.number}: {writer.unexpected!r}"
    for watcher in watchers:
        watcher.stop.set()
    for watcher in watchers:
        watcher.join(60)
        who = f"seed {seed}: {watcher.kind} {watcher.query}"
        assert not watcher.is_alive(), f"{who}: never got to the end"
        assert watcher.wrong is None, f"{who}: {watcher.wrong!r}"
        assert watcher.differs() == {}, f"{who}: (replica, table)"
        watcher.connection.close()
    return sum(w.events for w in watchers)


@pytest.mark.parametrize("block", range(max(1, (ROUNDS + 99) // 100)))
def test_every_replica_is_the_table(databases, block):
    seen = 0
    for number in range(block * 100, min(ROUNDS, (block + 1) * 100)):
        seen += one_round(databases[number % len(databases)].url, SEED * 1_000_000 + number)
    assert seen > 10 * min(ROUNDS, 100), "there was something to see"


def session(url, **options):
    connection = psycopg2.connect(url, **options)
    connection.autocommit = True
    return connection, connection.cursor()


def one(cursor, sql, *arguments):
    cursor.execute(sql, arguments)
    return cursor.fetchone()[0]


def test_nobody_waits_for_old_transactions_elsewhere(databases):
    """One that wrote, in another database and in this one, is older than everything a watcher reads behind a gap."""
    (elsewhere, other), (here, old), (_, writer) = session(databases[0].admin), session(databases[0].url), session(databases[0].url)
    for cursor in (other, old):
        cursor.execute("BEGIN")
        one(cursor, "SELECT pg_current_xact_id()::text")
        cursor.execute("LOCK TABLE pg_catalog.pg_description IN ROW EXCLUSIVE MODE")
    old.execute("LOCK TABLE cara.change IN ROW EXCLUSIVE MODE")
    position = one(writer, "SELECT (api.bus_read()->>'position')::bigint")
    one(writer, "SELECT nextval('cara.change_id')")
    one(writer, "SELECT api.node_create('{\"metadata\":{\"name\":\"behind-a-gap\"}}')::text")
    writer.execute("SELECT line FROM api.watch_read('Node', '{}', %s)", [position])
    assert [json.loads(line)["object"]["metadata"]["name"] for line, in writer.fetchall() if line] == ["behind-a-gap"]
    writer.execute("DELETE FROM cara.node WHERE name = 'behind-a-gap'")
    for connection in (elsewhere, here):
        connection.close()


def test_a_session_that_holds_the_queue_back_is_ended(databases):
    """A channel's role that LISTENs and then sits in a transaction: the tick ends it, and the queue empties."""
    url = databases[0].url
    _, owner = session(url)
    owner.execute("UPDATE cara.setting SET value = '0' WHERE name = 'bus_queue_limit'")
    one(owner, "SELECT api.node_create('{\"metadata\":{\"name\":\"idler\"}}')::text")
    issued = one(owner, "SELECT api.channel_issue('idler')")
    role, password = (part.split("=")[1].strip("'") for part in issued["conninfo"].split() if part.startswith(("user=", "password=")))
    idle, listener = session(url, user=role, password=password)
    _, innocent = session(url)
    innocent.execute(f"LISTEN {issued['channel']}")
    listener.execute(f"LISTEN {issued['channel']}")
    listener.execute("SET idle_in_transaction_session_timeout = 0")  # which its role may
    listener.execute("BEGIN")
    one(listener, "SELECT 1")
    for number in range(40):
        owner.execute("SELECT pg_notify('noise', repeat('x', 7000) || %s)", [number])
    one(innocent, "SELECT 1")
    held = one(owner, "SELECT pg_notification_queue_usage()")
    assert held > 0
    one(owner, "SELECT api.tick()::text")
    assert one(listener, "SELECT 1") == 1, "nobody is ended before patience is over"
    owner.execute("UPDATE cara.setting SET value = '0' WHERE name = 'bus_session_patience'")
    one(owner, "SELECT api.tick()::text")
    with pytest.raises(psycopg2.OperationalError):
        one(listener, "SELECT 1")
    assert one(innocent, "SELECT 1") == 1, "who listens and reads stays"
    deadline = time.monotonic() + 10
    while one(owner, "SELECT pg_notification_queue_usage()") > 0 and time.monotonic() < deadline:
        owner.execute("SELECT pg_notify('noise', '')")  # the queue is tidied by who notifies
        one(innocent, "SELECT 1")
    assert one(owner, "SELECT pg_notification_queue_usage()") == 0
    assert one(owner, "SELECT count(*) FROM cara.event WHERE reason = 'ChannelEnded' AND name = 'idler'") == 1
    owner.execute("DELETE FROM cara.node WHERE name = 'idler'")
    owner.execute("UPDATE cara.setting SET value = CASE name WHEN 'bus_queue_limit' THEN '0.1' ELSE '10s' END WHERE name LIKE 'bus_%'")
    idle.close()
