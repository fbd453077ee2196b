"""get -w as people use it: against the real server, and against one on its worst days."""
import json

import pytest
from support.caractrl import Running, caractrl
from support.manifests import node, project
from support.watch_server import SILENCE, WatchServer, bookmark, event, gone, project_object, refusal


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


def test_a_refusal_within_the_stream_is_final_only_when_waiting_would_not_help(start):
    with WatchServer([([], 7)], [[refusal(503, "too many")], [event("ADDED", "late", 8), refusal(403, "not for you")]]) as server:
        running = start("get", "projects", "-w", server=server.url)
        assert running.row()[0] == "NAME" and running.row()[:2] == ["late", "Running"]
        assert running.end(how=None) == (1, "Error: watch projects: not for you\n")


def test_what_is_no_watch_at_all_is_said_so(start):
    with WatchServer([([], 7)], [[{"kind": "ProjectList", "items": []}]]) as server:
        code, err = start("get", "projects", "-w", server=server.url).end(how=None)
        assert code == 1 and "decode watch" in err, "an older server takes no notice of watch=true"
    with WatchServer([([], 7)], [[{"no": "event"}]]) as server:
        code, err = start("get", "projects", "-w", server=server.url).end(how=None)
        assert code == 1 and "Error: watch projects: decode watch: a line has no type and object" in err
    with WatchServer([([], "")], [[]]) as server:
        code, err = start("get", "projects", "-w", server=server.url).end(how=None)
        assert code == 1 and "no resourceVersion" in err


# --- the real one ------------------------------------------------------------------------------------


def test_a_watch_shows_what_is_there_and_then_each_change(start, api):
    api.post("/api/v1/projects", project("old"))
    running = start("get", "projects", "-w", server=api.url)
    assert running.row()[:2] == ["NAME", "PHASE"]
    assert running.row()[:2] == ["old", "Pending"]
    api.post("/api/v1/projects", project("new"))
    assert running.row()[:2] == ["new", "Pending"]
    api.delete("/api/v1/projects/new?force=true")
    rows = [running.row()]
    while rows[-1][1] != "Deleted":
        rows.append(running.row())
    assert rows[-1][0] == "new", rows
    assert running.end() == (0, "")


def test_a_watch_of_one_name_shows_nothing_else(start, api):
    for name in ("web", "other"):
        api.post("/api/v1/projects", project(name))
    running = start("get", "project/web", "-w", "-o", "name", server=api.url)
    assert running.line() == "project/web"
    api.delete("/api/v1/projects/other?force=true")
    api.delete("/api/v1/projects/web?force=true")
    assert running.line() == "project/web"
    assert running.end() == (0, "")
    assert all(line in ("project/web", None) for line in running.rest())


def test_a_watch_of_several_names_shows_nothing_else(start, api):
    for name in ("a", "b", "c"):
        api.post("/api/v1/projects", project(name))
    running = start("get", "projects", "a", "b", "-w", "-o", "name", server=api.url)
    assert [running.line(), running.line()] == ["project/a", "project/b"]
    for name in ("c", "b", "a"):
        api.delete(f"/api/v1/projects/{name}?force=true")
    while running.line() != "project/a":
        pass
    assert running.end() == (0, "")
    assert "project/c" not in running.rest()


def test_a_watch_of_a_name_that_is_not_there_is_refused(start, api):
    code, err = start("get", "project", "web", "-w", server=api.url).end(how=None)
    assert code == 1 and err.startswith('Error: watch projects: Not Found: there is no project "web"')


def test_what_leaves_the_filter_is_told(start, api):
    made = project("web")
    made["metadata"]["labels"] = {"tier": "front"}
    api.post("/api/v1/projects", made)
    running = start("get", "projects", "-l", "tier=front", "-w", "--output-watch-events", server=api.url)
    assert running.row()[:2] == ["EVENT", "NAME"] and running.row()[:3] == ["ADDED", "web", "Pending"]
    made["metadata"]["labels"] = {"tier": "back"}
    assert api.put("/api/v1/projects/web", made).status == 200
    row = running.row()
    while row[0] != "DELETED":
        row = running.row()
    assert row[:3] == ["DELETED", "web", "Pending"], "it is still there, only not here"
    assert running.end() == (0, "")


def test_a_watch_outlives_a_server_that_restarts(start, make_database, make_server):
    database = make_database()
    server = make_server(database.url)
    running = start("get", "nodes", "-w", server=server.url)
    server.post("/api/v1/nodes", node("first"))
    assert running.row()[0] == "NAME" and running.row()[0] == "first"
    server.stop()
    database.sql("SELECT api.node_create(%s, 'someone')", json.dumps(node("meanwhile")))
    server.start()
    assert running.row(30)[:2] == ["meanwhile", "NotReady"]
    assert running.end()[0] == 0


def test_a_watch_whose_position_was_trimmed_lists_again(start, make_database, make_server):
    database = make_database()
    server = make_server(database.url)
    for name in ("stays", "goes"):
        server.post("/api/v1/projects", project(name))
    running = start("get", "projects", "-w", server=server.url)
    assert [running.row()[0] for _ in range(3)] == ["NAME", "goes", "stays"]
    server.stop()
    database.sql("SELECT api.project_delete('goes', '{\"force\": [\"true\"]}', 'someone')")
    database.sql("SELECT api.project_create(%s, 'someone')", json.dumps(project("comes")))
    database.set(change_retention="0s")
    for _ in range(2):  # the first may have something to tell itself
        database.sql("UPDATE cara.clock SET trim_due_at = '-infinity'")
        database.sql("SELECT api.tick()")
    assert database.value("SELECT count(*) FROM cara.change") == 0
    server.start()
    seen = {tuple(running.row(30)[:2])}
    while not {("goes", "Deleted"), ("comes", "Pending")} <= seen:
        seen.add(tuple(running.row()[:2]))
    assert running.end()[0] == 0


def test_lists_come_in_pages_that_make_one(api):
    for number in range(7):
        api.post("/api/v1/nodes", node(f"n{number}"))
    done = caractrl("get", "nodes", "-o", "name", "--chunk-size", "3", server=api.url)
    assert done.out.split() == [f"node/n{number}" for number in range(7)]
    listed = json.loads(caractrl("get", "nodes", "-o", "json", "--chunk-size", "3", server=api.url).out)
    assert len(listed["items"]) == 7 and set(listed["metadata"]) == {"resourceVersion"}
    assert "must be a number from 0 to 1000" in caractrl("get", "nodes", "--chunk-size", "x", server=api.url).err


def test_a_selector_that_is_none_is_refused_with_the_place_and_the_grammar(api):
    done = caractrl("get", "projects", "-l", "tier in (a", server=api.url)
    assert done.code == 1 and "labelSelector" in done.err and "position" in done.err and "notin (a, b)" in done.err
    assert caractrl("get", "projects", "web", "-l", "a", server=api.url).err == "Error: get projects: a name cannot stand beside --selector\n"
