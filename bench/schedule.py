"""schedule.py URL OUTPUT [ROUNDS [SINGLES]]: for bench/schedule. Writes one figure a line to OUTPUT: NAME VALUE.

A cluster of N nodes has 10 N projects of ten classes, each with other rules (CLASSES): all of them pending, decided by one
api.schedule(). What that wrote is kept, undone, and written again by bare INSERTs and UPDATEs without our triggers.
"""
import json
import statistics
import sys
import time

import psycopg2

SIZES = (100, 1000, 10000)
ANYWHERE = [{"operator": "Exists"}]

# Ten kinds of demand: name, how many of them per node, placement, ports, volumes.
CLASSES = (
    ("plain", 1.4, {}, None),
    ("selected", 1.0, {"nodeSelector": {"disk": "ssd"}}, None),
    ("expressed", 1.0, {"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["z0", "z1"]},
                                             {"key": "cores", "operator": "Gt", "values": ["16"]}]}, None),
    ("tolerant", 1.0, {"tolerations": [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}]}, None),
    ("zoned", 1.0, {"spreadBy": "zone"}, None),
    ("packed", 1.0, {"strategy": "BinPack"}, None),
    ("near", 1.0, {"affinity": [{"matchLabels": {"app": "plain"}, "topologyKey": "zone"}]}, None),
    ("apart", 0.8, {"antiAffinity": [{"matchLabels": {"app": "apart"}}], "tolerations": ANYWHERE}, None),
    ("ports", 0.8, {"priority": 10, "tolerations": ANYWHERE}, [{"containerPort": 80, "hostPort": 8080}]),
    ("liking", 1.0, {"affinity": [{"matchLabels": {"app": "selected"}, "topologyKey": "zone", "weight": 50}],
                     "antiAffinity": [{"matchLabels": {"app": "ports"}, "weight": 10}]}, None),
)

NODES = """
    INSERT INTO cara.node (name, labels, spec)
    SELECT 'n' || lpad(i::text, 6, '0'),
           jsonb_build_object('zone', 'z' || i %% 10, 'disk', CASE WHEN i %% 2 = 0 THEN 'ssd' ELSE 'hdd' END, 'cores', (ARRAY['16', '32', '64'])[1 + i %% 3]),
           CASE WHEN i %% 50 = 7 THEN '{"unschedulable":true}'
                WHEN i %% 20 = 3 THEN '{"taints":[{"key":"dedicated","value":"gpu","effect":"NoSchedule"}]}'
                WHEN i %% 20 = 13 THEN '{"taints":[{"key":"old","effect":"PreferNoSchedule"}]}' ELSE '{}' END::jsonb
      FROM generate_series(1, %(count)s) i;
    INSERT INTO cara.node_status (node, reported_state, ready) SELECT name, 'Ready', true FROM cara.node;
    UPDATE cara.node_status SET state = 'Ready', allocatable = jsonb_build_object('cpu', (ARRAY['16', '32', '64'])[1 + substr(node, 2)::int %% 3], 'memory', '64Gi');
    INSERT INTO cara.lease (node, renewed_at) SELECT name, now() FROM cara.node"""

PROJECTS = """
    INSERT INTO cara.project (name, labels, spec)
    SELECT %(name)s || lpad(i::text, 6, '0'), jsonb_build_object('app', %(name)s), %(spec)s::jsonb FROM generate_series(1, %(count)s) i"""

WAITING = "INSERT INTO cara.project_status (project) SELECT name FROM cara.project ON CONFLICT DO NOTHING"

WRITTEN = ("assignment", "project_status", "event", "change", "node_room")

EMPTY = ("TRUNCATE cara.project, cara.assignment, cara.node, cara.node_room, cara.event, cara.change, cara.revision CASCADE; DROP SCHEMA IF EXISTS bench CASCADE")

KEEP = """
    CREATE SCHEMA bench;
    CREATE UNLOGGED TABLE bench.assignment AS SELECT * FROM cara.assignment ORDER BY epoch;
    CREATE UNLOGGED TABLE bench.project_status AS SELECT * FROM cara.project_status ORDER BY resource_version;
    CREATE UNLOGGED TABLE bench.event AS SELECT * FROM cara.event ORDER BY id;
    CREATE UNLOGGED TABLE bench.change AS SELECT * FROM cara.change ORDER BY id;
    CREATE UNLOGGED TABLE bench.node_room AS SELECT * FROM cara.node_room WHERE projects > 0;
    ANALYZE bench.assignment, bench.project_status, bench.event, bench.change, bench.node_room"""

BARE = """
    INSERT INTO cara.assignment SELECT * FROM bench.assignment;
    UPDATE cara.project_status s
       SET phase = b.phase, phase_since = b.phase_since, updated_at = b.updated_at, reason = b.reason, message = b.message, resource_version = b.resource_version
      FROM bench.project_status b WHERE b.project = s.project AND b.phase <> 'Pending';
    INSERT INTO cara.event OVERRIDING SYSTEM VALUE SELECT * FROM bench.event;
    INSERT INTO cara.change SELECT * FROM bench.change;
    UPDATE cara.node_room r SET cpu_taken = b.cpu_taken, memory_taken = b.memory_taken, projects = b.projects FROM bench.node_room b WHERE b.node = r.node"""


