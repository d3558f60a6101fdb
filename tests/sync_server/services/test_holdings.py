"""Grids in other hands: from now on only, written down, within the areas of who decides it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services.accounts import get_user
from sync_server.services.centre import Centre
from sync_server.services.holdings import reassign
from sync_server.store.holdings import holdings_of
from sync_server.store.tables import audit
from sync_server.store.writing import lock_district
from tests.sync_server.world import GRID, OTHER_GRID, StillClock, add_worker

THIRD = "990101100009005"


def give(centre: Centre, user_id: str, *codes: str) -> bool:
    with centre.store.writing() as connection:
        return reassign(connection, centre.code, user_id, codes, centre.clock())


def history(centre: Centre, user_id: str) -> list[tuple[str, float, float | None]]:
    """Return what was held, in hours after the first holding."""
    with centre.store.reading() as connection:
        found = holdings_of(connection, centre.code, [user_id])[user_id]
    start = min(one.since for one in found)

    def hours(moment):
        return (moment - start).total_seconds() / 3600 if moment else None

    return sorted((one.code, hours(one.since), hours(one.until)) for one in found)


def test_every_change_of_grids_is_written_down(any_centre: Centre, clock: StillClock):
    worker = add_worker(any_centre, grids=(GRID, OTHER_GRID))
    clock.passes(hours=1)
    assert give(any_centre, worker.user_id, OTHER_GRID, THIRD)
    clock.passes(hours=1)
    assert give(any_centre, worker.user_id, GRID)
    assert history(any_centre, worker.user_id) == [
        (GRID, 0, 1), (GRID, 2, None), (OTHER_GRID, 0, 2), (THIRD, 1, 2),
    ]  # fmt: skip
    with any_centre.store.reading() as connection:
        assert get_user(connection, any_centre.code, worker.user_id).scope_codes == (GRID,)
        notes = connection.execute(
            sa.select(audit.c.detail).where(audit.c.action == "reassign").order_by(audit.c.at)
        ).scalars()
        assert list(notes) == [
            {"given": [THIRD], "taken": [GRID]},
            {"given": [GRID], "taken": [OTHER_GRID, THIRD]},
        ]


def test_taken_and_given_back_in_one_instant_leaves_no_trace(centre: Centre, clock: StillClock):
    worker = add_worker(centre)
    clock.passes(hours=1)
    for codes in ((OTHER_GRID,), (GRID,), (OTHER_GRID, GRID), (GRID,)):
        give(centre, worker.user_id, *codes)
    assert history(centre, worker.user_id) == [(GRID, 0, None)]


def test_the_same_grids_again_change_nothing(centre: Centre, clock: StillClock):
    worker = add_worker(centre)
    clock.passes(hours=1)
    assert not give(centre, worker.user_id, GRID, GRID)
    assert history(centre, worker.user_id) == [(GRID, 0, None)]


def test_giving_grids_waits_for_who_redraws_them_before_it_holds_anybodys_row(any_centre: Centre):
    if any_centre.store.is_sqlite:
        pytest.skip("SQLite has one writer")
    worker = add_worker(any_centre)
    waiting = sa.text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with ThreadPoolExecutor(1) as pool:
        with any_centre.store.writing() as connection:
            lock_district(connection, any_centre.code)
            other = pool.submit(give, any_centre, worker.user_id, THIRD)
            with any_centre.store.engine.connect() as watching:
                while not watching.execute(waiting).scalar():
                    watching.rollback()  # a transaction sees the activity of its beginning
                    assert not other.done()
            now = any_centre.clock()
            assert reassign(connection, any_centre.code, worker.user_id, [OTHER_GRID], now)
        assert other.result()
    with any_centre.store.reading() as connection:
        assert get_user(connection, any_centre.code, worker.user_id).scope_codes == (THIRD,)


@pytest.mark.parametrize(
    "codes", [[], ["990101100009"], ["110101100009003"], [f"9901011000{n:05}" for n in range(61)]]
)
def test_codes_a_worker_cannot_hold_are_refused(centre: Centre, codes: list[str]):
    worker = add_worker(centre)
    with pytest.raises(Refusal, match="bad_scope"):
        give(centre, worker.user_id, *codes)
