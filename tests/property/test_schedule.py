"""api.schedule() against a slow and obvious reference: thousands of random small clusters, every rule.

    DATABASE_URL=... /usr/bin/python3 -m pytest tests/property          about a minute
    PROPERTY_SEEDS=100000 ...                                           as many clusters as that
    PROPERTY_SEED=4711 ...                                              this one alone: a failure names its seed
"""
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from clusters import after, even_cluster, load, random_cluster
from reference import Cluster, best, greedy, liking, preemption_would_help, verdict, waits_for_what_it_left

SEEDS = int(os.environ.get("PROPERTY_SEEDS", "0"))
ONLY = os.environ.get("PROPERTY_SEED")
NOW = "2030-01-01T00:00:00Z"
TIMEOUT = 600  # terminating_timeout, in seconds


def each_seed(databases, count, check):
    """Runs check(cursor, seed) in a transaction of its own for every seed; one line for each that fails."""
    seeds = [int(ONLY)] if ONLY else range(SEEDS or count)

    def run(database, share):
        failures = []
        for number, seed in enumerate(share):
            with database.rolled_back(number) as cursor:
                try:
                    check(cursor, seed)
                except AssertionError as failure:
                    failures.append((seed, str(failure).splitlines()[0]))
            if len(failures) >= 10:
                break
        return failures

    with ThreadPoolExecutor(len(databases)) as pool:
        shares = [seeds[number::len(databases)] for number in range(len(databases))]
        failures = sorted(sum(pool.map(run, databases, shares), []))
    if failures:
        pytest.fail("\n".join(f"PROPERTY_SEED={seed}: {what}" for seed, what in failures), pytrace=False)


def schedule(cursor):
    cursor.execute("SELECT api.schedule(%s)", (NOW,))
    return cursor.fetchone()[0]


def decisions(cursor):
    cursor.execute("""SELECT project, node, score, runner_up, runner_up_score, excluded::text, rank() OVER (ORDER BY epoch)
                        FROM cara.assignment WHERE decided_at = %s ORDER BY epoch""", (NOW,))
    return cursor.fetchall()


def verdicts_are_the_same(cursor, cluster):
    cursor.execute("""SELECT d.project, v.node, v.reason, v.lacks, v.liking, v.load
                        FROM cara.demand d JOIN cara.project p ON p.name = d.project
                        LEFT JOIN cara.data_home h ON h.project = d.project AND d.keeps_data
                       CROSS JOIN LATERAL cara.verdicts(d, p.labels, h.node, d.project) v""")
    found = cursor.fetchall()
    assert len(found) == len(cluster.projects) * len(cluster.nodes)
    for name, where, reason, lacks, liked, load_there in found:
        project, node = cluster.projects[name], cluster.nodes[where]
        expected = verdict(cluster, project, node)
        assert (reason, lacks) == expected, f"verdict on {where} for {name}: {reason, lacks}, reference {expected}"
        assert load_there == cluster.load(node, but=project), f"load of {where} for {name}"
        assert liked == liking(cluster, project, node), f"liking of {where} for {name}"


def room_is_counted(cursor):
    cursor.execute("""SELECT r.node, r.cpu_taken, r.memory_taken, r.projects, c.cpu, c.memory, c.count
                        FROM cara.node_room r LEFT JOIN LATERAL (
                             SELECT coalesce(sum(CASE WHEN d.changed THEN a.cpu ELSE d.cpu END), 0) AS cpu,
                                    coalesce(sum(CASE WHEN d.changed THEN a.memory ELSE d.memory END), 0) AS memory, count(*)
                               FROM cara.assignment a JOIN cara.demand d ON d.project = a.project
                              WHERE a.node = r.node AND a.released_at IS NULL) c ON true
                       WHERE (r.cpu_taken, r.memory_taken, r.projects) IS DISTINCT FROM (c.cpu, c.memory, c.count)""")
    wrong = cursor.fetchall()
    assert not wrong, f"node_room is not what its projects take: {wrong}"


