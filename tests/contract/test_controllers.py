"""The original's controller tests (contract, section 7) replayed over HTTP, with the clocks set short in cara.setting."""
import psycopg2
import pytest
from support.manifests import node, project
from support.server import run_server
from support.wait import wait_for


@pytest.fixture
def quick(make_database, make_server):
    """A server whose leases and graces are short."""
    database = make_database()
    assert run_server(database.url, "migrate").returncode == 0
    database.set(heartbeat_timeout="700ms", running_grace="300ms", terminated_retention="100ms", control_plane_gap="10s")
    server = make_server(database.url)
    server.database = database
    return server


def phase(server, name):
    reply = server.get(f"/api/v1/projects/{name}")
    return reply.json["status"].get("phase") if reply.status == 200 else reply.status


def node_ref(server, name):
    return server.get(f"/api/v1/projects/{name}").json["status"].get("nodeRef")


def state(server, name):
    return server.get(f"/api/v1/nodes/{name}").json["status"]["state"]


def beat(server, name):
    assert server.post(f"/api/v1/nodes/{name}/heartbeat", {"state": "Ready"}).status == 204


def ready_node(server, name):
    assert server.post("/api/v1/nodes", node(name)).status == 201
    beat(server, name)


def test_a_pending_project_is_scheduled_to_the_ready_node(quick):
    ready_node(quick, "n1")
    assert quick.post("/api/v1/projects", project("p1")).status == 201
    wait_for(lambda: phase(quick, "p1") == "Scheduled", "the project to be scheduled")
    assert node_ref(quick, "p1") == "n1"


def test_a_project_waits_for_a_node(quick):
    assert quick.post("/api/v1/projects", project("p1")).status == 201
    ready_node(quick, "n1")
    wait_for(lambda: phase(quick, "p1") == "Scheduled", "the project to be scheduled")


def test_a_stale_node_becomes_not_ready(quick):
    ready_node(quick, "n1")
    wait_for(lambda: state(quick, "n1") == "NotReady", "the lease to run out")
    condition = quick.get("/api/v1/nodes/n1").json["status"]["conditions"][0]
    assert (condition["type"], condition["status"], condition["reason"]) == ("Ready", "False", "HeartbeatTimeout")
    beat(quick, "n1")
    assert state(quick, "n1") == "Ready"


def test_a_scheduled_project_moves_away_from_a_lost_node(quick):
    ready_node(quick, "n1")
    quick.post("/api/v1/projects", project("p1"))
    wait_for(lambda: phase(quick, "p1") == "Scheduled", "the project to be scheduled")
    ready_node(quick, "n2")

    def moved():
        beat(quick, "n2")
        return node_ref(quick, "p1") == "n2" and phase(quick, "p1") == "Scheduled"

    wait_for(moved, "the project to move")
    assert state(quick, "n1") == "NotReady"
    reasons = [event["reason"] for event in quick.get("/api/v1/events?for=project/p1").json["items"]]
    assert "NodeLost" in reasons


def test_a_terminated_project_disappears(quick):
    ready_node(quick, "n1")
    quick.post("/api/v1/projects", project("p1"))
    wait_for(lambda: phase(quick, "p1") == "Scheduled", "the project to be scheduled")
    for reported in ("Running", "Terminating", "Terminated"):
        if reported == "Terminating":
            assert quick.delete("/api/v1/projects/p1").status == 202
        else:
            assert quick.patch("/api/v1/projects/p1/status", {"phase": reported}).status == 204
    wait_for(lambda: phase(quick, "p1") == 404, "the row to go")


def test_only_a_change_of_state_is_announced_and_once(quick):
    ready_node(quick, "n1")
    with quick.database.listen("cara_bus") as heard:
        for _ in range(5):
            beat(quick, "n1")
        assert quick.post("/api/v1/nodes/n1/heartbeat", {"state": "NotReady"}).status == 204
        wait_for(lambda: heard() == 1, "the one NOTIFY of the first change")
        beat(quick, "n1")
        wait_for(lambda: heard() == 2, "the one NOTIFY of the second change")


def test_another_server_takes_the_clock_over(quick, make_server):
    second = make_server(quick.database.url)
    quick.kill()
    ready_node(second, "n1")
    second.post("/api/v1/projects", project("p1"))
    wait_for(lambda: phase(second, "p1") == "Scheduled", "the second server to tick", seconds=5)
    wait_for(lambda: "keeps the clock" in second.log_text(), "the second server to say so")


def warnings(server, reason):
    return [e["message"] for e in server.get("/api/v1/events?for=cluster/cluster").json["items"] if e["reason"] == reason]


@pytest.mark.parametrize("broken,says", [
    ("api.schedule(timestamptz)", "Placing projects failed and is tried again: function api.schedule"),
    ("api.decide(timestamptz)", None),  # nobody is left to tell, but the server's log
], ids=["a decision that raises", "a decision that cannot be asked for"])
def test_a_failing_decision_holds_up_neither_leases_nor_deletions(quick, broken, says):
    quick.database.set(heartbeat_timeout="2s")  # a clock that gets no answer tries again after a second
    ready_node(quick, "n1")
    ready_node(quick, "n2")
    quick.post("/api/v1/projects", project("old"))
    wait_for(lambda: phase(quick, "old") == "Scheduled", "the first project to be scheduled")
    name = broken[broken.index(".") + 1:broken.index("(")]
    quick.database.sql(f"ALTER FUNCTION {broken} RENAME TO {name}_away")
    quick.post("/api/v1/projects", project("new"))
    wait_for(lambda: "decision failed, trying again and again" in quick.log_text(), "the server to say so")
    assert quick.delete("/api/v1/projects/old").status == 202
    assert quick.patch("/api/v1/projects/old/status", {"phase": "Terminated"}).status == 204
    wait_for(lambda: phase(quick, "old") == 404, "the deletion to end")
    wait_for(lambda: state(quick, "n1") == "NotReady", "the lease to run out")
    assert phase(quick, "new") == "Pending"
    if says:
        assert len([w for w in warnings(quick, "DecisionFailed") if w.startswith(says)]) == 1
    quick.database.sql(f"ALTER FUNCTION {broken.replace(name, name + '_away')} RENAME TO {name}")

    def placed():
        beat(quick, "n2")
        return phase(quick, "new") == "Scheduled"

    wait_for(placed, "the waiting project to be scheduled")
    assert quick.log_text().count("decision failed") == 1


def test_a_decision_that_waits_for_someone_is_given_up_and_leases_run_out_meanwhile(quick):
    """Somebody in psql has what it wants to write, and goes for lunch."""
    ready_node(quick, "n1")
    ready_node(quick, "n2")
    lunch = psycopg2.connect(quick.database.url)
    try:
        lunch.cursor().execute("UPDATE cara.node_room SET cpu = cpu")
        assert quick.post("/api/v1/projects", project("p1")).status == 201
        wait_for(lambda: any("lock timeout" in w for w in warnings(quick, "DecisionFailed")), "the decision to be given up")
        wait_for(lambda: (state(quick, "n1"), state(quick, "n2")) == ("NotReady", "NotReady"), "the leases to run out")
    finally:
        lunch.close()

    def placed():
        beat(quick, "n1")
        return phase(quick, "p1") == "Scheduled"

    wait_for(placed, "the waiting project to be scheduled")
