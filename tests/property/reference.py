"""The scheduler's rules once more, slow and obvious: one project, one node, one rule after the other. No SQL, no sets, no cleverness.

A Cluster is what the database holds, read back or made up; verdict() is what cara.verdicts() has to say of one node, and
greedy() where one project after the other would go.
"""
import re
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal

SUFFIXES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60,
            "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": 1,
            "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
PLENTY = 1000000000


def quantity(text, scale):
    """How much a Kubernetes quantity is, times scale, rounded up; None for None."""
    if text is None:
        return None
    number, exponent, suffix = re.fullmatch(r"([0-9.]+)(?:[eE]([+-]?[0-9]+))?([A-Za-z]*)", text).groups()
    value = Decimal(number) * scale * Decimal(10) ** int(exponent or 0) * SUFFIXES[suffix]
    return int(value.to_integral_value(rounding=ROUND_CEILING))


@dataclass
class Node:
    name: str
    labels: dict
    taints: list
    cpu: int  # None: no limit
    memory: int
    state: str = "Ready"
    unschedulable: bool = False
    pressure: str = ""


@dataclass
class Project:
    name: str
    labels: dict
    spec: dict
    phase: str = "Pending"
    since: int = 0
    node: str = None
    home: str = None
    left: list = field(default_factory=list)  # [node, seconds since it was released, why], not yet cleared away

    @property
    def placement(self):
        return self.spec.get("placement", {})

    def asks(self, resource, scale):
        total = 0
        for service in self.spec["services"]:
            resources = service.get("resources", {})
            for kind in ("requests", "limits"):
                if resource in resources.get(kind, {}):
                    total += quantity(resources[kind][resource], scale)
                    break
        return total

    @property
    def cpu(self):
        return self.asks("cpu", 1000)

    @property
    def memory(self):
        return self.asks("memory", 1)

    @property
    def ports(self):
        return {(port["hostPort"], port.get("protocol", "TCP"))
                for service in self.spec["services"] for port in service.get("ports", []) if "hostPort" in port}

    @property
    def keeps_data(self):
        return any(volume["type"] == "Local" for volume in self.spec.get("volumes", []))

    @property
    def priority(self):
        return self.placement.get("priority", 0)

    @property
    def preempts(self):
        return self.placement.get("preemption") != "Never"

    @property
    def packs(self):
        return self.placement.get("strategy") == "BinPack"

    def terms(self, kind, required):
        return [term for term in self.placement.get(kind, []) if ("weight" not in term) == required]


@dataclass
class Cluster:
    nodes: dict
    projects: dict

    def on(self, node, but=None):
        return [p for p in self.projects.values() if p.node == node.name and p is not but]

    def placed(self, but=None):
        return [p for p in self.projects.values() if p.node in self.nodes and p is not but]

    def load(self, node, but=None):
        return len(self.on(node, but))

    def used(self, node):
        """The fuller of the two, as a share."""
        shares = [0.0]
        if node.cpu:
            shares.append(sum(p.cpu for p in self.on(node)) / node.cpu)
        if node.memory:
            shares.append(sum(p.memory for p in self.on(node)) / node.memory)
        return max(shares)


def matches_expression(labels, expression):
    value, values = labels.get(expression["key"]), expression.get("values", [])
    operator = expression["operator"]
    if operator == "In":
        return value is not None and value in values
    if operator == "NotIn":
        return value is None or value not in values
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    if value is None or not re.fullmatch(r"-?[0-9]{1,18}", value):
        return False
    return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])


def matches(labels, selector):
    return (all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
            and all(matches_expression(labels, expression) for expression in selector.get("matchExpressions", [])))


def domain(node, key):
    return node.name if key is None else node.labels.get(key)


def tolerates(toleration, taint):
    if toleration.get("effect", taint["effect"]) != taint["effect"]:
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key", taint["key"]) == taint["key"]
    return toleration["key"] == taint["key"] and toleration.get("value", "") == taint.get("value", "")


def untolerated(node, project, effects):
    for taint in node.taints:
        if taint["effect"] in effects and not any(tolerates(t, taint) for t in project.placement.get("tolerations", [])):
            value = f"={taint['value']}" if taint.get("value") else ""
            return f"{taint['key']}{value}:{taint['effect']}"
    return None


def together(cluster, one, other, key):
    """Are the two nodes in one domain?"""
    return domain(one, key) is not None and domain(one, key) == domain(other, key)


def met(cluster, project, node, term):
    """Is there a project that the term matches in the node's domain?"""
    return any(matches(other.labels, term) and together(cluster, node, cluster.nodes[other.node], term.get("topologyKey"))
               for other in cluster.placed(but=project))


def repelled(cluster, project, node):
    """By its own antiAffinity, or by that of one which is there."""
    if any(met(cluster, project, node, term) for term in project.terms("antiAffinity", required=True)):
        return True
    return any(matches(project.labels, term) and together(cluster, node, cluster.nodes[other.node], term.get("topologyKey"))
               for other in cluster.placed(but=project) for term in other.terms("antiAffinity", required=True))


