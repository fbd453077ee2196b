"""Those who follow what happens to a database and must end with what is in it: by SQL and through servers, watchers and agents."""
import contextlib
import http.client
import json
import random
import select
import socket
import threading
import time
import urllib.parse

import psycopg2
from bus_writers import NODES, OUTAGE

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

IDLE = 0.06  # at most, before who read all looks again


class Session:
    """A connection that is made anew when it was lost, for one thread at a time."""

    def __init__(self, url):
        self.url, self.connection = url, None

    def rows(self, sql, *arguments):
        """Asked again when the connection was lost, for as long as an outage may last."""
        until = time.monotonic() + OUTAGE
        while True:
            try:
                if self.connection is None or self.connection.closed:
                    self.connection = psycopg2.connect(self.url)
                    self.connection.autocommit = True
                cursor = self.connection.cursor()
                cursor.execute(sql, arguments)
                return cursor.fetchall()
            except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                if time.monotonic() > until or not (error.pgcode or "57").startswith("57"):
                    raise
                self.close()
                time.sleep(0.005)

    def value(self, sql, *arguments):
        return self.rows(sql, *arguments)[0][0]

    def close(self):
        if self.connection is not None:
            self.connection.close()


def listed(session, kind, query, dice):
    """What a query shows now, and a position, by pages of a random size."""
    found, token, position = {}, None, None
    while position is None or token:
        page = {**query, "limit": [str(dice.choice([0, 1, 2, 3]))], **({"continue": [token]} if token else {})}
        if page["limit"] == ["0"] and token is None:
            del page["limit"]
        answer = session.value(f"SELECT api.{kind.lower()}_list(%s)", json.dumps(page))
        position = position or answer["metadata"]["resourceVersion"]
        assert answer["metadata"]["resourceVersion"] == position, "all pages say where the first began"
        for item in answer["items"]:
            found[item["metadata"]["name"]] = int(item["metadata"]["resourceVersion"])
        token = answer["metadata"].get("continue")
    return found, int(position)


def work_of(answer):
    """What an agent would do by such an answer."""
    return {(i["project"], i["epoch"]): (i["generation"], i["labels"], i["uid"]) if i["desired"] == "Running" else "Removed" for i in answer["items"]}


class Replica:
    """What a watcher has of its query, and that events are what they must be."""

    def __init__(self):
        self.have, self.position, self.last_event, self.events = {}, None, 0, 0

    def begin(self, have, position):
        self.have, self.position, self.last_event = have, position, position

    def take(self, event):
        """An event, unless it is a bookmark."""
        meta = event["object"]["metadata"]
        version, name = int(meta["resourceVersion"]), meta["name"]
        assert self.last_event < version, f"{name} {version} comes after {self.last_event}"
        self.last_event = version
        self.events += 1
        if event["type"] == "DELETED":
            self.have.pop(name, None)
        else:
            assert self.have.get(name, 0) <= version, f"{name} {version} after {self.have.get(name)}"
            self.have[name] = version


class Follower(threading.Thread):
    """Follows until it is told to stop; `wrong` is what it could not bear. `turn` is held while it works. `settling`: nobody writes
    any more, and what it missed is not to be made up for by beginning anew."""

    def __init__(self, name, seed):
        super().__init__(daemon=True, name=name)
        self.dice = random.Random(f"{seed}/{name}")
        self.over, self.turn, self.wrong, self.settling = threading.Event(), threading.Lock(), None, False

    def run(self):
        try:
            while not self.over.is_set():
                self.once()
        except BaseException as error:  # pylint: disable=broad-except
            self.wrong = error

    def once(self):
        raise NotImplementedError

    def differs(self, truth):
        """What is missing, left over or old in what it has, as a session says: {name: (its own, the table's)}."""
        raise NotImplementedError

    def end(self):
        self.over.set()
        self.join(OUTAGE)


def difference(have, table):
    return {name: (have.get(name), table.get(name)) for name in table.keys() | have.keys() if have.get(name) != table.get(name)}


