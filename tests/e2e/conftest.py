"""Fixtures: one cluster of two nodes for the whole run, healed and emptied around every test."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from support.cluster import Cluster  # noqa: E402
from support.process import BIN, Process  # noqa: E402


def pytest_sessionstart():
    if not os.environ.get("CARA_SANDBOX"):
        pytest.exit("these tests need a network and processes of their own: run them by `scripts/test e2e`", 2)
    missing = [name for name in ("cara-server", "cara-agent", "caractrl") if not (BIN / name).exists()]
    if missing:
        pytest.exit(f"not built: {', '.join(missing)} in {BIN}", 2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test shows what the programs logged last."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for process in Process.everything:
            tail = process.log_text()[-3000:]
            report.sections.append((f"log of {process.name}", tail))


@pytest.fixture(scope="session")
def shared_cluster():
    made = Cluster(2)
    made.start()
    return made


@pytest.fixture
def cluster(shared_cluster):
    """Whole, and without a project, before and after."""
    shared_cluster.heal()
    yield shared_cluster
    shared_cluster.heal()
    shared_cluster.delete_all()
