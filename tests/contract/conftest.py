"""Fixtures: databases of their own in the cluster DATABASE_URL names, servers, and what stands between them."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from support.caractrl import Running  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.database import Database  # noqa: E402
from support.meddler import Meddler  # noqa: E402
from support.postgres import postgres  # noqa: E402, F401
from support.proxy import Proxy  # noqa: E402
from support.server import BIN, Server  # noqa: E402


def pytest_sessionstart():
    if not os.environ.get("DATABASE_URL"):
        pytest.exit("set DATABASE_URL to a maintenance database of a PostgreSQL 16 cluster, or run `scripts/test contract`", 2)
    if not (BIN / "cara-server").exists():
        pytest.exit(f"not built: cara-server in {BIN}", 2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test shows what the servers logged last."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for server in Server.running:
            report.sections.append((f"log of {server.url}", server.log_text()[-3000:]))
        for agent in Agent.running:
            report.sections.append((f"log of agent {agent.name}", agent.log_text()[-3000:]))


@pytest.fixture
def make_database():
    """Empty databases, dropped afterwards."""
    made = []

    def make(**options):
        made.append(Database(**options))
        return made[-1]

    yield make
    for database in made:
        database.drop()


@pytest.fixture
def make_server():
    """Servers that listen when they are handed out, ended afterwards; each must end cleanly."""
    made = []

    def make(database_url, **options):
        made.append(Server(database_url, **options).start())
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def make_proxy():
    made = []

    def make(database):
        made.append(Proxy(database.host, database.port))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


@pytest.fixture
def make_meddler():
    made = []

    def make(*args, **options):
        made.append(Meddler(*args, **options))
        return made[-1]

    yield make
    for meddler in made:
        meddler.close()


@pytest.fixture(scope="session")
def shared_server():
    """One server for all tests that only talk HTTP."""
    database = Database()
    server = Server(database.url).start()
    server.database = database
    yield server
    server.stop()
    database.drop()


@pytest.fixture
def api(shared_server):
    """The shared server, without a node or project, before and after."""
    shared_server.empty()
    yield shared_server
    shared_server.empty()


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