class Reader(Follower):
    """Reads the log by SQL, as a server does, in pieces of any size; what it had before a crash it goes on from."""

    def __init__(self, url, seed, number):
        self.kind, self.query = QUERIES[number]
        super().__init__(f"reader of {self.kind} {self.query}", seed)
        self.session, self.replica = Session(url), Replica()

    def relist(self):
        self.replica.begin(*listed(self.session, self.kind, self.query, self.dice))

    def step(self):
        """Whether it moved on."""
        before = self.replica.position
        rows = self.session.rows("SELECT id, line FROM api.watch_read(%s, %s, %s, %s)", self.kind, json.dumps(self.query), before,
                                 self.dice.choice([1, 2, 5, 1000]))
        assert rows[-1][1] is None and all(line for _, line in rows[:-1]), "the last row, and no other, has no event"
        assert rows[-1][0] >= before, "a position never goes back"
        for version, line in rows[:-1]:
            event = json.loads(line)
            assert int(event["object"]["metadata"]["resourceVersion"]) == version, f"an event is at its object's version: {line}"
            assert before < version <= rows[-1][0], "between the positions"
            self.replica.take(event)
        self.replica.position = rows[-1][0]
        return rows[-1][0] > before

    def once(self):
        with self.turn:
            if self.replica.position is None or (not self.settling and self.dice.random() < 0.01):
                self.relist()
            moved = self.step()
        time.sleep(0 if moved else self.dice.random() * IDLE)

    @property
    def events(self):
        return self.replica.events

    def differs(self, truth):
        with self.turn:
            while self.step():
                pass
            return difference(self.replica.have, listed(truth, self.kind, self.query, self.dice)[0])

    def end(self):
        super().end()
        self.session.close()


class Fanout(Follower):
    """Does for agents what a server does: a node asks for its work when the bus says so, and never else."""

    def __init__(self, url, seed):
        super().__init__("the fan-out to nodes", seed)
        self.session, self.position, self.have, self.events = Session(url), None, {}, 0

    @staticmethod
    def work(session, name):
        """None when there is no such node."""
        try:
            return work_of(session.value("SELECT api.node_assignments(%s)", name))
        except psycopg2.Error as error:
            assert error.pgcode == "SR404", error
            return None

    def step(self):
        if self.position is None:
            self.position = self.session.value("SELECT api.bus_read()")["position"]
            self.have = {name: self.work(self.session, name) for name in NODES}
        answer, before = self.session.value("SELECT api.bus_read(%s, %s)", self.position, self.dice.choice([1, 3, 1000])), self.position
        assert not answer["trimmed"] and answer["position"] >= before
        for name in {*answer["nodes"], *answer["channels"]}:
            self.have[name] = self.work(self.session, name)
            self.events += 1
        self.position = answer["position"]
        return self.position > before

    def once(self):
        with self.turn:
            moved = self.step()
        time.sleep(0 if moved else self.dice.random() * IDLE)

    def differs(self, truth):
        with self.turn:
            while self.step():
                pass
            table = {name: self.work(truth, name) for name in NODES}
            return {name: (self.have[name], table[name]) for name in NODES if (self.have[name] or {}) != (table[name] or {})}

    def end(self):
        super().end()
        self.session.close()


