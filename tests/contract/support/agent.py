"""cara-agent as a handle, without a Docker engine: for all that it and the control plane say to each other."""
import os
import pathlib
import re
import signal
import subprocess
import tempfile

from .server import BIN, free_port
from .wait import wait_for


class Agent:
    running = []

    def __init__(self, server_url, name, **variables):
        self.name = name
        known = {"SERVER_URL", "NODE_NAME", "AGENT_CHANNEL", "HEARTBEAT_INTERVAL", "DOCKER_HOST", "http_proxy", "HTTP_PROXY"}
        self.env = {key: value for key, value in os.environ.items() if key not in known}
        self.env.update({"SERVER_URL": server_url, "NODE_NAME": name, "DEBUG": "true", "AGENT_LISTEN_HOST": "127.0.0.1",
                         "AGENT_LISTEN_PORT": str(free_port()), "DOCKER_HOST": "unix:///nonexistent/docker.sock", **variables})
        self.log = tempfile.NamedTemporaryFile(prefix="cara-agent-", suffix=".log")
        self.child = None

    def start(self):
        self.child = subprocess.Popen([str(BIN / "cara-agent")], env=self.env, cwd=tempfile.gettempdir(),
                                      stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        Agent.running.append(self)
        return self

    def log_text(self):
        return pathlib.Path(self.log.name).read_text(errors="replace")

    def said(self, pattern):
        """All that the log has of it so far."""
        return re.findall(pattern, self.log_text())

    def says(self, pattern, times=1, seconds=15.0):
        """Waits until the log has it, so many times in all."""
        return wait_for(lambda: len(self.said(pattern)) >= times and self.said(pattern), f"{self.name} to say {pattern}", seconds)

    def opens(self, kind, times=1, seconds=15.0):
        """Waits until a channel is open, and what was committed before that is fetched."""
        self.says(f"channel open  kind={kind}", times, seconds)
        wait_for(lambda: "assignments fetched" in self.log_text().rsplit("channel open", 1)[1], "the fetch after", seconds)

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            assert self.child.wait(10) == 0, self.log_text()
        Agent.running.remove(self)
        assert "AddressSanitizer" not in self.log_text() and "runtime error" not in self.log_text(), self.log_text()
