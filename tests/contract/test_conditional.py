"""Versions as HTTP has them: ETag, If-None-Match, If-Match; and lists in pages."""
import pytest
from support.manifests import node, project
from support.wait import wait_for


def get(api, path, etag):
    return api.call("GET", path, headers={"If-None-Match": etag})


def assert_unchanged(reply, etag):
    assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", etag)


@pytest.mark.parametrize("kind,manifest", [("nodes", node), ("projects", project)])
def test_the_etag_of_an_object_is_its_version(api, kind, manifest):
    wanted = manifest("x1")
    wanted["metadata"]["labels"] = {"generation": "1", "resourceVersion": "7", "uid": "u"}
    created = api.post(f"/api/v1/{kind}", wanted)
    assert created.headers["etag"] == f'"{created.json["metadata"]["resourceVersion"]}"'
    reply = api.get(f"/api/v1/{kind}/x1")
    assert reply.headers["etag"] == f'"{reply.json["metadata"]["resourceVersion"]}"'


@pytest.mark.parametrize("path", ["/api/v1/nodes/n1", "/api/v1/nodes", "/api/v1/nodes?labelSelector=a%3Db", "/api/v1/nodes/n1/assignments",
                                  "/api/v1/projects"])
def test_what_did_not_change_is_not_sent_again(api, path):
    api.post("/api/v1/nodes", node("n1"))
    etag = api.get(path).headers["etag"]
    assert_unchanged(get(api, path, etag), etag)
    assert get(api, path, '"other"').status == 200


@pytest.mark.parametrize("form", ['W/{0}', '"a", {0}', '"a",W/{0}', "*"])
def test_if_none_match_is_read_as_http_has_it(api, form):
    api.post("/api/v1/nodes", node("n1"))
    etag = api.get("/api/v1/nodes/n1").headers["etag"]
    assert_unchanged(get(api, "/api/v1/nodes/n1", form.format(etag)), etag)


@pytest.mark.parametrize("broken", ['"', "x", '"a" "b', ","])
def test_an_if_none_match_that_says_nothing_is_ignored(api, broken):
    api.post("/api/v1/nodes", node("n1"))
    assert get(api, "/api/v1/nodes/n1", broken).status == 200
    assert get(api, "/api/v1/nodes/n1/assignments", broken).status == 200


def test_what_changed_is_sent(api):
    api.post("/api/v1/nodes", node("n1"))
    paths = ["/api/v1/nodes/n1", "/api/v1/nodes"]
    etags = [api.get(path).headers["etag"] for path in paths]
    api.put("/api/v1/nodes/n1", node("n1", unschedulable=True))
    for path, etag in zip(paths, etags):
        reply = get(api, path, etag)
        assert reply.status == 200 and reply.headers["etag"] != etag


def test_errors_and_204_have_no_etag(api):
    api.post("/api/v1/nodes", node("n1"))
    assert "etag" not in get(api, "/api/v1/nodes/none", "*").headers
    assert "etag" not in api.call("DELETE", "/api/v1/nodes/n1").headers


@pytest.mark.parametrize("kind,manifest", [("nodes", node), ("projects", project)])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_if_match_refuses_what_was_changed_meanwhile(api, kind, manifest, method):
    api.post(f"/api/v1/{kind}", manifest("x1"))
    path = f"/api/v1/{kind}/x1"
    old = api.get(path).headers["etag"]
    changed = manifest("x1")
    changed["metadata"]["labels"] = {"a": "b"}
    assert api.put(path, changed).status == 200
    body = changed if method == "PUT" else None
    refused = api.call(method, path, body, {"If-Match": old})
    assert refused.status == 409 and "modified" in refused.json["detail"]
    fresh = api.get(path)
    if kind == "projects":  # it is being decided on meanwhile
        assert api.call(method, path, body, {"If-Match": "*"}).status in (200, 202, 204)
    else:
        assert api.call(method, path, body, {"If-Match": fresh.headers["etag"]}).status in (200, 204)


def test_a_version_in_the_body_is_compared_too(api):
    created = api.post("/api/v1/nodes", node("n1")).json
    api.put("/api/v1/nodes/n1", node("n1", unschedulable=True))
    refused = api.put("/api/v1/nodes/n1", created)
    assert refused.status == 409 and "modified" in refused.json["detail"]


# --- pages -----------------------------------------------------------------------------------------------------------


def test_pages_together_are_the_list(api):
    for number in range(25):
        api.post("/api/v1/nodes", node(f"n{number:02}"))
    names, versions, query = [], set(), "limit=10"
    for _ in range(3):
        page = api.get(f"/api/v1/nodes?{query}").json
        names += [item["metadata"]["name"] for item in page["items"]]
        versions.add(page["metadata"]["resourceVersion"])
        query = f"limit=10&continue={page['metadata'].get('continue', '')}"
    assert names == [f"n{number:02}" for number in range(25)]
    assert len(versions) == 1 and "continue" not in page["metadata"]


def test_pages_of_a_list_that_changes_miss_nothing_that_stays(api):
    for number in range(20):
        api.post("/api/v1/nodes", node(f"n{number:02}"))
    first = api.get("/api/v1/nodes?limit=10").json
    api.call("DELETE", "/api/v1/nodes/n05")
    api.post("/api/v1/nodes", node("n00a"))
    second = api.get(f"/api/v1/nodes?limit=10&continue={first['metadata']['continue']}").json
    assert [item["metadata"]["name"] for item in second["items"]] == [f"n{number:02}" for number in range(10, 20)]


@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "limit=1001", "continue=nonsense", "limit=5&continue=e30%3D"])
def test_pages_that_cannot_be_are_refused(api, query):
    assert api.get(f"/api/v1/projects?{query}").status == 400


def test_a_token_belongs_to_its_query(api):
    for number in range(3):
        api.post("/api/v1/nodes", node(f"n{number}"))
    token = api.get("/api/v1/nodes?limit=1").json["metadata"]["continue"]
    assert api.get(f"/api/v1/nodes?limit=1&labelSelector=a&continue={token}").status == 400
    assert api.get(f"/api/v1/projects?limit=1&continue={token}").status == 400


def test_what_its_node_makes_of_a_project_changes_its_etag(api):
    assert api.post("/api/v1/nodes", node("n1")).status == 201
    api.post("/api/v1/nodes/n1/heartbeat", {"state": "Ready"})
    api.post("/api/v1/projects", project("web"))
    wait_for(lambda: api.get("/api/v1/projects/web").json["status"].get("nodeRef") == "n1", "a decision")
    before = api.get("/api/v1/projects/web")
    api.post("/api/v1/nodes/n1/heartbeat", {"state": "NotReady"})
    after = get(api, "/api/v1/projects/web", before.headers["etag"])
    assert after.status == 200 and after.headers["etag"] != before.headers["etag"]
    assert "NodeNotReady" in [condition["reason"] for condition in after.json["status"]["conditions"]]
