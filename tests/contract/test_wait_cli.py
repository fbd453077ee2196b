"""wait, apply --wait, delete --wait, events and selectors as people use them, against the real server; agents are played."""
import json
import os
import pty
import select
import signal
import subprocess
import time

import pytest
import yaml
from support.caractrl import OddServer, caractrl
from support.manifests import node, project
from support.server import BIN
from support.wait import wait_for
from support.watch_server import SILENCE, WatchServer, project_object

ROOM = {"capacity": {"cpu": "2", "memory": "2Gi"}, "allocatable": {"cpu": "2", "memory": "2Gi"}}


@pytest.fixture
def ctl(api):
    def run(*args, **options):
        return caractrl(*args, server=api.url, **options)

    return run


def ready_node(api, name, **labels):
    body = node(name)
    body["metadata"]["labels"] = labels
    assert api.post("/api/v1/nodes", body).status == 201
    assert api.post(f"/api/v1/nodes/{name}/heartbeat", ROOM).status == 204


def labelled(name, memory=None, **labels):
    body = project(name)
    body["metadata"]["labels"] = labels
    if memory:
        body["spec"]["services"][0]["resources"] = {"requests": {"memory": memory}}
    return body


def placed(api, name):
    """The epoch and node it has, as soon as it has one."""

    def look():
        answer = api.get(f"/api/v1/projects/{name}")
        status = answer.json["status"] if answer.status == 200 else {}
        return "nodeRef" in status and status

    return wait_for(look, f"{name} to be placed")


def report(api, name, phase=None, reason="", message="", generation=1, services=()):
    """What its node's agent would say."""
    status = placed(api, name)
    told = {"project": name, "epoch": status["epoch"], "generation": generation, "services": list(services)}
    if phase:
        told.update(phase=phase, reason=reason, message=message)
    answer = api.post(f"/api/v1/nodes/{status['nodeRef']}/report", {"reports": [told]})
    assert answer.json["results"][0]["status"] == 204, answer.json


def manifest(tmp_path, *objects):
    path = tmp_path / "manifests.yaml"
    path.write_text("---\n".join(yaml.safe_dump(o) for o in objects), encoding="utf-8")
    return str(path)


# --- wait ----------------------------------------------------------------------------------------------


def test_wait_returns_when_the_phase_is_reached_and_not_before(start, api):
    ready_node(api, "n1")
    api.post("/api/v1/projects", project("web"))
    running = start("wait", "project", "web", "--for=phase=Running", server=api.url)
    report(api, "web", "Failed", "ContainerCrashed", "boom")
    assert running.child.poll() is None
    report(api, "web", "Running", "ContainersRunning")
    assert running.line() == "project/web condition met"
    assert running.end(how=None) == (0, "")


def test_a_project_that_is_over_is_not_ready(ctl, api):
    ready_node(api, "n1")
    api.post("/api/v1/projects", project("job"))
    report(api, "job", "Running", "ContainersRunning")
    assert ctl("wait", "project", "job", "--for=condition=Ready", "--timeout", "0").code == 0
    report(api, "job", "Running", "Completed")
    assert ctl("wait", "project", "job", "--for=condition=Ready", "--timeout", "0").code == 1
    assert ctl("wait", "project", "job", "--for=condition=Ready=False", "--timeout", "0").code == 0


def test_what_is_so_already_is_not_waited_for(ctl, api):
    ready_node(api, "n1")
    assert ctl("wait", "nodes", "n1", "--for=condition=Ready", "--timeout", "0") == (0, "node/n1 condition met\n", "")
    assert ctl("wait", "node/n1", "--for=state=ready", "--timeout=0s", "-o", "name") == (0, "node/n1\n", "")
    told = json.loads(ctl("wait", "node", "n1", "--for=condition=ready=true", "-o", "json").out)
    assert told["kind"] == "Node" and told["metadata"]["name"] == "n1"


