"""A primary that dies in the middle of a rush, and the standby that goes on in its place.

`python -m tests.torture --only failover` does it five times with every guard against power loss on.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from sync_server.services.centre import open_centre
from sync_server.settings import Settings
from sync_server.store import feed
from tests.journeys.failover import rush
from tests.replicas import replicas
from tests.sync_server.world import DISTRICT, StillClock, add_worker, household, join, outcomes

pytestmark = [
    pytest.mark.journey,
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.xdist_group("kills"),
    pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL"),
]


def test_a_primary_killed_in_a_rush_costs_nothing_that_was_confirmed(tmp_path: Path) -> None:
    with replicas() as pair, rush(pair, tmp_path, laptops=4, haste=10) as failover:
        told = failover.kill(random.Random())
        assert told.acknowledged > 0
        assert told.lost == 0
        assert list(failover.violations()) == []


def test_a_standby_that_lacks_commits_is_told_apart_and_refilled(tmp_path: Path) -> None:
    """Nobody waited for it, so it is an older copy that nobody announced."""
    with replicas(synchronous=False) as pair:
        pair.primary.ask("CREATE DATABASE grid")
        settings = Settings(tmp_path, pair.address("grid"), DISTRICT, testing=True)
        centre = open_centre(settings, StillClock())
        laptop, other = (
            join(centre, add_worker(centre, no), key)
            for no, key in (("w1", "ab" * 32), ("w2", "cd" * 32))
        )
        laptop.write("household", "create", household())
        epoch = laptop.send()["server_epoch"]
        pair.catch_up()
        pair.stop_standby()
        lost = laptop.write("household", "create", household())
        assert outcomes(laptop.send()) == ["applied"]
        pair.kill_primary()
        pair.start(pair.standby)
        pair.promote()

        with centre.store.reading() as connection:
            before = feed.last_change_no(connection, DISTRICT)
        other.write("household", "create", household())
        assert outcomes(other.send()) == ["applied"]
        with centre.store.reading() as connection:
            assert feed.last_change_no(connection, DISTRICT) > before + 1_000  # nothing comes twice
        assert other.epoch == epoch  # nobody knows yet

        assert laptop.send()["server_epoch"] != epoch
        assert outcomes(laptop.send(laptop.body(laptop.log))) == ["duplicate", "applied"]
        laptop.send()
        assert lost["record_id"] in laptop.records
        centre.store.close()
