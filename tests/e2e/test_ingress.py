"""The ingress: from any node to the container that a host and path lead to, and what it refuses."""
import contextlib
import hashlib
import http.client
import re
import socket
import ssl
import struct
import threading
import time

import pytest

from support.backend import backend, entry, site
from support.cluster import CERTIFICATES
from support.http import Answer
from support.process import run
from support.wait import holds_for, wait_for

PORT = 8081
TLS_PORT = 8443
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


# --- asking ---------------------------------------------------------------------------------------------------------

def ask(node, host, path="/", method="GET", body=None, headers=None, port=PORT, limit=15):
    connection = http.client.HTTPConnection(node.address, port, timeout=limit)
    try:
        connection.request(method, path, body, {**({"Host": host} if host else {}), **(headers or {})})
        reply = connection.getresponse()
        return Answer(reply.status, reply.headers, reply.read())
    except http.client.HTTPException as error:
        raise OSError(repr(error)) from error
    finally:
        connection.close()


def say(node, *pieces, pause=0.0, limit=15, port=PORT):
    """Raw bytes to the proxy; all that comes until it closes."""
    with socket.create_connection((node.address, port), timeout=limit) as sock:
        for piece in pieces:
            sock.sendall(piece)
            time.sleep(pause)
        return read_all(sock)


def read_all(sock):
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while more := sock.recv(65536):
            got += more
    return got


def status_of(raw):
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", raw)
    return int(found[1]) if found else None


def serve(cluster, *manifests):
    """Applied, running and to be had through the proxy of the node that has it; returns that node and another."""
    cluster.apply(*manifests)
    first = manifests[0]
    name = first["metadata"]["name"]
    cluster.wait_for_phase(name, "Running", 60)
    home = cluster.node_of(name)
    host = first["spec"]["ingress"][0]["host"].replace("*", "any")
    wait_for(lambda: ask(home, host).status == 200, f"{host} is served")
    return home, next(node for node in cluster.nodes if node is not home)


def anonymous_memory(process):
    """MiB that the program has for itself, files it maps not counted."""
    with open(f"/proc/{process.pid}/status") as status:
        return int(re.search(r"RssAnon:\s+(\d+)", status.read())[1]) / 1024


@pytest.fixture
def shop(cluster):
    home, other = serve(cluster, site("shop", entry("shop.example.com")))
    return cluster, home, other


# --- where a request goes -------------------------------------------------------------------------------------------

def test_a_request_reaches_the_container_whichever_node_it_comes_to(shop):
    _, home, other = shop
    assert ask(home, "shop.example.com").body == b"shop"
    answer = ask(other, "shop.example.com")
    assert (answer.status, answer.body) == (200, b"shop")
    assert answer.headers["Cara-Hop"] is None, "what proxies say to each other stays between them"


@pytest.mark.parametrize("host", ["shop.example.com:8081", "SHOP.Example.COM", "shop.example.com.",
                                  "Shop.Example.com.:80"])
def test_the_host_may_be_written_in_several_ways(shop, host):
    _, home, other = shop
    assert ask(home, host).body == b"shop"
    assert ask(other, host).body == b"shop"


