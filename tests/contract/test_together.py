"""Creates and applies that come at the same time go to Postgres as one; nobody can tell from the answers."""
import contextlib
import json
import random
import socket
import threading

import psycopg2
from support.manifests import project
from support.wait import wait_for

NASTY = 'a "quoted" \\ {back,slash}\n\ttab \u2028 ü 🐫 \\" } , { NULL'


def at_once(count, function):
    """Runs function(number) in so many threads, which start together; returns what they gave."""
    gave = [None] * count
    gate = threading.Barrier(count)

    def run(number):
        gate.wait()
        gave[number] = function(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return gave


def named(name, note=None):
    manifest = project(name)
    if note is not None:
        manifest["metadata"]["annotations"] = {"note": note}
    return manifest


def transactions(database, pattern):
    return database.value("SELECT count(DISTINCT xmin::text) FROM cara.project WHERE name LIKE %s", pattern)


def test_each_gets_its_own_answer(api):
    api.post("/api/v1/projects", named("taken"))

    def ask(number):
        kind = number % 8
        if kind == 5:
            return api.post("/api/v1/projects", named("taken"))
        if kind == 6:
            return api.post("/api/v1/projects", '{"metadata":{"name":"broken"')
        if kind == 7:
            return api.post("/api/v1/projects", named(f"Wrong-{number}"))
        return api.post("/api/v1/projects", named(f"c{number}", NASTY))

    replies = at_once(64, ask)
    for number, reply in enumerate(replies):
        kind = number % 8
        assert reply.status == {5: 409, 6: 400, 7: 400}.get(kind, 201), (number, reply)
        if kind < 5:
            assert (reply.json["metadata"]["name"], reply.json["metadata"]["annotations"]) == (f"c{number}", {"note": NASTY})
            assert reply.headers["etag"] == f'"{reply.json["metadata"]["resourceVersion"]}"'
        elif kind == 7:
            assert f"Wrong-{number}" in reply.json["detail"]
    assert api.database.value("SELECT count(*) FROM cara.project") == 41
    assert transactions(api.database, "c%") < 40, "none went together"


def test_applies_too(api):
    bodies = [{"items": [dict(named(f"a{number}-{item}", "x" * (70_000 if number == 3 else 10)), kind="Project") for item in range(1 + number % 3)]}
              for number in range(32)]
    for body in bodies[::8]:  # these will have changed something, or nothing
        api.post("/api/v1/apply", {"items": body["items"][:1]})
    replies = at_once(32, lambda number: api.post("/api/v1/apply", bodies[number]))
    for number, reply in enumerate(replies):
        assert reply.status == 200, reply
        results = [(item["name"], item["result"]) for item in reply.json["items"]]
        assert results == [(item["metadata"]["name"], "unchanged" if number % 8 == 0 and at == 0 else "created")
                           for at, item in enumerate(bodies[number]["items"])]
    assert transactions(api.database, "a%") < 32, "none went together"


def test_one_name_is_created_once(api):
    replies = at_once(24, lambda number: api.post("/api/v1/projects", named("same")))
    assert sorted(reply.status for reply in replies) == [201] + [409] * 23


def test_who_goes_away_holds_up_nobody(api):
    """Half of the clients hang up at once; what they asked for is done or not, the others get their answers."""

    def ask(number):
        if number % 2 == 0:
            return api.post("/api/v1/projects", named(f"s{number}"))
        body = json.dumps(named(f"g{number}")).encode()
        with api.connect() as sock:
            sock.sendall(b"POST /api/v1/projects HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close() resets
        return None

    for _ in range(3):
        api.empty()
        replies = at_once(48, ask)
        assert {reply.status for reply in replies[::2]} == {201}
    assert api.get("/api/v1/projects/s0").status == 200


def test_who_waits_for_a_lock_holds_up_nobody(api):
    for number in range(3):
        api.post("/api/v1/projects", named(f"held{number}"))
    with contextlib.closing(psycopg2.connect(api.database.url)) as someone:
        someone.cursor().execute("SELECT FROM cara.project FOR UPDATE")
        waiting = [threading.Thread(target=api.post, args=("/api/v1/apply", {"items": [dict(project(f"held{number}", "nginx:2"), kind="Project")]}))
                   for number in range(3)]
        for thread in waiting:
            thread.start()
        wait_for(lambda: api.database.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") == 3,
                 "all of them to wait")
        for number in range(5):
            reply = api.call("POST", "/api/v1/apply", {"items": [dict(named(f"free{number}"), kind="Project")]}, timeout=3)
            assert reply.status == 200
        someone.rollback()
    for thread in waiting:
        thread.join(10)
    assert api.database.value("SELECT min(generation) FROM cara.project WHERE name LIKE 'held%'") == 2


def test_the_database_goes_away_meanwhile(api):
    """Whoever is told 201 has it, whoever is told 503 may try again; all are told something."""
    stop = threading.Event()

    def cut():
        chance = random.Random(7)
        while not stop.wait(chance.random() / 5):
            with contextlib.suppress(Exception):
                api.database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.4")

    def ask(number):
        statuses = []
        for turn in range(12):
            name = f"d{number}-{turn}"
            for _ in range(200):
                reply = api.post("/api/v1/projects", named(name))
                statuses.append(reply.status)
                if reply.status != 503:
                    break
                stop.wait(0.02)
        return statuses

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        gave = at_once(16, ask)
    finally:
        stop.set()
        cutter.join()
    assert set(sum(gave, [])) <= {201, 409, 503}  # 409: it had been committed when the connection broke
    wait_for(lambda: api.get("/api/readyz").status == 200, "the server to be ready")
    assert api.database.value("SELECT count(*) FROM cara.project") == 16 * 12
