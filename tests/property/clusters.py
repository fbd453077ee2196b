"""Random small clusters, the same for the same seed, and how they get into the tables and back."""
import json
import random

from reference import Cluster, Node, Project, quantity

ZONES, DISKS, CORES, APPS = ("a", "b", "c"), ("ssd", "hdd"), ("4", "8", "-2", "many"), ("web", "db", "job")
TAINTS = (("gpu", "only"), ("old", ""), ("dedicated", "ann"))
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
CPUS, MEMORIES = ("100m", "250m", "500m", "0.7", "1", "2"), ("64Mi", "128Mi", "300M", "512Mi", "1Gi")
PORTS = (80, 443, 8080)


class Dice(random.Random):
    def often(self, share):
        return self.random() < share

    def some(self, items, least=1):
        return self.sample(items, self.randint(least, len(items)))


def expression(dice):
    key = dice.choice(("zone", "disk", "cores", "none"))
    operator = dice.choice(("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"))
    if operator in ("In", "NotIn"):
        return {"key": key, "operator": operator, "values": dice.some(ZONES + DISKS)}
    if operator in ("Gt", "Lt"):
        return {"key": key, "operator": operator, "values": [dice.choice(("-3", "4", "6"))]}
    return {"key": key, "operator": operator}


def term(dice, own=None):
    out = {}
    if dice.often(0.8):
        out["matchLabels"] = {"app": own if own and dice.often(0.5) else dice.choice(APPS)}
    if not out or dice.often(0.2):
        out["matchExpressions"] = [{"key": "app", "operator": dice.choice(("In", "NotIn")), "values": dice.some(APPS)}]
    if dice.often(0.5):
        out["topologyKey"] = dice.choice(("zone", "disk"))
    if dice.often(0.4):
        out["weight"] = dice.choice((1, 10, 100))
    return out


def toleration(dice):
    key, value = dice.choice(TAINTS)
    out = dice.choice(({"operator": "Exists"}, {"key": key, "operator": "Exists"}, {"key": key, "value": value} if value else {"key": key}))
    return out | ({"effect": dice.choice(EFFECTS)} if dice.often(0.4) else {})


def placement(dice, app):
    out = {}
    if dice.often(0.15):
        out["nodeSelector"] = {"disk": dice.choice(DISKS)}
    if dice.often(0.2):
        out["matchExpressions"] = [expression(dice) for _ in range(dice.randint(1, 2))]
    if dice.often(0.35):
        out["tolerations"] = [toleration(dice) for _ in range(dice.randint(1, 2))]
    if dice.often(0.3):
        out["strategy"] = dice.choice(("BinPack", "Spread"))
    if dice.often(0.2):
        out["spreadBy"] = "zone"
    if dice.often(0.2):
        out["affinity"] = [term(dice, app) for _ in range(dice.randint(1, 2))]
    if dice.often(0.2):
        out["antiAffinity"] = [term(dice, app) for _ in range(dice.randint(1, 2))]
    if dice.often(0.4):
        out["priority"] = dice.choice((-5, 5, 10))
    if dice.often(0.15):
        out["preemption"] = dice.choice(("Never", "Lower"))
    return out


def spec(dice, app):
    services = []
    for number in range(dice.choice((1, 1, 2))):
        service = {"name": f"s{number}", "image": "x"}
        kind = dice.choice(("requests", "requests", "limits"))
        asked = {name: dice.choice(amounts) for name, amounts in (("cpu", CPUS), ("memory", MEMORIES)) if dice.often(0.7)}
        if asked:
            service["resources"] = {kind: asked}
        if dice.often(0.15):
            service["ports"] = [{"containerPort": 1, "hostPort": port} | ({"protocol": "UDP"} if dice.often(0.3) else {})
                                for port in dice.some(PORTS[:2])]
        services.append(service)
    out = {"services": services}
    if dice.often(0.15):
        out["volumes"] = [{"name": "v", "type": dice.choice(("Local", "Local", "Ephemeral"))}]
    rules = placement(dice, app)
    return out | ({"placement": rules} if rules else {})


def node(dice, name):
    labels = {}
    if dice.often(0.85):
        labels["zone"] = dice.choice(ZONES)
    if dice.often(0.7):
        labels["disk"] = dice.choice(DISKS)
    if dice.often(0.5):
        labels["cores"] = dice.choice(CORES)
    taints = [{"key": key, "effect": dice.choice(EFFECTS)} | ({"value": value} if value else {}) for key, value in TAINTS if dice.often(0.1)]
    return Node(name, labels, taints, dice.choice((None, 1000, 1500, 2000, 4000)), dice.choice((None, 2**29, 2**30, 3 * 2**29, 2**31)),
                dice.choice(("Ready",) * 12 + ("NotReady", "Draining")), dice.often(0.06), "DiskPressure" if dice.often(0.06) else "")


def running(dice, nodes, count):
    """Somewhere, whether or not it should be there: rules change after the fact. Only cpu, memory and ports are as if decided."""
    cluster = Cluster(nodes, {})
    for number in range(count):
        app = dice.choice(APPS)
        one = Project(f"r{number}", {"app": app} if dice.often(0.9) else {}, spec(dice, app), dice.choice(("Running",) * 5 + ("Scheduled", "Failed", "Terminating")))
        for where in dice.some(list(nodes.values())):
            there = cluster.on(where)
            if ((where.cpu is None or sum(p.cpu for p in there) + one.cpu <= where.cpu)
                    and (where.memory is None or sum(p.memory for p in there) + one.memory <= where.memory)
                    and not any(one.ports & p.ports for p in there)):
                one.node = where.name
                one.home = where.name if one.keeps_data else None
                cluster.projects[one.name] = one
                break
    return cluster


