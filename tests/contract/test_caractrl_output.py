"""What caractrl prints (contract, 6.1-6.5), against the real server; against odd ones where it must keep its head."""
import json
import os
import pty
import re
import select
import subprocess

import pytest
import yaml
from support.caractrl import OddServer, caractrl
from support.manifests import node, project
from support.server import BIN, free_port
from support.wait import wait_for

WEB = """\
apiVersion: caravanserai/v1
kind: Project
metadata: {name: web}
spec:
  services:
    - {name: web, image: "nginx:1"}
"""


@pytest.fixture
def ctl(api):
    def run(*args, **options):
        return caractrl(*args, server=api.url, **options)

    return run


def manifest(*objects):
    return "---\n".join(yaml.safe_dump(o) for o in objects)


def columns(line):
    return re.split(r" {3,}", line)


# --- apply ------------------------------------------------------------------------------------------------------------


def test_apply_says_what_it_did(ctl):
    text = manifest(node("n1"), project("web"))
    assert ctl("apply", "-f", "-", stdin=text) == (0, "node/n1 created\nproject/web created\n", "")
    assert ctl("apply", "-f", "-", stdin=text) == (0, "node/n1 unchanged\nproject/web unchanged\n", "")
    text = manifest(node("n1"), project("web", image="nginx:2"))
    assert ctl("apply", "-f", "-", stdin=text) == (0, "node/n1 unchanged\nproject/web configured\n", "")


def test_apply_takes_files_directories_and_several_of_them(ctl, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "b.yml").write_text(manifest(project("b")))
    (tmp_path / "d" / "a.json").write_text(json.dumps(project("a")))
    (tmp_path / "d" / "notes.txt").write_text("[ not a manifest")
    (tmp_path / "c.yaml").write_text(manifest(project("c")))
    done = ctl("apply", "-f", str(tmp_path / "c.yaml"), f"--filename={tmp_path / 'd'}")
    assert done == (0, "project/c created\nproject/a created\nproject/b created\n", "")


def test_apply_takes_lists_and_what_get_printed(ctl):
    ctl("apply", "-f", "-", stdin=manifest(node("n1"), project("web")))
    wait_for(lambda: "conditions:" in ctl("get", "project", "web", "-o", "yaml").out, "web to be told why it waits")
    for output in ("yaml", "json"):
        for words in (("project", "web"), ("projects",), ("nodes",)):
            printed = ctl("get", *words, "-o", output)
            again = ctl("apply", "-f", "-", stdin=printed.out)
            assert again.code == 0 and again.out.endswith(" unchanged\n"), again


def test_apply_takes_urls(ctl):
    with OddServer(content_type="text/yaml", body=WEB.encode()) as files:
        assert ctl("apply", "-f", files.url + "/web.yaml") == (0, "project/web created\n", "")
        assert files.requests == [("GET", "/web.yaml")]
    with OddServer(status=404) as files:
        assert ctl("apply", "-f", files.url + "/x") == (1, "", f"Error: read manifest: {files.url}/x: 404 Not Found\n")


def test_apply_is_all_or_nothing(ctl):
    done = ctl("apply", "-f", "-", stdin=manifest(project("good"), project("bad", image="")))
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith('Error: apply: Validation Problem: project "bad": ')
    assert ctl("get", "projects", "-o", "name").out == ""


def test_apply_prints_objects_on_request(ctl):
    done = ctl("apply", "-f", "-", "-o", "json", stdin=WEB)
    assert json.loads(done.out)["metadata"]["name"] == "web"
    done = ctl("apply", "-f", "-", "-o", "yaml", stdin=manifest(project("a"), project("b")))
    assert [item["metadata"]["name"] for item in yaml.safe_load(done.out)["items"]] == ["a", "b"]
    assert ctl("apply", "-f", "-", "-o", "name", stdin=WEB).out == "project/web\n"


