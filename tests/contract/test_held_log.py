"""Somebody who changed something and does not commit: everybody else waits behind that, cheaply, and is told who it is."""
import time

import psycopg2
from support.manifests import node
from support.wait import wait_for
from support.watch import Watch


def test_who_does_not_commit_is_named_and_makes_nobody_look_for_nothing(make_database, make_server):
    database = make_database()
    server = make_server(database.url)
    assert server.post("/api/v1/nodes", node("n1")).status == 201
    holder = psycopg2.connect(database.url)
    holder.cursor().execute("UPDATE cara.node SET labels = '{\"held\":\"yes\"}' WHERE name = 'n1'")
    with database.listen("cara_bus") as heard, Watch(server, "nodes") as watch:
        watch.wait("ADDED", "n1")
        assert server.post("/api/v1/nodes", node("n2")).status == 201
        before, until = heard(), time.monotonic() + 1.5
        wait_for(lambda: time.monotonic() > until, "a while")
        assert heard() - before < 5, "others are told again and again of nothing"
        database.set(bus_session_patience="0s")
        database.sql("UPDATE cara.clock SET trim_due_at = '-infinity'")
        wait_for(lambda: database.sql("SELECT 1 FROM cara.event WHERE reason = 'ChangesHeld' AND message LIKE %s",
                                      f"Process {holder.info.backend_pid} of %"), "an event that names it")
        holder.rollback()
        watch.wait("ADDED", "n2")
