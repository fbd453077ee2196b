"""A database of one's own in the cluster that DATABASE_URL names, or in another one (`admin`)."""
import contextlib
import os
import uuid

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn


class Database:
    def __init__(self, encoding=None, admin=None):
        self.name = f"cara_contract_{uuid.uuid4().hex[:12]}"
        self.admin = admin or os.environ["DATABASE_URL"]
        parts = parse_dsn(self.admin)
        self.host, self.port = parts.get("host", "localhost"), int(parts.get("port", 5432))
        extra = f" ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'" if encoding else ""
        self.administer(f'CREATE DATABASE "{self.name}"{extra}')

    @property
    def url(self):
        return self.url_with()

    def url_with(self, **changes):
        """The URL (as key=value words) with some of its parts changed, or taken away by None."""
        parts = {**parse_dsn(self.admin), "dbname": self.name, **changes}
        return make_dsn(**{key: value for key, value in parts.items() if value is not None})

    def administer(self, sql):
        """Runs SQL in the maintenance database, outside a transaction."""
        connection = psycopg2.connect(self.admin)
        try:
            connection.autocommit = True
            connection.cursor().execute(sql)
        finally:
            connection.close()

    def sql(self, sql, *args):
        """Runs SQL as the cluster's superuser; returns the rows, None when there are none to return."""
        connection = psycopg2.connect(self.url)
        try:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(sql, args or None)
            return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def value(self, sql, *args):
        return self.sql(sql, *args)[0][0]

    def set(self, **settings):
        for name, value in settings.items():
            self.sql("UPDATE cara.setting SET value = %s WHERE name = %s", value, name)

    @contextlib.contextmanager
    def listen(self, channel):
        """Gives a function that says how many NOTIFYs of others came so far."""
        connection = psycopg2.connect(self.url)
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"LISTEN {channel}")

        def heard():
            cursor.execute("SELECT 1")  # whatever was sent before this comes along with it
            connection.poll()
            return len(connection.notifies)

        try:
            yield heard
        finally:
            connection.close()

    def terminate_sessions(self):
        self.administer(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name}'")

    def drop(self):
        self.administer(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