@pytest.mark.parametrize("text, error", [
    ("kind: Foo\n", 'apply: unsupported kind "Foo"\n'),
    ("", 'apply: unsupported kind "": standard input holds no manifest\n'),
    ("# only words\n---\n", 'apply: unsupported kind "": standard input holds no manifest\n'),
    ("kind: Project\nkind: Node\n",
     'parse manifest: yaml decode: standard input: line 2, column 1: key "kind" is there twice\n'),
    ("kind:\n\tx: y\n",
     "parse manifest: yaml decode: standard input: line 2, column 1: a tab cannot indent YAML: use spaces\n"),
    ("kind: Node\n1: x\n",
     'parse manifest: yaml decode: standard input: line 2, column 1: keys must be strings: quote it, as "1"\n'),
    ("kind: .inf\n", "parse manifest: yaml decode: standard input: line 1, column 7: .inf is not a number"),
    ("a: &a [*a]\n", 'parse manifest: yaml decode: standard input: line 1, column 8: anchor "a" contains itself\n'),
    ("{", "parse manifest: yaml decode: standard input: line "),
    ("just words", "parse manifest: standard input: document 1 is not a map"),
])
def test_apply_refuses_what_is_no_manifest(ctl, text, error):
    done = ctl("apply", "-f", "-", stdin=text)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error: " + error)


def test_apply_refuses_alias_bombs(ctl):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join(f'*a{i - 1}' for _ in range(10))}]" for i in range(1, 10)]
    done = ctl("apply", "-f", "-", stdin="\n".join(lines))
    assert done.code == 1 and "aliases expand to more than" in done.err


def test_apply_refuses_files_and_directories_that_hold_nothing(ctl, tmp_path):
    assert ctl("apply", "-f", "nowhere.yaml").err == \
        "Error: read manifest: open nowhere.yaml: no such file or directory\n"
    assert ctl("apply", "-f", str(tmp_path)).err == \
        f"Error: read manifest: {tmp_path}: no *.yaml, *.yml or *.json in this directory\n"
    assert 'unexpected argument "b.yaml"' in ctl("apply", "-f", "-", "b.yaml").err


def test_apply_says_when_it_is_too_much(ctl):
    big = project("web")
    big["metadata"]["annotations"] = {"a": "x" * (5 << 20)}
    done = ctl("apply", "-f", "-", stdin=json.dumps(big))
    assert (done.code, done.out) == (1, "")
    assert "the server takes 4 MiB at once" in done.err
    done = ctl("apply", "-f", "-", stdin="#" + "x" * (17 << 20))
    assert done.err == "Error: read manifest: standard input is longer than 16 MiB\n"


@pytest.mark.parametrize("change, words", [
    ({"metadata": {"name": "x" * 254}}, ["Validation Problem", "254"]),
    ({"metadata": {}}, ["metadata.name is required"]),
    ({"spec": {"services": []}}, ["spec.services must contain at least one service"]),
    ({"spec": {"services": [{"name": "a", "image": 3}]}}, ["image"]),
    ({"spec": {"services": [{"name": "a", "imag": "x"}]}}, ["imag"]),
    ({"spec": {"services": [{"name": "a", "image": "a\0b"}]}}, ["Validation Problem"]),
])
def test_apply_shows_the_servers_refusal(ctl, change, words):
    done = ctl("apply", "-f", "-", stdin=json.dumps({**project("web"), **change}))
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error: apply: ")
    for word in words:
        assert word in done.err


def test_values_reach_the_server_typed_as_yaml_says(ctl, api):
    ctl("apply", "-f", "-", stdin="""\
kind: Project
metadata: {name: web, labels: {on: yes, n: "0777"}}
spec:
  services: [&web {name: web, image: nginx, env: [{name: A, value: "1_000"}]}, {<<: *web, name: other}]
  ingress: [{name: i, target: {service: web, port: 0x50}}]
  expireAt: 2030-01-01
""")
    stored = api.get("/api/v1/projects/web").json
    assert stored["metadata"]["labels"] == {"on": "yes", "n": "0777"}
    assert [s["name"] for s in stored["spec"]["services"]] == ["web", "other"]
    assert stored["spec"]["services"][1]["env"] == [{"name": "A", "value": "1_000"}]
    assert stored["spec"]["ingress"][0]["target"]["port"] == 80
    assert stored["spec"]["expireAt"] == "2030-01-01T00:00:00Z"


