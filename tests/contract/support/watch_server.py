"""A server that speaks lists and watches as a script says, for what a real one does only on its worst days."""
import http.server
import json
import queue
import threading
import urllib.parse


def project_object(name, version, phase="Running", **metadata):
    return {"apiVersion": "caravanserai/v1", "kind": "Project",
            "metadata": {"name": name, "uid": f"uid-{name}", "createdAt": "2026-01-01T00:00:00Z", "resourceVersion": str(version), **metadata},
            "spec": {"services": [{"name": "main", "image": "demo:1"}]}, "status": {"phase": phase, "nodeRef": "n1"}}


def event(kind, name, version, phase="Running", **metadata):
    return {"type": kind, "object": project_object(name, version, phase, **metadata)}


def bookmark(version):
    return {"type": "BOOKMARK", "object": {"kind": "Project", "metadata": {"resourceVersion": str(version)}}}


def gone():
    """What ends the watch of one who is too slow, or too old."""
    return {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}


def refusal(code, message):
    """What ends a watch for another reason."""
    return {"type": "ERROR", "object": {"kind": "Status", "code": code, "message": message}}


SILENCE = object()  # the connection stays, and nothing comes


class WatchServer:
    """`lists` and `watches` are used up one a request, each a (status, body) or for lists (items, version), for watches the
    events of one connection; the last one of each stays."""

    def __init__(self, lists, watches):
        outer = self
        self.requests = queue.Queue()
        self.lists, self.watches = list(lists), list(watches)
        self.released = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                asked = {key: value[0] for key, value in urllib.parse.parse_qs(url.query).items()}
                outer.requests.put((url.path, asked))
                self.close_connection = True
                if "watch" in asked:
                    self.watch(outer.take(outer.watches))
                else:
                    items, version, *more = outer.take(outer.lists)
                    metadata = {"resourceVersion": str(version), **(more[0] if more else {})}
                    self.send(200, {"apiVersion": "caravanserai/v1", "kind": "ProjectList", "metadata": metadata, "items": items})

            def send(self, status, value):
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def watch(self, script):
                if isinstance(script, int):
                    self.send(script, {"title": "Gone" if script == 410 else "Service Unavailable", "status": script, "detail": "scripted"})
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                for line in script:
                    if line is SILENCE:
                        outer.released.wait(60)
                        return
                    self.wfile.write(json.dumps(line).encode() + b"\n")
                    self.wfile.flush()

            def log_message(self, *_):
                pass

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.httpd.server_port}"
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()

    @staticmethod
    def take(script):
        return script.pop(0) if len(script) > 1 else script[0]

    def next_watch(self, seconds=20):
        """The parameters of the next watch that was asked for."""
        while True:
            _, asked = self.requests.get(timeout=seconds)
            if "watch" in asked:
                return asked

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.released.set()
        self.httpd.shutdown()
        self.httpd.server_close()
