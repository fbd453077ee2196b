"""why, plan, cordon, drain, rebalance, unpin and settings, as people use them, against the real server."""
import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import threading

import pytest
import yaml
from support.caractrl import OddServer, caractrl
from support.manifests import node, project
from support.server import BIN, ROOT
from support.wait import wait_for

ROOM = {"capacity": {"cpu": "2", "memory": "2Gi"}, "allocatable": {"cpu": "2", "memory": "2Gi"}}


@pytest.fixture
def ctl(api):
    def run(*args, **options):
        return caractrl(*args, server=api.url, **options)

    return run


@pytest.fixture(autouse=True)
def settings_are_put_back(api):
    yield
    for setting, value in (("poll_interval", "30s"), ("eviction_brake", "0.5")):
        api.put(f"/api/v1/settings/{setting}", {"value": value})


def add_node(api, name, labels=None, room=None, **spec):
    body = node(name, **spec)
    body["metadata"]["labels"] = labels or {}
    assert api.post("/api/v1/nodes", body).status == 201
    assert api.post(f"/api/v1/nodes/{name}/heartbeat", room or ROOM).status == 204


def asking(name, memory=None, **spec):
    body = project(name, **spec)
    if memory:
        body["spec"]["services"][0]["resources"] = {"requests": {"memory": memory}}
    return body


def node_of(api, name):
    return api.get(f"/api/v1/projects/{name}").json["status"].get("nodeRef")


def place(api, body):
    """Creates a project and waits until it has a node; returns the node."""
    name = body["metadata"]["name"]
    assert api.post("/api/v1/projects", body).status == 201
    return wait_for(lambda: node_of(api, name), f"{name} to be placed")


def manifest(*objects):
    return "---\n".join(yaml.safe_dump(o) for o in objects)


def columns(line):
    return re.split(r" {3,}", line.strip())


@contextlib.contextmanager
def agents(api, *names):
    """Agents in so far as they clear away at once what is no longer their node's."""
    stop = threading.Event()

    def clear_away():
        while not stop.wait(0.03):
            for name in names:
                items = api.get(f"/api/v1/nodes/{name}/assignments").json["items"]
                gone = [{"project": i["project"], "epoch": i["epoch"], "phase": "Terminated", "reason": "ResourcesRemoved"}
                        for i in items if i["desired"] == "Removed"]
                if gone:
                    api.post(f"/api/v1/nodes/{name}/report", {"reports": gone})

    thread = threading.Thread(target=clear_away)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


# --- cordon, uncordon -------------------------------------------------------------------------------------------------


def test_cordon_keeps_new_projects_off_until_uncordon(ctl, api):
    add_node(api, "n1")
    assert ctl("cordon", "n1") == (0, "node/n1 cordoned\n", "")
    assert api.get("/api/v1/nodes/n1").json["spec"]["unschedulable"] is True
    assert "no (cordoned)" in columns(ctl("get", "nodes", "-o", "wide").out.splitlines()[1])
    assert ctl("get", "nodes").out.splitlines()[1].startswith("n1     Ready   <none>   ")
    api.post("/api/v1/projects", project("web"))
    assert ctl("uncordon", "node/n1") == (0, "node/n1 uncordoned\n", "")
    assert wait_for(lambda: node_of(api, "web"), "web to be placed") == "n1"


def test_cordon_of_several_tells_the_one_that_fails(ctl, api):
    add_node(api, "n1")
    add_node(api, "n2")
    assert ctl("cordon", "n1", "nx", "n2") == \
        (1, "node/n1 cordoned\nnode/n2 cordoned\n",
         'Error: cordon node "nx": Not Found: node not found: nx: resource not found\n')
    assert ctl("uncordon", "n1", "n2", "-o", "name").out == "node/n1\nnode/n2\n"
    assert json.loads(ctl("cordon", "n1", "-o", "json").out) == api.get("/api/v1/nodes/n1").json
    assert yaml.safe_load(ctl("cordon", "n1", "n2", "-o", "yaml").out)["kind"] == "NodeList"


# --- why --------------------------------------------------------------------------------------------------------------