# --- get --------------------------------------------------------------------------------------------------------------


def test_get_prints_aligned_tables(ctl, api):
    assert ctl("get", "nodes").out == "NAME   STATE   IP   AGE\n"
    assert ctl("get", "projects").out == "NAME   PHASE   NODE   CONDITIONS   AGE\n"
    api.post("/api/v1/nodes", node("node-01"))
    api.post("/api/v1/nodes/node-01/heartbeat", {"network": {"ip": "10.0.0.5"}})
    api.post("/api/v1/nodes", node("n2"))
    head, *rows = ctl("get", "nodes").out.splitlines()
    assert head == "NAME      STATE      IP         AGE"
    assert sorted(columns(row)[:3] for row in rows) == [["n2", "NotReady", "<none>"], ["node-01", "Ready", "10.0.0.5"]]
    assert all(re.fullmatch(r"\d+s", columns(row)[3]) for row in rows)
    assert ctl("get", "node", "n2").out.startswith("NAME   STATE      IP       AGE\nn2     NotReady   <none>   ")


def test_get_shows_where_a_project_is(ctl, api):
    api.post("/api/v1/nodes", node("n1"))
    api.post("/api/v1/nodes/n1/heartbeat")
    api.post("/api/v1/projects", project("web"))
    api.patch("/api/v1/projects/web/status",
              {"phase": "Running", "reason": "ContainersRunning", "message": "All containers running"})
    head, row = ctl("get", "projects").out.splitlines()
    assert columns(head) == ["NAME", "PHASE", "NODE", "CONDITIONS", "AGE"]
    assert columns(row)[:2] == ["web", "Running"] and columns(row)[3] == "ContainersRunning"
    assert ctl("get", "projects", "--phase", "Running", "-o", "name").out == "project/web\n"
    assert ctl("get", "projects", "--phase=Failed", "-o", "name").out == ""
    assert ctl("get", "projects", "--phase=Failed", "--phase=Running", "-o", "name").out == "project/web\n"


def test_get_prints_json_and_yaml(ctl, api):
    api.post("/api/v1/projects", {**project("web"), "metadata": {"name": "web", "labels": {"b": "yes", "a": "<&>"}}})
    printed = ctl("get", "project", "web", "-o", "json").out
    assert json.loads(printed) == api.get("/api/v1/projects/web").json
    assert printed.startswith('{\n  "apiVersion": "caravanserai/v1",\n  "kind": "Project",\n  "metadata": {\n')
    assert printed.endswith("\n}\n") and '"a": "\\u003c\\u0026\\u003e",\n' in printed
    printed = ctl("get", "project", "web", "-o", "yaml").out
    assert yaml.load(printed, yaml.BaseLoader)["metadata"]["labels"] == {"a": "<&>", "b": "yes"}
    assert '    labels:\n        a: <&>\n        b: "yes"\n    name: web\n' in printed
    assert "spec:\n    services:\n        - image: nginx:1\n          name: web\n" in printed
    assert 'status:\n    conditions:\n        - lastHeartbeatTime: "0001-01-01T00:00:00Z"\n' in printed
    assert '          status: "True"\n          type: Phase\n    phase: Pending\n' in printed
    listed = json.loads(ctl("get", "projects", "--output=json").out)
    assert listed["kind"] == "ProjectList" and len(listed["items"]) == 1


def test_get_takes_several_names_and_paths(ctl, api):
    for name in ("a", "b", "c"):
        api.post("/api/v1/projects", project(name))
    assert ctl("get", "projects", "c", "a", "-o", "name").out == "project/c\nproject/a\n"
    assert ctl("get", "project/a", "project/b", "-o", "name").out == "project/a\nproject/b\n"
    done = ctl("get", "projects", "a", "nope", "-o", "name")
    assert done == (1, "project/a\n", 'Error: get project "nope": Not Found: project not found: nope: resource not found\n')


