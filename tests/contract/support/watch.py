"""Answers that stay open: watches (JSON lines) and wake-up streams (server-sent events), read by a thread of their own."""
import contextlib
import http.client
import json
import threading

from .wait import wait_for


class Stream:
    """What comes is in `lines`; `ended` says how it ended: "" well, else the error, None while it goes on."""

    def __init__(self, server, path, headers=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.connection.request("GET", path, headers=headers or {})
        self.sock = self.connection.sock
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.lines = []
        self.ended = None
        self.problem = json.loads(self.answer.read()) if self.status != 200 else None
        self.thread = threading.Thread(target=self._read, daemon=True)
        if self.status == 200:
            self.thread.start()

    def _read(self):
        error = ""
        try:
            while line := self.answer.readline():
                self.lines.append(line.decode().rstrip("\n"))
        except (OSError, ValueError, http.client.HTTPException) as caught:
            error = repr(caught) or "broken"
        self.ended = error

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(2)
        if self.thread.ident:
            self.thread.join(10)
        self.answer.close()
        self.connection.close()

    def wait_end(self, seconds=15):
        wait_for(lambda: self.ended is not None, "the stream to end", seconds)
        return self.ended

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Watch(Stream):
    def __init__(self, server, kind="projects", **query):
        names = {"version": "resourceVersion", "selector": "labelSelector", "bookmarks": "allowWatchBookmarks", "timeout": "timeoutSeconds"}
        words = "".join(f"&{names.get(name, name)}={value}" for name, value in query.items())
        super().__init__(server, f"/api/v1/{kind}?watch=true{words}")

    @property
    def events(self):
        """(type, name, version, object), bookmarks left out."""
        return [event for event in map(self.read, list(self.lines)) if event[0] != "BOOKMARK"]

    @property
    def bookmarks(self):
        return [event[2] for event in map(self.read, list(self.lines)) if event[0] == "BOOKMARK"]

    @staticmethod
    def read(line):
        event = json.loads(line)
        meta = event["object"].get("metadata", {})
        return event["type"], meta.get("name"), int(meta.get("resourceVersion", 0)), event["object"]

    def wait(self, kind, name, seconds=10):
        """The first such event, once it has come. What was changed again before it could be read has become a MODIFIED."""
        kinds = {"ADDED": ("ADDED", "MODIFIED")}.get(kind, (kind,))
        return wait_for(lambda: next((event for event in self.events if event[0] in kinds and event[1] == name), None),
                        f"{kind} {name}", seconds)

    def wait_newest(self, name, version, seconds=15):
        """Until an event of the object has that version, or a later one it was merged into."""
        wait_for(lambda: any(event[1] == name and event[2] >= version for event in self.events), f"{name} at {version}", seconds)


class Wakeups(Stream):
    def __init__(self, server, url, headers=None):
        super().__init__(server, url, headers)

    @property
    def count(self):
        return self.lines.count("event: wake")

    def wait_more(self, than, seconds=15):
        wait_for(lambda: self.count > than, "a wake-up", seconds)