def test_time_that_is_over_is_told_of_each_with_its_last_state_and_the_reason(ctl, api):
    ready_node(api, "n1")
    api.post("/api/v1/projects", labelled("big", "999Gi"))
    api.post("/api/v1/projects", project("web"))
    report(api, "web", "Failed", "ImagePullError", "no such image")
    began = time.monotonic()
    done = ctl("wait", "projects", "--all", "--for=phase=Running", "--timeout", "300ms")
    assert time.monotonic() - began < 5
    assert (done.code, done.out) == (1, "")
    lines = sorted(done.err.splitlines())
    late = "Error: wait: timed out after 300ms waiting for phase=Running on project"
    assert lines[0].startswith(f"{late}/big: it is Pending (NoNodeAvailable: 1 node: memory")
    assert lines[0].endswith("; caractrl why big tells what would help")
    assert lines[1] == f"{late}/web: it is Failed (ImagePullError: no such image)"


def test_several_are_waited_for_at_once_and_some_may_miss_it(start, api):
    ready_node(api, "n1")
    for name in ("a", "b", "c"):
        api.post("/api/v1/projects", labelled(name, tier="x" if name != "c" else "y"))
    running = start("wait", "projects", "-l", "tier=x", "--for=phase=Running", "--timeout", "2s", server=api.url)
    report(api, "b", "Running", "ContainersRunning")
    assert running.line() == "project/b condition met"
    code, err = running.end(how=None)
    assert code == 1 and err.count("Error: ") == 1 and "project/a" in err


def test_what_is_not_there_or_goes_away_is_said_so(start, ctl, api):
    done = ctl("wait", "project", "nope", "--for=phase=Running")
    assert (done.code, done.err) == (1, 'Error: wait: project "nope" is not there; --for=create waits for it\n')
    assert ctl("wait", "projects", "-l", "tier=x", "--for=phase=Running").err == "Error: wait: there are no projects that match\n"
    api.post("/api/v1/projects", project("web"))
    running = start("wait", "project", "web", "--for=phase=Running", server=api.url)
    api.delete("/api/v1/projects/web?force=true")
    code, err = running.end(how=None)
    assert code == 1 and err in ('Error: wait: project "web" was deleted while it was waited for\n',
                                 'Error: wait: project "web" is not there; --for=create waits for it\n')


def test_coming_and_going_can_be_waited_for(start, ctl, api):
    assert ctl("wait", "project", "web", "--for=delete") == (0, "project/web condition met\n", "")
    running = start("wait", "project", "web", "other", "--for=create", server=api.url)
    api.post("/api/v1/projects", project("web"))
    assert running.line() == "project/web condition met"
    api.post("/api/v1/projects", project("other"))
    assert running.line() == "project/other condition met"
    assert running.end(how=None) == (0, "")
    running = start("wait", "project", "web", "other", "--for=delete", server=api.url)
    api.delete("/api/v1/projects/other?force=true")
    api.delete("/api/v1/projects/web?force=true")
    assert sorted(running.rest()) == ["project/other condition met", "project/web condition met"]
    assert running.end(how=None) == (0, "")


def test_what_loses_its_label_is_waited_for_all_the_same(start, api, make_meddler):
    ready_node(api, "n1")
    for name in ("kept", "moved"):
        api.post("/api/v1/projects", labelled(name, tier="x"))
        report(api, name, "Failed", "ContainerCrashed", "boom")
    meddler = make_meddler(api.port)
    gone = start("wait", "projects", "-l", "tier=x", "--for=delete", "--timeout", "20s", server=meddler.url)
    up = start("wait", "projects", "-l", "tier=x", "--for=phase=Running", "--timeout", "20s", server=meddler.url)
    wait_for(lambda: meddler.heard.count(b"watch=true") == 2, "both to watch")
    report(api, "kept", "Running", "ContainersRunning")
    assert up.line() == "project/kept condition met"
    api.delete("/api/v1/projects/kept?force=true")
    assert gone.line() == "project/kept condition met"
    assert api.put("/api/v1/projects/moved", labelled("moved", tier="y")).status == 200
    report(api, "moved", "Running", "ContainersRunning")
    assert up.line() == "project/moved condition met"
    assert up.end(how=None) == (0, "")
    api.delete("/api/v1/projects/moved?force=true")
    assert gone.line() == "project/moved condition met"
    assert gone.end(how=None) == (0, "")


