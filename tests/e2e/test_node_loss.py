"""A node is lost: its projects run elsewhere after the grace, and when it returns it gives way."""
import pytest

from support import network
from support.cluster import project
from support.wait import holds_for, wait_for


@pytest.fixture
def hasty(cluster):
    """Nodes are judged after 3 s and given up a second later."""
    before = dict(cluster.sql("SELECT name, value FROM cara.setting"))
    cluster.setting("heartbeat_timeout", "3s")
    cluster.setting("running_grace", "1s")
    cluster.sql("UPDATE cara.clock SET judge_after = '-infinity'")  # the server's start is long enough ago
    yield cluster
    for name, value in before.items():
        cluster.setting(name, value)


def on_node(cluster, wanted, prefix):
    """Names of running projects on that node; two are made for it."""
    names = [f"{prefix}-{number}" for number in range(4)]
    cluster.apply(*(project(name) for name in names))
    for name in names:
        cluster.wait_for_phase(name, "Running")
    return [name for name in names if cluster.project(name)["status"]["nodeRef"] == wanted]


def moved(cluster, name, node):
    status = cluster.project(name)["status"]
    return status["nodeRef"] == node and status["phase"] == "Running"


def test_projects_of_a_node_that_is_cut_off_run_elsewhere_and_it_gives_way_when_it_returns(hasty):
    lost, other = hasty.node("n1"), hasty.node("n2")
    names = on_node(hasty, "n1", "move")
    epochs = {name: hasty.project(name)["status"]["epoch"] for name in names}
    network.cut("n1")
    wait_for(lambda: hasty.node_state("n1") == "NotReady", "n1 is NotReady")
    for name in names:
        wait_for(lambda name=name: moved(hasty, name, "n2"), f"{name} runs on n2")
        assert hasty.project(name)["status"]["epoch"] > epochs[name]
        assert lost.engine.containers(name), "cut off, n1 keeps what it has"
    there = {name: other.engine.identities(name) for name in names}
    network.join("n1")
    wait_for(lambda: hasty.node_state("n1") == "Ready", "n1 is Ready again")
    for name in names:
        wait_for(lambda name=name: not lost.engine.leftovers(name), f"n1 has removed {name}")
        assert moved(hasty, name, "n2") and other.engine.identities(name) == there[name]


def test_a_report_of_an_epoch_that_is_over_is_refused(hasty):
    name = on_node(hasty, "n1", "stale")[0]
    epoch = hasty.project(name)["status"]["epoch"]
    network.cut("n1")
    wait_for(lambda: moved(hasty, name, "n2"), f"{name} runs on n2")
    answer = hasty.api.call("POST", "/api/v1/nodes/n1/report", {"reports": [
        {"project": name, "epoch": epoch, "generation": 1, "phase": "Failed", "reason": "ContainerCrashed"}]})
    assert answer.status == 200 and answer.json["results"][0]["status"] == 409, answer
    assert moved(hasty, name, "n2")


def test_an_agent_away_for_less_than_the_grace_moves_nothing(hasty):
    hasty.setting("running_grace", "1min")
    name = on_node(hasty, "n1", "short")[0]
    before = hasty.node("n1").engine.identities(name)
    hasty.node("n1").agent.kill()
    wait_for(lambda: hasty.node_state("n1") == "NotReady", "n1 is NotReady")
    hasty.node("n1").agent.start()
    wait_for(lambda: hasty.node_state("n1") == "Ready", "n1 is Ready again")
    assert moved(hasty, name, "n1") and hasty.node("n1").engine.identities(name) == before


def test_a_control_plane_that_was_away_judges_nobody_before_a_whole_lease(hasty):
    """Server and agents stop together; only the server returns: the lease begins anew with it."""
    hasty.setting("control_plane_gap", "1s")
    name = on_node(hasty, "n1", "calm")[0]
    hasty.server.kill()
    for node in hasty.nodes:
        node.agent.pause()
    wait_for(lambda: hasty.sql("SELECT max(renewed_at) < now() - interval '4 s' FROM cara.lease")[0][0], "leases are old")
    hasty.server.start()
    hasty.wait_for_server()
    holds_for(lambda: hasty.node_state("n1") == "Ready", "n1 is not judged", 1.5)
    for node in hasty.nodes:
        node.agent.resume()
    hasty.wait_for_nodes()
    assert hasty.project(name)["status"]["nodeRef"] == "n1"


def test_a_node_that_takes_nothing_new_keeps_what_it_has(cluster):
    name = on_node(cluster, "n1", "full")[0]
    cluster.apply({"kind": "Node", "metadata": {"name": "n1"}, "spec": {"hostname": "n1", "unschedulable": True}})
    cluster.apply(*(project(f"next-{number}") for number in range(3)))
    for number in range(3):
        assert cluster.wait_for_phase(f"next-{number}", "Running")["status"]["nodeRef"] == "n2"
    assert moved(cluster, name, "n1")
    cluster.apply({"kind": "Node", "metadata": {"name": "n1"}, "spec": {"hostname": "n1"}})
