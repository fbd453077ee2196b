"""A PostgreSQL cluster of the tests' own. fsync stays on: what was acknowledged must outlive kill -9."""
import os
import pathlib
import signal

import psycopg2

from .network import HUB
from .process import SANDBOX, Process, library, run
from .wait import wait_for

PORT = 5432


class Postgres:
    def __init__(self, name="postgres"):
        self.dir = SANDBOX / name
        run(*library("postgres_init", self.dir))
        with open(self.dir / "data" / "pg_hba.conf", "a", encoding="utf-8") as hba:
            hba.write("host all all 10.212.0.0/24 scram-sha-256\n")
        self.password = (self.dir / "password").read_text().strip()
        self.process = Process(name, library("postgres_exec", self.dir, PORT, "-c", f"listen_addresses=127.0.0.1,{HUB}",
                                             "-c", "shared_buffers=64MB", "-c", "log_min_messages=warning"))

    def start(self):
        """Started again while it ends at once: after a kill it refuses for as long as old backends live."""
        def up():
            if not self.process.alive():
                self.process.start()
            return self.answers()
        wait_for(up, "PostgreSQL answers")

    def kill(self):
        """kill -9 of the postmaster; its children notice and go."""
        self.process.kill(signal.SIGKILL)

    def stop(self):
        self.process.kill(signal.SIGINT)

    def freeze(self):
        """SIGSTOP to all of it, the postmaster first, so that nothing is started meanwhile: connections stay, nothing answers."""
        self.process.pause()
        for pid in self._children():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in self._children():
            os.kill(pid, signal.SIGCONT)
        self.process.resume()

    def _children(self):
        listed = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return [int(pid) for pid in listed.split()]

    def answers(self):
        return self.sql("SELECT 1")

    def url(self, database="cara"):
        return f"postgresql://postgres:{self.password}@{HUB}:{PORT}/{database}"

    def connect(self, database="postgres"):
        """Over the unix socket, as the superuser; autocommit."""
        try:
            connection = psycopg2.connect(host=str(self.dir), port=PORT, user="postgres", dbname=database)
        except psycopg2.OperationalError as error:
            raise OSError(str(error)) from error
        connection.autocommit = True
        return connection

    def sql(self, query, *args, database="postgres"):
        """Rows of one query; [] for a statement without rows."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query, args or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()