@pytest.mark.parametrize("head, status", [
    (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
    (b"GET / HTTP/1.0\r\n\r\n", 502),
    (b"GET / HTTP/1.1\r\nHost: [::1]:8081\r\nConnection: close\r\n\r\n", 502),
    (b"GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\nConnection: close\r\n\r\n", 502),
    (b"GET / HTTP/1.1\r\nHost: [oops\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: shop.example.com:x\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: shop.example.com\r\nHost: other\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n", 200),
    (b"GET http://shop.example.com/ HTTP/1.1\r\nHost: else.example.org\r\nConnection: close\r\n\r\n", 200),
    (b"GET / HTTP/1.0\r\nHost: shop.example.com\r\n\r\n", 200),
])
def test_hosts_that_are_odd_or_absent(shop, head, status):
    _, home, _ = shop
    assert status_of(say(home, head)) == status


def test_the_longest_path_wins_and_only_whole_segments_count(cluster):
    home, other = serve(cluster, site(
        "paths", entry("p.example.com", "web"), entry("p.example.com", "api", "/api"),
        entry("p.example.com", "deep", "/api/v2"), services=[backend("web"), backend("api"), backend("deep")]))
    for node in (home, other):
        for path, says in (("/", b"web"), ("/api", b"api"), ("/api/x", b"api"), ("/api?q", b"api"), ("/apix", b"web"),
                           ("/api/v2", b"deep"), ("/api/v2/y?z", b"deep"), ("/api/v22", b"api")):
            assert ask(node, "p.example.com", path).body == says, path


def test_what_no_path_leads_to_is_not_found(cluster):
    home, _ = serve(cluster, site("part", entry("part.example.com"), entry("half.example.com", path="/only")))
    assert ask(home, "half.example.com", "/only").status == 200
    assert ask(home, "half.example.com", "/else").status == 404


def test_a_wildcard_takes_one_label_and_an_exact_host_goes_first(cluster):
    home, other = serve(cluster, site("star", entry("*.wild.example")), site("exact", entry("one.wild.example")))
    cluster.wait_for_phase("exact", "Running")
    for node in (home, other):
        wait_for(lambda node=node: ask(node, "one.wild.example").body == b"exact", "the exact host is served")
        assert ask(node, "two.wild.example").body == b"star"
        assert ask(node, "a.two.wild.example").status == 502
        assert ask(node, "wild.example").status == 502


def test_a_short_host_gets_the_projects_name(cluster):
    home, _ = serve(cluster, site("tiny", entry("www.tiny.local")))
    cluster.apply(site("tiny", entry("www")))
    wait_for(lambda: ask(home, "www.tiny.local").status == 200, "www is www.tiny.local")


def test_a_host_that_is_taken_is_refused_at_apply_with_the_other_projects_name(shop):
    cluster, _, _ = shop
    refused = cluster.api.call("POST", "/api/v1/projects", site("thief", entry("Shop.example.com", path="/x")))
    assert refused.status == 409 and "shop" in refused.json["detail"], refused


# --- one hop --------------------------------------------------------------------------------------------------------

def test_a_forwarded_request_is_never_forwarded_again(shop):
    _, _, other = shop
    answer = ask(other, "shop.example.com", headers={"Cara-Hop": "made-up"})
    assert (answer.status, answer.headers["Cara-Hop"]) == (421, "unknown-host")


def test_a_host_that_moves_is_found_where_it_is_now(shop):
    cluster, home, other = shop
    assert ask(other, "shop.example.com").body == b"shop"
    cluster.ctl("cordon", home.name)
    cluster.delete("shop")
    wait_for(lambda: cluster.project("shop") is None, "shop is gone")
    cluster.apply(site("shop", entry("shop.example.com")))
    cluster.wait_for_phase("shop", "Running")
    assert cluster.node_of("shop") is other
    for node in (home, other):
        wait_for(lambda node=node: ask(node, "shop.example.com").body == b"shop", f"{node.name} finds it", 10)
    cluster.ctl("uncordon", home.name)


def test_the_last_answer_holds_while_the_server_is_away(shop):
    cluster, _, other = shop
    assert ask(other, "shop.example.com").status == 200
    cluster.server.kill()
    holds_for(lambda: ask(other, "shop.example.com").body == b"shop", "served without a server", 5)
    cluster.server.start()
    cluster.wait_for_server()


def test_clients_cannot_say_who_they_are(shop):
    _, home, other = shop
    lies = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil", "X-Real-IP": "6.6.6.6",
            "Forwarded": "for=6.6.6.6", "X_Forwarded_For": "6.6.6.6", "X-Forwarded-Prefix": "/evil", "Cara-Hop": "guess"}
    mine = home.address.rsplit(".", 1)[0] + ".1"
    for node, said in ((home, lies), (other, {k: v for k, v in lies.items() if k != "Cara-Hop"})):
        seen = ask(node, "shop.example.com", "/request", headers=said).body.decode().lower()
        assert "6.6.6.6" not in seen and "evil" not in seen, seen
        assert f"x-forwarded-for: {mine}\n" in seen and "x-forwarded-proto: http\n" in seen
        assert "x-forwarded-host: shop.example.com\n" in seen
        assert seen.count("x-forwarded-for") == 1 and "forwarded: " not in seen.replace("x-forwarded", "")


def test_what_concerns_one_connection_goes_no_further(shop):
    _, home, _ = shop
    seen = ask(home, "shop.example.com", "/request?a=1&b=%zz", headers={
        "Connection": "keep-alive, X-Private", "X-Private": "1", "Keep-Alive": "5", "TE": "trailers",
        "Proxy-Authorization": "x", "X-Public": "2"}).body.decode().lower()
    assert seen.startswith("get /request?a=1&b=%zz\nhost: shop.example.com\n")
    assert "x-public: 2\n" in seen
    for gone in ("private", "keep-alive", "te: ", "proxy-"):
        assert gone not in seen, gone