def test_why_tells_each_reason_with_its_nodes_and_what_would_help(ctl, api):
    add_node(api, "n1")
    add_node(api, "n2")
    add_node(api, "n3", taints=[{"key": "gpu", "value": "only", "effect": "NoSchedule"}])
    api.post("/api/v1/projects", asking("web", memory="2560Mi"))
    done = ctl("why", "web")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == "Project:   web" and lines[1] == "Phase:     Pending" and lines[2] == "Node:      <none>"
    assert lines[3] == "Why:       2 nodes: memory, short by 512Mi; 1: taint gpu=only:NoSchedule"
    rows = [columns(line) for line in lines[8:10]]
    assert rows[0][:3] == ["2", "memory, short by 512Mi", "n1, n2"] and "request that much less" in rows[0][3]
    assert rows[1][:3] == ["1", "taint gpu=only:NoSchedule", "n3"] and "spec.placement.tolerations" in rows[1][3]


def test_why_names_the_labels_that_are_asked_for(ctl, api):
    add_node(api, "n1")
    api.post("/api/v1/projects", project("web", placement={"nodeSelector": {"disk": "ssd"}}))
    assert "label a node disk=ssd, or change spec.placement.nodeSelector" in ctl("why", "web").out


def test_why_of_a_placed_one_has_score_next_best_and_history(ctl, api):
    add_node(api, "n1")
    add_node(api, "n2")
    first = place(api, project("web"))
    other = {"n1": "n2", "n2": "n1"}[first]
    shown = ctl("why", "project/web").out
    assert re.search(rf"^Node: +{first}$", shown, re.M) and "Earlier decisions" not in shown
    assert re.search(rf"^Score: +-1; next best: {other} \(-1\)$", shown, re.M)
    with agents(api, "n1", "n2"):
        assert ctl("drain", first).code == 0
    wait_for(lambda: node_of(api, "web") == other, "web to move")
    shown = ctl("why", "web").out
    assert re.search(rf"^Node: +{other}$", shown, re.M) and "Earlier decisions:" in shown
    past = columns(shown.splitlines()[-1])
    assert past[1] == first and past[-1] == "Drained"


def test_why_of_one_that_waits_for_its_old_node_names_that_and_no_remedy_for_the_rest(ctl, api):
    add_node(api, "n1")
    place(api, project("web"))
    add_node(api, "n2")
    api.post("/api/v1/nodes/n1/drain")
    wait_for(lambda: api.get("/api/v1/projects/web").json["status"]["phase"] == "Pending", "web to be taken off n1")
    shown = ctl("why", "web").out
    assert re.search(r"^Why: +waits for node n1 to clear away what it has of it; 1 node fits; 1: Draining$", shown, re.M)
    assert re.search(r"^Waits For: +n1, \d+s so far, (9|10)m more at the most$", shown, re.M)
    assert "caractrl delete node n1 --force" in shown and "No place for it" not in shown
    with agents(api, "n1"):
        assert wait_for(lambda: node_of(api, "web"), "web to be placed") == "n2"
    assert "Waits For" not in ctl("why", "web").out


def test_why_shows_what_ranked_before_the_score(ctl, api):
    add_node(api, "n1", labels={"zone": "a"})
    db = project("db")
    db["metadata"]["labels"] = {"app": "db"}
    assert place(api, db) == "n1"
    add_node(api, "n2", labels={"zone": "b"})
    near = {"affinity": [{"matchLabels": {"app": "db"}, "weight": 7}], "spreadBy": "zone"}
    assert place(api, project("web", placement=near)) == "n1"
    shown = ctl("why", "web", "--nodes").out
    assert re.search(r"^Score: +-2; next best: n2 \(-1\)$", shown, re.M)
    assert re.search(r"^Liking: +7; next best: 0 now: ", shown, re.M)
    assert re.search(r"^Domain: +a with 1 other project; next best: b with 0 other projects now: ", shown, re.M)
    assert columns(shown.splitlines()[-1])[:5] == ["n2", "fits", "-", "0", "b (0)"]


