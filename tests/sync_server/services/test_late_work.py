"""What a former worker of a grid sends late: applied and credited when it was his at the time."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services import sync
from sync_server.services.centre import Centre
from sync_server.services.devices import revoke_device
from sync_server.services.holdings import reassign
from sync_server.store.tables import changes, records
from tests.sync_server.world import (
    GRID,
    OTHER_GRID,
    Laptop,
    StillClock,
    add_worker,
    household,
    issue,
    join,
    outcomes,
)


@pytest.fixture
def late(any_centre: Centre) -> Laptop:
    return join(any_centre, add_worker(any_centre, grids=[GRID]))


def give_away(centre: Centre, laptop: Laptop) -> None:
    """Give the laptop's worker another grid in place of his own."""
    with centre.store.writing() as connection:
        reassign(connection, centre.code, laptop.worker_id, [OTHER_GRID], centre.clock())


def problems(answer: dict) -> list[str]:
    return [receipt["problem"][0]["code"] for receipt in answer["receipts"]]


def test_late_work_of_a_former_worker_is_applied_and_his(
    any_centre: Centre, late: Laptop, clock: StillClock
):
    clock.passes(hours=1)
    made = late.write("household", "create", household())
    late.send()
    late.write("household", "update", {"size": 6}, made["record_id"], base_version=1)
    late.write("issue", "create", issue())
    clock.passes(hours=1)
    give_away(any_centre, late)
    clock.passes(days=3)
    answer = late.send()
    assert outcomes(answer) == ["applied", "applied"]
    with any_centre.store.reading() as connection:
        authors = set(connection.scalars(sa.select(records.c.author)))
        grids = set(connection.scalars(sa.select(records.c.grid)))
    assert (authors, grids) == ({late.worker_id}, {GRID})
    assert late.send()["updates"] == []
    assert late.records == {}


def test_work_in_a_grid_that_was_another_s_by_then_waits_for_staff(
    any_centre: Centre, late: Laptop, clock: StillClock
):
    clock.passes(hours=1)
    give_away(any_centre, late)
    clock.passes(hours=1)
    late.write("household", "create", household())
    answer = late.send()
    assert outcomes(answer) == ["quarantined"]
    assert problems(answer) == ["out_of_area"]


def test_who_had_not_been_told_that_his_grid_was_taken_goes_on_for_a_while(
    any_centre: Centre, late: Laptop, clock: StillClock
):
    clock.passes(hours=1)
    late.send()
    give_away(any_centre, late)
    clock.passes(days=7)
    late.write("household", "create", household())
    first = late.send()
    assert outcomes(first) == ["applied"]
    late.write("household", "create", household())
    assert problems(late.send()) == ["out_of_area"]  # now he has been told
    with any_centre.store.writing() as connection:
        reassign(connection, any_centre.code, late.worker_id, [GRID], clock())
    late.send()
    give_away(any_centre, late)
    clock.passes(days=91)
    late.write("household", "create", household())
    assert problems(late.send()) == ["out_of_area"]


@pytest.mark.parametrize("slow_days", [-400, 400])
def test_a_clock_that_cannot_be_trusted_refuses_nothing(
    any_centre: Centre, late: Laptop, clock: StillClock, slow_days: int
):
    late.slow_s = slow_days * 86_400
    clock.passes(hours=1)
    late.write("household", "create", household())
    give_away(any_centre, late)
    clock.passes(days=1)
    assert outcomes(late.send()) == ["applied"]
    with any_centre.store.reading() as connection:
        assert connection.scalar(sa.select(changes.c.doubtful))


def test_a_device_revoked_while_it_is_served_gets_nothing_down(
    any_centre: Centre, late: Laptop, monkeypatch
):
    late.write("household", "create", household())
    take = sync.receive_batches

    def take_and_revoke(connection, *more):
        taken = take(connection, *more)
        revoke_device(
            connection, any_centre.code, late.device_id, any_centre.clock(), by=None, state="lost"
        )
        return taken

    monkeypatch.setattr(sync, "receive_batches", take_and_revoke)
    with pytest.raises(Refusal, match="device_revoked"):
        late.send()
    assert late.records == {}
