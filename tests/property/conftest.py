"""Databases of their own in the cluster DATABASE_URL names, with the schema that db/install.sql makes."""
import contextlib
import os
import pathlib
import subprocess
import sys
import uuid

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

TESTS = pathlib.Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "property"), str(TESTS / "contract")]  # the latter for its `support`: servers and what stands between

from support.postgres import postgres  # noqa: E402, F401

INSTALL = pathlib.Path(__file__).parents[2] / "db" / "install.sql"


def pytest_sessionstart():
    if not os.environ.get("DATABASE_URL"):
        pytest.exit("set DATABASE_URL to a maintenance database of a PostgreSQL 16 cluster, or run `scripts/test property`", 2)


class Database:
    def __init__(self):
        self.admin = os.environ["DATABASE_URL"]
        self.name = f"cara_property_{uuid.uuid4().hex[:12]}"
        self.administer(f'CREATE DATABASE "{self.name}"')
        self.url = make_dsn(**{**parse_dsn(self.admin), "dbname": self.name})
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.url, "-f", INSTALL], check=True, stdout=subprocess.DEVNULL)
        self.connection = psycopg2.connect(self.url)

    def administer(self, sql):
        connection = psycopg2.connect(self.admin)
        try:
            connection.autocommit = True
            connection.cursor().execute(sql)
        finally:
            connection.close()

    @contextlib.contextmanager
    def rolled_back(self, number):
        """A cursor in a transaction of which nothing stays; now and then what its like left behind is swept up."""
        if number % 100 == 99:
            self.connection.autocommit = True
            self.connection.cursor().execute("VACUUM")
            self.connection.autocommit = False
        try:
            yield self.connection.cursor()
        finally:
            self.connection.rollback()

    def drop(self):
        self.connection.close()
        self.administer(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def databases():
    """One for each core, as decisions are made one at a time in a database; a file has its own."""
    made = [Database() for _ in range(os.cpu_count())]
    yield made
    for database in made:
        database.drop()