def test_get_takes_nodes_and_projects_together(ctl, api):
    api.post("/api/v1/nodes", node("vm"))
    api.post("/api/v1/projects", project("hello"))
    words = ("get", "project/hello", "node/vm")
    first, second = ctl(*words).out.split("\n\n")
    assert columns(first.splitlines()[0])[1] == "STATE" and columns(first.splitlines()[1])[0] == "vm"
    assert columns(second.splitlines()[0])[1] == "PHASE" and columns(second.splitlines()[1])[0] == "hello"
    assert ctl(*words, "-o", "name").out == "node/vm\nproject/hello\n"
    listed = json.loads(ctl(*words, "-o", "json").out)
    assert listed["kind"] == "List" and [item["kind"] for item in listed["items"]] == ["Project", "Node"]
    done = ctl("get", "project/nope", "node/vm", "-o", "name")
    assert (done.code, done.out) == (1, "node/vm\n") and done.err.startswith('Error: get project "nope": Not Found')


def test_get_wide_adds_columns(ctl, api):
    api.post("/api/v1/nodes", node("n1", unschedulable=True))
    api.post("/api/v1/projects", project("web"))
    assert columns(ctl("get", "nodes", "-o", "wide").out.splitlines()[0])[:4] == ["NAME", "STATE", "IP", "AGE"]
    assert columns(ctl("get", "projects", "-owide").out.splitlines()[1])[-1] == "nginx:1"


def test_get_shows_events(ctl, api):
    api.post("/api/v1/nodes", node("n1"))
    api.post("/api/v1/projects", project("web"))
    head, *rows = ctl("get", "events").out.splitlines()
    assert columns(head) == ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert {columns(row)[3] for row in rows} >= {"node/n1", "project/web"}
    _, *rows = ctl("get", "events", "project/web").out.splitlines()
    assert {columns(row)[3] for row in rows} == {"project/web"}
    assert ctl("get", "events", "web").err == \
        'Error: get events: "web" names nothing: write project/NAME, node/NAME or cluster\n'


@pytest.mark.parametrize("words, error", [
    (("get", "node", "x"), 'get node "x": Not Found: node not found: x: resource not found'),
    (("get", "project", "nope"), 'get project "nope": Not Found: project not found: nope: resource not found'),
    (("get", "project", "a/b c"), 'get project "a/b c": Not Found: project not found: a/b c: resource not found'),
    (("describe", "node", "x"), 'describe node "x": Not Found: node not found: x: resource not found'),
    (("describe", "project", "x"), 'describe project "x": Not Found: project not found: x: resource not found'),
    (("delete", "node", "x"), 'delete node "x": Not Found: node not found: x: resource not found'),
    (("delete", "project", "x"), 'delete project "x": Not Found: project not found: x: resource not found'),
])
def test_what_is_not_there_is_told(ctl, words, error):
    assert ctl(*words) == (1, "", f"Error: {error}\n")


# --- describe and delete ----------------------------------------------------------------------------------------------


def test_describe_starts_as_it_always_did(ctl, api):
    api.post("/api/v1/nodes", node("n1"))
    api.post("/api/v1/nodes/n1/heartbeat", {"network": {"ip": "10.0.0.5", "agentPort": 9090}, "capacity": {"cpu": "8"}})
    api.post("/api/v1/projects", project("web"))
    api.patch("/api/v1/projects/web/status",
              {"phase": "Running", "reason": "ContainersRunning", "message": "All containers running"})
    text = ctl("describe", "node", "n1").out
    assert re.match(r"Name:\tn1\nKind:\tNode\nCreated:\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \(\d+s ago\)\nLabels:\t<none>\n"
                    r"Annotations:\t<none>\n\nSpec:\n  Hostname:\tn1\n  Unschedulable:\tfalse\n\nStatus:\n"
                    r"  State:\tReady\n  Last Heartbeat:\t", text), text
    assert "\nNetwork:\n  IP:\t10.0.0.5\n  DNS Name:\t<none>\n  Mode:\t<none>\n  Agent Port:\t9090\n" in text
    assert "\nCapacity:\n  cpu:\t8\nAllocatable:\n" in text
    text = ctl("describe", "project", "web").out
    assert "\nSpec:\n  Services:\n    - Name:    web\n      Image:   nginx:1\n\n  Volumes:\n    <none>\n" in text
    assert "\n  Expire At:\t<none>\n\nStatus:\n  Phase:\t" in text
    assert re.search(r"\nConditions:\n  TYPE    STATUS   LAST HEARTBEAT   LAST TRANSITION        REASON              MESSAGE\n"
                     r"  ----    ------   --------------   ---------------        ------              -------\n"
                     r"  Phase   True     <none>           \S+   ContainersRunning   All containers running\n", text), text
    assert ctl("describe", "project/web").out.startswith("Name:\tweb\nKind:\tProject\n")


