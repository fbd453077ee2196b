"""caractrl as people run it, and servers that answer as no cara-server would."""
import http.server
import os
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
