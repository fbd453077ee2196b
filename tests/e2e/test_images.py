"""Images: pulled from a real registry, missing, put right."""
import json
import os
import pty
import re
import select
import subprocess

import pytest

from support.cluster import project, service
from support.engine import IMAGE
from support.http import Client
from support.network import HUB
from support.process import BIN, SANDBOX, Process, library, run
from support.wait import wait_for

REGISTRY = f"{HUB}:5000"


@pytest.fixture(scope="module")
def registry(shared_cluster):
    """A registry with one image, which no engine has."""
    process = Process("registry", library("registry_exec", SANDBOX / "registry", REGISTRY)).start()
    wait_for(lambda: Client(REGISTRY).call("GET", "/v2/").status == 200, "the registry answers")
    engine = shared_cluster.node("n1").engine
    run("docker", "-H", engine.host, "tag", IMAGE, f"{REGISTRY}/team/app:1")
    run("docker", "-H", engine.host, "push", f"{REGISTRY}/team/app:1")
    engine.remove_image(f"{REGISTRY}/team/app:1")
    yield process
    process.terminate()


def test_an_image_is_pulled_from_a_registry_and_its_digest_is_told(cluster, registry):
    image = f"{REGISTRY}/team/app:1"
    cluster.apply(project("pulled", service("main", image=image)))
    cluster.wait_for_phase("pulled", "Running")
    told = cluster.project("pulled")["status"]["services"][0]
    assert told["image"] == image and told["imageDigest"].startswith("sha256:"), told


def test_an_image_that_does_not_exist_is_named_in_the_condition_and_a_good_one_puts_it_right(cluster, registry):
    image = f"{REGISTRY}/team/nosuch:9"
    cluster.apply(project("wrong", service("main", image=image)))
    cluster.wait_for_phase("wrong", "Failed")
    condition = cluster.condition("wrong")
    assert condition["reason"] == "ImagePullError", condition
    assert image in condition["message"] and "unknown" in condition["message"], "the engine's own words"
    cluster.apply(project("wrong", service("main")))
    cluster.wait_until_current("wrong")


def test_an_image_that_appears_later_is_found_without_anyone_asking(cluster, registry):
    image = f"{REGISTRY}/team/late:1"
    cluster.apply(project("late", service("main", image=image)))
    cluster.wait_for_phase("late", "Failed")
    engine = cluster.node("n1").engine
    run("docker", "-H", engine.host, "tag", IMAGE, image)
    run("docker", "-H", engine.host, "push", image)
    cluster.wait_for_phase("late", "Running", 60)


@pytest.fixture
def big_image(cluster, registry):
    """An image of some size in the registry, which no engine has."""
    image = f"{REGISTRY}/team/big:1"
    engine = cluster.node("n1").engine
    context = SANDBOX / "big"
    context.mkdir(exist_ok=True)
    for part in range(3):
        (context / f"part{part}").write_bytes(os.urandom(24 << 20))
    (context / "Dockerfile").write_text(f"FROM {IMAGE}\n" + "".join(f"COPY part{part} /\n" for part in range(3)))
    run("docker", "-H", engine.host, "build", "-q", "-t", image, str(context), env={"DOCKER_BUILDKIT": "0"})
    run("docker", "-H", engine.host, "push", "-q", image)
    engine.remove_image(image)
    run("docker", "-H", engine.host, "image", "prune", "-f")
    yield image
    for node in cluster.nodes:
        node.engine.remove_image(image)


def test_who_waits_sees_how_far_the_image_is_pulled(cluster, big_image):
    master, slave = pty.openpty()
    child = subprocess.Popen([str(BIN / "caractrl"), "--server", cluster.url, "apply", "-f", "-", "--wait"], stdin=subprocess.PIPE, stdout=slave,
                             stderr=slave, env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"})
    os.close(slave)
    child.stdin.write(json.dumps(project("big", service("main", image=big_image))).encode())
    child.stdin.close()
    text = ""
    while "Running on" not in text:
        assert select.select([master], [], [], 60)[0], text
        text += os.read(master, 65536).decode()
    assert child.wait(20) == 0
    os.close(master)
    told = [int(percent) for percent in re.findall(rf"pulling {re.escape(big_image)} (\d+) % on n[12]", text)]
    assert told and told == sorted(told) and told[-1] <= 100, text
