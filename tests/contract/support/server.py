"""cara-server as a handle, and a plain HTTP client for it."""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
from typing import NamedTuple

from .wait import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("CARA_BIN", ROOT / "build" / "dev" / "bin"))


class Reply(NamedTuple):
    status: int
    headers: dict  # names in lower case
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def environment(database_url, **variables):
    """Without what a developer's shell may have set; None takes a variable away."""
    known = {"DATABASE_URL", "HOST", "PORT", "DEBUG", "CHANNEL_HOST", "DB_CONNECTIONS", "MAX_STREAMS", "WATCH_BACKLOG", "OTEL_COLLECTOR_URL"}
    env = {name: value for name, value in os.environ.items() if name not in known}
    env.update({"DATABASE_URL": database_url, "HOST": "127.0.0.1", **variables})
    return {name: value for name, value in env.items() if value is not None}


def run_server(database_url, *args, cwd=None, seconds=30, **variables):
    """Runs cara-server to its end; for starts that are refused and for `migrate`."""
    return subprocess.run([str(BIN / "cara-server"), *args], env=environment(database_url, **variables),
                          cwd=cwd or tempfile.gettempdir(), capture_output=True, text=True, timeout=seconds, check=False)


class Server:
    running = []

    def __init__(self, database_url, **variables):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = environment(database_url, PORT=str(self.port), **variables)
        self.log = tempfile.NamedTemporaryFile(prefix="cara-server-", suffix=".log")
        self.database = None
        self.child = None

    def start(self):
        """Also again, after kill(): on the same port."""
        said = len(self.log_text())
        self.child = subprocess.Popen([str(BIN / "cara-server")], env=self.env, cwd=tempfile.gettempdir(),
                                      stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        if self not in Server.running:
            Server.running.append(self)
        wait_for(lambda: self.child.poll() is not None or f"Listening on 127.0.0.1:{self.port}" in self.log_text()[said:],
                 "the server to listen")
        assert self.child.poll() is None, self.log_text()
        return self

    def log_text(self):
        return pathlib.Path(self.log.name).read_text(errors="replace")

    def stop(self):
        """Ends it as an operator would; it must end well, and within its five seconds."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            assert self.child.wait(10) == 0, self.log_text()
        Server.running.remove(self)
        assert "AddressSanitizer" not in self.log_text() and "runtime error" not in self.log_text(), self.log_text()

    def kill(self):
        self.child.kill()
        self.child.wait()

    def connect(self, timeout=10):
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def raw(self, data, timeout=10):
        """Sends bytes as they are and returns everything that comes until the server closes."""
        with self.connect(timeout) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            received = b""
            while chunk := sock.recv(65536):
                received += chunk
            return received

    def call(self, method, path, body=None, headers=None, timeout=10):
        """`body` may be bytes, text, or what JSON can say."""
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, names, answer.read())
        finally:
            connection.close()

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body=None):
        return self.call("POST", path, body)

    def put(self, path, body=None):
        return self.call("PUT", path, body)

    def patch(self, path, body=None):
        return self.call("PATCH", path, body)

    def delete(self, path):
        return self.call("DELETE", path)

    def empty(self):
        for project in self.get("/api/v1/projects").json["items"]:
            self.delete(f"/api/v1/projects/{project['metadata']['name']}?force=true")
        for node in self.get("/api/v1/nodes").json["items"]:
            self.delete(f"/api/v1/nodes/{node['metadata']['name']}")
