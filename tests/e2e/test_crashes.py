"""kill -9 of each part in the middle of work: containers go on, acknowledged work is done, nothing is touched twice."""
import json
import threading
import time

import pytest

from support.cluster import project
from support.wait import wait_for

STEADY = [f"steady-{number}" for number in range(4)]


def identities(cluster):
    merged = {}
    for node in cluster.nodes:
        merged.update(node.engine.identities())
    return merged


def steady(cluster):
    """What ran before the crash, and must not notice it."""
    return {key: value for key, value in identities(cluster).items() if key[0] in STEADY}


@pytest.fixture
def busy(cluster):
    """Four projects run."""
    cluster.apply(*(project(name) for name in STEADY))
    for name in STEADY:
        cluster.wait_for_phase(name, "Running")
    return cluster


class Load:
    """Creates project after project over REST from another thread; `acknowledged` are those answered 201."""

    def __init__(self, cluster, prefix):
        self.cluster, self.prefix = cluster, prefix
        self.acknowledged, self.refused = [], []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(20)

    def _run(self):
        number = 0
        while not self._stop.wait(0.1) and len(self.acknowledged) < 40:
            name = f"{self.prefix}-{number}"
            number += 1
            try:
                answer = self.cluster.api.call("POST", "/api/v1/projects", json.dumps(project(name)).encode())
            except OSError as error:
                self.refused.append((name, error))
                continue
            if answer.status == 201:
                self.acknowledged.append(name)
            else:
                self.refused.append((name, answer))


def everything_runs(cluster, names):
    for name in names:
        cluster.wait_for_phase(name, "Running", 60)


def test_the_agent_killed_in_the_middle_of_work_goes_on_where_it_was(busy):
    before = steady(busy)
    node = busy.node("n1")
    new = [f"new-{number}" for number in range(6)]
    busy.apply(*(project(name) for name in new))
    wait_for(lambda: any(key[0] in new for key in node.engine.identities()), "n1 has begun on the new ones")
    node.agent.kill()
    assert steady(busy) == before
    node.agent.start()
    everything_runs(busy, new)
    assert steady(busy) == before
    assert {key[0] for key in identities(busy)} == {*STEADY, *new}


def test_the_server_killed_in_the_middle_of_work_loses_nothing_it_acknowledged(busy):
    before = steady(busy)
    with Load(busy, "srv") as load:
        wait_for(lambda: len(load.acknowledged) >= 3, "some are acknowledged")
        busy.server.kill()
        wait_for(lambda: load.refused, "the server is away")
        busy.server.start()
        count = len(load.acknowledged)
        wait_for(lambda: len(load.acknowledged) >= count + 3, "it takes work again")
    everything_runs(busy, load.acknowledged)
    assert steady(busy) == before


def test_postgres_killed_in_the_middle_of_work_loses_nothing_that_was_acknowledged(busy):
    before = steady(busy)
    with Load(busy, "pg") as load:
        wait_for(lambda: len(load.acknowledged) >= 3, "some are acknowledged")
        busy.postgres.kill()
        wait_for(lambda: load.refused, "the database is away")
        assert steady(busy) == before
        busy.postgres.start()
        count = len(load.acknowledged)
        wait_for(lambda: len(load.acknowledged) >= count + 3, "it takes work again")
    everything_runs(busy, load.acknowledged)
    assert steady(busy) == before


def test_without_postgres_the_server_says_come_back_and_is_itself_again_within_a_second_of_its_return(cluster):
    cluster.postgres.kill()
    answer = wait_for(lambda: cluster.api.call("GET", "/api/v1/projects"), "the server answers")
    assert answer.status == 503 and answer.headers["Retry-After"] == "1", answer
    assert cluster.api.call("GET", "/api/healthz").status == 200
    assert cluster.api.call("GET", "/api/readyz").status == 503
    cluster.postgres.start()
    began = time.monotonic()
    wait_for(lambda: cluster.api.call("GET", "/api/v1/projects").status == 200, "the server is itself again")
    assert time.monotonic() - began < 1.0


def test_postgres_restarted_under_load_keeps_every_apply_that_was_answered(busy):
    before = steady(busy)
    with Load(busy, "load") as load:
        for _ in range(2):
            count = len(load.acknowledged)
            wait_for(lambda count=count: len(load.acknowledged) >= count + 5, "work is taken")
            busy.postgres.stop()
            busy.postgres.start()
        count = len(load.acknowledged)
        wait_for(lambda: len(load.acknowledged) >= count + 3, "it takes work again")
    everything_runs(busy, load.acknowledged)
    existing = {item["metadata"]["name"] for item in busy.projects()}
    assert set(load.acknowledged) <= existing
    assert steady(busy) == before


def test_everything_of_ours_killed_at_once_leaves_every_container_running(busy):
    before = identities(busy)
    for process in (busy.server, busy.postgres.process, *(node.agent for node in busy.nodes)):
        process.kill()
    assert identities(busy) == before
    busy.heal()
    busy.apply(project("after"))
    busy.wait_for_phase("after", "Running")
    assert steady(busy) == before


def test_a_wake_up_is_heard_again_after_postgres_came_back(cluster):
    """Not only the slow poll: the agents listen again on the new server process."""
    cluster.postgres.kill()
    cluster.postgres.start()
    cluster.wait_for_server()
    for node in cluster.nodes:
        wait_for(lambda: cluster.sql("SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'cara%%' "
                                     "AND query LIKE 'LISTEN%%'")[0][0] >= 2, f"{node.name} listens")
    began = time.monotonic()
    cluster.apply(project("heard"))
    cluster.wait_for_phase("heard", "Running")
    assert time.monotonic() - began < 5.0
