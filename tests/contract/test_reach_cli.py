"""logs, exec and port-forward up to the agent: what is there, what runs, and an agent that does not answer."""
import json
import socket
import time

import pytest
from support.caractrl import OddServer, caractrl
from support.manifests import node, project
from support.server import free_port
from support.wait import wait_for

NO_CONTAINER = json.dumps({"title": "Not Found", "detail": "container web/app: container not found"}).encode()


@pytest.fixture
def ctl(api):
    def run(*args, **options):
        return caractrl(*args, server=api.url, **options)

    return run


def place(api, name, port, *services):
    """A project with these services on a node whose agent is on that port."""
    api.post("/api/v1/nodes", node("vm"))
    api.post("/api/v1/nodes/vm/heartbeat", {"network": {"ip": "127.0.0.1", "agentPort": port}})
    api.post("/api/v1/projects", {**project(name), "spec": {"services": [{"name": s, "image": "nginx:1"} for s in services]}})
    wait_for(lambda: api.get(f"/api/v1/projects/{name}").json["status"].get("nodeRef"), f"{name} to be placed")


def report(api, name, *services, **told):
    status = api.get(f"/api/v1/projects/{name}").json["status"]
    told = {"project": name, "epoch": status["epoch"], "generation": 1, "services": list(services), **told}
    answer = api.post("/api/v1/nodes/vm/report", {"reports": [told]})
    assert answer.json["results"][0]["status"] == 204, answer.json


@pytest.mark.parametrize("words", [("logs", "web/nope"), ("logs", "web/nope", "--node", "vm"), ("exec", "web/nope", "true"),
                                   ("port-forward", "web/nope", "0:80"), ("logs", "project/web/nope"),
                                   ("exec", "project/web/nope", "true")])
def test_a_service_there_is_not_is_told_with_those_there_are(ctl, api, words):
    place(api, "web", free_port(), "app", "crash")
    assert ctl(*words) == (1, "", 'Error: service "nope" not found in project "web": it has app, crash\n')


@pytest.mark.parametrize("state, words", [
    ({"state": "exited", "exitCode": 3}, "its container has exited with 3"),
    ({"state": "created"}, "its container has not started"),
    ({"state": "missing"}, "it has no container"),
    ({"state": "pulling"}, "its image is being pulled"),
])
def test_port_forward_to_what_does_not_run_fails_at_once(ctl, api, state, words):
    place(api, "web", free_port(), "app", "crash")
    report(api, "web", {"name": "app", "state": "running"}, {"name": "crash", **state})
    assert ctl("port-forward", "web/crash", "0:80") == (
        1, "", f'Error: service "crash" of project "web" does not run: {words}; caractrl describe project web tells more\n')


@pytest.mark.parametrize("words", [("logs", "web/app"), ("logs", "project/web"), ("exec", "web/app", "true"),
                                   ("logs", "web/app", "--node", "vm")])
def test_an_agent_that_does_not_answer_is_named(ctl, api, words):
    port = free_port()
    place(api, "web", port, "app")
    error = f"agent at 127.0.0.1:{port} does not answer: connection refused\n"
    assert ctl(*words) == (1, "", f'Error: node "vm": its {error}')
    assert ctl("logs", "web/app", "--node", f"127.0.0.1:{port}") == (1, "", f"Error: the {error}")


def test_port_forward_names_an_agent_that_does_not_answer(start, api):
    port, local = free_port(), free_port()
    place(api, "web", port, "app")
    running = start("port-forward", "web/app", f"{local}:80", server=api.url)
    wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", local)) == 0, "it listens")
    code, err = running.end()
    assert code == 0 and f'Error: node "vm": its agent at 127.0.0.1:{port} does not answer: connection refused\n' in err


def test_logs_of_what_never_started_say_what_it_waits_for(ctl, api):
    with OddServer(status=404, body=NO_CONTAINER) as agent:
        place(api, "web", int(agent.url.rsplit(":", 1)[1]), "app")
        report(api, "web", {"name": "app", "state": "missing"}, phase="Failed", reason="ImagePullFailed",
               message="nginx:1: no such image")
        error = ("Error: web/app has not started: the project is Failed (ImagePullFailed: nginx:1: no such image); "
                 "caractrl describe project web tells more\n")
        assert ctl("logs", "web/app") == (1, "", error)
        assert ctl("logs", "project/web") == (1, "", error)
        assert ctl("logs", "-l", "!x") == (1, "", error)


def test_logs_of_what_is_gone_hint_at_the_last_lines(ctl, api):
    with OddServer(status=404, body=NO_CONTAINER) as agent:
        place(api, "web", int(agent.url.rsplit(":", 1)[1]), "app")
        epoch = api.get("/api/v1/projects/web").json["status"]["epoch"]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        told = {"project": "web", "service": "app", "containerId": "c1", "exitCode": 3, "epoch": epoch, "finishedAt": now}
        answer = api.post("/api/v1/nodes/vm/report", {"reports": [], "deaths": [told]})
        assert answer.json["deaths"][0]["status"] == 204, answer.json
        wait_for(lambda: ctl("logs", "web/app", "-p").code == 0, "the death is kept")
        assert ctl("logs", "web/app").err == ("Hint: --previous shows the last lines of the container that died last\n"
                                              "Error: Not Found: container web/app: container not found\n")


def test_a_project_may_be_written_as_its_path_and_a_node_is_none(ctl, api):
    place(api, "web", free_port(), "app")
    for words in (("why", "project/web"), ("get", "project", "project/web"), ("describe", "project", "projects/web")):
        assert ctl(*words).code == 0
    assert ctl("why", "node/vm") == (1, "", 'Error: why wants a project: "node/vm" is a node\n')
    assert ctl("unpin", "node/vm") == (1, "", 'Error: unpin wants a project: "node/vm" is a node\n')
    assert ctl("logs", "node/vm") == (1, "", 'Error: logs wants a project: "node/vm" is a node\n')
    assert ctl("cordon", "project/web") == (1, "", 'Error: cordon wants a node: "project/web" is a project\n')
    assert ctl("get", "nodes", "project/web") == (1, "", 'Error: get nodes wants a node: "project/web" is a project\n')
    api.post("/api/v1/projects", project("node"))
    assert "service \"vm\" not found in project \"node\"" in ctl("logs", "node/vm").err
