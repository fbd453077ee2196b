"""What the HTTP side promises whatever the route: bad input, methods, paths, framing, limits."""
import json
import re
import socket

import pytest
from support.manifests import node, project

MIB = 1024 * 1024


def assert_problem(reply, status, *words, field=None):
    assert reply.status == status, reply
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json
    assert list(problem)[:4] == ["title", "status", "type", "detail"]
    assert problem["status"] == status
    assert problem["type"].endswith(f"/Status/{status}")
    for word in words:
        assert word in problem["detail"]
    if field is not None:
        assert problem["field"] == field


# --- bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["", "{", "nonsense", "[1", '{"a":}', '{"a":1,}', "'single'", "{} x"])
@pytest.mark.parametrize("method,path", [("POST", "/api/v1/nodes"), ("POST", "/api/v1/projects"), ("PUT", "/api/v1/nodes/n1"),
                                         ("PATCH", "/api/v1/projects/p/status"), ("POST", "/api/v1/apply")])
def test_a_body_that_is_not_json_is_refused(api, method, path, body):
    assert_problem(api.call(method, path, body), 400, "invalid request body: ")


@pytest.mark.parametrize("body,where", [
    ({"metadata": "n1"}, "metadata"),
    ({"metadata": {"name": 7}}, "metadata.name"),
    ({"metadata": {"name": "n1", "labels": ["a"]}}, "metadata.labels"),
    ({"metadata": {"name": "n1", "labels": {"a": 1}}}, "metadata.labels.a"),
    ({"metadata": {"name": "n1"}, "spec": []}, "spec"),
    ({"metadata": {"name": "n1"}, "spec": {"unschedulable": "yes"}}, "spec.unschedulable"),
    ({"metadata": {"name": "n1"}, "spec": {"hostname": False}}, "spec.hostname"),
])
def test_wrong_types_name_the_member(api, body, where):
    assert_problem(api.post("/api/v1/nodes", body), 400, where, field=where)


@pytest.mark.parametrize("body", ["[]", '"text"', "7", "true"])
def test_a_body_that_is_no_object_is_refused(api, body):
    assert_problem(api.post("/api/v1/nodes", body), 400, "invalid request body: ")


def test_port_must_be_an_integer(api):
    for port in ("80", 80.5):
        wanted = project("p1", ingress=[{"name": "i", "target": {"service": "web", "port": port}}])
        assert_problem(api.post("/api/v1/projects", wanted), 400, "spec.ingress[0].target.port")


def test_unknown_members_of_spec_are_named_with_the_nearest_known_one(api):
    wanted = project("p1")
    wanted["spec"]["services"][0]["imagee"] = "x"
    assert_problem(api.post("/api/v1/projects", wanted), 400, "spec.services[0].imagee", "image")
    assert_problem(api.post("/api/v1/nodes", node("n1", hostnam="x")), 400, "spec.hostnam", "hostname")


def test_unknown_members_outside_spec_are_ignored(api):
    assert api.post("/api/v1/nodes", {**node("n1"), "future": 1}).status == 201


def test_status_in_a_body_is_ignored(api):
    wanted = {**node("n1"), "status": {"state": "Ready", "conditions": []}}
    assert api.post("/api/v1/nodes", wanted).json["status"]["state"] == "NotReady"


def test_names_may_have_253_bytes_and_not_254(api):
    assert api.post("/api/v1/nodes", node("a" * 253)).status == 201
    assert api.get("/api/v1/nodes/" + "a" * 253).status == 200
    assert_problem(api.post("/api/v1/nodes", node("a" * 254)), 400, "is 254 characters long: must be no more than 253")


@pytest.mark.parametrize("name", ["", None])
def test_a_name_is_required(api, name):
    assert_problem(api.post("/api/v1/nodes", {"metadata": {"name": name}}), 400, "metadata.name is required")


def test_nul_is_refused_however_it_comes(api):
    assert_problem(api.post("/api/v1/nodes", '{"metadata":{"name":"a\\u0000b"}}'), 400, "invalid request body: ", "\\u0000")
    assert_problem(api.post("/api/v1/nodes", b'{"metadata":{"name":"a\0b"}}'), 400, "NUL")


