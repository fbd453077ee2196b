"""Containers that die, vanish or are not ours."""
import time

from support.cluster import project, service
from support.engine import IMAGE
from support.process import run
from support.wait import holds_for, wait_for


def running(cluster, name, *services):
    cluster.apply(project(name, *services))
    cluster.wait_for_phase(name, "Running")
    return cluster.node_of(name).engine


def test_a_container_killed_by_hand_is_reported_within_a_second_and_started_again(cluster):
    engine = running(cluster, "victim", service("main"), service("bystander"))
    before = engine.identities("victim")
    began = time.monotonic()
    engine.call("POST", "/containers/victim-main/kill")
    wait_for(lambda: cluster.project("victim")["status"]["phase"] == "Failed", "the death is reported")
    assert time.monotonic() - began < 1.0
    condition = cluster.condition("victim")
    assert condition["reason"] == "ContainerCrashed" and "main(exit=137)" in condition["message"], condition
    cluster.wait_for_phase("victim", "Running")
    after = engine.identities("victim")
    assert after["victim", "main"] != before["victim", "main"]
    assert after["victim", "bystander"] == before["victim", "bystander"]
    main = next(s for s in cluster.project("victim")["status"]["services"] if s["name"] == "main")
    assert main["restarts"] == 1, main


def test_a_container_removed_by_hand_comes_back(cluster):
    engine = running(cluster, "lost", service("main"))
    before = engine.identities("lost")
    engine.call("DELETE", "/containers/lost-main?force=1")
    wait_for(lambda: engine.identities("lost") not in (before, {}), "a new container")
    cluster.wait_for_phase("lost", "Running")


def test_a_service_that_keeps_crashing_is_tried_again_ever_more_slowly(cluster):
    cluster.apply(project("crash", service("main", "exit 3")))
    wait_for(lambda: cluster.condition("crash").get("reason") == "ContainerCrashed", "the crash is reported")
    assert "exit=3" in cluster.condition("crash")["message"]
    wait_for(lambda: cluster.project("crash")["status"]["services"][0].get("restarts", 0) >= 2, "it is tried again")
    cluster.apply(project("crash", service("main")))
    cluster.wait_until_current("crash")


def test_a_job_that_may_end_is_not_started_again(cluster):
    cluster.apply(project("job", service("main", "exit 0", restartPolicy="OnFailure"), service("stays")))
    engine = wait_for(lambda: cluster.node_of("job").engine, "the job has a node")
    wait_for(lambda: any(c["Name"] == "/job-main" and c["State"]["Status"] == "exited"
                         for c in engine.containers("job")), "the job has ended")
    before = engine.identities("job")
    holds_for(lambda: engine.identities("job") == before, "it is left alone", 2)


def test_leftovers_of_ours_are_removed_and_other_peoples_containers_are_not(cluster):
    node = cluster.node("n1")
    docker = ["docker", "-H", node.engine.host, "run", "-d", "--net", "none"]
    command = ["sh", "-c", "trap 'exit 0' TERM; sleep 1d & wait"]
    run(*docker, "--name", "leftover-main", "--label", "cara.project=leftover", "--label", "cara.service=main",
        "--label", "cara.uid=00000000-0000-0000-0000-000000000000", "--label", "cara.epoch=1", IMAGE, *command)
    run(*docker, "--name", "stranger", IMAGE, *command)
    try:
        node.agent.terminate()
        node.agent.start()
        wait_for(lambda: not node.engine.containers("leftover"), "the leftover is gone")
        assert node.engine.call("GET", "/containers/stranger/json")["State"]["Running"]
    finally:
        run("docker", "-H", node.engine.host, "rm", "-f", "stranger")