def test_another_one_of_the_same_name_is_not_what_is_waited_for(start):
    old, new = project_object("web", 1, "Pending"), project_object("web", 9, "Running", uid="another")
    with WatchServer([([old], 5), ([new], 10)], [410, [SILENCE]]) as server:
        assert start("wait", "project", "web", "--for=delete", server=server.url).rest() == ["project/web condition met"]
    with WatchServer([([old], 5), ([new], 10)], [410, [SILENCE]]) as server:
        code, err = start("wait", "project", "web", "--for=phase=Running", server=server.url).end(how=None)
        assert (code, err) == (1, 'Error: wait: project "web" was deleted while it was waited for\n')
    with WatchServer([([old], 5), ([new], 10)], [[SILENCE]]) as server:  # between the choice and the first look
        assert start("wait", "projects", "--all", "--for=delete", server=server.url).rest() == ["project/web condition met"]


@pytest.mark.parametrize("words, said", [
    (("wait", "project", "web"), 'required flag(s) "for" not set'),
    (("wait", "project", "--for=delete"), "requires at least 1 arg(s), only received 0"),
    (("wait", "project", "web", "--all", "--for=delete"), "names cannot stand beside --selector or --all"),
    (("wait", "project", "web", "--for=phase=Walking"), "one of Pending, Scheduled, Running"),
    (("wait", "node", "n1", "--for=phase=Running"), "a node has a state"),
    (("wait", "web", "--for=delete"), "write project/NAME or node/NAME"),
    (("wait", "project/a", "node/b", "--for=delete"), "one kind at a time"),
    (("wait", "project", "web", "--for=delete", "--timeout=soon"), "--timeout"),
])
def test_wrong_waits_are_refused(ctl, words, said):
    done = ctl(*words)
    assert done.code == 1 and said in done.err, done.err


# --- apply --wait ----------------------------------------------------------------------------------------


def test_apply_waits_until_all_run_and_tells_each_step_in_a_line(start, api, tmp_path):
    ready_node(api, "n1")
    path = manifest(tmp_path, labelled("web"))
    running = start("apply", "-f", path, "--wait", server=api.url)
    assert running.line() == "project/web created"
    report(api, "web", services=[{"name": "web", "state": "pulling", "image": "nginx:1", "message": "43 %"}])
    report(api, "web", services=[{"name": "web", "state": "pulling", "image": "nginx:1", "message": "71 %"}])
    said = [running.line()]
    while not said[-1].startswith("project/web pulling"):
        said.append(running.line())
    assert said[-1] == "project/web pulling nginx:1 on n1", "no percentages where lines stay"
    report(api, "web", services=[{"name": "web", "state": "running", "health": "starting"}])
    assert running.line() == "project/web running on n1, web not yet healthy"
    report(api, "web", "Running", "ContainersRunning", services=[{"name": "web", "state": "running", "health": "healthy"}])
    last = running.line()
    assert last.startswith("project/web Running on n1 in ") and last.endswith("s")
    assert running.end(how=None) == (0, "")


def test_apply_of_a_change_waits_for_that_change(start, api, tmp_path):
    ready_node(api, "n1")
    api.post("/api/v1/projects", project("web"))
    report(api, "web", "Running", "ContainersRunning", services=[{"name": "web", "state": "running"}])
    running = start("apply", "-f", manifest(tmp_path, project("web", "nginx:2")), "--wait", "-o", "json", server=api.url)
    wait_for(lambda: api.get("/api/v1/projects/web").json["metadata"]["generation"] == 2, "the new spec")
    assert running.child.poll() is None
    report(api, "web", "Running", "ContainersRunning", generation=2, services=[{"name": "web", "state": "running"}])
    code, err = running.end(how=None)
    told = json.loads("\n".join(running.rest()))
    assert (code, err) == (0, "") and told["status"]["observedGeneration"] == 2 and told["status"]["phase"] == "Running"


