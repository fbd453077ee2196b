"""A running project is updated in place: what changed is replaced, health decides, a failure costs nothing."""
from support.cluster import project, service
from support.wait import holds_for, wait_for

HEALTHY = {"test": ["CMD", "true"], "interval": "200ms", "timeout": "1s", "retries": 2}
SICK = {**HEALTHY, "test": ["CMD", "false"]}


def settled(cluster, name, *services):
    cluster.apply(project(name, *services))
    cluster.wait_until_current(name)
    return cluster.node_of(name).engine.identities(name)


def test_only_the_service_that_changed_is_replaced_and_the_project_stays_where_it_is(cluster):
    before = settled(cluster, "swap", service("stays"), service("changes"))
    was = cluster.project("swap")["status"]
    after = settled(cluster, "swap", service("stays"), service("changes", env=[{"name": "NEW", "value": "1"}]))
    now = cluster.project("swap")["status"]
    assert (now["nodeRef"], now["epoch"]) == (was["nodeRef"], was["epoch"])
    assert after["swap", "stays"] == before["swap", "stays"]
    assert after["swap", "changes"] != before["swap", "changes"]
    assert cluster.node_of("swap").engine.run_in("swap-changes", "sh", "-c", "echo $NEW") == "1\n"


def test_services_come_and_go_with_the_manifest(cluster):
    before = settled(cluster, "grow", service("one"))
    after = settled(cluster, "grow", service("one"), service("two"))
    assert after["grow", "one"] == before["grow", "one"] and len(after) == 2
    assert settled(cluster, "grow", service("one")) == before


def test_the_old_container_serves_until_the_new_one_is_healthy(cluster):
    before = settled(cluster, "careful", service("main", healthcheck=HEALTHY))
    engine = cluster.node_of("careful").engine
    slow = service("main", "touch /tmp/a; sleep 2; touch /tmp/ready; sleep 1d & wait",
                   healthcheck={**HEALTHY, "test": ["CMD", "test", "-e", "/tmp/ready"], "retries": 30})
    cluster.apply(project("careful", slow))
    old = before["careful", "main"][0]

    def running():
        return {c["Id"] for c in engine.containers("careful") if c["State"]["Running"]}

    wait_for(lambda: len(running()) == 2, "old and new run side by side")
    wait_for(lambda: running() and old not in running(), "the old one went")
    assert cluster.wait_until_current("careful")
    assert engine.containers("careful")[0]["State"]["Health"]["Status"] == "healthy"


def test_an_update_that_never_gets_healthy_keeps_the_old_container_and_says_so(cluster):
    before = settled(cluster, "sick", service("main", healthcheck=HEALTHY))
    cluster.apply(project("sick", service("main", healthcheck=SICK)))
    wait_for(lambda: cluster.condition("sick").get("reason") == "UpdateFailed", "the update is given up", 60)
    assert cluster.project("sick")["status"]["phase"] == "Running"
    engine = cluster.node_of("sick").engine
    wait_for(lambda: engine.identities("sick") == before, "only the old container is there")
    assert settled(cluster, "sick", service("main", healthcheck=HEALTHY)) == before, "back as it was: nothing to do"


def test_an_update_to_an_image_that_cannot_be_had_keeps_the_old_container(cluster):
    before = settled(cluster, "kept", service("main"))
    cluster.apply(project("kept", service("main", image="demo:nosuch", imagePullPolicy="Never")))
    condition = wait_for(lambda: cluster.condition("kept")["reason"] == "UpdateFailed" and cluster.condition("kept"),
                         "the update is given up", 60)
    assert "demo:nosuch" in condition["message"]
    assert cluster.project("kept")["status"]["phase"] == "Running"
    engine = cluster.node_of("kept").engine
    holds_for(lambda: engine.identities("kept") == before, "the old container runs on", 1)
