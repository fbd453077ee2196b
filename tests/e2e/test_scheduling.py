"""Three nodes: what is placed where, what moves when a node is lost, drained, tainted or back, and what never moves."""
import contextlib
import http.client
import json
import os
import time

import pytest

from support import network
from support.cluster import project, service
from support.process import BIN, run
from support.wait import holds_for, wait_for

NODES = ["n1", "n2", "n3"]


@pytest.fixture(scope="module")
def three_nodes(shared_cluster):
    shared_cluster.heal()
    shared_cluster.add_node()
    yield shared_cluster
    shared_cluster.heal()
    shared_cluster.delete_all()
    shared_cluster.take_node()


def node_manifest(name, **spec):
    """Each is labelled with its own name, so that a project can ask for it."""
    return {"kind": "Node", "metadata": {"name": name, "labels": {"host": name}}, "spec": {"hostname": name, **spec}}


def whole(cluster):
    """Healed; and before that uncordoned, as a node that is drained is not Ready."""
    with contextlib.suppress(OSError):
        for name in NODES:
            cluster.api.call("POST", f"/api/v1/nodes/{name}/uncordon")
    cluster.heal()
    cluster.apply(*(node_manifest(name) for name in NODES))


@pytest.fixture
def cluster(three_nodes):
    """Whole and empty. Leases last 3 s, and a lost node's projects are given up a second later."""
    whole(three_nodes)
    before = dict(three_nodes.sql("SELECT name, value FROM cara.setting"))
    three_nodes.setting("heartbeat_timeout", "3s")
    three_nodes.setting("running_grace", "1s")
    three_nodes.sql("UPDATE cara.clock SET judge_after = '-infinity'")  # the server's start is long enough ago
    yield three_nodes
    for name, value in before.items():
        three_nodes.setting(name, value)
    whole(three_nodes)
    three_nodes.delete_all()