@pytest.mark.parametrize("broken", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80"])
def test_invalid_utf8_is_refused_everywhere(api, broken):
    escaped = "".join(f"%{byte:02x}" for byte in broken)
    assert_problem(api.post("/api/v1/nodes", b'{"metadata":{"name":"' + broken + b'"}}'), 400, "invalid request body: ")
    assert_problem(api.get(f"/api/v1/nodes/{escaped}"), 400, "invalid path")
    assert_problem(api.get(f"/api/v1/projects?phase={escaped}"), 400, "invalid query")
    api.post("/api/v1/nodes", node("n1"))
    assert_problem(api.post("/api/v1/nodes/n1/heartbeat", b'{"state":"' + broken + b'"}'), 400, "invalid request body: ")


def test_deep_nesting_is_refused(api):
    assert_problem(api.post("/api/v1/nodes", "[" * 100000), 400, "invalid request body: ")


def test_four_mebibytes_are_read_and_more_are_not(api):
    assert_problem(api.post("/api/v1/nodes", b" " * (4 * MIB - 2) + b"{}"), 400, "metadata.name is required")
    for _ in range(3):
        assert_problem(api.post("/api/v1/nodes", b" " * (5 * MIB)), 413, "4 MiB")


def test_a_large_body_is_refused_before_it_is_sent_when_the_client_asks(api):
    head = b"POST /api/v1/nodes HTTP/1.1\r\nHost: x\r\nContent-Length: 5242880\r\nExpect: 100-continue\r\n\r\n"
    assert api.raw(head).startswith(b"HTTP/1.1 413 ")


def test_a_large_chunked_body_is_refused(api):
    body = (b"10000\r\n" + b" " * 65536 + b"\r\n") * 80 + b"0\r\n\r\n"
    answer = api.raw(b"POST /api/v1/nodes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 413 ") and b"application/problem+json" in answer


def test_chunked_bodies_are_read(api):
    body = json.dumps(node("n1")).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7]) for i in range(0, len(body), 7)) + b"0\r\n\r\n"
    answer = api.raw(b"POST /api/v1/nodes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    assert answer.startswith(b"HTTP/1.1 201 ")


def test_html_is_escaped_in_answers(api):
    created = api.post("/api/v1/nodes", {**node("n1"), "metadata": {"name": "n1", "annotations": {"a": "<b>&\u2028"}}})
    assert b"\\u003cb\\u003e\\u0026\\u2028" in created.body


# --- what is not there -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method,path,body", [
    ("GET", "/api/v1/nodes/none", None), ("PUT", "/api/v1/nodes/none", {"spec": {}}), ("DELETE", "/api/v1/nodes/none", None),
    ("POST", "/api/v1/nodes/none/heartbeat", None), ("POST", "/api/v1/nodes/none/heartbeat", "not json"),
    ("POST", "/api/v1/nodes/none/channel", None), ("GET", "/api/v1/nodes/none/assignments", None),
    ("POST", "/api/v1/nodes/none/report", {"reports": []}),
])
def test_a_missing_node_is_404(api, method, path, body):
    assert_problem(api.call(method, path, body), 404, "node not found: none")


@pytest.mark.parametrize("method,path,body", [
    ("GET", "/api/v1/projects/none", None), ("PUT", "/api/v1/projects/none", project("none")),
    ("DELETE", "/api/v1/projects/none", None), ("PATCH", "/api/v1/projects/none/status", {"phase": "Running"}),
])
def test_a_missing_project_is_404(api, method, path, body):
    assert_problem(api.call(method, path, body), 404, "project not found: none: resource not found")


def test_an_unknown_phase_filter_gives_nothing(api):
    api.post("/api/v1/projects", project("p1"))
    assert api.get("/api/v1/projects?phase=Nonsense").json["items"] == []
    assert api.get("/api/v1/projects?phase=").json["items"] == []
    assert len(api.get("/api/v1/projects?phase=Nonsense&phase=Pending").json["items"]) == 1
    assert api.get("/api/v1/projects?nodeRef=n1").json["items"] == []
    assert len(api.get("/api/v1/projects?nodeRef=").json["items"]) == 1


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1/node", "/api/v1/nodes/", "/api/v1/nodes/a/b", "/metrics", "/api/v2/nodes"])
def test_unknown_paths_are_plain_404s(api, path):
    reply = api.get(path)
    assert (reply.status, reply.body) == (404, b"404 page not found\n")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["x-content-type-options"] == "nosniff"