class Cluster:
    def __init__(self, url):
        self.connection = psycopg2.connect(url)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()

    def run(self, sql, **values):
        self.cursor.execute(sql, values)

    def value(self, sql, **values):
        self.run(sql, **values)
        return self.cursor.fetchone()[0]

    def fill(self, nodes):
        """Nodes, and pending projects of every class; the log of how they came about is no part of what is measured."""
        self.run(EMPTY)
        self.run(NODES, count=nodes)
        for name, per_node, placement, ports in CLASSES:
            service = {"name": "web", "image": "nginx:1", "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}}}
            spec = {"services": [service | ({"ports": ports} if ports else {})]} | ({"placement": placement} if placement else {})
            self.run(PROJECTS, name=name, spec=json.dumps(spec), count=int(per_node * nodes))
        self.run(WAITING)
        self.settle()

    def settle(self):
        """As autovacuum leaves the tables soon after, and nothing of it still under way."""
        self.run("TRUNCATE cara.event, cara.change")
        self.run("VACUUM ANALYZE")
        self.run("CHECKPOINT")

    def undo(self):
        self.run("TRUNCATE cara.assignment, cara.data_home, cara.event, cara.change")
        self.run("""BEGIN; ALTER TABLE cara.project_status DISABLE TRIGGER USER;
            UPDATE cara.project_status SET phase = 'Pending', reason = '', message = ''; ALTER TABLE cara.project_status ENABLE TRIGGER USER;
            UPDATE cara.node_room SET cpu_taken = 0, memory_taken = 0, projects = 0; COMMIT""")
        self.settle()

    def decide(self):
        began = time.monotonic()
        placed = self.value("SELECT api.schedule()")
        return placed, time.monotonic() - began

    def write_bare(self):
        for table in WRITTEN:
            self.run(f"ALTER TABLE cara.{table} DISABLE TRIGGER USER")
        began = time.monotonic()
        self.run("BEGIN;" + BARE + "; COMMIT")
        took = time.monotonic() - began
        for table in WRITTEN:
            self.run(f"ALTER TABLE cara.{table} ENABLE TRIGGER USER")
        return took


def measure_batches(url, nodes, rounds):
    """Rates of deciding (projects/s), and its time over that of the bare writes, round by round."""
    cluster = Cluster(url)
    rates, ratios = [], []
    cluster.fill(nodes)
    for number in range(rounds):
        if number:
            cluster.undo()
        placed, took = cluster.decide()
        cluster.run("DROP SCHEMA IF EXISTS bench CASCADE")
        cluster.run(KEEP)
        cluster.undo()
        bare = cluster.write_bare()
        rates.append(placed / took)
        ratios.append(took / bare)
        print(f"{nodes} nodes, {nodes * 10} projects: {placed} placed in {took * 1000:.0f} ms, {placed / took:.0f}/s; "
              f"bare writes {bare * 1000:.0f} ms, {took / bare:.2f} x", flush=True)
    return rates, ratios


def measure_singles(url, count):
    """Milliseconds from apply to decided, one project at a time on 1,000 nodes with 10,000 projects."""
    cluster = Cluster(url)
    cluster.fill(1000)
    cluster.decide()
    cluster.settle()
    took = []
    for number in range(-20, count):
        name, _, placement, ports = CLASSES[number % len(CLASSES)]
        service = {"name": "web", "image": "nginx:1", "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}}}
        body = {"metadata": {"name": f"single{number + 20}", "labels": {"app": name}},
                "spec": {"services": [service | ({"ports": [{"containerPort": 80, "hostPort": 20000 + number + 20}]} if ports else {})],
                         "placement": placement}}
        if name == "apart":
            body["metadata"]["labels"] = {"app": f"apart{number}"}
            body["spec"]["placement"] = {"antiAffinity": [{"matchLabels": {"app": f"apart{number}"}}]}
        began = time.monotonic()
        cluster.run("SELECT api.apply(%(body)s::jsonb)", body=json.dumps({"items": [{"kind": "Project"} | body]}))
        placed, _ = cluster.decide()
        if placed != 1:
            sys.exit(f"{name} was not placed")
        if number >= 0:
            took.append((time.monotonic() - began) * 1000)
    took.sort()
    print(f"apply to decided, one of {count} after the other on 1000 nodes with 10000 projects: p50 {statistics.median(took):.1f} ms, "
          f"p99 {took[int(len(took) * 0.99)]:.1f}, {took[0]:.1f} to {took[-1]:.1f}")
    return took[int(len(took) * 0.99)]


def main(url, output, rounds=5, singles=300):
    print(f"api.schedule() of pending projects of {len(CLASSES)} classes, all rules on, in one transaction, durable; {rounds} rounds each size,\n"
          "each followed by the bare INSERTs and UPDATEs of the rows it wrote, without our triggers.")
    rates, ratios = {}, {}
    for nodes in SIZES:
        rates[nodes], ratios[nodes] = measure_batches(url, nodes, rounds)
    for nodes in SIZES:
        print(f"{nodes} nodes: {min(rates[nodes]):.0f} to {max(rates[nodes]):.0f} projects/s, {min(ratios[nodes]):.2f} to {max(ratios[nodes]):.2f} x of bare writes")
    p99 = measure_singles(url, singles)
    with open(output, "w", encoding="utf-8") as file:
        file.write(f"schedule.rate-1000 {statistics.median(rates[1000]):.0f}\n"
                   f"schedule.rate-10000-vs-100 {statistics.median(rates[10000]) / statistics.median(rates[100]):.2f}\n"
                   f"schedule.vs-bare-writes {statistics.median(ratios[1000]):.2f}\n"
                   f"schedule.one-p99 {p99:.1f}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
