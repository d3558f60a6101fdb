"""Who held what when: late work counts for the grid that was the worker's when he wrote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync_server.domain.envelope import Arrival
from sync_server.domain.holding import Holding, Made, held_when
from sync_server.domain.judging import Worker, judge
from tests.sync_server.world import household

OLD, NEW, OTHER = "990101100009003", "990101100009004", "990101100009005"
GIVEN = datetime(2026, 9, 1, tzinfo=UTC)
TAKEN = datetime(2026, 9, 20, tzinfo=UTC)
HELD = (Holding(OLD, GIVEN, TAKEN), Holding(NEW, TAKEN))


def made(at: datetime, *, doubtful: bool = False, received: datetime | None = None) -> Made:
    return Made(at, doubtful, received or datetime(2026, 9, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("at", "codes"),
    [
        (GIVEN - timedelta(minutes=1), set()),
        (GIVEN, {OLD}),
        (TAKEN - timedelta(minutes=1), {OLD}),
        (TAKEN + timedelta(minutes=1), {NEW}),
    ],
)
def test_a_grid_counts_from_when_it_was_given_until_it_was_taken(at, codes):
    assert set(held_when(HELD, made(at))) == codes


def test_a_doubtful_clock_refuses_nothing_that_was_ever_held_before_the_receipt():
    year_ahead = TAKEN + timedelta(days=365)
    assert set(held_when(HELD, made(year_ahead, doubtful=True))) == {OLD, NEW}
    early = made(year_ahead, doubtful=True, received=GIVEN + timedelta(days=1))
    assert set(held_when(HELD, early)) == {OLD}


def arrival(action: str, grid: str, fields: dict[str, object]) -> Arrival:
    from schemas.catalogue import kind_of

    members = {"author": "w", "grid": grid, "record_id": "r", "action": action}
    return Arrival(members, 1, "", kind=kind_of("household"), fields=dict(fields))


def codes(verdict) -> list[str]:
    return [one["code"] for one in verdict.problems]


BEFORE, AFTER = made(TAKEN - timedelta(days=1)), made(TAKEN + timedelta(days=1))
WORKER = Worker("w", (NEW,), HELD)


def stored(grid: str) -> dict[str, object]:
    return {"kind": "household", "grid": grid, "author": "x", "fields": household()}


@pytest.mark.parametrize("action", ["create", "update"])
def test_late_work_is_judged_by_the_grids_of_its_time(action):
    fields = household() if action == "create" else {"size": 4}
    record = None if action == "create" else stored(OLD)
    late = arrival(action, OLD, fields)
    assert not judge(late, WORKER, record, made=BEFORE).problems
    assert judge(late, WORKER, record, made=BEFORE).grid == OLD
    assert not judge(late, WORKER, record, made=BEFORE).proposal
    assert codes(judge(late, WORKER, record, made=AFTER)) == ["out_of_area"]
    assert codes(judge(late, WORKER, record)) == ["out_of_area"]


def test_a_change_of_a_record_that_was_moved_away_is_a_proposal_for_the_new_grid():
    moved = stored(OTHER)
    before = judge(arrival("update", OLD, {"size": 4}), WORKER, moved, None, BEFORE, [OLD])
    assert (len(before.problems), before.grid, before.proposal) == (0, OTHER, True)
    # He still holds the old grid and has not seen the move, whatever his clock says.
    keeps = Worker("w", (OLD,), HELD)
    assert judge(arrival("update", OLD, {"size": 4}), keeps, moved, None, AFTER, [OLD]).proposal


@pytest.mark.parametrize(
    ("claimed", "when", "lay_in"),
    [
        (OLD, BEFORE, []),  # it never lay there
        (OLD, AFTER, [OLD]),  # the grid was not his any more
        (NEW, BEFORE, [OLD]),  # he names another grid
        (OTHER, AFTER, [OLD]),  # he saw the move
    ],
)
def test_nobody_proposes_where_nothing_of_it_was_his(claimed, when, lay_in):
    verdict = judge(
        arrival("update", claimed, {"size": 4}), WORKER, stored(OTHER), None, when, lay_in
    )
    assert codes(verdict) == ["out_of_area"]
