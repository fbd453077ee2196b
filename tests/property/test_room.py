"""node_room, demand and data_home after random sequences of what people, agents and the clock do; and no node is given more than it has."""
import json
import os

from clusters import CPUS, MEMORIES, Dice
from test_schedule import each_seed, room_is_counted

COUNT = int(os.environ.get("PROPERTY_STEPS", "40"))


class Story:
    """A cluster of three nodes and its day, through the functions that programs call."""

    def __init__(self, cursor, seed):
        self.cursor, self.dice, self.clock = cursor, Dice(seed), 0
        self.shrunk = set()
        self.machines = {name: {"cpu": self.dice.choice(("1", "2", "3")), "memory": self.dice.choice(("1Gi", "2Gi"))} for name in ("n1", "n2", "n3")}
        for name in ("n1", "n2", "n3"):
            self.node(name)

    def now(self):
        return f"2030-01-01T00:{self.clock // 60:02}:{self.clock % 60:02}Z"

    def call(self, sql, *args):
        """A refusal is an answer, too."""
        self.cursor.execute("SAVEPOINT call")
        try:
            self.cursor.execute(sql, [json.dumps(a) if isinstance(a, dict) else a for a in args])
        except Exception as error:
            assert error.pgcode and error.pgcode.startswith("SR"), str(error)
            self.cursor.execute("ROLLBACK TO call")
            return None
        return self.cursor.fetchone()[0]

    def beat(self, name, **body):
        self.call("SELECT api.node_heartbeat(%s, %s, %s)", name, body, self.now())

    def node(self, name):
        spec = {"reserved": {"cpu": "100m"}} if self.dice.often(0.3) else {}
        if spec:
            self.shrunk.add(name)  # what was decided before stays
        self.call("SELECT api.apply(%s)", {"items": [{"kind": "Node", "metadata": {"name": name, "labels": {"zone": name}}, "spec": spec}]})
        self.beat(name, state="Ready", allocatable=self.machines[name])

    def project(self, name):
        requests = {"cpu": self.dice.choice(CPUS), "memory": self.dice.choice(MEMORIES)}
        service = {"name": "s", "image": "x", "resources": {"requests": requests}}
        if self.dice.often(0.2):
            service["ports"] = [{"containerPort": 80, "hostPort": self.dice.choice((80, 443))}]
        placement = {"priority": self.dice.choice((0, 0, 5)), "strategy": self.dice.choice(("Spread", "BinPack"))}
        if self.dice.often(0.2):
            placement["nodeSelector"] = {"zone": self.dice.choice(("n1", "n2"))}
        spec = {"services": [service], "placement": placement, "onNodeLost": self.dice.choice(("Reschedule", "Wait"))}
        if self.dice.often(0.2):
            spec["volumes"] = [{"name": "v", "type": "Local"}]
        self.call("SELECT api.apply(%s)", {"items": [{"kind": "Project", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}]})

    def report(self, phase):
        """Agents answer for all they have: what is to go is gone, the rest is as it is."""
        for node in ("n1", "n2", "n3"):
            answer = self.call("SELECT api.node_assignments(%s)", node)
            reports = [{"project": i["project"], "epoch": i["epoch"], "generation": i["generation"],
                        "phase": "Terminated" if i["desired"] == "Removed" else phase} for i in (answer or {"items": []})["items"]]
            self.call("SELECT api.node_report(%s, %s, %s)", node, {"reports": reports}, self.now())

    def step(self):
        dice, name, node = self.dice, f"p{self.dice.randint(1, 9)}", self.dice.choice(("n1", "n2", "n3"))
        self.clock += dice.choice((1, 1, 1, 30, 120))
        what = dice.choice(("apply", "apply", "apply", "delete", "force", "unpin", "node", "drop", "wipe", "cordon", "uncordon", "drain", "lose", "beat", "report", "report", "fail", "rebalance"))
        if what == "apply":
            self.project(name)
        elif what in ("delete", "force"):
            self.call("SELECT api.project_delete(%s, %s, 'ann')", name, {"force": ["true"]} if what == "force" else {})
        elif what == "node":
            self.node(node)
        elif what == "drop":
            self.call("SELECT api.node_delete(%s, 'ann')", node)
        elif what == "wipe":
            self.cursor.execute("DELETE FROM cara.node WHERE name = %s", (node,))  # someone in psql
        elif what in ("cordon", "uncordon", "drain"):
            self.call(f"SELECT api.node_{what}(%s)", node)
        elif what == "unpin":
            self.call("SELECT api.project_unpin(%s, 'ann')", name)
        elif what == "lose":
            self.beat(node, state="NotReady")
        elif what == "beat":
            self.beat(node, state="Ready")
        elif what == "rebalance":
            self.call("SELECT api.rebalance('{}', 'ann')")
        else:
            self.report("Running" if what == "report" else "Failed")
        self.cursor.execute("UPDATE cara.clock SET judge_after = '-infinity', last_tick_at = %s", (self.now(),))
        if dice.often(0.7):
            self.call("SELECT api.tick(false, %s)", self.now())
            return what + ", tick"
        return what


def is_consistent(cursor):
    room_is_counted(cursor)
    cursor.execute("SELECT p.name FROM cara.project p LEFT JOIN cara.demand d ON d.project = p.name"
                   " WHERE d IS DISTINCT FROM jsonb_populate_record(cara.demand_of(p.name, p.spec), jsonb_build_object('changed', d.changed))")
    assert not cursor.fetchall(), "demand is not what the spec asks for"
    cursor.execute("""SELECT a.project FROM cara.assignment a JOIN cara.demand d ON d.project = a.project AND d.keeps_data
                        JOIN cara.data_home h ON h.project = a.project
                       WHERE a.released_at IS NULL AND NOT d.changed AND a.node <> h.node""")
    assert not cursor.fetchall(), "a project with data runs away from it"
    cursor.execute("""SELECT s.project, s.phase, a.node FROM cara.project_status s LEFT JOIN cara.assignment a ON a.project = s.project AND a.released_at IS NULL
                       WHERE (s.phase IN ('Scheduled', 'Running')) AND a.node IS NULL OR s.phase = 'Pending' AND a.node IS NOT NULL""")
    assert not cursor.fetchall(), "a phase without its node, or a node without its phase"


def nobody_has_too_much(cursor, shrunk):
    """Of nodes that answer, and offer as much as they always did; whether they are open or not."""
    cursor.execute("""SELECT r.node FROM cara.node_room r JOIN cara.node_status s ON s.node = r.node
                       WHERE (r.cpu_taken > r.cpu OR r.memory_taken > r.memory) AND s.state <> 'NotReady'
                         AND NOT EXISTS (SELECT FROM cara.assignment a JOIN cara.demand d ON d.project = a.project AND d.changed
                                          WHERE a.node = r.node AND a.released_at IS NULL)""")
    assert not {row[0] for row in cursor.fetchall()} - shrunk, "a node has more than it can take"


def check_story(cursor, seed):
    story = Story(cursor, seed)
    told = []
    for number in range(COUNT):
        told.append(story.step())
        try:
            is_consistent(cursor)
            if told[-1].endswith("tick"):
                nobody_has_too_much(cursor, story.shrunk)
        except AssertionError as failure:
            raise AssertionError(f"step {number} ({'; '.join(told[-3:])}): {failure}") from None


def test_what_is_taken_is_what_projects_take(databases):
    each_seed(databases, 50, check_story)