def check_decisions(cursor, seed):
    before = random_cluster(seed)
    load(cursor, before, NOW)
    verdicts_are_the_same(cursor, before)
    cursor.execute("SAVEPOINT before")
    schedule(cursor)
    first = decisions(cursor)
    cursor.execute("ROLLBACK TO before")
    count = schedule(cursor)
    assert decisions(cursor) == first, "the same tables gave other decisions"
    assert schedule(cursor) == 0, "a second call placed more"
    now = after(cursor, before)
    order = [row[0] for row in decisions(cursor)]
    placed = [p for p in now.projects.values() if before.projects[p.name].phase == "Pending" and p.node]
    preempted = [p for p in now.projects.values() if (before.projects[p.name].node or p.name in order) and not p.node]
    assert len(order) == count
    room_is_counted(cursor)
    check_who_moved(cursor, before, now, placed, preempted)
    for project in placed:
        check_placed(now, project)
        check_not_alone(before, now, project, order[:order.index(project.name)])
    for project in now.projects.values():
        if project.phase == "Pending" and before.projects[project.name].phase == "Pending" and project not in preempted:
            check_waiting(now, before.projects[project.name], project)
    waiting = [p for p in before.projects.values() if p.phase == "Pending"]
    if len(waiting) == 1:
        check_the_only_one(before, now, waiting[0], preempted)


def check_who_moved(cursor, before, now, placed, preempted):
    for project in now.projects.values():
        was = before.projects[project.name]
        if was.node and project not in preempted:
            assert (project.node, project.phase) == (was.node, was.phase), f"{project.name} moved"
        if project in placed:
            assert project.phase == "Scheduled"
            if project.keeps_data:
                assert project.home == (was.home or project.node), f"the data of {project.name} is at {project.home}"
    cursor.execute("SELECT project FROM cara.assignment WHERE released_because = 'Preempted' AND released_at = %s", (NOW,))
    assert {row[0] for row in cursor.fetchall()} == {p.name for p in preempted}, "someone was taken off, and not for someone else"


def check_placed(now, project):
    """No required rule is broken, whoever came later. Whom it wanted to be near may have gone since."""
    node = now.nodes[project.node]
    reason = verdict(now, project, node, ignore=("Affinity",))
    assert reason == (None, None), f"{project.name} went to {node.name}: {reason}"


def check_not_alone(before, now, project, earlier):
    """When it came, those it wants to be near were there."""
    there = dict(before.projects) | {name: now.projects[name] for name in earlier if now.projects[name].node} | {project.name: project}
    reason = verdict(Cluster(now.nodes, there), project, now.nodes[project.node], ignore=("HostPort", "AntiAffinity", "CPU", "Memory"))
    assert reason == (None, None), f"{project.name} went to {project.node}: {reason}"


def check_waiting(now, was, project):
    if waits_for_what_it_left(now, was, TIMEOUT):
        return
    for node in now.nodes.values():
        assert verdict(now, project, node)[0] is not None, f"{project.name} waits, and {node.name} could take it"
    assert not preemption_would_help(now, project), f"{project.name} waits, and lower priorities are in its way"


def check_the_only_one(before, now, was, preempted):
    project = now.projects[was.name]
    if waits_for_what_it_left(before, was, TIMEOUT):
        assert project.node is None, f"{was.name} was placed before it was cleared away"
        return
    expected = best(before, was)
    if expected is not None:
        assert project.node == expected.name, f"{was.name} is on {project.node}, the best is {expected.name}"
        assert not preempted, "someone had to go although there was room"
    for victim in preempted:
        assert was.preempts and project.node, f"{victim.name} was taken off for nobody"
        assert victim.priority < project.priority, f"{victim.name} has no lower priority"
        stayed = dict(now.projects)
        stayed[victim.name] = before.projects[victim.name]
        assert verdict(Cluster(now.nodes, stayed), project, now.nodes[project.node])[0] is not None, f"{victim.name} was in nobody's way"


def check_even(cursor, seed):
    before = even_cluster(seed)
    load(cursor, before, NOW)
    schedule(cursor)
    now = after(cursor, before)
    room_is_counted(cursor)
    greedy(before, [p for p in before.projects.values() if p.phase == "Pending"])
    loads = {node.name: now.load(node) for node in now.nodes.values()}
    expected = {node.name: before.load(node) for node in before.nodes.values()}
    assert loads == expected, f"loads {loads}, one after the other gives {expected}"


def test_decisions_are_those_of_the_reference(databases):
    each_seed(databases, 1200, check_decisions)


def test_spread_and_binpack_fill_as_one_after_the_other_would(databases):
    each_seed(databases, 1000, check_even)