def spread(cluster, prefix, count=6):
    """That many projects, running, evenly on the nodes. Returns {node: [names]}."""
    names = [f"{prefix}-{number}" for number in range(count)]
    cluster.apply(*(project(name) for name in names))
    on = {node: [] for node in NODES}
    for name in names:
        on[cluster.wait_for_phase(name, "Running")["status"]["nodeRef"]].append(name)
    assert {len(there) for there in on.values()} == {count // 3}, on
    return on


def on_node(name, node, *services, **spec):
    """A project that runs on that node and nowhere else."""
    return project(name, *services, placement={"nodeSelector": {"host": node}}, **spec)


def runs_on(cluster, name, nodes):
    """Running, on one of the nodes and on no other engine that can be asked."""
    status = cluster.project(name)["status"]
    assert status["phase"] == "Running" and status["nodeRef"] in nodes, status
    for node in cluster.nodes:
        if node.engine.process.alive():
            up = [c for c in node.engine.containers(name) if c["State"]["Running"]]
            assert len(up) == (node.name == status["nodeRef"]), (node.name, up)
    return True


def everything(cluster):
    """All that would show a move or a touch: epochs, and containers with their start."""
    epochs = {p["metadata"]["name"]: (p["status"]["epoch"], p["status"]["nodeRef"]) for p in cluster.projects()}
    return epochs, {node.name: node.engine.identities() for node in cluster.nodes}


def crash(node):
    node.agent.kill()
    node.engine.crash()


def boot(node):
    """The agent is there first, as it may be when a machine starts."""
    node.agent.start()
    node.engine.start()
    node.engine.ready()


# --- nodes that are lost, and come back ------------------------------------------------------------------------------


def test_projects_of_a_dead_node_run_elsewhere_and_exactly_once(cluster):
    on = spread(cluster, "dead")
    untouched = [node.engine.identities() for node in cluster.nodes[1:]]
    crash(cluster.node("n1"))
    for name in on["n1"]:
        wait_for(lambda name=name: runs_on(cluster, name, ["n2", "n3"]), f"{name} runs elsewhere")
    for node, before in zip(cluster.nodes[1:], untouched):
        assert before.items() <= node.engine.identities().items(), "what ran elsewhere was touched"
    boot(cluster.node("n1"))
    wait_for(lambda: cluster.node_state("n1") == "Ready", "n1 is Ready again")
    for name in on["n1"]:
        wait_for(lambda name=name: not cluster.node("n1").engine.leftovers(name), f"n1 has removed {name}")
        assert runs_on(cluster, name, ["n2", "n3"])
        assert "start" not in [action for action, *_ in cluster.node("n1").engine.history(name)], "it ran twice"


def test_a_node_that_was_cut_off_gives_up_what_moved_and_its_reports_count_for_nothing(cluster):
    lost, on = cluster.node("n1"), spread(cluster, "cut")
    name = on["n1"][0]
    epoch = cluster.project(name)["status"]["epoch"]
    network.cut("n1")
    wait_for(lambda: runs_elsewhere(cluster, on["n1"], "n1"), "they run elsewhere")
    lost.engine.call("POST", f"/containers/{name}-main/kill")  # its agent sees a crash that is no longer its to tell
    epochs = everything(cluster)[0]
    log = lost.agent.log_size()
    network.join("n1")
    wait_for(lambda: cluster.node_state("n1") == "Ready", "n1 is Ready again")
    for moved in on["n1"]:
        wait_for(lambda moved=moved: not lost.engine.leftovers(moved), f"n1 has removed {moved}")
        assert runs_on(cluster, moved, ["n2", "n3"])
    answer = cluster.api.call("POST", "/api/v1/nodes/n1/report", {"reports": [
        {"project": name, "epoch": epoch, "generation": 1, "phase": "Failed", "reason": "ContainerCrashed"}]})
    assert answer.json["results"][0]["status"] == 409, answer
    assert everything(cluster)[0] == epochs
    assert "ContainerCrashed" not in [e["reason"] for e in cluster.api.call(
        "GET", f"/api/v1/events?for=project/{name}").json["items"]], lost.agent.log_text()[log:]


def runs_elsewhere(cluster, names, lost):
    return all(p["status"]["phase"] == "Running" and p["status"]["nodeRef"] != lost
               for p in cluster.projects() if p["metadata"]["name"] in names)


@pytest.mark.parametrize("how,leave,come", [
    ("cut", lambda node: network.cut(node.name), lambda node: network.join(node.name)),
    ("away", lambda node: node.agent.kill(), lambda node: node.agent.start()),
], ids=["cut off", "agent away"])
def test_a_node_that_comes_back_clears_away_before_it_starts_anything(cluster, how, leave, come):
    """What it has takes 3 s to stop; what it is to run has been waiting for it."""
    back, old, new = cluster.node("n1"), f"old-{how}", f"new-{how}"
    slow = {**service("main", "sleep 1d"), "command": ["sh", "-c", "trap '' TERM; sleep 1d & wait; sleep 1d"],
            "stopGracePeriod": "3s"}
    cluster.apply(*(node_manifest(name, unschedulable=True) for name in NODES[1:]), project(old, slow))
    cluster.wait_for_phase(old, "Running")
    leave(back)
    cluster.apply(*(node_manifest(name) for name in NODES[1:]), on_node(new, "n1"))
    wait_for(lambda: runs_elsewhere(cluster, [old], "n1"), "old runs elsewhere")
    come(back)
    cluster.wait_for_phase(new, "Running")
    removed = [at for action, _, at in back.engine.history(old) if action == "destroy"]
    created = [at for action, _, at in back.engine.history(new) if action == "create"]
    assert removed and created and max(removed) < min(created), (removed, created)


def test_an_agent_that_starts_again_touches_nothing(cluster):
    spread(cluster, "agent")
    before = everything(cluster)
    for node in cluster.nodes:
        node.agent.kill()
        node.agent.start()
    cluster.wait_for_nodes()
    holds_for(lambda: everything(cluster) == before, "all as it was", 2)


def test_a_node_that_boots_in_time_keeps_its_projects(cluster):
    cluster.setting("running_grace", "5min")
    on = spread(cluster, "boot")
    epochs = everything(cluster)[0]
    crash(cluster.node("n1"))
    boot(cluster.node("n1"))
    for name in on["n1"]:
        wait_for(lambda name=name: runs_on(cluster, name, ["n1"]), f"{name} runs again")
    assert everything(cluster)[0] == epochs


def test_a_database_that_is_away_for_longer_than_every_timeout_moves_nothing(cluster):
    cluster.setting("control_plane_gap", "5s")
    spread(cluster, "calm")
    before, began = everything(cluster), time.time()
    cluster.postgres.stop()
    time.sleep(15)  # this is what is tested: five leases long
    cluster.postgres.start()
    cluster.wait_for_server()
    cluster.wait_for_nodes()
    holds_for(lambda: everything(cluster) == before and all(cluster.node_state(n) == "Ready" for n in NODES),
              "nothing has moved", 6)
    lost = [e for n in NODES for e in cluster.api.call("GET", f"/api/v1/events?for=node/{n}").json["items"]
            if e["reason"] == "NodeNotReady" and recent(e, time.time() - began)]
    assert not lost, lost


def test_a_database_that_is_frozen_for_longer_than_a_lease_moves_nothing(cluster):
    """No connection is lost, so nobody is told that there was an outage; control_plane_gap is far longer than the lease."""
    spread(cluster, "frozen")
    before, began = everything(cluster), time.time()
    cluster.postgres.freeze()
    try:
        time.sleep(8)  # this is what is tested: more than two leases long
    finally:
        cluster.postgres.thaw()
    cluster.wait_for_server()
    holds_for(lambda: everything(cluster) == before and all(cluster.node_state(n) == "Ready" for n in NODES),
              "nothing has moved", 6)
    assert not [e for n in NODES for e in cluster.events(f"node/{n}") if e["reason"] == "NodeNotReady" and recent(e, time.time() - began)]


@pytest.fixture
def defaults(cluster):
    """All settings as a new installation has them; gives those that are times, in seconds."""
    cluster.postgres.sql("CREATE DATABASE new")
    run(BIN / "cara-server", "migrate", env={"DATABASE_URL": cluster.postgres.url("new")})
    for name, value in cluster.postgres.sql("SELECT name, value FROM cara.setting ORDER BY name DESC", database="new"):
        cluster.setting(name, value)  # leases are longer before heartbeats are fewer
    cluster.postgres.sql("DROP DATABASE new WITH (FORCE)")
    yield dict(cluster.sql("SELECT name, extract(epoch FROM value::interval)::int FROM cara.setting WHERE kind = 'interval'"))
    cluster.setting("heartbeat_interval", "1s")
    wait_for(lambda: cluster.sql("SELECT bool_and(told_ms = 1000) FROM cara.lease")[0][0], "all agents know the pace of tests", 40)


@pytest.mark.skipif(not os.environ.get("OUTAGE_SECONDS"), reason="takes minutes: OUTAGE_SECONDS=300 for it")
@pytest.mark.parametrize("stop", ["stopped", "frozen"])
def test_a_long_outage_of_the_database_moves_nothing_with_the_settings_as_they_come(cluster, defaults, stop):
    spread(cluster, f"long-{stop}")
    before = everything(cluster)
    seconds = int(os.environ["OUTAGE_SECONDS"])
    assert seconds > defaults["heartbeat_timeout"] + defaults["running_grace"], "or it would prove nothing"
    began = time.time()
    if stop == "stopped":
        cluster.postgres.stop()
        time.sleep(seconds)
        cluster.postgres.start()
    else:
        cluster.postgres.freeze()
        try:
            time.sleep(seconds)
        finally:
            cluster.postgres.thaw()
    cluster.wait_for_server()
    holds_for(lambda: everything(cluster) == before and all(cluster.node_state(n) == "Ready" for n in NODES),
              "nothing has moved", defaults["heartbeat_timeout"] + 15)
    assert not [e for n in NODES for e in cluster.events(f"node/{n}")
                if e["reason"] == "NodeNotReady" and recent(e, time.time() - began)]
    cluster.apply(project("afterwards"))
    cluster.wait_for_phase("afterwards", "Running")


def recent(event, seconds):
    then = time.strptime(event["lastTimestamp"][:19], "%Y-%m-%dT%H:%M:%S")
    return time.mktime(time.gmtime()) - time.mktime(then) < seconds


def cut(cluster, *nodes):
    """Cut off, and found to be, for longer than what they run is left with them."""
    for name in nodes:
        network.cut(name)
    for name in nodes:
        wait_for(lambda name=name: cluster.node_state(name) == "NotReady", f"{name} is NotReady")


def test_nothing_moves_while_most_nodes_are_away(cluster):
    on = spread(cluster, "brake")
    before = everything(cluster)
    cut(cluster, "n1", "n2")
    holds_for(lambda: everything(cluster)[0] == before[0], "nothing is moved, though the grace is over", 4)
    stopped = [e["message"] for e in cluster.events("cluster/cluster") if e["reason"] == "EvictionStopped" and recent(e, 10)]
    assert stopped == ["2 of 3 nodes are NotReady: nothing is moved until fewer are"]
    network.join("n2")
    wait_for(lambda: runs_elsewhere(cluster, on["n1"], "n1"), "what n1 had runs elsewhere, as it alone is away")
    epochs, containers = everything(cluster)
    assert {name: epochs[name] for name in on["n2"] + on["n3"]} == {name: before[0][name] for name in on["n2"] + on["n3"]}
    for node in ("n2", "n3"):
        assert before[1][node].items() <= containers[node].items(), "what ran there was touched"


def test_the_first_node_of_all_to_come_back_does_not_get_everything(cluster):
    spread(cluster, "all")
    before = everything(cluster)
    cut(cluster, *NODES)
    holds_for(lambda: everything(cluster)[0] == before[0], "nothing is moved, though the grace is over", 3)
    for name in NODES:  # one after the other, within a lease
        network.join(name)
        wait_for(lambda name=name: cluster.node_state(name) == "Ready", f"{name} is Ready again", every=0.01)
    holds_for(lambda: everything(cluster) == before, "nothing has moved", 4)


def test_a_project_goes_when_it_expires(cluster):
    at = time.time() + 6
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))  # whole seconds: up to one earlier
    cluster.apply(project("brief", expireAt=stamp), project("lasting"))
    node = cluster.node(cluster.wait_for_phase("brief", "Running", 5)["status"]["nodeRef"])
    kept = everything(cluster)[0]["lasting"]
    holds_for(lambda: cluster.project("brief")["status"]["phase"] == "Running", "it runs until then", at - time.time() - 1.5)
    wait_for(lambda: cluster.project("brief") is None, "it is gone", 10)
    wait_for(lambda: not node.engine.leftovers("brief"), "and nothing is left of it")
    (asked,) = cluster.sql("SELECT extract(epoch FROM at)::float8 FROM cara.revision WHERE kind = 'Project' AND name = 'brief' "
                           "AND verb = 'delete' AND actor = 'system:expireAt'")
    assert int(at) <= asked[0] < int(at) + 1, "to the second"
    assert cluster.wait_for_phase("lasting", "Running") and everything(cluster)[0]["lasting"] == kept