def test_delete_confirms(ctl, api):
    api.post("/api/v1/nodes", node("n1"))
    for name in ("a", "b", "c"):
        api.post("/api/v1/projects", project(name))
    assert ctl("delete", "project", "a") == (0, 'project "a" deleted\n', "")
    assert ctl("delete", "projects", "b", "c").out == 'project "b" deleted\nproject "c" deleted\n'
    assert ctl("delete", "node/n1").out == 'node "n1" deleted\n'


def test_delete_of_what_runs_says_so_and_force_does_not_wait(ctl, api):
    api.post("/api/v1/nodes", node("n1"))
    api.post("/api/v1/nodes/n1/heartbeat")
    api.post("/api/v1/projects", project("web"))
    wait_for(lambda: api.get("/api/v1/projects/web").json["status"].get("nodeRef"), "web to be placed")
    api.patch("/api/v1/projects/web/status", {"phase": "Running"})
    assert ctl("delete", "project", "web").out == 'project "web" is being deleted\n'
    assert ctl("delete", "project", "web").out == 'project "web" is being deleted\n'
    assert ctl("delete", "project", "web", "--force").out == 'project "web" deleted\n'


def test_delete_takes_manifests(ctl, api):
    text = manifest(node("n1"), project("a"), project("b"))
    assert ctl("apply", "-f", "-", stdin=text).code == 0
    done = ctl("delete", "-f", "-", stdin=text)
    assert done == (0, 'project "a" deleted\nproject "b" deleted\nnode "n1" deleted\n', "")
    done = ctl("delete", "-f", "-", stdin=manifest(node("n1"), project("a")))
    assert (done.code, done.out) == (1, "")
    assert done.err.count("Error: delete ") == 2


def test_one_failed_delete_does_not_stop_the_others(ctl, api):
    api.post("/api/v1/projects", project("b"))
    done = ctl("delete", "project", "a", "b")
    assert done == (1, 'project "b" deleted\n',
                    'Error: delete project "a": Not Found: project not found: a: resource not found\n')


# --- usage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [(), ("get",), ("describe",), ("delete",), ("settings",), ("get", "foo", "-h"),
                                   ("get", "nodes", "-h"), ("apply", "--help"), ("help", "get", "nodes"), ("completion",)])
def test_help_is_on_stdout(words):
    done = caractrl(*words)
    assert (done.code, done.err) == (0, "")
    assert "\n\nUsage:\n  caractrl" in done.out


@pytest.mark.parametrize("words, command, error", [
    (("delete", "node"), "caractrl delete node <name>... [flags]", "requires at least 1 arg(s), only received 0"),
    (("describe", "project", "a", "b"), "caractrl describe project <name> [flags]", "accepts 1 arg(s), received 2"),
    (("apply",), "caractrl apply -f FILE [flags]", 'required flag(s) "filename" not set'),
    (("get", "nodes", "--bad"), "caractrl get nodes [name...] [flags]", "unknown flag: --bad"),
    (("get", "nodes", "-x"), "caractrl get nodes [name...] [flags]", "unknown shorthand flag: 'x' in -x"),
    (("get", "nodes", "--server"), "caractrl get nodes [name...] [flags]", "flag needs an argument: --server"),
    (("get", "nodes", "-o", "xml"), "caractrl get nodes [name...] [flags]",
     'invalid argument "xml" for "-o, --output" flag: must be one of table, wide, json, yaml, name'),
])
def test_wrong_lines_show_usage_then_the_error(words, command, error):
    done = caractrl(*words)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"Usage:\n  {command}\n")
    assert done.err.endswith(f"\n\nError: {error}\n")


