"""A PostgreSQL cluster of a test's own: for what is killed and comes back with the same data, on the same port."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import psycopg2
import pytest

from .server import ROOT, free_port
from .wait import wait_for

SETTINGS = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB", "log_min_messages": "warning"}


def library(function, *args):
    """argv for a function of scripts/lib; one that ends in `_exec` becomes the program itself, so that its pid is ours."""
    return ["bash", "-c", '. "$0/scripts/lib/all.sh"; "$@"', str(ROOT), function, *map(str, args)]


class Postgres:
    """Without fsync: what was written outlives its processes, though not the machine."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="pg-", dir=os.environ.get("CARA_SANDBOX")))
        self.port = free_port()
        subprocess.run(library("postgres_init", self.dir), check=True)
        self.url = f"postgresql://postgres:{(self.dir / 'password').read_text().strip()}@127.0.0.1:{self.port}/postgres"
        self.child = None

    def begin(self):
        """Starts it; it may not answer yet."""
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        with open(self.dir / "log", "ab") as log:
            self.child = subprocess.Popen(library("postgres_exec", self.dir, self.port, *settings), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        """Until it answers. It refuses for as long as sessions of a killed one live, and is then started again."""
        def answers():
            if self.child is None or self.child.poll() is not None:
                self.begin()
            try:
                psycopg2.connect(self.url).close()
                return True
            except psycopg2.OperationalError:
                return False
        wait_for(answers, "PostgreSQL to answer", 30)
        return self

    def kill(self):
        """kill -9 of the postmaster: its children notice, and go without a word."""
        self._end(signal.SIGKILL)

    def stop_immediately(self):
        """As `pg_ctl stop -m immediate`: every session is told, nothing is written down, the next start recovers."""
        self._end(signal.SIGQUIT)

    def stop(self):
        """As an operator restarts it: sessions end, the data is written."""
        self._end(signal.SIGINT)

    def _end(self, how):
        self.child.send_signal(how)
        self.child.wait(30)

    def remove(self):
        if self.child is not None and self.child.poll() is None:
            self.stop_immediately()
        shutil.rmtree(self.dir)


@pytest.fixture(scope="module")
def postgres():
    """One for a file's tests; conftest.py says who may ask for it."""
    cluster = Postgres().start()
    yield cluster
    cluster.remove()