def test_apply_fails_at_once_with_the_reason_of_what_cannot_come_up(start, api, tmp_path):
    ready_node(api, "n1")
    running = start("apply", "-f", manifest(tmp_path, project("bad"), project("good")), "--wait", server=api.url)
    report(api, "bad", "Failed", "ImagePullError", "no such image")
    report(api, "good", "Running", "ContainersRunning")
    code, err = running.end(how=None)
    assert (code, err) == (1, 'Error: project "bad" cannot come up: ImagePullError: no such image on n1\n')
    assert running.rest()[-1].startswith("project/good Running on n1 in ")


def test_apply_says_why_a_project_waits_when_the_time_is_over(ctl, api, tmp_path):
    ready_node(api, "n1")
    done = ctl("apply", "-f", manifest(tmp_path, labelled("big", "999Gi")), "--wait", "--timeout", "1s")
    assert done.code == 1 and done.out.splitlines()[-1] == "project/big waits: 1 node: memory, short by 997Gi"
    assert done.err == ('Error: project "big" is not running after 1s: waits: 1 node: memory, short by 997Gi; '
                        "caractrl why big tells what would help\n")


def test_apply_that_waits_for_what_runs_already_returns_at_once(ctl, api, tmp_path):
    ready_node(api, "n1")
    path = manifest(tmp_path, node("n1"), project("web"))
    assert ctl("apply", "-f", path).code == 0
    report(api, "web", "Running", "ContainersRunning")
    done = ctl("apply", "-f", path, "--wait")
    assert done == (0, f"{done.out.splitlines()[0]}\nproject/web unchanged\nproject/web Running on n1\n", "")


def test_apply_on_a_terminal_keeps_a_line_a_project_up_to_date(api, tmp_path):
    ready_node(api, "n1")
    path = manifest(tmp_path, project("one"), project("two"))
    master, slave = pty.openpty()
    child = subprocess.Popen([str(BIN / "caractrl"), "apply", "-f", path, "--wait"], stdin=slave, stdout=slave, stderr=slave,
                             env={**os.environ, "CARA_SERVER": api.url, "TERM": "xterm", "NO_COLOR": "1"})
    os.close(slave)
    text = ""

    def read_until(words):
        nonlocal text
        while words not in text:
            assert select.select([master], [], [], 20)[0], f"no {words!r} in {text!r}"
            text += os.read(master, 65536).decode()

    report(api, "one", services=[{"name": "web", "state": "pulling", "image": "nginx:1", "message": "43 %"}])
    read_until("project/one pulling nginx:1 43 % on n1")
    report(api, "one", "Running", "ContainersRunning")
    read_until("project/one Running on n1 in ")
    report(api, "two", "Running", "ContainersRunning")
    read_until("project/two Running on n1 in ")
    assert child.wait(20) == 0
    os.close(master)
    assert "\033[2A" in text, "both lines were written over"


def test_apply_that_is_interrupted_says_what_becomes_of_it(start, api, tmp_path):
    running = start("apply", "-f", manifest(tmp_path, project("web")), "--wait", server=api.url)
    assert running.line() == "project/web created" and running.line().startswith("project/web waits")
    code, err = running.end(signal.SIGINT)
    assert code == -signal.SIGINT and err == "\nWhat was applied stays so, and goes on coming up.\n"
    assert api.get("/api/v1/projects/web").status == 200