def random_cluster(seed):
    dice = Dice(seed)
    nodes = {name: node(dice, name) for name in (f"n{i}" for i in range(dice.randint(1, 6)))}
    cluster = running(dice, nodes, dice.randint(0, 8))
    number = 0
    for _ in range(dice.randint(1, 4)):
        app = dice.choice(APPS)
        one = spec(dice, app)
        for _ in range(dice.choice((1, 1, 2, 4))):
            project = Project(f"p{number}", {"app": app}, one, since=dice.randint(0, 3))
            if project.keeps_data and dice.often(0.6):
                project.home = dice.choice(list(nodes) + ["gone"])
            if dice.often(0.1):
                project.left.append((dice.choice(list(nodes)), dice.choice((5, 10000)), dice.choice(("NodeLost", "Forced", "Drained", "Drained"))))
            cluster.projects[project.name] = project
            number += 1
    return cluster


def even_cluster(seed):
    """Equal nodes with room for all, one class of projects that says nothing of others: where greedy() is exact."""
    dice = Dice(seed)
    limits = (None, None) if dice.often(0.5) else (3000, 2**31)
    nodes = {f"n{i}": Node(f"n{i}", {"zone": dice.choice(ZONES)} if dice.often(0.9) else {}, [], *limits) for i in range(dice.randint(1, 7))}
    cluster = Cluster(nodes, {})
    for number in range(dice.randint(0, 10)):
        one = Project(f"r{number}", {}, {"services": [{"name": "s", "image": "x"}]}, "Running", node=dice.choice(list(nodes)))
        cluster.projects[one.name] = one
    rules = {"strategy": "BinPack"} if dice.often(0.3) else {"spreadBy": "zone"} if dice.often(0.5) else {}
    service = {"name": "s", "image": "x", "resources": {"requests": {"cpu": dice.choice(CPUS)}}}
    for number in range(dice.randint(1, 25)):
        one = Project(f"p{number:02}", {}, {"services": [service], "placement": rules})
        cluster.projects[one.name] = one
    return cluster


# --- into the tables ---------------------------------------------------------------------------------------------

LOAD = """
    INSERT INTO cara.node (name, labels, spec)
    SELECT n->>'name', n->'labels', jsonb_strip_nulls(jsonb_build_object('taints', nullif(n->'taints', '[]'), 'unschedulable', nullif(n->'unschedulable', 'false')))
      FROM jsonb_array_elements(%(nodes)s) n;
    INSERT INTO cara.node_status (node, state, reported_state, ready, pressure, allocatable)
    SELECT n->>'name', n->>'state', n->>'state', n->>'state' <> 'NotReady', n->>'pressure',
           jsonb_strip_nulls(jsonb_build_object('cpu', (n->>'cpu') || 'm', 'memory', n->>'memory'))
      FROM jsonb_array_elements(%(nodes)s) n;
    INSERT INTO cara.project (name, labels, spec, deleted_at)
    SELECT p->>'name', p->'labels', p->'spec', CASE p->>'phase' WHEN 'Terminating' THEN %(now)s::timestamptz END FROM jsonb_array_elements(%(projects)s) p;
    INSERT INTO cara.project_status (project, phase, phase_since)
    SELECT p->>'name', p->>'phase', %(now)s::timestamptz - interval '1 hour' + (p->>'since')::int * interval '1 second' FROM jsonb_array_elements(%(projects)s) p;
    INSERT INTO cara.data_home (project, node) SELECT p->>'name', p->>'home' FROM jsonb_array_elements(%(projects)s) p WHERE p->>'home' IS NOT NULL;
    INSERT INTO cara.assignment (project, node, why, decided_at, released_at, released_because)
    SELECT p->>'name', l->>0, 'Spread', %(now)s::timestamptz - interval '1 day', %(now)s::timestamptz - (l->>1)::int * interval '1 second', l->>2
      FROM jsonb_array_elements(%(projects)s) p, jsonb_array_elements(p->'left') l;
    INSERT INTO cara.assignment (project, node, why, decided_at, cpu, memory)
    SELECT p->>'name', p->>'node', 'Spread', %(now)s::timestamptz - interval '1 day', d.cpu, d.memory
      FROM jsonb_array_elements(%(projects)s) p JOIN cara.demand d ON d.project = p->>'name' WHERE p->>'node' IS NOT NULL;
"""


def load(cursor, cluster, now):
    # the trigger on node_status looks at what changes: a first report comes as a change
    cursor.execute(LOAD, {"now": now,
                          "nodes": json.dumps([vars(n) for n in cluster.nodes.values()]),
                          "projects": json.dumps([vars(p) for p in cluster.projects.values()])})
    cursor.execute("UPDATE cara.node_status SET allocatable = allocatable")


def after(cursor, cluster):
    """The same cluster as the tables have it now."""
    cursor.execute("""SELECT s.project, s.phase, a.node, h.node FROM cara.project_status s
                        LEFT JOIN cara.assignment a ON a.project = s.project AND a.released_at IS NULL
                        LEFT JOIN cara.data_home h ON h.project = s.project""")
    projects = {}
    for name, phase, where, home in cursor.fetchall():
        was = cluster.projects[name]
        projects[name] = Project(name, was.labels, was.spec, phase, was.since, where, home, was.left)
    return Cluster(cluster.nodes, projects)


__all__ = ["after", "even_cluster", "load", "quantity", "random_cluster"]