# --- bodies and streams ---------------------------------------------------------------------------------------------

def test_a_websocket_passes_both_ways_and_closes_half_by_half(shop):
    _, home, other = shop
    handshake = (b"GET /echo HTTP/1.1\r\nHost: shop.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                 b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
    for node in (home, other):
        with socket.create_connection((node.address, PORT), timeout=15) as sock:
            sock.sendall(handshake + b"early")
            stream = sock.makefile("rb")
            assert b" 101 " in stream.readline()
            head = b"".join(iter(stream.readline, b"\r\n")).lower()
            assert b"upgrade: websocket" in head and b"connection: upgrade" in head
            assert stream.read(5) == b"early"
            frame = struct.pack("!BBI", 0x82, 0x85, 0) + b"hello"
            for _ in range(100):
                sock.sendall(frame)
                assert stream.read(len(frame)) == frame
            sock.sendall(b"last words")
            sock.shutdown(socket.SHUT_WR)
            assert stream.read() == b"last words"


def test_an_event_stream_arrives_as_it_is_written(shop):
    _, home, other = shop
    for node in (home, other):
        connection = http.client.HTTPConnection(node.address, PORT, timeout=15)
        connection.request("GET", "/events", headers={"Host": "shop.example.com"})
        began = time.monotonic()
        reply = connection.getresponse()
        assert reply.headers["Content-Type"] == "text/event-stream"
        assert reply.readline() == b"data: 1\n" and time.monotonic() - began < 0.4
        assert reply.read() == b"\ndata: 2\n\ndata: 3\n\n"
        connection.close()


def test_a_gibibyte_goes_up_without_the_agents_growing(shop):
    _, home, other = shop
    size = 1 << 30
    block = bytes(1 << 20)
    before = {node: anonymous_memory(node.agent) for node in (home, other)}
    most = dict(before)
    with socket.create_connection((other.address, PORT), timeout=120) as sock:
        sock.sendall(f"POST /count HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: {size}\r\n"
                     "Connection: close\r\n\r\n".encode())
        for sent in range(size >> 20):
            sock.sendall(block)
            if sent % 64 == 0:
                for node in most:
                    most[node] = max(most[node], anonymous_memory(node.agent))
        assert read_all(sock).endswith(str(size).encode())
    for node in most:
        assert most[node] - before[node] < 64, (node.name, before[node], most[node])


def test_what_is_uploaded_arrives_whole_in_any_framing(shop):
    _, home, other = shop
    data = bytes(range(256)) * 4096
    digest = hashlib.sha256(data).hexdigest().encode()
    for node in (home, other):
        assert ask(node, "shop.example.com", "/upload", "POST", data).body == digest


def test_a_chunked_request_is_framed_anew(shop):
    _, home, other = shop
    for node in (home, other):
        raw = say(node, b"POST /request HTTP/1.1\r\nHost: shop.example.com\r\nTransfer-Encoding: chunked\r\n"
                  b"Connection: close\r\n\r\n5;ext=1\r\nhello\r\n", b"0\r\nTrailer: x\r\n\r\n", pause=0.05)
        assert status_of(raw) == 200 and b"transfer-encoding: chunked" in raw.lower()


def test_a_slow_reader_gets_everything_and_costs_no_memory(shop):
    _, home, _ = shop
    before = anonymous_memory(home.agent)
    readers = []
    for buffer in [None] + [4096] * 20:
        sock = socket.socket()
        if buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.settimeout(30)
        sock.connect((home.address, PORT))
        sock.sendall(b"GET /zeros HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n")
        assert sock.recv(12) == b"HTTP/1.1 200"
        readers.append(sock)
    time.sleep(1)
    assert anonymous_memory(home.agent) - before < 16
    assert len(read_all(readers[0])) >= 33554432
    for sock in readers:
        sock.close()


def test_requests_in_a_row_on_one_connection_are_answered_in_order(shop):
    _, home, _ = shop
    raw = say(home, b"".join(
        f"GET /request/{n} HTTP/1.1\r\nHost: shop.example.com\r\n\r\n".encode() for n in range(20))
        + b"GET / HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n")
    assert [int(n) for n in re.findall(rb"GET /request/(\d+)", raw)] == list(range(20))
    assert raw.count(b"HTTP/1.1 200 OK") == 21


# --- what is refused ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("members, body, status", [
    (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n", 400),
    (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n", 400),
    (b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello", 400),
    (b"Content-Length: 5, 5\r\n", b"hello", 400),
    (b"Content-Length: +5\r\n", b"hello", 400),
    (b"Content-Length: -5\r\n", b"hello", 400),
    (b"Content-Length: 5\r\nX: a\r\n folded\r\n", b"hello", 400),
    (b"Content-Length : 5\r\n", b"hello", 400),
    (b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n", 501),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n", 400),
    (b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n", 501),
    (b"Transfer-Encoding: chunked\r\n", b"hello\r\n", 400),
    (b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello", 200),
])
def test_what_is_ambiguous_is_refused(shop, members, body, status):
    _, home, _ = shop
    raw = say(home, b"POST /request HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n" + members + b"\r\n" + body)
    assert status_of(raw) == status, raw
    assert raw.count(b"HTTP/1.1 ") == 1, "what stands behind it is not another request"


@pytest.mark.parametrize("head, status", [
    (b"CONNECT shop.example.com:80 HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", 501),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    (b"GET / HTTP/2.0\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01", 400),
    (b"GET shop HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: shop.example.com\r\nX: " + b"x" * 40000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: shop.example.com\r\n" + b"X: y\r\n" * 300 + b"\r\n", 431),
])
def test_what_is_no_request_is_refused(shop, head, status):
    _, home, _ = shop
    assert status_of(say(home, head)) == status


def test_http2_is_not_spoken(shop):
    _, home, _ = shop
    raw = say(home, b"GET / HTTP/1.1\r\nHost: shop.example.com\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"
              b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
    assert status_of(raw) == 200


def test_a_head_that_comes_too_slowly_is_ended_and_others_are_served_meanwhile(shop):
    _, home, _ = shop
    began = time.monotonic()
    with socket.create_connection((home.address, PORT), timeout=30) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: shop.example.com\r\n")
        slow.settimeout(0.5)
        raw = b""
        while True:
            with contextlib.suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
                if raw := slow.recv(65536):
                    break
                break
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                slow.sendall(b"X: y\r\n")
            assert ask(home, "shop.example.com").status == 200
            assert time.monotonic() - began < 20
    assert status_of(raw) == 408 and time.monotonic() - began > 5


def test_a_body_that_stops_coming_is_ended_and_one_that_goes_on_slowly_is_not(shop):
    _, home, other = shop
    head = b"POST /count HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 10\r\nConnection: close\r\n\r\n"
    for node in (home, other):
        began = time.monotonic()
        assert status_of(say(node, head + b"12345")) == 408
        assert 1 < time.monotonic() - began < 10
    assert say(home, head, *[b"x"] * 10, pause=0.3).endswith(b"10"), "longer in all than a pause may be"


# --- backends that are not well -------------------------------------------------------------------------------------

@pytest.mark.parametrize("path, status", [("/hangup", 502), ("/nonsense", 502), ("/two-lengths", 502), ("/never", 504)])
def test_a_backend_that_misbehaves(shop, path, status):
    _, home, other = shop
    assert ask(home, "shop.example.com", path).status == status
    assert ask(other, "shop.example.com", path).status == status


def test_an_answer_that_is_cut_short_is_seen_to_be(shop):
    _, home, _ = shop
    raw = say(home, b"GET /short HTTP/1.1\r\nHost: shop.example.com\r\n\r\n")
    assert raw.endswith(b"short") and b"content-length: 100" in raw.lower()


def test_an_answer_before_the_end_of_the_upload_is_heard(shop):
    _, home, other = shop
    for node in (home, other):
        raw = say(node, b"POST /early HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 1000000\r\n\r\n", b"x" * 1000)
        assert status_of(raw) == 413 and raw.endswith(b"much")


def test_nothing_listens_on_the_port(cluster):
    home, _ = serve(cluster, site("deaf", entry("deaf.example.com"), entry("nobody.example.com", port=81)))
    answer = ask(home, "nobody.example.com")
    assert (answer.status, answer.headers["Content-Type"]) == (502, "text/plain; charset=utf-8")
    assert answer.body == b'502 Bad Gateway: Backend "nobody.example.com" is unreachable.\n'


def test_a_container_that_is_stopped_paused_or_gone(shop):
    cluster, home, _ = shop
    docker = home.engine

    def docker_does(what):
        run("docker", "-H", docker.host, what, "shop-web")

    docker_does("pause")
    wait_for(lambda: ask(home, "shop.example.com").status in (502, 504), "a paused one does not serve")
    docker_does("unpause")
    wait_for(lambda: ask(home, "shop.example.com").status == 200, "it goes on")
    docker_does("kill")
    wait_for(lambda: ask(home, "shop.example.com").status == 200, "it is started again, and found at its address", 20)


def test_only_what_is_healthy_is_served(cluster):
    check = {"test": ["CMD", "test", "-e", "/tmp/well"], "interval": "200ms", "timeout": "1s", "retries": 1}
    cluster.apply(site("frail", entry("frail.example.com"), services=[backend(healthcheck=check)]))
    wait_for(lambda: cluster.project("frail")["status"].get("nodeRef"), "it is placed")
    home = cluster.node_of("frail")
    wait_for(lambda: any(c["State"]["Running"] for c in home.engine.containers("frail")), "it runs")
    holds_for(lambda: ask(home, "frail.example.com").status == 502, "what was never healthy gets no request", 1)
    home.engine.run_in("frail-web", "touch", "/tmp/well")
    wait_for(lambda: ask(home, "frail.example.com").status == 200, "it is healthy")
    home.engine.run_in("frail-web", "rm", "/tmp/well")
    wait_for(lambda: ask(home, "frail.example.com").status == 502, "it is ill")


def test_an_update_in_place_loses_no_request(cluster):
    home, other = serve(cluster, site("steady", entry("steady.example.com"), services=[backend(says="one")]))
    stop, failed, seen = threading.Event(), [], set()

    def keep_asking(node):
        while not stop.is_set():
            try:
                answer = ask(node, "steady.example.com")
                seen.add(answer.body)
                if answer.status != 200:
                    failed.append((node.name, answer))
            except OSError as error:
                failed.append((node.name, error))

    threads = [threading.Thread(target=keep_asking, args=(node,)) for node in (home, other)]
    for thread in threads:
        thread.start()
    for says in ("two", "three"):
        cluster.apply(site("steady", entry("steady.example.com"), services=[backend(says=says)]))
        cluster.wait_until_current("steady")
        wait_for(lambda says=says: says.encode() in seen, f"{says} is seen")
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed, failed[:3]


def test_a_project_that_goes_takes_its_routes_along(shop):
    cluster, home, other = shop
    cluster.delete("shop")
    for node in (home, other):
        wait_for(lambda node=node: ask(node, "shop.example.com").status == 502, "nothing is served", 20)


# --- pages ----------------------------------------------------------------------------------------------------------

def test_a_browser_gets_a_page_and_others_a_line(cluster):
    node = cluster.nodes[0]
    page = ask(node, "no-one.example.com", headers=BROWSER)
    assert (page.status, page.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    text = page.body.decode()
    for word in ("502", "Bad Gateway", "Host &#34;no-one.example.com&#34; has no backend available.", "Caravanserai Proxy"):
        assert word in text
    line = ask(node, "no-one.example.com")
    assert line.body == b'502 Bad Gateway: Host "no-one.example.com" has no backend available.\n'
    assert ask(node, "no-one.example.com", method="HEAD").body == b""


# --- HTTPS ----------------------------------------------------------------------------------------------------------

def make_certificate(host, common_name):
    """HOST.crt and HOST.key, the pair replaced as a tool for that would: a file at a time, each at once."""
    made = CERTIFICATES / ".new"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", f"/CN={common_name}", "-addext", f"subjectAltName=DNS:{host}",
        "-keyout", f"{made}.key", "-out", f"{made}.crt")
    for end in ("key", "crt"):
        (CERTIFICATES / f".new.{end}").rename(CERTIFICATES / f"{host}.{end}")


def shown_name(node, host):
    """The common name of the certificate that is shown for a host."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection((node.address, TLS_PORT), timeout=15) as sock:
        with context.wrap_socket(sock, server_hostname=host) as tls:
            assert tls.selected_alpn_protocol() == "http/1.1"
            der = tls.getpeercert(binary_form=True)
    pem = ssl.DER_cert_to_PEM_cert(der)
    return re.search(r"CN = (\S+)", run("openssl", "x509", "-noout", "-subject", text=pem).stdout)[1]


def ask_tls(node, host, path="/", headers=None, method="GET", body=None):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((node.address, TLS_PORT), timeout=15) as sock:
        with context.wrap_socket(sock, server_hostname=host) as tls:
            connection = http.client.HTTPConnection(host, timeout=15)
            connection.sock = tls
            connection.request(method, path, body, {"Host": host, "Connection": "close", **(headers or {})})
            reply = connection.getresponse()
            return Answer(reply.status, reply.headers, reply.read())


@pytest.fixture
def safe(cluster):
    make_certificate("safe.example.com", "first")
    home, other = serve_tls(cluster)
    yield cluster, home, other
    for path in CERTIFICATES.iterdir():
        path.unlink()


def serve_tls(cluster):
    cluster.apply(site("safe", entry("safe.example.com")))
    cluster.wait_for_phase("safe", "Running")
    home = cluster.node_of("safe")
    wait_for(lambda: ask_tls(home, "safe.example.com").status == 200, "safe is served")
    return home, next(node for node in cluster.nodes if node is not home)


def test_https_reaches_the_container_from_any_node(safe):
    _, home, other = safe
    for node in (home, other):
        wait_for(lambda node=node: shown_name(node, "safe.example.com") == "first", "the certificate is shown")
        seen = ask_tls(node, "safe.example.com", "/request").body.decode()
        assert "x-forwarded-proto: https\n" in seen and "x-forwarded-for: 10.212.0.1\n" in seen
        data = bytes(range(256)) * 20000
        assert ask_tls(node, "safe.example.com", "/upload", None, "POST", data).body == \
            hashlib.sha256(data).hexdigest().encode()


def test_a_host_with_a_certificate_is_redirected_to_https(safe):
    _, home, other = safe
    for node in (home, other):
        wait_for(lambda node=node: ask(node, "safe.example.com", "/a?b=c").status == 301, "GET is redirected")
        assert ask(node, "safe.example.com", "/a?b=c").headers["Location"] == "https://safe.example.com:8443/a?b=c"
        assert ask(node, "safe.example.com", "/a", "POST", b"x").status == 308


def test_a_name_without_a_certificate_is_not_served_over_https(safe):
    _, home, _ = safe
    with pytest.raises(ssl.SSLError):
        shown_name(home, "unknown.example.com")


def test_certificates_are_replaced_under_load_without_a_failure(safe):
    _, home, _ = safe
    stop, failed, count = threading.Event(), [], [0]

    def keep_asking():
        while not stop.is_set():
            try:
                assert ask_tls(home, "safe.example.com").status == 200
                count[0] += 1
            except (OSError, AssertionError) as error:
                failed.append(error)

    threads = [threading.Thread(target=keep_asking) for _ in range(4)]
    for thread in threads:
        thread.start()
    for name in ("second", "third", "fourth"):
        make_certificate("safe.example.com", name)
        wait_for(lambda name=name: shown_name(home, "safe.example.com") == name, f"{name} is shown")
    (CERTIFICATES / "safe.example.com.crt").write_text("nonsense")
    holds_for(lambda: shown_name(home, "safe.example.com") == "fourth", "what is no good changes nothing", 1)
    make_certificate("*.example.com", "wild")
    wait_for(lambda: shown_name(home, "other.example.com") == "wild", "a wildcard is shown")
    assert shown_name(home, "safe.example.com") == "fourth"
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed and count[0] > 20, failed[:3]


# --- around it ------------------------------------------------------------------------------------------------------

def test_each_request_is_a_line_of_the_access_log(shop):
    _, home, _ = shop
    ask(home, "shop.example.com", '/line"\\?q')
    log = home.access_log
    wait_for(lambda: '/line\\x22\\x5c?q' in log.read_text(), "the line is written")
    line = next(row for row in log.read_text().splitlines() if "/line" in row)
    assert re.fullmatch(r'\S+Z 10\.212\.0\.1 shop\.example\.com "GET /line\S+ HTTP/1\.1" 200 4 \d+\.\d{3} \S+:80', line)


def test_a_port_that_is_taken_is_said_and_tried_again(cluster):
    node = cluster.add_node()
    try:
        node.agent.terminate()
        thief = node.listen(PORT)
        since = node.agent.log_size()
        node.agent.start()
        node.agent.wait_for_log("the ingress proxy cannot listen", since)
        cluster.wait_for_nodes()
        thief.kill()
        wait_for(lambda: ask(node, "nobody.example.com").status == 502, "the proxy has its port")
    finally:
        cluster.take_node()