def test_apply_of_what_someone_else_changed_is_a_conflict_with_a_way_out(ctl, api, tmp_path):
    api.post("/api/v1/projects", project("web"))
    mine = api.get("/api/v1/projects/web").json
    other = project("web", "nginx:2")
    assert ctl("apply", "-f", manifest(tmp_path, other)).code == 0
    mine.pop("status")
    done = ctl("apply", "-f", manifest(tmp_path, mine))
    assert done.code == 1 and done.err.startswith("Error: apply: Conflict: "), done.err
    assert "web" in done.err and "has been modified" in done.err and "caractrl get -o yaml" in done.err, done.err
    assert api.get("/api/v1/projects/web").json["spec"]["services"][0]["image"] == "nginx:2"


# --- delete --wait, selectors ----------------------------------------------------------------------------


def test_delete_waits_until_nothing_is_left(start, api):
    ready_node(api, "n1")
    for name in ("web", "idle"):
        api.post("/api/v1/projects", project(name))
    report(api, "web", "Running", "ContainersRunning")
    running = start("delete", "project", "web", "--wait", server=api.url)
    wait_for(lambda: api.get("/api/v1/projects/web").json["status"]["phase"] == "Terminating", "its deletion")
    assert running.child.poll() is None
    report(api, "web", "Terminated", "ResourcesRemoved")
    assert running.line() == 'project "web" deleted'
    assert running.end(how=None) == (0, "")


def test_delete_that_takes_too_long_goes_on(ctl, api):
    ready_node(api, "n1")
    api.post("/api/v1/projects", project("web"))
    report(api, "web", "Running", "ContainersRunning")
    done = ctl("delete", "project", "web", "--wait", "--timeout", "300ms")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith('Error: delete project "web": still there after 300ms: Terminating')
    assert done.err.endswith("; its deletion goes on\n")


def test_selectors_pick_what_is_described_deleted_and_cordoned(ctl, api):
    for name, zone in (("n1", "a"), ("n2", "a"), ("n3", "b")):
        ready_node(api, name, zone=zone)
    assert ctl("cordon", "-l", "zone in (a)").out == "node/n1 cordoned\nnode/n2 cordoned\n"
    assert ctl("get", "nodes", "-l", "zone!=a", "-o", "name").out == "node/n3\n"
    assert ctl("get", "nodes", "--state", "NotReady", "-o", "name").out == ""
    assert ctl("uncordon", "--all", "-o", "name").out == "node/n1\nnode/n2\nnode/n3\n"
    described = ctl("describe", "nodes", "-l", "zone=a").out
    assert described.count("Kind:\tNode") == 2 and "Name:\tn3" not in described
    for name, tier in (("p1", "x"), ("p2", "x"), ("p3", "y")):
        api.post("/api/v1/projects", labelled(name, tier=tier))
        placed(api, name)
    on_n3 = ctl("get", "projects", "--node", "n3", "-o", "name").out.split()
    projects = api.get("/api/v1/projects").json["items"]
    assert on_n3 == [f"project/{p['metadata']['name']}" for p in projects if p["status"]["nodeRef"] == "n3"]
    assert ctl("delete", "projects", "-l", "tier=x", "--force", "-o", "name").out == "project/p1\nproject/p2\n"
    assert ctl("delete", "projects", "-l", "tier=x") == (0, "", "No projects found\n")
    assert ctl("get", "projects", "-o", "name").out == "project/p3\n"


def test_selectors_pick_whose_logs_are_read(ctl, api):
    ready_node(api, "n1")
    for name, tier in (("long-name", "x"), ("p2", "x"), ("p3", "y")):
        api.post("/api/v1/projects", labelled(name, tier=tier))
        placed(api, name)
    with OddServer(content_type="text/plain", body=b"line\n") as agent:
        node_of_agent = agent.url.removeprefix("http://")
        done = ctl("logs", "-l", "tier=x", "--node", node_of_agent, "--tail", "5")
        assert done == (0, "long-name/web | line\np2/web        | line\n", "")
        assert [path for _, path in agent.requests] == ["/api/v1/logs/long-name/web?tail=5", "/api/v1/logs/p2/web?tail=5"]
        assert ctl("logs", "p3", "--node", node_of_agent) == (0, "web | line\n", "")
        assert sorted(ctl("logs", "-f", "-l", "tier", "--node", node_of_agent).out.splitlines()) == [
            "long-name/web | line", "p2/web        | line", "p3/web        | line"]
    assert ctl("logs", "-l", "tier=z") == (0, "", "No projects found\n")
    assert "names cannot stand beside" in ctl("logs", "p2", "-l", "tier=x").err
    done = ctl("logs", "-l", "tier=x", "--previous")
    assert (done.code, done.out) == (0, ""), "none has ended"


