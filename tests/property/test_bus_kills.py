"""The bus: whoever follows a database that 16 writers change at once ends with what is in it, whatever dies meanwhile.

BUS_KILLS says how many rounds, BUS_SEED which story; README.md here says what a round is."""
import os

import pytest
from bus_stage import Stage
from bus_watchers import Agent, Fanout, Reader, Watcher
from support.postgres import Postgres

ROUNDS = int(os.environ["BUS_KILLS"])
SEED = int(os.environ.get("BUS_SEED", "1"))
BLOCK = 100  # rounds with one database


@pytest.fixture(scope="module")
def postgres():
    cluster = Postgres().start()
    yield cluster
    cluster.remove()


@pytest.fixture
def stage(postgres, request):
    made = Stage(postgres, f"{SEED}/{request.getfixturevalue('block')}")
    yield made
    made.end()


@pytest.mark.parametrize("block", range((ROUNDS + BLOCK - 1) // BLOCK))
def test_every_replica_outlives_everything(stage, block):
    rounds = min(ROUNDS - block * BLOCK, BLOCK)
    for number in range(rounds):
        try:
            stage.play(number)
        except BaseException as error:
            raise AssertionError(f"BUS_SEED={SEED}, block {block}, round {number}: {error}") from error
    for kind in (Reader, Watcher, Fanout, Agent):
        assert sum(follower.events for follower in stage.followers if isinstance(follower, kind)) > rounds, "there was something to see"
