"""A Docker engine of the tests' own, and what it runs of ours."""
import contextlib
import json
import os
import signal
import time
import urllib.parse

from .http import Client
from .network import HUB
from .process import SANDBOX, Process, library, run
from .wait import wait_for

IMAGE = "demo:1"


class Engine:
    def __init__(self, name, netns):
        self.dir = SANDBOX / f"engine-{name}"
        self.socket = self.dir / "docker.sock"
        self.host = f"unix://{self.socket}"
        self.client = Client(self.socket)
        self.process = Process(f"dockerd-{name}", library(
            "engine_exec", self.dir, netns or "", "--insecure-registry", f"{HUB}:5000"))

    def start(self):
        self.process.start()

    def crash(self):
        """As when its machine loses power: the engine and all it runs end at once, nothing is stopped in order."""
        mains = [c["State"]["Pid"] for c in self.containers() if c["State"]["Running"]]
        self.process.kill()
        containerd = (self.dir / "exec" / "containerd" / "containerd.pid").read_text()
        for pid in [int(containerd), *mains]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def ready(self):
        wait_for(lambda: self.client.call("GET", "/_ping").status == 200, f"{self.process.name} answers")
        run(*library("demo_image_import", IMAGE), env={"DOCKER_HOST": self.host})

    def call(self, method, path, body=None):
        answer = self.client.call(method, "/v1.41" + path, body)
        assert answer.status < 400, f"{method} {path}: {answer}"
        return json.loads(answer.body) if answer.body.startswith((b"{", b"[")) else answer.body

    def _labelled(self, project):
        label = "cara.project" + (f"={project}" if project else "")
        return urllib.parse.quote(json.dumps({"label": [label]}))

    def containers(self, project=None):
        """Every container of the project, or of all projects, running or not: their inspection documents."""
        listed = self.call("GET", f"/containers/json?all=1&filters={self._labelled(project)}")
        found = []
        for entry in listed:
            answer = self.client.call("GET", f"/v1.41/containers/{entry['Id']}/json")
            if answer.status == 200:
                found.append(answer.json)
        return found

    def identities(self, project=None):
        """{(project, service): (id, StartedAt)}: equal before and after means that nothing was touched."""
        return {(c["Config"]["Labels"]["cara.project"], c["Config"]["Labels"]["cara.service"]):
                (c["Id"], c["State"]["StartedAt"]) for c in self.containers(project)}

    def networks(self, project=None):
        return self.call("GET", f"/networks?filters={self._labelled(project)}")

    def volumes(self, project=None):
        return self.call("GET", f"/volumes?filters={self._labelled(project)}")["Volumes"] or []

    def history(self, project):
        """What happened to containers of the project since the engine started: [(action, service, nanoseconds)]."""
        filters = urllib.parse.quote(json.dumps({"type": ["container"], "label": [f"cara.project={project}"]}))
        answer = self.client.call("GET", f"/v1.41/events?since=0&until={time.time():.9f}&filters={filters}")
        events = [json.loads(line) for line in answer.body.splitlines()]
        return [(e["Action"], e["Actor"]["Attributes"]["cara.service"], e["timeNano"]) for e in events]

    def leftovers(self, project=None):
        """Names of everything of ours; empty when nothing is left."""
        return ([c["Name"] for c in self.containers(project)] + [n["Name"] for n in self.networks(project)]
                + [v["Name"] for v in self.volumes(project)])

    def run_in(self, container, *argv):
        """Output of a command in the container."""
        return run("docker", "-H", self.host, "exec", container, *argv).stdout

    def remove_image(self, image):
        self.client.call("DELETE", f"/v1.41/images/{urllib.parse.quote(image, safe='')}?force=1")
