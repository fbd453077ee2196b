"""Several servers on one database. What a server refuses to start on is in tests/contract."""
import pytest

from support import network
from support.cluster import project
from support.http import Client
from support.network import HUB
from support.process import BIN, Process
from support.wait import wait_for


FAR = "10.212.0.60"


def server(name, port, url, host=HUB, netns=None):
    return Process(name, [BIN / "cara-server"], env={"HOST": host, "PORT": str(port), "DATABASE_URL": url}, netns=netns)


def ready(port, host=HUB):
    return lambda: Client(f"{host}:{port}").call("GET", "/api/readyz").status == 200


def clock_owner(cluster):
    """The backend that holds the clock's lock."""
    rows = cluster.sql("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = "
                       "(SELECT oid FROM pg_database WHERE datname = current_database()) "
                       "AND (classid::bigint << 32 | objid::bigint) = api.tick_lock_key()")
    return rows[0][0] if rows else None


@pytest.fixture
def database(cluster):
    """An empty one of its own; gives its name."""
    cluster.postgres.sql("CREATE DATABASE other")
    yield "other"
    cluster.postgres.sql("DROP DATABASE other WITH (FORCE)")


def test_two_servers_started_at_once_on_an_empty_database_both_serve(cluster, database):
    servers = [server(f"twin-{port}", port, cluster.postgres.url(database)) for port in (8091, 8092)]
    for each in servers:
        each.start()
    for port in (8091, 8092):
        wait_for(ready(port), f"the server on {port} is ready")
    assert cluster.postgres.sql("SELECT count(*) > 0, count(*) = count(DISTINCT version) FROM cara.migration",
                                database=database) == [(True, True)]
    assert [each.terminate() for each in servers] == [0, 0]


def test_another_server_takes_over_the_clock_when_the_one_that_ticks_is_killed(cluster):
    second = server("second", 8093, cluster.postgres.url()).start()
    wait_for(ready(8093), "the second server is ready")
    before = wait_for(lambda: clock_owner(cluster), "someone keeps the clock")
    cluster.server.kill()
    wait_for(lambda: clock_owner(cluster) not in (None, before), "the second keeps the clock", 5)
    cluster.server.start()
    cluster.wait_for_server()
    assert second.terminate() == 0


def test_a_machine_that_drops_off_the_network_loses_the_clock(cluster):
    """Nobody tells Postgres that it is gone: no reset, nothing more at all."""
    network.make_namespace("far", FAR)
    cluster.server.kill()
    far = server("far", 8094, cluster.postgres.url(), FAR, "far").start()
    wait_for(ready(8094, FAR), "the far server is ready")
    before = wait_for(lambda: clock_owner(cluster), "it keeps the clock")
    cluster.server.start()
    cluster.wait_for_server()
    assert clock_owner(cluster) == before
    network.cut("far")
    wait_for(lambda: clock_owner(cluster) not in (None, before), "the other one keeps the clock", 20)
    after = clock_owner(cluster)
    network.join("far")
    wait_for(ready(8094, FAR), "the far server is ready again", 20)
    assert clock_owner(cluster) == after
    assert far.terminate() == 0


def test_the_clock_goes_on_after_ticks_that_failed(cluster):
    seen = cluster.server.log_size()
    cluster.sql("ALTER FUNCTION cara.finish_deletions RENAME TO finish_deletions_away")
    try:
        cluster.apply(project("outlives"))
        cluster.server.wait_for_log("tick failed", seen)
    finally:
        cluster.sql("ALTER FUNCTION cara.finish_deletions_away RENAME TO finish_deletions")
    cluster.wait_for_phase("outlives", "Running")
    cluster.delete("outlives")
    wait_for(lambda: cluster.project("outlives") is None, "the clock ends the deletion")