def test_why_shows_every_node_on_request(ctl, api):
    add_node(api, "n1")
    add_node(api, "n2", labels={"disk": "ssd"})
    place(api, project("web", placement={"nodeSelector": {"disk": "ssd"}}))
    assert "Every node" not in ctl("why", "web").out
    rows = {columns(line)[0]: columns(line)[1] for line in ctl("why", "web", "--nodes").out.splitlines()[-2:]}
    assert rows == {"n1": "NodeSelector", "n2": "fits"}


def test_why_for_programs_is_the_servers_answer(ctl, api):
    add_node(api, "n1")
    place(api, project("web"))
    assert json.loads(ctl("why", "web", "-o", "json").out) == api.get("/api/v1/projects/web/why").json
    assert yaml.safe_load(ctl("why", "web", "--nodes", "-oyaml").out)["nodes"][0]["node"] == "n1"
    assert ctl("why", "web", "-o", "name").out == "project/web\n"
    assert ctl("why", "nope").err == 'Error: why "nope": Not Found: project not found: nope: resource not found\n'


def test_why_without_nodes_says_what_to_start(ctl, api):
    api.post("/api/v1/projects", project("web"))
    assert "no nodes are registered: start cara-agent on a machine" in ctl("why", "web").out


def test_every_verdict_of_the_scheduler_has_a_remedy(shared_server):
    known = set(re.findall(r'^    \{ "(\w+)",', (ROOT / "ctl" / "describe_why.c").read_text(), re.M))
    source = shared_server.database.value("SELECT pg_get_functiondef('cara.judge'::regproc)")
    reasons = set(re.findall(r"THEN '(\w+)'", source.split("AS domain,")[-1]))
    assert len(reasons) > 8 and reasons | {"NotReady", "Draining"} == known


# --- delete node ------------------------------------------------------------------------------------------------------


def test_a_node_that_is_gone_for_good_is_deleted_by_force(ctl, api):
    add_node(api, "n1")
    assert place(api, project("web", onNodeLost="Wait")) == "n1"
    done = ctl("delete", "node", "n1")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith('Error: delete node "n1": Conflict: cannot delete node "n1": 1 project(s) still assigned: resource already exists; ')
    assert "caractrl drain n1" in done.err and "caractrl delete node n1 --force" in done.err
    assert ctl("delete", "node", "n1", "--force") == (0, 'node "n1" deleted\n', "")
    add_node(api, "n2")
    assert wait_for(lambda: node_of(api, "web"), "web to be placed") == "n2"
    assert ctl("delete", "node/n2", "--force").out == 'node "n2" deleted\n'
    assert api.delete("/api/v1/nodes/n2?force=true").status == 404


# --- plan -------------------------------------------------------------------------------------------------------------


def everything(api):
    """What is stored and what was said about it."""
    return api.database.sql("SELECT 'p', name, generation::text, '' FROM cara.project UNION ALL"
                            " SELECT 's', project, phase, message FROM cara.project_status UNION ALL"
                            " SELECT 'a', project, node, epoch || ' ' || coalesce(released_because, '') FROM cara.assignment UNION ALL"
                            " SELECT 'n', name, generation::text, coalesce(draining_since::text, '') FROM cara.node UNION ALL"
                            " SELECT 'e', '', count(*)::text, '' FROM cara.event ORDER BY 1, 2, 3, 4")


def test_plan_shows_what_manifests_would_do_and_does_nothing(ctl, api):
    add_node(api, "n1")
    where = place(api, project("old"))
    before = everything(api)
    text = manifest(node("n1"), project("old", image="nginx:2"), asking("big", memory="9Gi"), project("new"))
    done = ctl("plan", "-f", "-", stdin=text)
    assert (done.code, done.err) == (0, "")
    head, *rows, empty, summary = done.out.splitlines()
    assert columns(head) == ["ACTION", "OBJECT", "NODE", "WHY"] and empty == ""
    assert {tuple(columns(row)[:3]) for row in rows} == {
        ("unchanged", "node/n1", "-"), ("update", "project/old", where),
        ("create", "project/big", "-"), ("create", "project/new", "-> n1")}
    assert any("memory, short by 7Gi" in row for row in rows)
    assert summary == "Plan: 2 to create (1 left waiting), 1 to update, 1 unchanged. Nothing was changed."
    assert everything(api) == before