@pytest.mark.parametrize("words, error", [
    (("apply", "-f", "-", "--wait", "--timeout", "abc"), 'apply: --timeout: "abc" is not a duration'),
    (("apply", "-f", "-", "--timeout", "-5s"), 'apply: --timeout: "-5s" is not a duration'),
    (("delete", "project", "web", "--wait", "--timeout", "5"), 'delete project: --timeout: "5" is not a duration'),
    (("delete", "project/web", "--timeout", "5"), 'delete: --timeout: "5" is not a duration'),
    (("delete", "-f", "-", "--timeout", "5"), 'delete: --timeout: "5" is not a duration'),
    (("drain", "--timeout", "soon", "n1"), 'drain: --timeout: "soon" is not a duration'),
    (("drain", "--timeout", "soon", "-l", "a"), 'drain: --timeout: "soon" is not a duration'),
    (("wait", "project", "web", "--for=create", "--timeout", "soon"), 'wait: --timeout: "soon" is not a duration'),
    (("events", "--since", "soon"), 'events: --since: "soon" is not a duration'),
    (("logs", "web", "--since", "soon"), 'invalid --since "soon": must be a duration'),
    (("logs", "-l", "a", "--tail", "x"), 'invalid --tail "x": must be'),
    (("get", "nodes", "a", "--chunk-size", "x"), '--chunk-size "x" must be a number'),
])
def test_wrong_flags_are_refused_before_anything_is_sent(words, error):
    with OddServer(body=b"{}") as server:
        done = caractrl(*words, server=server.url, stdin=WEB)
        assert (done.code, done.out, server.requests) == (1, "", [])
    assert done.err.startswith(f"Error: {error}")


@pytest.mark.parametrize("words, error", [
    (("describe", "node", "vm", "-o", "json"), "describe has no -o json: caractrl get node vm -o json prints the whole object"),
    (("describe", "project/web", "-owide"), "describe has no -o wide: caractrl get project web -o json prints the whole object"),
    (("describe", "nodes", "--all", "-oname"), "describe has no -o name: caractrl get nodes -o json prints the whole object"),
    (("get", "nodes", "-w", "-o", "name", "--output-watch-events"),
     "--output-watch-events and -o name exclude each other: a name alone does not say what happened"),
    (("get", "project/web", "--watch-only", "-o", "name", "--output-watch-events"),
     "--output-watch-events and -o name exclude each other: a name alone does not say what happened"),
    (("get", "nodes", "--output-watch-events"), "--output-watch-events goes with -w or --watch-only"),
])
def test_flags_without_effect_are_refused(words, error):
    with OddServer(body=b"{}") as server:
        assert caractrl(*words, server=server.url) == (1, "", f"Error: {error}\n")
        assert server.requests == []


def test_unknown_commands_are_told_without_usage():
    assert caractrl("xyzzy") == (1, "", 'Error: unknown command "xyzzy" for "caractrl"\n')
    assert caractrl("gte") == (1, "", 'Error: unknown command "gte" for "caractrl"\n\nDid you mean this?\n\tget\n\n')


