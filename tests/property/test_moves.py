"""Drains, rebalances and their plans on random clusters: who is taken off has a place, and what was foretold is what happens."""
import json
from datetime import datetime, timezone

from clusters import CPUS, Dice, load, placement, random_cluster
from reference import Cluster, Node, Project
from test_schedule import each_seed, room_is_counted

NOW = datetime.now(timezone.utc).isoformat()  # as forecasts and plans are made by the clock
ROUNDS = 8


def ask(cursor, sql, *args):
    cursor.execute(sql, [json.dumps(a) if isinstance(a, dict) else a for a in args])
    return cursor.fetchone()[0]


def rows(cursor, sql, *args):
    cursor.execute(sql, args)
    return cursor.fetchall()


def places(cursor):
    return dict(rows(cursor, "SELECT project, node FROM cara.assignment WHERE released_at IS NULL"))


def clear_away(cursor):
    """As all agents do: what is to go is gone."""
    cursor.execute("UPDATE cara.assignment SET gone_at = %s WHERE released_at IS NOT NULL AND gone_at IS NULL", (NOW,))


def decide(cursor):
    moved = ask(cursor, "SELECT cara.evict_unwanted(%s, 1000000)", NOW)
    return moved + ask(cursor, "SELECT api.schedule(%s)", NOW)


def settle(cursor):
    """Decides and clears away until nothing happens any more."""
    for _ in range(ROUNDS):
        moved = decide(cursor)
        clear_away(cursor)
        if not moved:
            return
    raise AssertionError("it never comes to rest")


def settled_cluster(cursor, seed):
    """At rest; where it is full, with some room in it again."""
    dice = Dice(seed)
    load(cursor, crowded_cluster(dice) if dice.often(0.5) else random_cluster(seed), NOW)
    cursor.execute("DELETE FROM cara.project WHERE deleted_at IS NOT NULL")
    settle(cursor)
    if dice.often(0.5):
        cursor.execute("DELETE FROM cara.project p USING cara.project_status s WHERE s.project = p.name AND s.phase = 'Pending'")
        cursor.execute("DELETE FROM cara.project WHERE name = ANY (%s)", (dice.sample(sorted(places(cursor)), min(3, len(places(cursor)))),))
    return dice


def crowded_cluster(dice):
    """A few kinds of projects, many of each, on nodes that just hold them."""
    nodes = {f"n{i}": Node(f"n{i}", {"zone": dice.choice("ab")}, [], dice.choice((1000, 1500, 2000)), None, "Ready", False, "") for i in range(dice.randint(2, 5))}
    cluster = Cluster(nodes, {})
    for kind in range(dice.randint(1, 4)):
        app = dice.choice(("web", "db"))
        one = {"services": [{"name": "s", "image": "x", "resources": {"requests": {"cpu": dice.choice(CPUS[:5])}}}]}
        if dice.often(0.5):
            one["placement"] = {key: rule for key, rule in placement(dice, app).items() if key in ("strategy", "spreadBy", "affinity", "antiAffinity", "priority")}
        for number in range(dice.randint(1, 6)):
            name = f"k{kind}{number}"
            cluster.projects[name] = Project(name, {"app": app}, one, since=dice.randint(0, 3))
    return cluster


def last_releases(cursor):
    return dict(rows(cursor, """SELECT DISTINCT ON (a.project) a.project, a.released_because FROM cara.assignment a
                                 WHERE a.released_at = %s ORDER BY a.project, a.epoch DESC""", NOW))


def check_drain(cursor, seed):
    dice = settled_cluster(cursor, seed)
    before = places(cursor)
    name = dice.choice([row[0] for row in rows(cursor, "SELECT name FROM cara.node ORDER BY name")])
    foretold = ask(cursor, "SELECT api.node_drain(%s, %s)", name, {"dryRun": ["true"]})
    plan = ask(cursor, "SELECT api.plan(%s)", {"drain": name})["items"]
    assert places(cursor) == before, "a forecast moved something"
    drained = ask(cursor, "SELECT api.node_drain(%s, '{}')", name)
    assert (drained["leaving"], drained["staying"]) == (foretold["leaving"], foretold["staying"]), "a dry run is not the drain"
    decide(cursor)
    left = sorted(p for p, at in before.items() if at == name and places(cursor).get(p) != name)
    assert left == foretold["leaving"], f"left {left}, foretold {foretold['leaving']}"
    for _ in range(dice.randint(0, 2)):  # the clock ticks while they are on their way
        decide(cursor)
    clear_away(cursor)
    settle(cursor)
    now = places(cursor)
    room_is_counted(cursor)
    for project, because in last_releases(cursor).items():
        assert because != "Drained" or project in now, f"{project} was drained and has no place"
    stays = sorted(p for p, at in now.items() if at == name)
    assert stays == sorted(i["name"] for i in plan if i["action"] == "stay"), f"{stays} stay, the plan says {plan}"
    for item in plan:
        if item["action"] == "move":
            assert now.get(item["name"]) == item["to"], f"{item} was planned, it is on {now.get(item['name'])}"


def test_a_drain_does_what_it_said_and_leaves_nobody_without_a_place(databases):
    each_seed(databases, 400, check_drain)


def check_rebalance(cursor, seed):
    settled_cluster(cursor, seed)
    before = places(cursor)
    planned = ask(cursor, "SELECT api.rebalance(%s)", {"dryRun": ["true"]})["items"]
    assert places(cursor) == before, "a dry run moved something"
    assert ask(cursor, "SELECT api.rebalance('{}')")["items"] == planned
    decide(cursor)
    clear_away(cursor)
    settle(cursor)
    now = places(cursor)
    because = last_releases(cursor)
    moved = {p: now.get(p) for p, at in before.items() if now.get(p) != at and because.get(p) != "Preempted"}  # for one that gets the room that was left
    assert moved == {i["name"]: i["to"] for i in planned}, f"moved {moved}, planned {planned}"


def test_a_rebalance_moves_what_it_said_and_nothing_else(databases):
    each_seed(databases, 400, check_rebalance)