def test_plan_tells_an_update_that_costs_its_node(ctl, api):
    add_node(api, "n1")
    place(api, project("web"))
    done = ctl("plan", "-f", "-", stdin=manifest(asking("web", memory="9Gi")))
    assert columns(done.out.splitlines()[1]) == ["update", "project/web", "n1 -> -", "1 node: memory, short by 7Gi"]
    assert done.out.endswith("\nPlan: 1 to update (1 left waiting). Nothing was changed.\n")


def test_plan_shows_who_gets_the_room_of_what_is_deleted(ctl, api):
    add_node(api, "n1")
    place(api, asking("a", memory="2Gi"))
    api.post("/api/v1/projects", asking("b", memory="2Gi"))
    done = ctl("plan", "--delete", "project/a")
    rows = {columns(line)[1]: columns(line) for line in done.out.splitlines() if "project/" in line}
    assert rows["project/a"][:3] == ["delete", "project/a", "n1"] and rows["project/b"][:3] == ["place", "project/b", "-> n1"]


def test_a_list_of_deletions_that_is_none_is_the_callers_mistake(api):
    answer = api.post("/api/v1/plan", {"delete": "project/x"})
    assert answer.status == 400 and "delete: expected an array" in answer.json["detail"]


@pytest.mark.parametrize("flag, why", [("--drain", "Drained"), ("--lose", "NodeLost")])
def test_plan_shows_what_a_node_that_goes_would_cost(ctl, api, flag, why):
    add_node(api, "n1")
    assert place(api, asking("a", memory="1Gi")) == "n1"
    assert place(api, asking("b", memory="1Gi")) == "n1"
    add_node(api, "n2", room={"capacity": {"memory": "1Gi"}})
    before = everything(api)
    done = ctl("plan", flag, "n1")
    assert done.code == 0
    rows = {columns(line)[1]: columns(line) for line in done.out.splitlines() if "project/" in line}
    moves = [row for row in rows.values() if row[0] == "move"]
    assert [(row[2], row[3]) for row in moves] == [("n1 -> n2", why)]
    assert done.out.splitlines()[-1].startswith("Plan: 1 to move")
    assert everything(api) == before


def test_plan_shows_what_would_stay_where_it_is(ctl, api):
    add_node(api, "n1")
    place(api, project("db", volumes=[{"name": "data", "type": "Local"}]))
    place(api, project("patient", onNodeLost="Wait"))
    add_node(api, "n2")
    rows = {columns(line)[1]: columns(line) for line in ctl("plan", "--drain", "n1").out.splitlines() if "project/" in line}
    assert rows["project/db"][:3] == ["stay", "project/db", "n1"] and "its data is on n1" in rows["project/db"][3]
    assert rows["project/patient"][:3] == ["move", "project/patient", "n1 -> n2"]
    done = ctl("plan", "--lose", "n1")
    rows = {columns(line)[1]: columns(line) for line in done.out.splitlines() if "project/" in line}
    assert rows["project/patient"] == \
        ["stay", "project/patient", "n1", "waits for its node to come back: spec.onNodeLost is Wait"]
    assert rows["project/db"][0] == "pending" and done.out.endswith("\nPlan: 1 to stay, 1 left waiting. Nothing was changed.\n")


def test_plan_takes_everything_at_once(ctl, api, tmp_path):
    add_node(api, "n1")
    add_node(api, "n2")
    where = place(api, project("a"))
    place(api, project("b"))
    (tmp_path / "c.yaml").write_text(manifest(project("c")))
    done = ctl("plan", "-f", str(tmp_path), "--delete", "project/b", "--lose", where)
    other = {"n1": "n2", "n2": "n1"}[where]
    assert done.code == 0
    rows = {columns(line)[1]: columns(line) for line in done.out.splitlines() if "project/" in line}
    assert rows["project/c"][:3] == ["create", "project/c", f"-> {other}"]
    assert rows["project/b"][0] == "delete" and rows["project/a"][:3] == ["move", "project/a", f"{where} -> {other}"]


