"""caractrl as people run it, and servers that answer as no cara-server would."""
import http.server
import os
import queue
import signal
import subprocess
import threading
from typing import NamedTuple

from .server import BIN


class Result(NamedTuple):
    code: int
    out: str
    err: str


def caractrl(*args, server=None, stdin="", **env):
    """Runs to the end; `server` goes by CARA_SERVER."""
    known = {"CARA_SERVER", "NO_COLOR", "http_proxy", "HTTP_PROXY"}
    variables = {name: value for name, value in os.environ.items() if name not in known}
    if server:
        variables["CARA_SERVER"] = server
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run([str(BIN / "caractrl"), *args], input=data, capture_output=True, timeout=60, check=False,
                          env={**variables, **env})
    err = done.stderr.decode()
    assert "AddressSanitizer" not in err and "runtime error" not in err, err
    return Result(done.returncode, done.stdout.decode(), err)


class Running:
    """caractrl in the background; its lines as they come."""

    def __init__(self, *args, server, **env):
        self.child = subprocess.Popen([str(BIN / "caractrl"), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                      env={**os.environ, "CARA_SERVER": server, **env})
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def line(self, seconds=20):
        return self.lines.get(timeout=seconds)

    def row(self, seconds=20):
        return self.line(seconds).split()

    def rest(self):
        """Every line until its end."""
        lines = []
        while not lines or lines[-1] is not None:
            lines.append(self.line())
        return lines[:-1]

    def end(self, how=signal.SIGINT):
        """Its exit status and what it said on stderr."""
        if how is not None:
            self.child.send_signal(how)
        code = self.child.wait(timeout=20)
        err = self.child.stderr.read()
        assert "AddressSanitizer" not in err and "runtime error" not in err, err
        return code, err


class OddServer:
    """Gives one fixed answer to everything; `raw` bytes go out as they are, without any HTTP around them."""

    def __init__(self, status=200, content_type="application/json", body=b"", raw=None):
        outer = self
        self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                outer.requests.append((self.command, self.path))
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.close_connection = True
                if raw is not None:
                    self.wfile.write(raw)
                    return
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.httpd.server_port}"
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.httpd.shutdown()
        self.httpd.server_close()