class Client(Follower):
    """Speaks HTTP to any of the servers, another one after each loss."""

    def __init__(self, name, seed, servers):
        super().__init__(name, seed)
        self.servers, self.events, self.stream = servers, 0, None

    def once(self):
        try:
            self.follow(self.dice.choice(self.servers).port)
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)

    def follow(self, port):
        """Until the stream ends, or with an error."""
        raise NotImplementedError

    @contextlib.contextmanager
    def ask(self, port, path, method="GET", body=None, stays=False):
        """For longer than anyone waits for a round: a stream that was forgotten is not made up for by a new one."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2 * OUTAGE)
        with contextlib.closing(connection):
            connection.request(method, path, body)
            self.stream = connection.sock if stays else self.stream
            answer = connection.getresponse()
            if answer.status >= 500:
                raise OSError(answer.status)
            yield answer

    def end(self):
        self.over.set()
        with contextlib.suppress(OSError, AttributeError):
            self.stream.shutdown(socket.SHUT_RDWR)
        super().end()


class Watcher(Client):
    """Lists once, then watches from version to version."""

    def __init__(self, seed, number, servers):
        self.kind, self.query = QUERIES[number]
        super().__init__(f"watcher of {self.kind} {self.query}", seed, servers)
        self.replica = Replica()

    def path(self, **more):
        return f"/api/v1/{self.kind.lower()}s?{urllib.parse.urlencode({**self.query, **more}, doseq=True)}"

    def follow(self, port):
        if self.replica.position is None:
            with self.ask(port, self.path()) as answer:
                found = json.load(answer)
            self.replica.begin({item["metadata"]["name"]: int(item["metadata"]["resourceVersion"]) for item in found["items"]},
                               int(found["metadata"]["resourceVersion"]))
        with self.ask(port, self.path(watch="true", allowWatchBookmarks="true", resourceVersion=self.replica.position), stays=True) as answer:
            assert answer.status == 200, (answer.status, answer.read())
            while not self.over.is_set() and (line := answer.readline()).endswith(b"\n"):
                event = json.loads(line)
                assert event["type"] != "ERROR", event
                version = int(event["object"]["metadata"]["resourceVersion"])
                assert version >= self.replica.position, f"{line} after {self.replica.position}"
                if event["type"] != "BOOKMARK":
                    self.replica.take(event)
                    self.events += 1
                self.replica.position = version

    def differs(self, truth):
        return difference(dict(self.replica.have), listed(truth, self.kind, self.query, self.dice)[0])


class Agent(Client):
    """Asks for a channel, of another kind now and then, and looks at its work when it is open and at every wake-up."""

    def __init__(self, seed, node, servers):
        super().__init__(f"agent of {node}", seed, servers)
        self.node, self.have, self.by_kind = node, None, dict.fromkeys(("stream", "postgres"), 0)

    def look(self, port):
        with self.ask(port, f"/api/v1/nodes/{self.node}/assignments") as answer:
            self.have = work_of(json.load(answer)) if answer.status == 200 else None
            assert answer.status in (200, 404), answer.status

    def woken(self, port, kind):
        self.look(port)
        self.events += 1
        self.by_kind[kind] += 1

    def follow(self, port):
        kind = self.dice.choice(list(self.by_kind))
        with self.ask(port, f"/api/v1/nodes/{self.node}/channel", "POST", json.dumps({"kind": kind})) as answer:
            if answer.status == 404:
                self.have = None
                time.sleep(0.02)
                return
            assert answer.status == 200, answer.read()
            issued = json.load(answer)
        assert issued["kind"] == kind, issued
        if kind == "postgres":
            self.listen(port, issued)
        else:
            self.read_stream(port, issued["url"])

    def read_stream(self, port, url):
        with self.ask(port, url, stays=True) as answer:
            if answer.status != 200:
                assert answer.status in (401, 404), answer.read()  # the node is gone, or is a new one
                return
            self.look(port)
            while not self.over.is_set() and (line := answer.readline()):
                if line == b"event: wake\n":
                    self.woken(port, "stream")

    def listen(self, port, issued):
        """Until the session ends: Postgres died, or the node is gone."""
        with contextlib.suppress(psycopg2.OperationalError, psycopg2.InterfaceError):
            with contextlib.closing(psycopg2.connect(issued["conninfo"])) as connection:
                connection.autocommit = True
                connection.cursor().execute(f"LISTEN {issued['channel']}")
                self.look(port)
                while not self.over.is_set():
                    select.select([connection], [], [], IDLE)
                    connection.poll()
                    if connection.notifies:
                        connection.notifies.clear()
                        self.woken(port, "postgres")

    def differs(self, truth):
        have, table = self.have or {}, Fanout.work(truth, self.node) or {}
        return difference(have, table)