def test_plan_of_deletions_takes_several_words(ctl, api):
    for name in ("a", "b"):
        api.post("/api/v1/projects", project(name))
    api.post("/api/v1/nodes", node("n9"))
    done = ctl("plan", "--delete", "project/a", "Project/b", "--delete=node/n9", "-o", "name")
    assert (done.code, sorted(done.out.split())) == (0, ["node/n9", "project/a", "project/b"])
    assert len(api.get("/api/v1/projects").json["items"]) == 2


def test_plan_for_programs_is_the_servers_answer(ctl, api):
    printed = json.loads(ctl("plan", "-f", "-", "-o", "json", stdin=manifest(project("web"))).out)
    assert printed["kind"] == "Plan" and printed["summary"] == {"create": 1}
    assert yaml.safe_load(ctl("plan", "-f", "-", "-o", "yaml", stdin=manifest(project("web"))).out) == printed


def test_a_plan_that_changes_nothing_says_so(ctl, api):
    add_node(api, "n1")
    assert ctl("plan", "--drain", "n1") == (0, "Plan: nothing to do. Nothing was changed.\n", "")


@pytest.mark.parametrize("words, error", [
    ((), "plan: what is to be planned? -f FILE, --delete KIND/NAME, --drain NODE or --lose NODE, or several of them"),
    (("web.yaml",), 'plan: unexpected argument "web.yaml": manifests stand behind -f, what is to be deleted behind --delete'),
    (("--delete", "web"), 'plan: --delete: "web" names nothing: write project/NAME or node/NAME'),
    (("--delete", "event/x"), 'plan: --delete: "event/x" names nothing: write project/NAME or node/NAME'),
    (("--drain", "a", "--drain", "b"), "plan: --drain takes one node: plan the others apart"),
    (("--drain", "nx"), "plan: Not Found: node not found: nx: resource not found"),
    (("--lose", "nx"), "plan: Not Found: node not found: nx: resource not found"),
    (("--delete", "project/px"), "plan: Not Found: project not found: px: resource not found"),
    (("-f", "nowhere.yaml"), "read manifest: open nowhere.yaml: no such file or directory"),
])
def test_plan_says_what_it_cannot_plan(ctl, words, error):
    assert ctl("plan", *words) == (1, "", f"Error: {error}\n")


def test_plan_refuses_what_apply_would_refuse(ctl):
    done = ctl("plan", "-f", "-", stdin=manifest(asking("web", memory="lots")))
    assert (done.code, done.out) == (1, "")
    assert "resources.requests.memory" in done.err and "quantity" in done.err


# --- drain ------------------------------------------------------------------------------------------------------------


def two_on_n1(api, **spec):
    """a and b on n1; n2 has room for all."""
    add_node(api, "n1")
    assert place(api, project("a")) == "n1"
    assert place(api, project("b", **spec)) == "n1"
    add_node(api, "n2")


def test_drain_waits_until_the_node_is_empty(ctl, api):
    two_on_n1(api)
    with agents(api, "n1", "n2"):
        done = ctl("drain", "n1")
    assert (done.code, done.err) == (0, "")
    first, *lines, last = done.out.splitlines()
    assert first == "node/n1 cordoned, draining: 2 projects there" and last == "node/n1 drained"
    assert sorted(lines) == ["project/a left", "project/b left"]
    assert wait_for(lambda: node_of(api, "a"), "a") == wait_for(lambda: node_of(api, "b"), "b") == "n2"
    assert "no (draining)" in ctl("get", "nodes", "-o", "wide").out
    with agents(api, "n1", "n2"):
        assert ctl("drain", "n1").out == "node/n1 cordoned, draining: 0 projects there\nnode/n1 drained\n"
    ctl("uncordon", "n1")
    assert api.get("/api/v1/nodes/n1").json["status"]["state"] == "Ready"


def test_drain_says_what_stays_and_why(ctl, api):
    two_on_n1(api, volumes=[{"name": "data", "type": "Local"}])
    with agents(api, "n1", "n2"):
        done = ctl("drain", "n1")
    assert done.code == 1
    assert "project/a left\n" in done.out and "project/b stays: " in done.out and "its data is on n1" in done.out
    assert done.err.startswith('Error: drain node "n1": 1 project cannot move (b); ')
    assert "caractrl uncordon n1 cancels" in done.err and "caractrl why" in done.err


