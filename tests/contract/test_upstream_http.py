"""The original's HTTP tests (contract, section 7), one for one, with section 0 where we do better."""
import pytest
from support.manifests import node, project
from support.wait import wait_for

BAD_NAMES = ["with space", "a&!b", "x" * 1000, "Upper"]


def assert_problem(reply, status, *words):
    assert reply.status == status, reply
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json["status"] == status
    for word in words:
        assert word in reply.json["detail"]


def test_node_crud(api):
    created = api.post("/api/v1/nodes", node("n1"))
    assert created.status == 201 and created.json["status"]["state"] == "NotReady"
    assert created.headers["content-type"] == "application/json"
    assert_problem(api.post("/api/v1/nodes", node("n1")), 409, "node already exists: n1: resource already exists")
    listed = api.get("/api/v1/nodes")
    assert listed.status == 200 and len(listed.json["items"]) == 1
    assert api.get("/api/v1/nodes/n1").status == 200
    assert api.post("/api/v1/nodes/n1/heartbeat", {"state": "Ready"}).status == 204
    assert api.get("/api/v1/nodes/n1").json["status"]["state"] == "Ready"
    assert api.delete("/api/v1/nodes/n1").status == 204
    assert_problem(api.get("/api/v1/nodes/n1"), 404, "node not found: n1: resource not found")


def test_node_update(api):
    api.post("/api/v1/nodes", node("n1"))
    api.post("/api/v1/nodes/n1/heartbeat", {"state": "Ready"})
    changed = api.put("/api/v1/nodes/n1", {"spec": {"hostname": "other", "unschedulable": True}})
    assert changed.status == 200
    assert changed.json["spec"] == {"hostname": "other", "unschedulable": True}
    assert changed.json["status"]["state"] == "Ready"
    assert_problem(api.put("/api/v1/nodes/none", {"spec": {}}), 404)
    assert_problem(api.put("/api/v1/nodes/n1", node("n2")), 400, 'metadata.name "n2" does not match URL path "n1"')
    assert api.delete("/api/v1/nodes/n1").status == 204


def test_node_heartbeat_state_validation(api):
    api.post("/api/v1/nodes", node("n1"))
    for state in ("Ready", "NotReady", "Draining"):
        assert api.post("/api/v1/nodes/n1/heartbeat", {"state": state}).status == 204
    assert_problem(api.post("/api/v1/nodes/n1/heartbeat", {"state": "Bogus"}), 400, "Bogus", "Ready")
    assert_problem(api.post("/api/v1/nodes/n1/heartbeat", {"state": "ready"}), 400, "ready")
    assert api.post("/api/v1/nodes/n1/heartbeat").status == 204
    assert api.get("/api/v1/nodes/n1").json["status"]["state"] in ("Ready", "NotReady", "Draining")


@pytest.mark.parametrize("name", ["e2e-name-val-node-01", "a", "node.example.com"])
def test_node_names_accepted(api, name):
    assert api.post("/api/v1/nodes", node(name)).status == 201
    assert api.delete(f"/api/v1/nodes/{name}").status == 204


@pytest.mark.parametrize("name", [*BAD_NAMES, "-lead", "trail-"])
def test_node_names_refused(api, name):
    assert_problem(api.post("/api/v1/nodes", node(name)), 400)


def test_project_status_patch(api):
    api.post("/api/v1/projects", project("p1"))
    for phase in ("Running", "Failed", "Terminated"):
        assert api.patch("/api/v1/projects/p1/status", {"phase": phase}).status == 204
    assert_problem(api.patch("/api/v1/projects/p1/status", {"phase": "Bogus"}), 400, "Bogus", "Pending")
    assert_problem(api.patch("/api/v1/projects/p1/status", {"phase": "running"}), 400, "running")
    assert_problem(api.patch("/api/v1/projects/p1/status", {"phase": ""}), 400, "phase is required")
    assert api.delete("/api/v1/projects/p1").status in (202, 204, 404)  # Terminated goes by itself


@pytest.mark.parametrize("name", ["valid-name", "b", "dotted.name"])
def test_project_names_accepted(api, name):
    assert api.post("/api/v1/projects", project(name)).status == 201


@pytest.mark.parametrize("name", [*BAD_NAMES, ".lead", "trail."])
def test_project_names_refused(api, name):
    assert_problem(api.post("/api/v1/projects", project(name)), 400)


def test_project_update(api):
    api.post("/api/v1/projects", project("p1"))
    wanted = project("p1", image="nginx:2")
    changed = api.put("/api/v1/projects/p1", wanted)
    assert changed.status == 200 and changed.json["spec"]["services"] == wanted["spec"]["services"]
    assert changed.json["status"]["phase"] == "Pending"
    assert_problem(api.put("/api/v1/projects/none", project("none")), 404)
    assert_problem(api.put("/api/v1/projects/p1", project("p2")), 400, "does not match URL path")
    assert api.patch("/api/v1/projects/p1/status", {"phase": "Running"}).status == 204
    assert api.put("/api/v1/projects/p1", project("p1", image="nginx:3")).status == 200  # theirs: 409
    assert api.patch("/api/v1/projects/p1/status", {"phase": "Failed"}).status == 204
    assert api.put("/api/v1/projects/p1", project("p1", image="nginx:4")).status == 200


@pytest.mark.parametrize("phase", ["Running", "Terminating", "Pending"])
def test_project_force_delete(api, phase):
    api.post("/api/v1/projects", project("p1"))
    if phase != "Pending":
        assert api.patch("/api/v1/projects/p1/status", {"phase": phase}).status == 204
    assert api.delete("/api/v1/projects/p1?force=true").status == 204
    assert api.get("/api/v1/projects/p1").status == 404


def test_plain_delete_of_what_has_a_node_is_accepted_and_waits(api):
    api.post("/api/v1/nodes", node("n1"))
    api.post("/api/v1/nodes/n1/heartbeat", {"state": "Ready"})
    api.post("/api/v1/projects", project("p1"))
    wait_for(lambda: api.get("/api/v1/projects/p1").json["status"]["phase"] == "Scheduled", "the project to be scheduled")
    api.patch("/api/v1/projects/p1/status", {"phase": "Running"})
    first = api.delete("/api/v1/projects/p1")
    assert first.status == 202 and first.body == b""
    assert api.delete("/api/v1/projects/p1").status == 202
    assert api.get("/api/v1/projects/p1").json["status"]["phase"] == "Terminating"
