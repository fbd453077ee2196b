"""A database that is changed, two servers on it, everyone who follows; and accidents that happen to them."""
import concurrent.futures
import os
import random
import signal
import threading
import time

from bus_watchers import NODES, OUTAGE, QUERIES, Agent, Fanout, Reader, Session, Watcher
from bus_writers import TRANSACTIONS, WRITERS, Writer, script
from support.database import Database
from support.proxy import Proxy
from support.server import Server

# What happens in round 0, 1, 2, ...: none, or one of Stage's; in some rounds another one that the seed draws.
ACCIDENTS = ["kill_postgres", None, "kill_server", "stop_postgres", None, "cut_server", "kill_session", None]


class Stage:
    def __init__(self, postgres, seed):
        self.postgres, self.seed = postgres, seed
        self.database = Database(admin=postgres.url)
        self.proxy = Proxy("127.0.0.1", postgres.port)
        urls = [self.database.url, self.database.url_with(port=self.proxy.port)]
        self.servers = [Server(url, DB_CONNECTIONS="4").start() for url in urls]
        self.boss = Session(self.database.url)
        self.writers = [Writer(self.database.url, number) for number in range(WRITERS)]
        self.followers = [Reader(self.database.url, seed, number) for number in range(len(QUERIES))]
        self.followers += [Watcher(seed, number, self.servers) for number in range(len(QUERIES))]
        self.followers += [Fanout(self.database.url, seed)] + [Agent(seed, node, self.servers) for node in NODES]
        for follower in self.followers:
            follower.start()
        self.done, self.progress = 0, threading.Condition()

    # --- accidents: each is over when it returns, and whoever was hurt has been started again ----------------------------

    def kill_postgres(self, dice):
        self.postgres.kill()
        time.sleep(dice.random() / 20)
        self.postgres.start()

    def stop_postgres(self, dice):
        self.postgres.stop_immediately()
        time.sleep(dice.random() / 20)
        self.postgres.start()

    def kill_session(self, dice):
        """One session killed has Postgres end all and recover."""
        pids = [pid for pid, in self.boss.rows("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY pid")]
        os.kill(dice.choice(pids), signal.SIGKILL)
        self.postgres.start()

    def kill_server(self, dice):
        server = dice.choice(self.servers)
        server.kill()
        time.sleep(dice.random() / 20)
        server.start()

    def cut_server(self, dice):
        """From Postgres, for a while; also from what was on its way."""
        self.proxy.cut()
        time.sleep(dice.random() / 5)
        self.proxy.join()

    # --- a round -----------------------------------------------------------------------------------------------------

    def play(self, number):
        """All writers play what the round's seed gives them while accidents happen; then everyone has what the table has."""
        dice = random.Random(f"{self.seed}/{number}")
        scripts = [script(random.Random(f"{self.seed}/{number}/{writer}")) for writer in range(WRITERS)]
        happening = [ACCIDENTS[number % len(ACCIDENTS)]] + [dice.choice(ACCIDENTS) for _ in range(dice.random() < 0.2)]
        moments = sorted(dice.randrange(WRITERS * TRANSACTIONS) for _ in happening)
        self.done = 0
        with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
            playing = [pool.submit(writer.play, each, self.one_done) for writer, each in zip(self.writers, scripts)]
            for what, moment in zip(happening, moments):
                with self.progress:
                    assert self.progress.wait_for(lambda m=moment: self.done >= m or all(p.done() for p in playing), 2 * OUTAGE)
                if what is not None:
                    getattr(self, what)(dice)
            for future in playing:
                future.result(2 * OUTAGE)
        assert all(server.child.poll() is None for server in self.servers), "servers do not die of what others suffer"
        for follower in self.followers:
            follower.settling = True
        for follower in self.followers:
            self.wait_for(follower)
        for follower in self.followers:
            follower.settling = False

    def one_done(self):
        with self.progress:
            self.done += 1
            self.progress.notify()

    def wait_for(self, follower):
        until = time.monotonic() + OUTAGE
        while True:
            assert follower.wrong is None, f"{follower.name}: {follower.wrong!r}"
            differs = follower.differs(self.boss)
            if not differs:
                return
            assert time.monotonic() < until, f"{follower.name} has not what the table has: (its own, the table's): {differs}"
            time.sleep(0.02)

    def end(self):
        for follower in self.followers:
            follower.over.set()
        for follower in self.followers:
            follower.end()
        for writer in self.writers:
            writer.close()
        self.boss.close()
        for server in self.servers:
            server.stop()
        self.proxy.close()
        self.database.drop()
