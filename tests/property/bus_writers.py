"""What people, agents and servers do to a database, at random: scripts that a seed draws, and those who play them."""
import json
import time

import psycopg2

WRITERS = 16
TRANSACTIONS = 6  # of each writer in a round
NODES = [f"n{i}" for i in range(4)]
PROJECTS = [f"p{i}" for i in range(8)]
EXPECTED = ("SR", "23", "40", "57", "25P02", "55P03")  # refused, in each other's way, or killed
OUTAGE = 30.0


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


def script(dice):
    """Transactions: (steps, whether it commits); steps: (statement, arguments, guarded by a savepoint, undone, a pause)."""
    return [([(*one_change(dice), dice.random() < 0.5, dice.random() < 0.2, dice.random() * 0.004 if dice.random() < 0.3 else 0)
              for _ in range(dice.choice([1, 1, 1, 2, 3, 5]))], dice.random() < 0.75) for _ in range(TRANSACTIONS)]


class Writer:
    """Has one connection for all it plays, until someone ends it."""

    def __init__(self, url, number):
        self.url, self.number, self.connection = url, number, None

    def connect(self):
        """A connection; while there is none to be had, Postgres is being started again."""
        until = time.monotonic() + OUTAGE
        while self.connection is None or self.connection.closed:
            try:
                self.connection = psycopg2.connect(self.url, application_name=f"writer {self.number}",
                                                   options="-c deadlock_timeout=5ms -c lock_timeout=200ms")
            except psycopg2.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)
        return self.connection

    def play(self, transactions, on_done):
        for steps, commits in transactions:
            connection = self.connect()
            try:
                self.steps(connection.cursor(), steps)
                if commits:
                    connection.commit()
                else:
                    connection.rollback()
            except psycopg2.Error as error:  # whoever sent it tries something else
                if error.pgcode and not error.pgcode.startswith(EXPECTED):
                    raise
                try:
                    connection.rollback()
                except psycopg2.Error:  # killed meanwhile
                    connection.close()
            on_done()

    @staticmethod
    def steps(cursor, steps):
        for sql, arguments, guarded, undone, pause in steps:
            if guarded:
                cursor.execute("SAVEPOINT step")
            try:
                cursor.execute(sql, arguments)
            except psycopg2.Error as error:
                if not guarded or (error.pgcode or "57").startswith(("57", "40")):
                    raise
                cursor.execute("ROLLBACK TO step")
            if guarded and undone:
                cursor.execute("ROLLBACK TO step")
            time.sleep(pause)

    def close(self):
        if self.connection is not None:
            self.connection.close()