def test_drain_with_room_for_one_moves_one_and_says_why_the_other_stays(ctl, api):
    add_node(api, "n1")
    for name in ("a", "b"):
        assert place(api, asking(name, memory="1Gi")) == "n1"
    add_node(api, "n2", room={"capacity": {"memory": "1Gi"}})
    tried = ctl("drain", "n1", "--dry-run")
    assert tried.code == 1 and "1 would leave, 1 would stay" in tried.out
    with agents(api, "n1", "n2"):
        done = ctl("drain", "n1")
    assert done.code == 1
    assert done.out == ("node/n1 cordoned, draining: 2 projects there\nproject/b stays: 1 node: memory, short by 1Gi\n"
                        "project/a left\n")
    assert done.err.startswith('Error: drain node "n1": 1 project cannot move (b); ')
    assert wait_for(lambda: node_of(api, "a"), "a") == "n2" and node_of(api, "b") == "n1"


def test_drain_gives_up_waiting_at_the_timeout(ctl, api):
    two_on_n1(api)
    done = ctl("drain", "n1", "--timeout", "300ms")
    assert done.code == 1 and done.out.startswith("node/n1 cordoned, draining: 2 projects there\n")
    assert done.err == ('Error: drain node "n1": 2 projects still there after 300ms (a, b); the node keeps draining: '
                        "caractrl drain n1 waits again, caractrl uncordon n1 cancels\n")
    assert api.get("/api/v1/nodes/n1/drain").json["draining"] is True


def test_drain_can_be_tried_out(ctl, api):
    two_on_n1(api)
    before = everything(api)
    done = ctl("drain", "n1", "--dry-run")
    assert done == (0, "PROJECT   WOULD   WHY\na         leave   -\nb         leave   -\n\n"
                       "node/n1: 2 would leave, 0 would stay. Nothing was changed.\n", "")
    assert everything(api) == before
    ctl("cordon", "n2")
    done = ctl("drain", "n1", "--dry-run")
    assert done.code == 1 and "0 would leave, 2 would stay" in done.out and "cordoned" in done.out


def test_drain_for_programs_ends_with_the_status(ctl, api):
    two_on_n1(api)
    done = ctl("drain", "n1", "-o", "json", "--timeout", "200ms")
    assert done.code == 1 and json.loads(done.out)["done"] is False
    with agents(api, "n1", "n2"):
        done = ctl("drain", "n1", "-o", "json")
    status = json.loads(done.out)
    assert (done.code, done.err) == (0, "") and status["done"] is True and status["leaving"] == []
    assert ctl("drain", "n1", "-o", "name").out == "node/n1\n"


def test_drain_refuses_what_makes_no_sense(ctl, api):
    add_node(api, "n1")
    assert ctl("drain", "nx").err == 'Error: drain node "nx": Not Found: node not found: nx: resource not found\n'
    assert ctl("drain", "n1", "--timeout", "5").err.startswith('Error: drain: --timeout: "5" is not a duration: ')
    assert "accepts 1 arg(s), received 2" in ctl("drain", "n1", "n2").err
    assert api.get("/api/v1/nodes/n1/drain").json["draining"] is False


def start(api, *args):
    return subprocess.Popen([str(BIN / "caractrl"), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env={**os.environ, "CARA_SERVER": api.url})


def test_drain_ends_when_someone_uncordons(ctl, api):
    two_on_n1(api)
    waiting = start(api, "drain", "n1")
    assert waiting.stdout.readline() == "node/n1 cordoned, draining: 2 projects there\n"
    ctl("uncordon", "n1")
    _, err = waiting.communicate(timeout=20)
    assert waiting.returncode == 1
    assert err == 'Error: drain node "n1": it was cancelled: someone uncordoned the node\n'


def test_interrupted_drain_goes_on_and_says_how_to_cancel(ctl, api):
    two_on_n1(api)
    waiting = start(api, "drain", "n1")
    assert waiting.stdout.readline() == "node/n1 cordoned, draining: 2 projects there\n"
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=20)
    assert waiting.returncode == -signal.SIGINT
    assert err == "\nThe node keeps draining: caractrl drain n1 waits again, caractrl uncordon n1 cancels.\n"
    assert api.get("/api/v1/nodes/n1/drain").json["draining"] is True