def alone(cluster, project, node):
    """Does a required affinity find nobody? The first of its own kind may start a domain."""
    for term in project.terms("affinity", required=True):
        first = (matches(project.labels, term) and domain(node, term.get("topologyKey")) is not None
                 and not any(matches(other.labels, term) and domain(cluster.nodes[other.node], term.get("topologyKey")) is not None
                             for other in cluster.placed(but=project)))
        if not first and not met(cluster, project, node, term):
            return True
    return False


def show_cpu(millicores):
    return str(millicores // 1000) if millicores % 1000 == 0 else f"{millicores}m"


def show_memory(size):
    if size >= 2**30 and size % 2**30 == 0:
        return f"{size // 2**30}Gi"
    for unit, name in ((2**20, "Mi"), (2**10, "Ki")):
        if size >= unit:
            return f"{-(-size // unit)}{name}"
    return str(size)


def verdict(cluster, project, node, ignore=()):
    """(reason, lacks) of the first rule that keeps the project from the node; (None, None) when none does."""
    others = cluster.on(node, but=project)
    cpu_free = None if node.cpu is None else node.cpu - sum(p.cpu for p in others)
    memory_free = None if node.memory is None else node.memory - sum(p.memory for p in others)
    pinned = project.home if project.keeps_data else None
    placement = project.placement
    taint = untolerated(node, project, ("NoSchedule", "NoExecute"))
    if node.state != "Ready":
        return node.state, None
    if node.unschedulable:
        return "Unschedulable", None
    if node.pressure:
        return "Pressure", node.pressure
    if pinned is not None and pinned != node.name:
        return "DataElsewhere", pinned
    if not matches(node.labels, {"matchLabels": placement.get("nodeSelector", {})}):
        return "NodeSelector", None
    if not matches(node.labels, {"matchExpressions": placement.get("matchExpressions", [])}):
        return "MatchExpressions", None
    if taint:
        return "Taint", taint
    if "HostPort" not in ignore and any(project.ports & other.ports for other in others):
        return "HostPort", None
    if "AntiAffinity" not in ignore and repelled(cluster, project, node):
        return "AntiAffinity", None
    if "Affinity" not in ignore and alone(cluster, project, node):
        return "Affinity", None
    if "CPU" not in ignore and cpu_free is not None and project.cpu > 0 and cpu_free < project.cpu:
        return "CPU", show_cpu(project.cpu - cpu_free)
    if "Memory" not in ignore and memory_free is not None and project.memory > 0 and memory_free < project.memory:
        return "Memory", show_memory(project.memory - memory_free)
    return None, None


def fitting(cluster, project):
    return [node for node in cluster.nodes.values() if verdict(cluster, project, node)[0] is None]


def liking(cluster, project, node):
    """What preferred terms and PreferNoSchedule taints make of a node."""
    score = -1000 if untolerated(node, project, ("PreferNoSchedule",)) else 0
    for kind, sign in (("affinity", 1), ("antiAffinity", -1)):
        score += sum(sign * term["weight"] for term in project.terms(kind, required=False) if met(cluster, project, node, term))
    return score


def best(cluster, project):
    """The node that one project alone goes to, or None."""
    nodes = fitting(cluster, project)
    if not nodes:
        return None
    most = max(liking(cluster, project, node) for node in nodes)
    nodes = [node for node in nodes if liking(cluster, project, node) == most]
    if project.packs:
        return min(nodes, key=lambda n: (-cluster.used(n), -cluster.load(n), n.name))
    key = project.placement.get("spreadBy")

    def zone(node):
        return node.labels.get(key, "") if key else ""

    def zone_load(node):
        return sum(cluster.load(other) for other in cluster.nodes.values() if zone(other) == zone(node))

    return min(nodes, key=lambda n: (zone_load(n), zone(n), cluster.load(n), n.name))


def greedy(cluster, projects):
    """One after the other to its best node: changes the cluster."""
    for project in projects:
        node = best(cluster, project)
        if node is None:
            break
        project.node = node.name


def waits_for_what_it_left(cluster, project, timeout):
    return any(node in cluster.nodes and cluster.nodes[node].state != "NotReady" and ago < timeout and why not in ("NodeLost", "Forced")
               for node, ago, why in project.left)


def preemption_would_help(cluster, project):
    """Is there a node where it would fit if every lower priority left, and where only cpu, memory or ports stand in the way?"""
    if not project.preempts:
        return False
    for node in cluster.nodes.values():
        if verdict(cluster, project, node, ignore=("CPU", "Memory", "HostPort"))[0] is not None:
            continue
        lower = [p for p in cluster.on(node) if p.priority < project.priority and p.phase in ("Scheduled", "Running", "Failed")]
        rest = {name: p for name, p in cluster.projects.items() if p not in lower}
        if lower and verdict(Cluster(cluster.nodes, rest), project, node)[0] is None:
            return True
    return False
