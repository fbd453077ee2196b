"""apply --wait, delete --wait and wait, with real agents and engines: what a person sees until it runs."""
import json
import re
import time

from support.cluster import project, service
from support.process import BIN, SANDBOX, Process
from support.wait import wait_for

HEALTHY_SOON = {"test": ["CMD", "sh", "-c", "test -e /tmp/ok"], "interval": "200ms", "retries": 50}


def apply_and_wait(cluster, *manifests, check=True, options=()):
    return cluster.ctl("apply", "-f", "-", "--wait", *options, check=check, text="---\n".join(json.dumps(m) + "\n" for m in manifests))


def test_apply_waits_until_every_project_runs_and_is_healthy(cluster):
    slow = project("slow", service("main", "sleep 1; touch /tmp/ok; sleep 1d & wait", healthcheck=HEALTHY_SOON))
    began = time.monotonic()
    lines = apply_and_wait(cluster, project("quick"), slow).stdout.splitlines()
    assert time.monotonic() - began >= 1
    for name in ("quick", "slow"):
        assert f"project/{name} created" in lines
        assert any(re.fullmatch(rf"project/{name} Running on n[12] in \d+\.\ds", line) for line in lines), lines
        assert cluster.project(name)["status"]["phase"] == "Running"
    assert any(re.fullmatch(r"project/slow running on n[12], main not yet healthy", line) for line in lines), lines


def test_apply_of_an_update_waits_for_the_new_containers(cluster):
    cluster.apply(project("update"))
    cluster.wait_for_phase("update", "Running")
    before = cluster.node_of("update").engine.identities("update")
    lines = apply_and_wait(cluster, project("update", service("main", "sleep 2d & wait"))).stdout.splitlines()
    assert lines[0] == "project/update configured" and lines[-1].startswith("project/update Running on n")
    after = cluster.node_of("update").engine.identities("update")
    assert after.keys() == before.keys() and after != before


def test_apply_fails_with_the_reason_of_what_cannot_come_up(cluster):
    began = time.monotonic()
    done = apply_and_wait(cluster, project("nosuch", service("main", image="nosuch-image:0", imagePullPolicy="Never")), project("fine"),
                          check=False)
    assert done.returncode == 1 and time.monotonic() - began < 30
    assert done.stderr.startswith('Error: project "nosuch" cannot come up: ImagePullError: ') and "nosuch-image:0" in done.stderr
    assert re.search(r"^project/fine Running on n[12] in ", done.stdout, re.MULTILINE)


def test_apply_gives_up_on_what_crashes_again_and_again(cluster):
    done = apply_and_wait(cluster, project("crashes", service("main", "exit 3")), check=False)
    assert done.returncode == 1 and "cannot come up: ContainerCrashed: Containers crashed: main(exit=3)" in done.stderr, done.stderr


def test_apply_gives_up_at_once_on_what_is_over(cluster):
    began = time.monotonic()
    done = apply_and_wait(cluster, project("over", service("main", "exit 3", restartPolicy="Never")), check=False, options=("--timeout", "2m"))
    assert done.returncode == 1 and "cannot come up: ContainerCrashed: Containers crashed: main(exit=3)" in done.stderr, done.stderr
    assert time.monotonic() - began < 60


def test_what_has_done_its_work_says_so(cluster):
    job = service("job", "exit 0", restartPolicy="Never")
    apply_and_wait(cluster, project("done", job), project("beside", job, service("web")))
    wait_for(lambda: cluster.condition("done")["reason"] == "Completed", "it is completed")
    assert cluster.condition("done")["message"] == "All containers completed" and cluster.project("done")["status"]["phase"] == "Running"
    wait_for(lambda: cluster.condition("beside")["message"] == "All other containers running; completed: job", "one is, one runs")
    assert cluster.condition("beside")["reason"] == "ContainersRunning"


def test_delete_waits_until_nothing_is_left_on_the_engine(cluster):
    cluster.apply(project("gone", service("a"), service("b")))
    cluster.wait_for_phase("gone", "Running")
    engine = cluster.node_of("gone").engine
    assert cluster.ctl("delete", "project", "gone", "--wait").stdout == 'project "gone" deleted\n'
    assert cluster.project("gone") is None and engine.leftovers("gone") == []


def test_apply_that_waits_outlives_the_server(cluster):
    late = project("late", service("main", "sleep 3; touch /tmp/ok; sleep 1d & wait", healthcheck=HEALTHY_SOON))
    manifest = SANDBOX / "late.json"
    manifest.write_text(json.dumps(late))
    waiting = Process("apply-late", [BIN / "caractrl", "--server", cluster.url, "apply", "-f", manifest, "--wait", "--timeout", "60s"]).start()
    wait_for(lambda: cluster.project("late") and cluster.project("late")["status"].get("nodeRef"), "it has a node")
    cluster.server.kill()
    assert waiting.alive()
    cluster.server.start()
    assert waiting.child.wait(60) == 0, waiting.log_text()
    assert re.search(r"^project/late Running on n[12] in ", waiting.log_text(), re.MULTILINE), waiting.log_text()