def is_back(server):
    with contextlib.suppress(OSError):
        return server.get("/api/readyz").status == 200
    return False


def test_drain_outlives_a_server_that_restarts(make_database, make_server):
    database = make_database()
    server = make_server(database.url)
    two_on_n1(server)
    waiting = start(server, "drain", "n1")
    assert waiting.stdout.readline() == "node/n1 cordoned, draining: 2 projects there\n"
    server.stop()
    assert waiting.stderr.readline().startswith("Warning: still waiting: request failed: ")
    server.start()
    wait_for(lambda: is_back(server), "the server to be back")
    with agents(server, "n1", "n2"):
        out, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, err) == (0, "") and out.endswith("node/n1 drained\n")


def test_drain_on_a_terminal_keeps_one_line_up_to_date(api):
    two_on_n1(api)
    primary, secondary = pty.openpty()
    child = subprocess.Popen([str(BIN / "caractrl"), "drain", "n1", "--timeout", "1s"], stdin=secondary, stdout=secondary,
                             stderr=secondary, env={**os.environ, "TERM": "xterm", "CARA_SERVER": api.url})
    os.close(secondary)
    shown = b""
    with contextlib.suppress(OSError):
        while select.select([primary], [], [], 30)[0] and (piece := os.read(primary, 65536)):
            shown += piece
    os.close(primary)
    assert child.wait(30) == 1
    text = shown.decode()
    assert "\r\x1b[Kn1: 0s, 0 moved, 2 leaving: a, b" in text and text.count("still there") == 1


# --- rebalance, unpin -------------------------------------------------------------------------------------------------


def test_rebalance_evens_out_on_request_only(ctl, api):
    two_on_n1(api)
    before = everything(api)
    done = ctl("rebalance", "--dry-run")
    assert done.code == 0 and done.out.endswith("\nRebalance: 1 to move. Nothing was changed.\n")
    assert "n1 -> n2" in done.out and everything(api) == before
    with agents(api, "n1", "n2"):
        assert ctl("rebalance").out.endswith("\nRebalance: 1 to move.\n")
        wait_for(lambda: {node_of(api, "a"), node_of(api, "b")} == {"n1", "n2"}, "one to move")
    assert ctl("rebalance") == (0, "Rebalance: nothing to do.\n", "")
    assert json.loads(ctl("rebalance", "--dry-run", "-o", "json").out)["kind"] == "Plan"


def test_unpin_lets_a_project_leave_its_data(ctl, api):
    add_node(api, "n1")
    add_node(api, "n2")
    here = place(api, project("db", volumes=[{"name": "data", "type": "Local"}]))
    there = {"n1": "n2", "n2": "n1"}[here]
    verdicts = ctl("why", "db", "--nodes").out
    assert re.search(rf"^  {there} +DataElsewhere +{here} ", verdicts, re.M)
    assert ctl("unpin", "db") == (0, "project/db unpinned\n", "")
    assert "DataElsewhere" not in ctl("why", "db", "--nodes").out
    assert ctl("unpin", "project/db", "-o", "name").out == "project/db\n"
    assert ctl("unpin", "nope").err == 'Error: unpin project "nope": Not Found: project not found: nope: resource not found\n'


# --- settings ---------------------------------------------------------------------------------------------------------


def test_settings_are_shown_and_changed(ctl, api):
    head, *rows = ctl("settings", "get").out.splitlines()
    assert columns(head) == ["NAME", "VALUE", "DESCRIPTION"]
    assert [columns(row)[0] for row in rows] == sorted(row[0] for row in api.database.sql("SELECT name FROM cara.setting"))
    assert ctl("settings", "set", "poll_interval=45s") == (0, "setting/poll_interval set to 45s\n", "")
    assert columns(ctl("settings", "get", "poll_interval").out.splitlines()[1])[:2] == ["poll_interval", "45s"]
    assert json.loads(ctl("settings", "get", "poll_interval", "-o", "json").out) == api.get("/api/v1/settings/poll_interval").json
    assert yaml.safe_load(ctl("settings", "set", "poll_interval=30s", "-oyaml").out)["value"] == "30s"
    for about in ("cluster", "Cluster/cluster"):
        assert re.search(r" SettingChanged +cluster/cluster +poll_interval set from 45s to 30s", ctl("events", "--for", about).out), about
    assert columns(ctl("settings", "get", "-o", "wide").out.splitlines()[0])[2] == "KIND"
    assert "setting/poll_interval\n" in ctl("settings", "get", "-o", "name").out


