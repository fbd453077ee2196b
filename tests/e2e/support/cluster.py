"""A whole cluster: PostgreSQL, cara-server, and nodes with an engine and a cara-agent each."""
import json

from . import network
from .engine import IMAGE, Engine
from .http import Client
from .postgres import Postgres
from .process import BIN, SANDBOX, Process, run
from .wait import wait_for

SERVER_PORT = 8080
CERTIFICATES = SANDBOX / "certificates"  # of every node's ingress proxy


class Node:
    def __init__(self, number, server_url):
        self.number = number
        self.name = f"n{number}"
        self.address = f"10.212.0.{10 + number}"
        network.make_namespace(self.name, self.address)
        self.engine = Engine(self.name, self.name)
        self.access_log = SANDBOX / f"access-{self.name}.log"
        CERTIFICATES.mkdir(exist_ok=True)
        self.agent = Process(f"agent-{self.name}", [BIN / "cara-agent"], netns=self.name, env={
            "SERVER_URL": server_url, "NODE_NAME": self.name, "DOCKER_HOST": self.engine.host,
            "PROXY_TIMEOUT": "2s", "PROXY_CERTIFICATES": CERTIFICATES, "PROXY_ACCESS_LOG": self.access_log})

    def listen(self, port):
        """Something else that has a port of this node."""
        return Process(f"listener-{self.name}-{port}", ["busybox", "nc", "-ll", "-p", port], netns=self.name).start()


class Cluster:
    """Nodes are called n1, n2, ...; `api` speaks to the server, `ctl` runs caractrl."""

    def __init__(self, size):
        network.make_bridge()
        self.url = f"http://{network.HUB}:{SERVER_PORT}"
        self.api = Client(f"{network.HUB}:{SERVER_PORT}")
        self.postgres = Postgres()
        self.spare = []
        self.nodes = [Node(number, self.url) for number in range(1, size + 1)]
        self.server = Process("server", [BIN / "cara-server"], env={
            "HOST": "0.0.0.0", "PORT": str(SERVER_PORT), "DATABASE_URL": self.postgres.url()})

    def add_node(self):
        """One more, for a while: running and Ready."""
        number = len(self.nodes) + 1
        node = next((n for n in self.spare if n.number == number), None) or Node(number, self.url)
        node.engine.start()
        node.engine.ready()
        node.agent.start()
        self.nodes.append(node)
        self.wait_for_nodes()
        return node

    def take_node(self):
        """The last one added goes; nothing may be on it."""
        node = self.nodes.pop()
        node.agent.kill()
        node.engine.process.terminate()
        answer = self.api.call("DELETE", f"/api/v1/nodes/{node.name}")
        assert answer.status == 204, answer
        self.spare.append(node)

    def start(self):
        for node in self.nodes:
            node.engine.start()
        self.postgres.start()
        self.postgres.sql("CREATE DATABASE cara")
        self.server.start()
        self.wait_for_server()
        self.setting("heartbeat_interval", "1s")
        self.setting("terminated_retention", "100ms")
        for node in self.nodes:
            node.engine.ready()
            node.agent.start()
        self.wait_for_nodes()

    def heal(self):
        """Whatever a test killed runs again, links are up, nodes are Ready."""
        for node in self.nodes:
            network.join(node.name)
            if not node.engine.process.alive():
                node.engine.start()
                node.engine.ready()
        if not self.postgres.process.alive():
            self.postgres.start()
        if not self.server.alive():
            self.server.start()
        self.wait_for_server()
        for node in self.nodes:
            if not node.agent.alive():
                node.agent.start()
        self.wait_for_nodes()

    def wait_for_server(self):
        wait_for(lambda: self.api.call("GET", "/api/readyz").status == 200, "the server is ready")

    def wait_for_nodes(self):
        for node in self.nodes:
            wait_for(lambda name=node.name: self.node_state(name) == "Ready", f"{node.name} is Ready")

    # --- what there is -----------------------------------------------------------------------------

    def sql(self, query, *args):
        return self.postgres.sql(query, *args, database="cara")

    def setting(self, name, value):
        self.sql("UPDATE cara.setting SET value = %s WHERE name = %s", value, name)

    def node(self, name):
        return next(node for node in self.nodes if node.name == name)

    def node_state(self, name):
        answer = self.api.call("GET", f"/api/v1/nodes/{name}")
        return answer.json["status"]["state"] if answer.status == 200 else None

    def project(self, name):
        """The project as the server tells it; None when there is none."""
        answer = self.api.call("GET", f"/api/v1/projects/{name}")
        if answer.status == 404:
            return None
        assert answer.status == 200, answer
        return answer.json

    def projects(self):
        answer = self.api.call("GET", "/api/v1/projects")
        assert answer.status == 200, answer
        return answer.json["items"]

    def node_of(self, project):
        return self.node(self.project(project)["status"]["nodeRef"])

    def condition(self, project):
        """The Phase condition: {reason, message, ...}; {} when there is none."""
        conditions = (self.project(project) or {}).get("status", {}).get("conditions", [])
        return next((c for c in conditions if c["type"] == "Phase"), {})

    def events(self, of):
        """What was recorded of "project/x" or "node/x", oldest first."""
        answer = self.api.call("GET", f"/api/v1/events?for={of}")
        assert answer.status == 200, answer
        return answer.json["items"]

    # --- what people do ----------------------------------------------------------------------------

    def ctl(self, *argv, check=True, text=None):
        return run(BIN / "caractrl", "--server", self.url, *argv, check=check, text=text)

    def apply(self, *manifests):
        """Through caractrl, as one stream of documents. Returns its output."""
        return self.ctl("apply", "-f", "-", text="---\n".join(json.dumps(m) + "\n" for m in manifests)).stdout

    def delete(self, project):
        return self.ctl("delete", "project", project).stdout

    def wait_for_phase(self, name, phase, limit=30):
        return wait_for(lambda: self._in_phase(name, phase), f"project {name} is {phase}", limit)

    def _in_phase(self, name, phase):
        project = self.project(name)
        assert project is not None, f"no project {name}"
        assert project["status"]["phase"] == phase, project["status"]
        return project

    def wait_until_current(self, name, limit=30):
        """Running, and it is the newest generation that runs."""
        return wait_for(lambda: self._is_current(name), f"the newest {name} runs", limit)

    def _is_current(self, name):
        project = self._in_phase(name, "Running")
        assert project["status"].get("observedGeneration") == project["metadata"]["generation"], project["status"]
        return project

    def ask_to_delete_all_but(self, *kept):
        """Waits for none; one on its way out may be gone before it is asked again, so what is answered does not matter."""
        for project in self.projects():
            if project["metadata"]["name"] not in kept:
                self.api.call("DELETE", f"/api/v1/projects/{project['metadata']['name']}")

    def delete_all(self):
        """Every project goes, and nothing of any stays on an engine."""
        self.ask_to_delete_all_but()
        wait_for(lambda: not self.projects(), "all projects are gone")
        for node in self.nodes:
            wait_for(lambda engine=node.engine: not engine.leftovers(), f"nothing is left on {node.name}")


def service(name, command="sleep 1d & wait", image=IMAGE, **more):
    """`command` is a shell's; one that waits in the background lets go at once when it is told to stop."""
    return {"name": name, "image": image, "command": ["sh", "-c", f"trap 'exit 0' TERM; {command}"], **more}


def project(name, *services, **spec):
    return {"apiVersion": "caravanserai/v1", "kind": "Project", "metadata": {"name": name},
            "spec": {"services": list(services) or [service("main")], **spec}}
