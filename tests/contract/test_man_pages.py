"""The manual pages tell every flag and variable that --help does, and no other flag."""
import re
import subprocess

import pytest
from support.server import BIN, ROOT


def help_of(*words):
    return subprocess.run([str(BIN / words[0]), *words[1:], "--help"], capture_output=True, text=True, check=True).stdout


def page(name):
    """The page as it reads, its escapes undone."""
    text = (ROOT / "docs" / "man" / name).read_text(encoding="utf-8")
    return re.sub(r"\\f[BIR]", "", text).replace("\\-", "-")


@pytest.mark.parametrize("program", ["cara-server", "cara-agent"])
def test_settings_are_in_the_manual(program):
    told, written = help_of(program), page(f"{program}.8")
    flags = set(re.findall(r"^  -([\w-]+)", told, re.MULTILINE))
    written_flags = set(re.findall(r'^\.BR? -([\w-]+)(?: ", "|$)', written, re.MULTILINE))
    assert flags | {"help", "version"} == written_flags
    for name, key in re.findall(r"environment (\w+), config\.yaml (\w+)", told):
        assert f'", " {name} ", " {key}\n' in written
    for fallback in re.findall(r"; default (\S+)$", told, re.MULTILINE):
        assert fallback in written


def test_caractrls_flags_and_commands_are_in_the_manual():
    written = page("caractrl.1")
    commands = [(), ("apply",), ("get",), ("get", "projects"), ("delete",), ("delete", "project"), ("describe", "node"),
                ("get", "nodes"), ("events",), ("wait", "project"), ("cordon",), ("drain",), ("exec",), ("logs",), ("plan",),
                ("port-forward",), ("rebalance",), ("settings", "set"), ("unpin",), ("why",)]
    told = "".join(help_of("caractrl", *words) for words in commands)
    flags = set(re.findall(r"--([\w-]+) ", told))
    assert flags == set(re.findall(r"--([\w-]+)", written))
    for name in re.findall(r"^  (\w+) {3,}", help_of("caractrl"), re.MULTILINE):
        assert re.search(rf"\b{name}\b", written), name


@pytest.mark.parametrize("command", ["get nodes", "wait node", "describe node", "delete node", "why", "logs", "cordon", "drain",
                                     "unpin"])
def test_the_synopsis_tells_what_stands_in_for_names(command):
    synopsis = page("caractrl.1").split(".SH SYNOPSIS\n")[1].split(".SH DESCRIPTION")[0]
    lines = [line.replace("\n", " ") for line in synopsis.split("\n.br\n") if f"caractrl {command.split()[0]}" in line]
    told = help_of("caractrl", *command.split())
    assert lines
    assert ("--selector" in told) == any(re.search(r"-l\b", line) for line in lines)
    assert ("--all " in told) == any("--all" in line for line in lines)


def test_the_manual_tells_every_kind_of_selector():
    selectors = page("caractrl.1").split(".SH SELECTORS\n")[1].split(".SH ")[0]
    for requirement in ("key = value", "key != value", 'key " in (" a , b )', 'key " notin (" a , b )', "! key", "key > 1",
                        "key < 1"):
        assert requirement in selectors, requirement