@pytest.mark.parametrize("words, error", [
    (("get", "pods"), 'get: unknown kind "pods": events, nodes or projects'),
    (("get", "services", "x"), 'get: unknown kind "services": events, nodes or projects'),
    (("get", "projects,nodes"), 'get: unknown kind "projects,nodes": events, nodes or projects'),
    (("get", "projetcs"), 'get: unknown kind "projetcs": did you mean "projects"?'),
    (("get", "project/a", "nodes"), 'get: "nodes" has no name: write node/NAME'),
    (("get", "event/x"), "get: events have no names: caractrl events KIND/NAME shows those about one"),
    (("get", ""), 'get: unknown kind "": events, nodes or projects'),
    (("get", "project/a", "node/b", "-w"), "get: nodes and projects have to be watched one kind at a time"),
    (("describe", "hello"), 'describe: unknown kind "hello": node or project'),
    (("describe", "project/a", "project/b"), "describe: one KIND/NAME at a time, received 2"),
    (("delete", "foo"), 'delete: unknown kind "foo": node or project'),
    (("delete", "pod/foo"), 'delete: unknown kind "pod": node or project'),
    (("delete", "project/a", "pod/foo"), 'delete: unknown kind "pod": node or project'),
    (("settings", "list"), 'settings: unknown command "list": get or set'),
    (("settings", "ge"), 'settings: unknown command "ge": did you mean "get"?'),
    (("completion", "ksh"), 'completion: unknown shell "ksh": bash, fish or zsh'),
])
def test_what_is_no_kind_or_command_is_told_in_one_line(words, error):
    assert caractrl(*words) == (1, "", f"Error: {error}\n")


def test_version_says_which_build():
    done = caractrl("version", "ignored")
    assert done.code == 0
    assert re.fullmatch(r"caractrl \S+ \(commit \S+, built \S+\)\n", done.out)
    assert caractrl("--version") == done


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_ask_caractrl(shell):
    assert "caractrl" in caractrl("completion", shell).out


def test_completion_offers_commands_flags_and_names(ctl, api):
    api.post("/api/v1/projects", project("web"))

    def offered(*words):
        return [line.split("\t")[0] for line in ctl("__complete", "--", *words).out.splitlines()]

    assert offered("g") == ["get"]
    assert offered("get", "") == ["events", "nodes", "projects"]
    assert "--phase" in offered("get", "projects", "--")
    assert offered("get", "-o", "") == ["table", "wide", "json", "yaml", "name"]
    assert offered("describe", "project", "") == ["web"]
    assert offered("delete", "project", "x") == []
    assert offered("apply", "-f", "") == []


def test_bash_completion_works_in_bash(api):
    api.post("/api/v1/projects", project("web"))
    script = ('source <(caractrl completion bash); COMP_WORDS=(caractrl get project ""); COMP_CWORD=3; _caractrl; '
              'echo "${COMPREPLY[*]}"')
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "CARA_SERVER": api.url}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=env, check=True)
    assert done.stdout == "web\n"


# --- servers that are not what they should be -------------------------------------------------------------------------


def test_flag_wins_over_environment(api):
    nowhere = f"http://127.0.0.1:{free_port()}"
    assert caractrl("get", "nodes", "--server", api.url, server=nowhere).code == 0
    assert caractrl("get", "nodes", "--server", nowhere, server=api.url).code == 1
    assert caractrl("get", "nodes", "--server", api.url + "/").code == 0


def test_a_server_that_is_not_there():
    port = free_port()
    done = caractrl("get", "nodes", server=f"http://127.0.0.1:{port}")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f'Error: get nodes: request failed: Get "http://127.0.0.1:{port}/api/v1/nodes?limit=500": '
                               f"dial tcp 127.0.0.1:{port}: connect: connection refused")
    assert "--server" in done.err and "CARA_SERVER" in done.err


def test_passwords_of_addresses_are_not_shown(ctl):
    port = free_port()
    done = ctl("apply", "-f", f"http://user:s3cret@127.0.0.1:{port}/x.yaml")
    assert done.err.startswith(f'Error: read manifest: request failed: Get "http://user:xxxxx@127.0.0.1:{port}/x.yaml": dial')
    done = caractrl("get", "nodes", server=f"http://bad:s3cret@127.0.0.1:{port}")
    assert f'"http://bad:xxxxx@127.0.0.1:{port}/api/v1/nodes' in done.err and "s3cret" not in done.err
    done = caractrl("get", "nodes", server="http://bad:s3cret@nowhere.invalid")
    assert "lookup nowhere.invalid: no such host" in done.err and "s3cret" not in done.err
    with OddServer(content_type="text/html", body=b"<html>") as server:
        address = server.url.replace("http://", "http://bad:s3cret@")
        assert "is http://bad:xxxxx@127" in caractrl("get", "nodes", server=address).err
        assert "s3cret" not in ctl("apply", "-f", address).err
    with OddServer(status=404) as server:
        assert "s3cret" not in ctl("apply", "-f", server.url.replace("http://", "http://bad:s3cret@")).err