@pytest.mark.parametrize("word, words", [
    ("poll_interval=soon", ["poll_interval", '"soon"', "a time such as 30s"]),
    ("poll_intervall=1s", ["setting not found: poll_intervall", "the nearest one is poll_interval"]),
    ("poll_interval", ['"poll_interval" is not NAME=VALUE', "caractrl settings get shows all names"]),
    ("=1s", ["is not NAME=VALUE"]),
    ("eviction_brake=-1", ["eviction_brake", "a number from 0"]),
])
def test_settings_say_what_they_take(ctl, word, words):
    done = ctl("settings", "set", word)
    assert (done.code, done.out) == (1, "") and done.err.startswith("Error: settings set: ")
    for expected in words:
        assert expected in done.err


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_describe_tells_how_full_a_node_is(ctl, api):
    add_node(api, "n1")
    place(api, asking("web", memory="512Mi"))
    expected = "\nAllocated resources:\n  Projects:\t1\n  cpu:\t0 of 2 (0%)\n  memory:\t512Mi of 2Gi (25%)\n"
    assert expected in ctl("describe", "node", "n1").out
    assert api.get("/api/v1/nodes/n1/room").json["memory"] == {"requested": "512Mi", "of": "2Gi", "percent": 25}
    assert api.get("/api/v1/nodes/nx/room").status == 404


def test_describe_tells_what_was_asked_of_the_scheduler(ctl, api):
    add_node(api, "n1", reserved={"cpu": "500m"}, taints=[{"key": "gpu", "effect": "NoExecute"}])
    body = asking("web", memory="64Mi", placement={"tolerations": [{"operator": "Exists"}], "priority": 3}, onNodeLost="Wait")
    body["spec"]["services"][0]["ports"] = [{"containerPort": 80, "hostPort": 8080}]
    place(api, body)
    assert "  Taints:\tgpu:NoExecute\n  Reserved:\tcpu=500m\n" in ctl("describe", "node", "n1").out
    shown = ctl("describe", "project", "web").out
    for lines in ("      Resources:\n        requests: memory=64Mi\n", "      Ports:\n        80/TCP -> host 8080\n",
                  "  On Node Lost:\tWait\n  Placement:\n    Tolerations:   any taint\n    Priority:      3\n"):
        assert lines in shown


def test_completion_offers_nodes_projects_and_settings(ctl, api):
    add_node(api, "n1")
    api.post("/api/v1/projects", project("web"))

    def offered(*words):
        return [line.split("\t")[0] for line in ctl("__complete", "--", *words).out.splitlines()]

    assert offered("w") == ["wait", "why"] and offered("why", "") == ["web"] and offered("unpin", "") == ["web"]
    assert offered("drain", "") == offered("cordon", "x", "n") == offered("uncordon", "") == ["n1"]
    assert offered("plan", "--drain", "") == offered("plan", "--lose", "n") == ["n1"]
    assert offered("plan", "--delete", "") == ["node/n1", "project/web"]
    assert offered("plan", "--delete", "p") == ["project/web"] and offered("plan", "-f", "") == []
    assert offered("settings", "") == ["get", "set"] and "poll_interval" in offered("settings", "get", "poll")
    assert "--dry-run" in offered("drain", "n1", "--")


@pytest.mark.parametrize("words", [("plan", "--drain", "n1"), ("rebalance",), ("settings", "get")])
def test_answers_without_a_list_are_errors_that_say_so(words):
    with OddServer(body=b"{}") as server:
        done = caractrl(*words, server=server.url)
    assert (done.code, done.out) == (1, "") and "decode response: there is no list of items in it" in done.err