def test_selectors_pick_what_is_asked_why_and_unpinned(ctl, api):
    for name, tier in (("p1", "x"), ("p2", "x"), ("p3", "y")):
        api.post("/api/v1/projects", labelled(name, tier=tier))
    assert ctl("why", "-l", "tier=x", "-o", "name").out == "project/p1\nproject/p2\n"
    both = json.loads(ctl("why", "-l", "tier=x", "-o", "json").out)
    assert both["kind"] == "List"
    assert both["items"] == [json.loads(ctl("why", name, "-o", "json").out) for name in ("p1", "p2")]
    assert ctl("why", "-l", "tier=x").out == ctl("why", "p1").out + "\n\n" + ctl("why", "p2").out
    assert ctl("unpin", "-l", "tier=x").out == "project/p1 unpinned\nproject/p2 unpinned\n"
    assert len(json.loads(ctl("unpin", "-l", "tier=x", "-o", "json").out)["items"]) == 2
    assert json.loads(ctl("unpin", "p3", "-o", "json").out)["metadata"]["name"] == "p3"


def test_a_drain_by_selector_closes_all_before_it_empties_the_first(ctl, api):
    for name, zone in (("n1", "a"), ("n2", "a")):
        ready_node(api, name, zone=zone)
    done = ctl("drain", "-l", "zone=a", "--timeout", "5s")
    assert done.code == 0 and done.out.endswith("node/n2 drained\n") and "node/n1 drained\n" in done.out
    assert all(n["spec"]["unschedulable"] for n in api.get("/api/v1/nodes").json["items"])


# --- events ----------------------------------------------------------------------------------------------


def test_events_are_shown_of_one_thing_of_one_type_and_of_a_time(ctl, api):
    ready_node(api, "n1")
    api.post("/api/v1/projects", project("shown"))
    placed(api, "shown")
    table = ctl("events", "--for", "project/shown").out.splitlines()
    assert table[0].split() == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert table[1:] and all("project/shown" in row for row in table[1:])
    assert json.loads(ctl("events", "project/shown", "-o", "json").out) == json.loads(ctl("get", "events", "project/shown", "-o", "json").out)
    report(api, "shown", "Failed", "ContainerCrashed", "boom")
    warnings = json.loads(ctl("events", "--for", "project/shown", "--type", "Warning", "-o", "json").out)["items"]
    assert warnings and {e["type"] for e in warnings} == {"Warning"} and warnings[-1]["message"] == "boom"
    api.database.sql("UPDATE cara.event SET last_at = last_at - interval '1 hour' WHERE name = 'n1'")
    assert "node/n1" not in ctl("events", "--since", "10m").out.split() and "node/n1" in ctl("events", "--since", "2h").out.split()
    assert "names nothing" in ctl("events", "--for", "lunch").err
    assert "--since" in ctl("events", "--since", "yesterday").err


def test_events_are_followed_as_they_happen(start, api):
    ready_node(api, "n1")
    api.post("/api/v1/projects", project("followed"))
    placed(api, "followed")
    running = start("events", "-w", "--for", "project/followed", server=api.url)
    seen = running.line()
    while "Scheduled" not in seen:
        seen = running.line()
    report(api, "followed", "Failed", "ContainerCrashed", "boom")
    line = running.line()
    assert "ContainerCrashed" in line and line.endswith("boom")
    assert running.end() == (0, "")