# --- on request ------------------------------------------------------------------------------------------------------


def test_a_drained_node_is_empty_until_it_is_uncordoned(cluster):
    on = spread(cluster, "drain")
    done = cluster.ctl("drain", "n1", "--timeout", "30s")
    assert done.returncode == 0, done.stdout
    assert not cluster.node("n1").engine.leftovers()
    for name in on["n1"]:
        wait_for(lambda name=name: runs_on(cluster, name, ["n2", "n3"]), f"{name} runs elsewhere")
    cluster.apply(project("drain-new"))
    assert cluster.wait_for_phase("drain-new", "Running")["status"]["nodeRef"] != "n1"
    cluster.ctl("uncordon", "n1")
    wait_for(lambda: cluster.node_state("n1") == "Ready", "n1 is Ready")
    cluster.apply(project("drain-later"))
    assert cluster.wait_for_phase("drain-later", "Running")["status"]["nodeRef"] == "n1"


def test_a_drain_says_what_cannot_leave(cluster):
    cluster.apply(on_node("tied", "n1"), project("free"))
    cluster.wait_for_phase("tied", "Running")
    done = cluster.ctl("drain", "n1", "--timeout", "2s", check=False)
    assert done.returncode != 0 and "tied" in done.stdout + done.stderr, done
    status = cluster.api.call("GET", "/api/v1/nodes/n1/drain").json
    assert [s["project"] for s in status["staying"]] == ["tied"] and "nodeSelector" in status["staying"][0]["reason"]
    assert runs_on(cluster, "tied", ["n1"])