def test_an_address_that_is_none():
    done = caractrl("get", "nodes", "--server", "nonsense://x")
    assert done.code == 1 and done.err.startswith("Error: get nodes: build request: ")


@pytest.mark.parametrize("answer, words", [
    ({"content_type": "text/html", "body": b"<html><body>hello</body></html>"}, ["decode response", "HTML", "--server"]),
    ({"status": 502, "content_type": "text/html", "body": b"<html>bad</html>"}, ["502 Bad Gateway", "HTML"]),
    ({"body": b"}{"}, ["decode response"]),
    ({"body": b'{"items": 3}'}, ["decode response", "items"]),
    ({"body": b"[1]"}, ["decode response"]),
    ({"body": b""}, ["decode response", "empty"]),
    ({"status": 404, "content_type": "text/plain", "body": b"404 page not found\n"},
     ["server returned 404 Not Found: 404 page not found\n"]),
    ({"status": 500, "body": b'{"title": "Oops"}'}, ["get nodes: Oops\n"]),
    ({"status": 500, "body": b'{"title": "Oops", "errors": ["a", "b"]}'}, ["get nodes: Oops: a; b\n"]),
    ({"raw": b""}, ["request failed", "EOF"]),
    ({"raw": b"\x16\x03\x01 this is not HTTP at all"}, ["request failed"]),
    ({"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"}, ["request failed", "EOF"]),
])
def test_odd_answers_are_errors_that_say_so(answer, words):
    with OddServer(**answer) as server:
        done = caractrl("get", "nodes", server=server.url)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Error: get nodes: ")
    for word in words:
        assert word in done.err


def test_odd_members_do_not_confuse_tables():
    items = [{"metadata": {"name": 3, "createdAt": []}, "status": "x"}, {"metadata": {"name": "a\x1b[31m"}}, 7, None]
    with OddServer(body=json.dumps({"items": items}).encode()) as server:
        done = caractrl("get", "nodes", server=server.url)
        assert done.code == 0 and "\x1b" not in done.out and len(done.out.splitlines()) == 5
        for kind in ("node", "project"):
            assert caractrl("describe", kind, "x", server=server.url).code == 0


# --- terminals and pipes ----------------------------------------------------------------------------------------------


def on_a_terminal(*args, **env):
    primary, secondary = pty.openpty()
    child = subprocess.Popen([str(BIN / "caractrl"), *args], stdin=secondary, stdout=secondary, stderr=secondary,
                             env={**os.environ, "TERM": "xterm", **env})
    os.close(secondary)
    shown = b""
    while select.select([primary], [], [], 30)[0]:
        try:
            piece = os.read(primary, 65536)
        except OSError:
            break
        shown += piece
    child.wait(30)
    os.close(primary)
    return shown.decode()


def test_colour_only_on_a_terminal(api):
    api.post("/api/v1/nodes", node("n1"))
    os.environ.pop("NO_COLOR", None)
    assert "\x1b[31mNotReady\x1b[0m" in on_a_terminal("get", "nodes", CARA_SERVER=api.url)
    assert "\x1b[31mError:\x1b[0m" in on_a_terminal("get", "node", "x", CARA_SERVER=api.url)
    assert "\x1b" not in on_a_terminal("get", "nodes", CARA_SERVER=api.url, NO_COLOR="1")
    assert "\x1b" not in on_a_terminal("get", "nodes", CARA_SERVER=api.url, TERM="dumb")
    assert "\x1b" not in caractrl("get", "nodes", server=api.url).out


def test_a_reader_that_leaves_is_no_error(api):
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run([str(BIN / "caractrl"), "get", "nodes", "--server", api.url], stdout=write_end,
                          stderr=subprocess.PIPE, check=False)
    os.close(write_end)
    assert done.stderr == b""


def test_a_full_disk_is_an_error():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([str(BIN / "caractrl"), "version"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr == b"Error: write output: No space left on device\n"
