"""The tests' own network: a bridge in the sandbox, one namespace a node, joined by links that can be cut."""
from .process import run

HUB = "10.212.0.1"  # where server, PostgreSQL and registry are


def make_bridge():
    run("ip", "link", "add", "hub", "type", "bridge")
    # an engine of the sandbox itself has what is forwarded here dropped, and that may be what a bridge passes on, too
    run("iptables", "-I", "FORWARD", "-i", "hub", "-o", "hub", "-j", "ACCEPT")
    run("ip", "addr", "add", f"{HUB}/24", "dev", "hub")
    run("ip", "link", "set", "hub", "up")


def make_namespace(name, address):
    """A namespace with one interface on the bridge."""
    run("ip", "netns", "add", name)
    run("ip", "-n", name, "link", "set", "lo", "up")
    run("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
    run("ip", "link", "set", f"to-{name}", "master", "hub", "up")
    run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
    run("ip", "-n", name, "link", "set", "eth0", "up")
    run("ip", "-n", name, "route", "add", "default", "via", HUB)


def cut(name):
    run("ip", "link", "set", f"to-{name}", "down")


def join(name):
    run("ip", "link", "set", f"to-{name}", "up")