def test_a_drain_with_room_for_one_moves_one_and_the_other_never_stops(cluster):
    share = int(cluster.sql("SELECT min(cpu) * 2 / 5 FROM cara.node_room")[0][0])
    sized = service("main", resources={"requests": {"cpu": f"{share}m"}})
    cluster.ctl("cordon", "n2", "n3")
    cluster.apply(project("first", sized), project("second", sized))
    for name in ("first", "second"):
        assert cluster.wait_for_phase(name, "Running")["status"]["nodeRef"] == "n1"
    cluster.ctl("uncordon", "n2")
    cluster.apply(on_node("filler", "n2", sized))
    cluster.wait_for_phase("filler", "Running")
    beside = cluster.node("n1").engine.identities("second")
    done = cluster.ctl("drain", "n1", "--timeout", "60s", check=False)
    assert done.returncode != 0 and "project/first left" in done.stdout and "drained" not in done.stdout, done
    assert "1 project cannot move (second)" in done.stderr and "second stays: " in done.stdout, done
    assert cluster.wait_for_phase("first", "Running")["status"]["nodeRef"] == "n2"
    assert runs_on(cluster, "second", ["n1"]) and cluster.node("n1").engine.identities("second") == beside
    cluster.delete("filler")
    wait_for(lambda: cluster.project("second")["status"].get("nodeRef") == "n2", "with room for it the second one moves, too")
    wait_for(lambda: cluster.project("second")["status"]["phase"] == "Running", "it runs there")
    assert runs_on(cluster, "second", ["n2"]) and "node/n1 drained" in cluster.ctl("drain", "n1").stdout


