"""Apply, look, delete: what a person does on a good day."""
import json
import time

from support.cluster import project, service
from support.wait import wait_for


def test_an_agent_is_ready_within_moments_of_its_start_and_says_what_its_machine_is(cluster):
    node = cluster.node("n1")
    node.agent.terminate()
    assert cluster.api.call("DELETE", "/api/v1/nodes/n1").status == 204
    began = time.monotonic()
    node.agent.start()
    wait_for(lambda: cluster.node_state("n1") == "Ready", "n1 is Ready")
    assert time.monotonic() - began < 2.0
    status = cluster.api.call("GET", "/api/v1/nodes/n1").json["status"]
    assert status["network"]["ip"] == node.address, "the address it reaches the server from"
    assert {"cpu", "memory"} <= set(status["capacity"])
    assert all(status["info"].get(member) for member in ("kernelVersion", "osImage", "agentVersion")), status["info"]


def test_two_services_of_a_project_reach_each_other_by_name(cluster):
    cluster.apply(project("talk", service("back", "httpd -f -p 8080 -h /www/back & wait"), service("front")))
    cluster.wait_for_phase("talk", "Running")
    engine = cluster.node_of("talk").engine
    answer = wait_for(lambda: engine.run_in("talk-front", "wget", "-q", "-O", "-", "http://back:8080/"), "back answers")
    assert answer.startswith("back (")


def test_twenty_projects_spread_evenly_over_the_nodes(cluster):
    names = [f"many-{number:02}" for number in range(20)]
    output = cluster.apply(*(project(name) for name in names))
    assert output.splitlines() == [f"project/{name} created" for name in names]
    for name in names:
        cluster.wait_for_phase(name, "Running", 60)
    for node in cluster.nodes:
        assert len(node.engine.containers()) == 10
    table = cluster.ctl("get", "projects").stdout.splitlines()
    assert [row.split()[:2] for row in table[1:]] == [[name, "Running"] for name in names]
    assert cluster.sql("SELECT count(*) FROM cara.projects WHERE phase = 'Running'") == [(20,)]


def test_applying_the_same_again_says_unchanged_and_touches_no_container(cluster):
    same = project("same", service("a"), service("b"))
    assert cluster.apply(same) == "project/same created\n"
    cluster.wait_for_phase("same", "Running")
    before = cluster.node_of("same").engine.identities("same")
    version = cluster.project("same")["metadata"]["resourceVersion"]
    assert cluster.apply(same) == "project/same unchanged\n"
    assert cluster.project("same")["metadata"]["resourceVersion"] == version
    assert cluster.node_of("same").engine.identities("same") == before


def test_an_apply_of_several_is_all_or_nothing(cluster):
    good, bad = project("good"), project("bad", service("x"), service("x"))
    done = cluster.ctl("apply", "-f", "-", check=False, text=f"{json.dumps(good)}\n---\n{json.dumps(bad)}\n")
    assert done.returncode == 1 and "bad" in done.stderr, done.stderr
    assert cluster.project("good") is None


def test_delete_leaves_no_container_network_or_volume(cluster):
    cluster.apply(project("gone", service("a", volumeMounts=[{"name": "data", "mountPath": "/data"}]), service("b"),
                          volumes=[{"name": "data", "type": "Ephemeral"}]))
    cluster.wait_for_phase("gone", "Running")
    engine = cluster.node_of("gone").engine
    assert len(engine.containers("gone")) == 2 and len(engine.networks("gone")) == 1
    assert [volume["Name"] for volume in engine.volumes("gone")] == ["cara-gone-data"]
    assert cluster.delete("gone") == 'project "gone" is being deleted\n'
    wait_for(lambda: cluster.project("gone") is None, "the project is gone")
    assert engine.leftovers("gone") == []


def test_what_is_done_in_psql_is_acted_on_like_what_comes_by_rest(cluster):
    cluster.sql("""SELECT api.apply('{"items": [{"kind": "Project", "metadata": {"name": "by-hand"}, "spec": {"services":
                   [{"name": "main", "image": "demo:1", "command": ["sleep", "1d"], "stopGracePeriod": "1s"}]}}]}')""")
    cluster.wait_for_phase("by-hand", "Running")
    assert cluster.sql("SELECT actor FROM cara.revision WHERE name = 'by-hand'") == [("postgres",)]
    engine = cluster.node_of("by-hand").engine
    cluster.sql("SELECT api.project_delete('by-hand', '{}')")
    wait_for(lambda: cluster.project("by-hand") is None, "the project is gone")
    assert engine.leftovers("by-hand") == []