@pytest.fixture
def crowd(api):
    """Records many events at once, each of a node of its own."""

    def record(count, kind, reason, ago="0"):
        api.database.sql("INSERT INTO cara.event (kind, name, type, reason, message, actor, first_at, last_at)"
                         " SELECT 'Node', 'crowd' || n, %s, %s, 'm', 'test', t, t"
                         " FROM generate_series(1, %s) n, (SELECT clock_timestamp() - %s::interval) now(t)", kind, reason, count, ago)

    yield record
    api.database.sql("DELETE FROM cara.event WHERE name LIKE 'crowd%'")


def test_no_event_of_a_time_or_type_is_left_out_however_many_there_are(ctl, crowd):
    crowd(30, "Warning", "Rare", "5 min")
    crowd(2500, "Normal", "Common", "4 min")

    def shown(*words):
        done = ctl("events", "-o", "json", *words)
        items = json.loads(done.out)["items"]
        mine = [e for e in items if e["involvedObject"]["name"].startswith("crowd")]
        assert [e["lastTimestamp"] for e in mine] == sorted(e["lastTimestamp"] for e in mine)
        assert "continue" not in json.loads(done.out)["metadata"]
        return [e["reason"] for e in mine], done.err

    reasons, err = shown("--since", "10m")
    assert (reasons, err) == (["Rare"] * 30 + ["Common"] * 2500, "")
    assert shown("--type", "Warning")[0] == ["Rare"] * 30
    reasons, err = shown()
    assert 900 < len(reasons) <= 1000 and err == "Warning: there are older events: --since 10m shows all of a time\n"


def test_followers_of_events_see_every_one_of_thousands_at_once(start, api, crowd):
    crowd(1, "Warning", "First")
    running = start("events", "-w", "--since", "10m", "--type", "Warning", "-o", "json", server=api.url)
    seen, text = [], running.line()  # it has looked for the first time
    crowd(3500, "Warning", "NodeLost")
    crowd(1, "Warning", "Last")
    while not seen or seen[-1] != ("Last", "crowd1"):
        text += running.line()
        if text.count("{") == text.count("}"):
            event = json.loads(text)
            seen.append((event["reason"], event["involvedObject"]["name"]))
            text = ""
    lost = [name for reason, name in seen if reason == "NodeLost"]
    assert len(lost) == len(set(lost)) == 3500
    assert running.end() == (0, "")


def test_events_that_cannot_be_watched_are_not_taken_for_such(api):
    answer = api.get("/api/v1/events?watch=true")
    assert answer.status == 400 and "cannot be watched" in answer.json["detail"]


# --- completion ------------------------------------------------------------------------------------------


def test_completion_knows_names_phases_and_conditions(ctl, api):
    ready_node(api, "n1")
    api.post("/api/v1/projects", project("web"))

    def offered(*words):
        return [line.split("\t")[0] for line in ctl("__complete", "--", *words).out.splitlines()]

    assert offered("wait", "") == ["node", "project"]
    assert offered("wait", "project", "") == ["web"] and offered("wait", "nodes", "") == ["n1"]
    assert offered("wait", "project", "--for", "phase=R") == ["phase=Running"]
    assert offered("wait", "project", "--for=phase=R") == ["--for=phase=Running"]
    assert offered("wait", "project", "--for", "=", "phase", "=", "R") == ["Running"], "as bash takes words apart"
    assert offered("wait", "project", "--for", "=") == offered("wait", "project", "--for", "")
    assert "state=Draining" in offered("wait", "node", "n1", "--for", "")
    assert offered("get", "projects", "--phase", "Fa") == ["Failed"] and offered("get", "projects", "--phase=Fa") == ["--phase=Failed"]
    assert offered("get", "projects", "--node", "") == ["n1"] and offered("get", "nodes", "--state", "D") == ["Draining"]
    assert offered("events", "") == offered("events", "--for", "") == ["node/n1", "project/web"]
    assert offered("apply", "--w") == ["--wait"] and "--selector" in offered("delete", "project", "--")
