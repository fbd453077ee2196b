"""The bus: whoever follows a database that 16 writers change at once ends with what is in it, whatever dies meanwhile; and nobody
waits for what does not concern it. BUS_ROUNDS=1000 plays more rounds, BUS_SEED another story; README.md here says what a round is."""
import json
import os
import time

import psycopg2
import pytest
from bus_stage import ACCIDENTS, Stage
from bus_watchers import Agent, Fanout, Reader, Watcher

ROUNDS = int(os.environ.get("BUS_ROUNDS", 2 * len(ACCIDENTS)))
SEED = int(os.environ.get("BUS_SEED", "1"))
BLOCK = 100  # rounds with one database


@pytest.fixture
def stage(postgres, request):
    made = Stage(postgres, f"{SEED}/{request.getfixturevalue('block')}")
    yield made
    made.end()


@pytest.mark.parametrize("block", range((ROUNDS + BLOCK - 1) // BLOCK))
def test_every_replica_outlives_everything(stage, block):
    rounds = min(ROUNDS - block * BLOCK, BLOCK)
    for number in range(rounds):
        try:
            stage.play(number)
        except BaseException as error:
            raise AssertionError(f"BUS_SEED={SEED}, block {block}, round {number}: {error}") from error
    for kind in (Reader, Watcher, Fanout, Agent):
        assert sum(follower.events for follower in stage.followers if isinstance(follower, kind)) > rounds, "there was something to see"
    for kind in ("stream", "postgres"):
        assert sum(follower.by_kind[kind] for follower in stage.followers if isinstance(follower, Agent)) > 0, f"agents were woken by {kind}"


def session(url, **options):
    connection = psycopg2.connect(url, **options)
    connection.autocommit = True
    return connection, connection.cursor()


def one(cursor, sql, *arguments):
    cursor.execute(sql, arguments)
    return cursor.fetchone()[0]


def test_nobody_waits_for_old_transactions_elsewhere(databases):
    """One that wrote, in another database and in this one, is older than everything a watcher reads behind a gap."""
    (elsewhere, other), (here, old), (_, writer) = session(databases[0].admin), session(databases[0].url), session(databases[0].url)
    for cursor in (other, old):
        cursor.execute("BEGIN")
        one(cursor, "SELECT pg_current_xact_id()::text")
        cursor.execute("LOCK TABLE pg_catalog.pg_description IN ROW EXCLUSIVE MODE")
    old.execute("LOCK TABLE cara.change IN ROW EXCLUSIVE MODE")
    position = one(writer, "SELECT (api.bus_read()->>'position')::bigint")
    one(writer, "SELECT nextval('cara.change_id')")
    one(writer, "SELECT api.node_create('{\"metadata\":{\"name\":\"behind-a-gap\"}}')::text")
    writer.execute("SELECT line FROM api.watch_read('Node', '{}', %s)", [position])
    assert [json.loads(line)["object"]["metadata"]["name"] for line, in writer.fetchall() if line] == ["behind-a-gap"]
    writer.execute("DELETE FROM cara.node WHERE name = 'behind-a-gap'")
    for connection in (elsewhere, here):
        connection.close()


def test_who_logs_in_while_its_channel_is_being_revoked_is_ended(databases):
    """Its role is gone when that commits, and nothing would ever wake it."""
    url = databases[0].url
    _, owner = session(url)
    owner.execute("UPDATE cara.setting SET value = '3s' WHERE name = 'control_plane_gap'")
    one(owner, "SELECT api.tick_due()::text")  # what is due rarely was done just now
    one(owner, "SELECT api.node_create('{\"metadata\":{\"name\":\"late\"}}')::text")
    issued = one(owner, "SELECT api.channel_issue('late')")
    role, password = (part.split("=")[1].strip("'") for part in issued["conninfo"].split() if part.startswith(("user=", "password=")))
    deleting, deleter = session(url)
    deleter.execute("BEGIN")
    deleter.execute("DELETE FROM cara.node WHERE name = 'late'")
    listening, listener = session(url, user=role, password=password)
    listener.execute(f"LISTEN {issued['channel']}")
    deleter.execute("COMMIT")
    until = time.monotonic() + 20
    with pytest.raises(psycopg2.OperationalError):
        while time.monotonic() < until:
            one(owner, "SELECT api.tick_due()::text")
            listener.execute("LISTEN another")
            time.sleep(0.1)
    listening.close()
    deleting.close()


def test_a_session_that_holds_the_queue_back_is_ended(databases):
    """A channel's role that LISTENs and then sits in a transaction: the tick ends it, and the queue empties."""
    url = databases[0].url
    _, owner = session(url)
    owner.execute("UPDATE cara.setting SET value = '0' WHERE name = 'bus_queue_limit'")
    one(owner, "SELECT api.node_create('{\"metadata\":{\"name\":\"idler\"}}')::text")
    issued = one(owner, "SELECT api.channel_issue('idler')")
    role, password = (part.split("=")[1].strip("'") for part in issued["conninfo"].split() if part.startswith(("user=", "password=")))
    idle, listener = session(url, user=role, password=password)
    _, innocent = session(url)
    innocent.execute(f"LISTEN {issued['channel']}")
    listener.execute(f"LISTEN {issued['channel']}")
    listener.execute("SET idle_in_transaction_session_timeout = 0")  # which its role may
    listener.execute("BEGIN")
    one(listener, "SELECT 1")
    for number in range(40):
        owner.execute("SELECT pg_notify('noise', repeat('x', 7000) || %s)", [number])
    one(innocent, "SELECT 1")
    held = one(owner, "SELECT pg_notification_queue_usage()")
    assert held > 0
    one(owner, "SELECT api.tick()::text")
    assert one(listener, "SELECT 1") == 1, "nobody is ended before patience is over"
    owner.execute("UPDATE cara.setting SET value = '0' WHERE name = 'bus_session_patience'")
    one(owner, "SELECT api.tick()::text")
    with pytest.raises(psycopg2.OperationalError):
        one(listener, "SELECT 1")
    assert one(innocent, "SELECT 1") == 1, "who listens and reads stays"
    deadline = time.monotonic() + 10
    while one(owner, "SELECT pg_notification_queue_usage()") > 0 and time.monotonic() < deadline:
        owner.execute("SELECT pg_notify('noise', '')")  # the queue is tidied by who notifies
        one(innocent, "SELECT 1")
    assert one(owner, "SELECT pg_notification_queue_usage()") == 0
    assert one(owner, "SELECT count(*) FROM cara.event WHERE reason = 'ChannelEnded' AND name = 'idler'") == 1
    owner.execute("DELETE FROM cara.node WHERE name = 'idler'")
    owner.execute("UPDATE cara.setting SET value = CASE name WHEN 'bus_queue_limit' THEN '0.1' ELSE '10s' END WHERE name LIKE 'bus_%'")
    idle.close()