# --- methods and paths -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method,path,allow", [
    ("PUT", "/api/v1/nodes", "GET, HEAD, POST"), ("PATCH", "/api/v1/projects", "GET, HEAD, POST"),
    ("POST", "/api/v1/nodes/x", "DELETE, GET, HEAD, PUT"), ("PATCH", "/api/v1/projects/x", "DELETE, GET, HEAD, PUT"),
    ("GET", "/api/v1/nodes/x/heartbeat", "POST"), ("POST", "/api/v1/projects/x/status", "PATCH"),
    ("DELETE", "/api/healthz", "GET, HEAD"), ("OPTIONS", "/api/v1/nodes", "GET, HEAD, POST"),
    ("BREW", "/api/v1/nodes", "GET, HEAD, POST"),
])
def test_other_methods_are_405_with_allow(api, method, path, allow):
    reply = api.call(method, path)
    assert (reply.status, reply.body, reply.headers["allow"]) == (405, b"Method Not Allowed\n", allow)
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/api/healthz", "/api/readyz", "/api/v1/nodes", "/api/v1/nodes/n1", "/api/v1/projects", "/nope"])
def test_head_is_get_without_the_body(api, path):
    api.post("/api/v1/nodes", node("n1"))
    got, head = api.get(path), api.call("HEAD", path)
    assert head.status == got.status and head.body == b""
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize("method,path,status,location", [
    ("GET", "//api/v1/nodes", 301, "/api/v1/nodes"), ("GET", "/api//v1/./nodes?phase=a", 301, "/api/v1/nodes?phase=a"),
    ("HEAD", "/api/v1/x/../nodes", 301, "/api/v1/nodes"), ("POST", "/api/v1//nodes", 307, "/api/v1/nodes"),
    ("GET", "//evil.example/x", 301, "/evil.example/x"),
])
def test_unclean_paths_are_redirected(api, method, path, status, location):
    reply = api.call(method, path)
    assert (reply.status, reply.headers["location"]) == (status, location)


def test_segments_are_decoded_after_splitting(api):
    api.post("/api/v1/nodes", node("n.1"))
    assert api.get("/api/v1/nodes/n%2E1").status == 200
    assert_problem(api.get("/api/v1/nodes/a%2Fb"), 404, "node not found: a/b")
    assert_problem(api.get("/api/v1/nodes/a%00"), 400, "NUL")
    assert_problem(api.get("/api/v1/nodes/a%zz"), 400, "percent-encoded")


def test_too_many_query_parameters_are_refused(api):
    assert_problem(api.get("/api/v1/projects?" + "&".join(["phase=x"] * 65)), 400, "more than 64 parameters")


def test_an_absolute_target_is_its_path(api):
    answer = api.raw(b"GET http://elsewhere:1/api/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert api.raw(b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_health(api):
    for path in ("/api/healthz", "/api/readyz"):
        reply = api.get(path)
        assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"OK", "text/plain; charset=utf-8")


# --- framing ---------------------------------------------------------------------------------------------------------

HEALTH = b"GET /api/healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def test_requests_in_one_packet_are_answered_in_order(api):
    answer = api.raw(HEALTH + b"GET /api/v1/nodes HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET /nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"200", b"404"]


def test_cleartext_http2_is_refused(api):
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
    assert api.raw(preface).startswith(b"HTTP/1.1 400 ")
    upgraded = api.raw(b"GET /api/healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                       b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")
    assert upgraded.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("framing", [
    b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    b"Content-Length: 5\r\nContent-Length: 3\r\n", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    b"content-LENGTH: 0\r\nTRANSFER-encoding: chunked\r\n",
])
def test_a_body_framed_twice_is_refused_and_nothing_after_it_is_read(api, framing):
    answer = api.raw(b"POST /api/v1/nodes HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n0\r\n\r\n" + HEALTH)
    assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("framing", [b"Content-Length: x\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: gzip\r\n",
                                     b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"Expect: miracles\r\nContent-Length: 1\r\n"])
def test_broken_framing_is_a_problem(api, framing):
    answer = api.raw(b"POST /api/v1/nodes HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n")
    assert answer[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 417 ")
    assert b"application/problem+json" in answer


def test_headers_have_a_limit(api):
    with api.connect() as sock:
        sock.sendall(b"GET /api/healthz HTTP/1.1\r\nHost: x\r\n")
        try:
            for _ in range(200):
                sock.sendall(b"X-Filler: " + b"a" * 8000 + b"\r\n")
            answer = sock.recv(1024)
        except (ConnectionResetError, BrokenPipeError):
            answer = b"HTTP/1.1 400 "
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_client_that_leaves_is_not_missed(api):
    for _ in range(50):
        sock = api.connect()
        sock.sendall(b"GET /api/v1/nodes HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
    assert api.get("/api/readyz").status == 200


def test_a_client_that_only_closes_its_side_gets_its_answer(api):
    assert api.raw(b"GET /api/v1/nodes HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 200 ")
