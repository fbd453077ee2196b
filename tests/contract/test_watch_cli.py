"""get -w, wait and events as people use them: against the real server, and against one on its worst days."""
import json
import os
import queue
import signal
import subprocess
import threading

import pytest
from support.caractrl import caractrl
from support.server import BIN
from support.watch_server import SILENCE, WatchServer, bookmark, event, gone, project_object


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

    def end(self, how=signal.SIGINT):
        """Its exit status and what it said on stderr."""
        if how is not None:
            self.child.send_signal(how)
        code = self.child.wait(timeout=20)
        err = self.child.stderr.read()
        assert "AddressSanitizer" not in err and "runtime error" not in err, err
        return code, err


@pytest.fixture
def start():
    """Runs caractrl in the background; whatever is left is ended."""
    made = []

    def run(*args, **options):
        made.append(Running(*args, **options))
        return made[-1]

    yield run
    for running in made:
        if running.child.poll() is None:
            running.child.kill()
            running.child.wait()


# --- a server on its worst days ----------------------------------------------------------------------


def test_a_watch_goes_on_from_the_lists_position_and_ends_cleanly_with_ctrl_c(start):
    script = [event("MODIFIED", "web", 12, "Failed"), event("ADDED", "a-much-longer-name", 13), event("DELETED", "web", 14), SILENCE]
    with WatchServer([([project_object("web", 10)], 11)], [script]) as server:
        running = start("get", "projects", "-w", server=server.url)
        assert running.row() == ["NAME", "PHASE", "NODE", "CONDITIONS", "AGE"]
        first, second = running.line(), running.line()
        assert first.split()[:2] == ["web", "Running"] and second.split()[:2] == ["web", "Failed"]
        assert first.index("n1") == second.index("n1"), "columns stay where they are"
        assert running.row()[:2] == ["a-much-longer-name", "Running"]
        assert running.row()[:2] == ["web", "Deleted"]
        asked = server.next_watch()
        assert asked["resourceVersion"] == "11" and asked["allowWatchBookmarks"] == "true"
        assert running.end() == (0, "")


def test_a_watch_that_ends_goes_on_from_where_it_was_and_tells_nothing_twice(start):
    again = [event("MODIFIED", "web", 12), event("MODIFIED", "web", 21, "Failed"), SILENCE]
    with WatchServer([([project_object("web", 10)], 11)], [[event("MODIFIED", "web", 12), bookmark(20)], 503, again]) as server:
        running = start("get", "projects", "-w", "-o", "name", "--watch-only", server=server.url)
        assert running.line() == "project/web"
        assert server.next_watch()["resourceVersion"] == "11"
        assert server.next_watch()["resourceVersion"] == "20"
        assert server.next_watch()["resourceVersion"] == "20"
        assert running.line() == "project/web"
        code, err = running.end()
        assert code == 0 and running.lines.get(timeout=5) is None
        assert err.count("Warning: still trying") == 1, err


@pytest.mark.parametrize("how", [410, [gone()]], ids=["as a status", "within the stream"])
def test_a_position_that_is_forgotten_is_made_up_for_by_a_list_and_only_what_differs_is_told(start, how):
    first = [project_object("same", 1), project_object("changed", 2), project_object("lost", 3)]
    later = [project_object("same", 1), project_object("changed", 52, "Failed"), project_object("fresh", 51)]
    with WatchServer([(first, 5), (later, 60)], [how, [SILENCE]]) as server:
        running = start("get", "projects", "-w", "--output-watch-events", server=server.url)
        assert running.row()[:2] == ["EVENT", "NAME"]
        assert [running.row()[:2] for _ in range(3)] == [["ADDED", "same"], ["ADDED", "changed"], ["ADDED", "lost"]]
        assert running.row()[:3] == ["MODIFIED", "changed", "Failed"]
        assert running.row()[:3] == ["ADDED", "fresh", "Running"]
        assert running.row()[:3] == ["DELETED", "lost", "Deleted"]
        assert [server.next_watch()["resourceVersion"] for _ in range(2)] == ["5", "60"]
        assert running.end() == (0, "")


def test_a_connection_that_falls_silent_is_given_up_and_opened_anew(start):
    with WatchServer([([], 7)], [[SILENCE], [event("ADDED", "late", 8), SILENCE]]) as server:
        running = start("get", "projects", "-w", server=server.url, CARA_WATCH_TIMEOUT="1s")
        assert running.row()[0] == "NAME"
        assert running.row()[:2] == ["late", "Running"]
        assert running.end() == (0, "")


def test_pages_are_read_to_their_end_and_begun_anew_when_they_grow_too_old():
    pages = [([project_object("a", 1)], 9, {"continue": "t1", "remainingItemCount": 1}), ([project_object("b", 2)], 9)]
    with WatchServer(pages, [[]]) as server:
        done = caractrl("get", "projects", "-o", "json", "--chunk-size", "1", server=server.url)
        listed = json.loads(done.out)
        assert [item["metadata"]["name"] for item in listed["items"]] == ["a", "b"]
        assert listed["metadata"] == {"resourceVersion": "9"}
        asked = [server.requests.get(timeout=5)[1] for _ in range(2)]
        assert asked == [{"limit": "1"}, {"limit": "1", "continue": "t1"}]


def test_a_watch_in_json_and_yaml_is_one_document_after_the_other(start):
    script = [event("MODIFIED", "web", 12, "Failed"), SILENCE]
    with WatchServer([([project_object("web", 10)], 11)], [script]) as server:
        running = start("get", "project", "web", "-w", "-o", "yaml", server=server.url)
        text = []
        while "phase: Failed" not in "".join(text):
            text.append(running.line() + "\n")
        assert text.count("---\n") == 1 and "    phase: Running\n" in text
        assert running.end()[0] == 0
    with WatchServer([([project_object("web", 10)], 11)], [script]) as server:
        running = start("get", "project", "web", "-w", "-o", "json", "--output-watch-events", "--watch-only", server=server.url)
        text = ""
        while not text.endswith("\n}\n"):
            text += running.line() + "\n"
        told = json.loads(text)
        assert told["type"] == "MODIFIED" and told["object"]["status"]["phase"] == "Failed"
        assert running.end()[0] == 0


def test_what_is_no_watch_at_all_is_said_so(start):
    with WatchServer([([], 7)], [[{"no": "event"}]]) as server:
        code, err = start("get", "projects", "-w", server=server.url).end(how=None)
        assert code == 1 and "Error: watch projects: decode watch: a line has no type and object" in err
    with WatchServer([([], "")], [[]]) as server:
        code, err = start("get", "projects", "-w", server=server.url).end(how=None)
        assert code == 1 and "no resourceVersion" in err