def test_a_noexecute_taint_sends_away_what_does_not_tolerate_it(cluster):
    on = spread(cluster, "taint")
    tolerant = on["n1"][0]
    manifest = project(tolerant, placement={"tolerations": [{"key": "gpu", "operator": "Exists"}]})
    cluster.apply(manifest)
    cluster.wait_until_current(tolerant)
    before = cluster.node("n1").engine.identities(tolerant)
    cluster.apply(node_manifest("n1", taints=[{"key": "gpu", "value": "only", "effect": "NoExecute"}]))
    wait_for(lambda: runs_on(cluster, on["n1"][1], ["n2", "n3"]), "the other has left")
    assert runs_on(cluster, tolerant, ["n1"]) and cluster.node("n1").engine.identities(tolerant) == before


# --- what projects ask for -------------------------------------------------------------------------------------------


def answers(address, port):
    """The first line of the page that is served there; "" when none is."""
    connection = http.client.HTTPConnection(address, port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode().strip()
    except OSError:
        return ""
    finally:
        connection.close()


def web(name, port, text="hello"):
    return project(name, service("web", f"mkdir -p /srv && echo {text} >/srv/index.html && httpd -f -p 80 -h /srv & wait",
                                 ports=[{"containerPort": 80, "hostPort": port}], stopGracePeriod="1s"))


def test_a_host_port_is_one_projects_at_a_time_on_a_node(cluster):
    names = [f"port-{number}" for number in range(4)]
    cluster.apply(*(web(name, 8088, name) for name in names[:3]))
    at = {cluster.wait_for_phase(name, "Running")["status"]["nodeRef"]: name for name in names[:3]}
    assert sorted(at) == NODES
    for node in cluster.nodes:
        wait_for(lambda node=node: answers(node.address, 8088) == at[node.name], f"{node.name} serves its project")
    cluster.apply(web(names[3], 8088, names[3]))
    wait_for(lambda: cluster.condition(names[3])["reason"] == "NoNodeAvailable", "the fourth is told why it waits")
    assert cluster.project(names[3])["status"]["phase"] == "Pending"
    assert "host port" in cluster.condition(names[3])["message"]
    assert "host port" in cluster.ctl("why", names[3]).stdout
    cluster.delete(at["n2"])
    assert cluster.wait_for_phase(names[3], "Running")["status"]["nodeRef"] == "n2"
    wait_for(lambda: answers(cluster.node("n2").address, 8088) == names[3], "n2 serves the fourth")


def test_an_update_hands_the_host_port_over(cluster):
    cluster.apply(web("handover", 8089, "one"))
    node = cluster.node(cluster.wait_for_phase("handover", "Running")["status"]["nodeRef"])
    wait_for(lambda: answers(node.address, 8089) == "one", "the first is served")
    cluster.apply(web("handover", 8089, "two"))
    cluster.wait_until_current("handover")
    wait_for(lambda: answers(node.address, 8089) == "two", "the second is served")


def test_limits_and_requests_are_the_containers(cluster):
    cluster.apply(project("sized", service("main", resources={
        "requests": {"cpu": "250m", "memory": "16Mi"}, "limits": {"cpu": "500m", "memory": "32Mi"}})))
    node = cluster.node(cluster.wait_for_phase("sized", "Running")["status"]["nodeRef"])
    (container,) = node.engine.containers("sized")
    host = container["HostConfig"]
    assert (host["NanoCpus"], host["Memory"], host["MemorySwap"]) == (500_000_000, 32 << 20, 32 << 20)
    assert (host["CpuShares"], host["MemoryReservation"]) == (256, 16 << 20)
    before = node.engine.identities("sized")
    cluster.apply(project("sized", service("main", resources={
        "requests": {"cpu": "250m"}, "limits": {"cpu": "64", "memory": "32Mi"}})))
    cluster.wait_until_current("sized")  # more cores than there are is as many as there are
    assert node.engine.identities("sized") != before


def test_what_asks_for_more_than_any_node_has_waits_and_says_so(cluster):
    cluster.apply(project("huge", service("main", resources={"requests": {"memory": "100Ti"}})))
    wait_for(lambda: "memory, short by" in cluster.condition("huge").get("message", ""), "the reason is told")
    assert "memory, short by" in cluster.ctl("why", "huge").stdout


def test_a_higher_priority_takes_the_place_of_a_lower_one(cluster):
    """Both want more than half of n1: the lower one goes, nobody else is touched, and it comes back when it can."""
    half = int(cluster.sql("SELECT cpu / 2 + 100 FROM cara.node_room WHERE node = 'n1'")[0][0])

    def wants(name, **placement):
        return project(name, service("main", resources={"requests": {"cpu": f"{half}m"}}),
                       placement={"nodeSelector": {"host": "n1"}, **placement})
    node = cluster.node("n1")
    cluster.apply(wants("low"), project("bystander", placement={"nodeSelector": {"host": "n1"}}))
    cluster.wait_for_phase("low", "Running")
    cluster.wait_for_phase("bystander", "Running")
    beside = node.engine.identities("bystander")
    cluster.apply(wants("polite", priority=5, preemption="Never"))
    wait_for(lambda: "cpu, short by" in cluster.condition("polite").get("message", ""), "the polite one waits")
    assert runs_on(cluster, "low", ["n1"])
    cluster.apply(wants("high", priority=10))
    cluster.wait_for_phase("high", "Running")
    assert runs_on(cluster, "high", ["n1"]) and node.engine.identities("bystander") == beside
    wait_for(lambda: not node.engine.containers("low"), "the lower one is gone")
    (taken,) = [e["message"] for e in cluster.events("project/low") if e["reason"] == "Preempted"]
    assert "made room for high" in taken
    cluster.delete("polite")
    cluster.delete("high")
    wait_for(lambda: runs_on(cluster, "low", ["n1"]), "the lower one runs again")


@pytest.fixture
def small_disk(cluster):
    """The engine of n3 keeps its data on a disk of its own, whose size the tests change: resize("900m")."""
    engine = cluster.node("n3").engine
    data = engine.dir / "data"

    def restart(*command):
        engine.process.terminate()
        run(*command)
        engine.start()
        engine.ready()
    restart("mount", "-t", "tmpfs", "-o", "size=3g", "small", data)
    yield lambda size: run("mount", "-o", f"remount,size={size}", data)
    cluster.delete_all()
    restart("umount", data)


def conditions(cluster, node):
    return {c["type"] for c in cluster.api.call("GET", f"/api/v1/nodes/{node}").json["status"]["conditions"]
            if c["status"] == "True"}


def test_a_node_short_of_disk_takes_nothing_new_until_it_has_room_again(cluster, small_disk):
    cluster.apply(on_node("before", "n3"))
    cluster.wait_for_phase("before", "Running")
    small_disk("900m")
    wait_for(lambda: conditions(cluster, "n3") == {"Ready", "DiskPressure"}, "n3 tells its pressure")
    cluster.apply(on_node("after", "n3"))
    wait_for(lambda: "DiskPressure" in cluster.condition("after").get("message", ""), "the reason is told")
    small_disk("1100m")
    holds_for(lambda: "DiskPressure" in conditions(cluster, "n3"), "a little more is not enough", 2)
    small_disk("3g")
    cluster.wait_for_phase("after", "Running")
    assert conditions(cluster, "n3") == {"Ready"} and runs_on(cluster, "before", ["n3"])


# --- data ------------------------------------------------------------------------------------------------------------


def keeper(name, *, note="", **more):
    """Notes each of its starts in a Local volume; an Ephemeral one is beside it."""
    return project(name, service(
        "main", f"echo start {note} >>/data/log; sleep 1d & wait", volumeMounts=[
            {"name": "data", "mountPath": "/data"}, {"name": "scratch", "mountPath": "/scratch"}],
        stopGracePeriod="1s"),
        volumes=[{"name": "data", "type": "Local"}, {"name": "scratch", "type": "Ephemeral"}], **more)


def notes(node, name):
    return node.engine.run_in(f"{name}-main", "cat", "/data/log").split()


def test_local_data_survives_a_crash_and_an_update_and_goes_with_its_project(cluster):
    cluster.apply(keeper("keep"))
    node = cluster.node(cluster.wait_for_phase("keep", "Running")["status"]["nodeRef"])
    node.engine.call("POST", "/containers/keep-main/kill")
    wait_for(lambda: notes(node, "keep") == ["start"] * 2, "it runs again with its data")
    cluster.apply(keeper("keep", note="anew"))
    cluster.wait_until_current("keep")
    assert notes(node, "keep") == ["start", "start", "start", "anew"]
    cluster.delete("keep")
    wait_for(lambda: cluster.project("keep") is None, "keep is gone")
    assert not node.engine.volumes("keep")


def test_local_data_keeps_its_project_on_its_node(cluster):
    cluster.apply(keeper("pinned"))
    node = cluster.node(cluster.wait_for_phase("pinned", "Running")["status"]["nodeRef"])
    status = cluster.ctl("drain", node.name, "--timeout", "1s", check=False)
    assert status.returncode != 0 and "pinned" in status.stdout + status.stderr
    cluster.ctl("uncordon", node.name)
    wait_for(lambda: cluster.node_state(node.name) == "Ready", "the node is Ready")
    assert runs_on(cluster, "pinned", [node.name])
    crash(node)
    wait_for(lambda: cluster.condition("pinned").get("reason") == "NoNodeAvailable", "it waits for its data")
    assert f"its data is on {node.name}" in cluster.condition("pinned")["message"]
    boot(node)
    wait_for(lambda: runs_on(cluster, "pinned", [node.name]), "it runs where its data is")
    assert len(notes(node, "pinned")) >= 2


def test_an_unpinned_project_leaves_its_data_where_it_was(cluster):
    cluster.apply(keeper("loose"))
    node = cluster.node(cluster.wait_for_phase("loose", "Running")["status"]["nodeRef"])
    network.cut(node.name)
    wait_for(lambda: cluster.condition("loose").get("reason") == "NoNodeAvailable", "it waits for its data")
    cluster.ctl("unpin", "loose")
    others = [name for name in NODES if name != node.name]
    wait_for(lambda: runs_on_one_of(cluster, "loose", others), "it runs elsewhere")
    network.join(node.name)
    wait_for(lambda: not node.engine.containers("loose") and not node.engine.networks("loose"), "only data is left")
    wait_for(lambda: [v["Name"] for v in node.engine.volumes("loose")] == ["cara-loose-data"], "only what lasts is left")
    wait_for(lambda: cluster.node_state(node.name) == "Ready", "the node is Ready")
    assert notes(cluster.node_of("loose"), "loose") == ["start"]
    node.engine.call("DELETE", "/volumes/cara-loose-data")


def runs_on_one_of(cluster, name, nodes):
    status = cluster.project(name)["status"]
    return status["phase"] == "Running" and status["nodeRef"] in nodes


def test_the_manifest_of_a_volume_is_kept_as_it_was_given(cluster):
    cluster.apply(keeper("shown"))
    shown = json.loads(cluster.ctl("get", "project", "shown", "-o", "json").stdout)
    assert shown["spec"]["volumes"][0] == {"name": "data", "type": "Local"}
