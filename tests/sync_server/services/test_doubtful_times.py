"""Doubtful times: staff confirm the corrected one or enter the right one; records follow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services import doubtful_times
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.store import uploads_read
from tests.sync_server.services.desks import audited, change, conflict_rows, hire, stored
from tests.sync_server.world import (
    NOON,
    OTHER_GRID,
    Laptop,
    StillClock,
    add_worker,
    household,
    join,
)

YEAR = 365 * 24 * 3600


@pytest.fixture
def person(centre: Centre) -> User:
    return hire(centre)


def listed(centre: Centre, person: User) -> list[str]:
    with centre.store.reading() as connection:
        found = doubtful_times.list_times(connection, person, 1, "zh")
    return [one.entry.row["change_id"] for one in found.changes]


def confirm(centre: Centre, person: User, **typed: str) -> doubtful_times.Confirmed:
    return doubtful_times.confirm(centre.store, person, typed, centre.clock())


def test_a_clock_a_year_ahead_is_corrected_once_staff_have_confirmed(any_centre: Centre):
    laptop, person = join(any_centre, add_worker(any_centre)), hire(any_centre)
    laptop.slow_s = -YEAR
    made = laptop.write("household", "create", household())
    laptop.send()
    assert listed(any_centre, person) == [made["change_id"]]
    done = confirm(any_centre, person, **{made["change_id"]: ""})
    assert (done.done, done.troubles) == (1, None)
    row = change(any_centre, made["change_id"])
    assert (row.happened_at, row.time_confirmed_by) == (NOON, person.user_id)
    assert (row.made_at, row.doubtful) == (made["made_at"], True)
    assert stored(any_centre, made["record_id"]).happened_at == NOON
    assert listed(any_centre, person) == []
    assert audited(any_centre) == ["confirm_time"]


def doubted(centre: Centre, *made: dict[str, Any]) -> list[bool]:
    return [change(centre, one["change_id"]).doubtful for one in made]


def test_a_clock_a_year_ahead_is_doubted_on_a_stick_too(
    any_centre: Centre, clock: StillClock
) -> None:
    laptop, person = join(any_centre, add_worker(any_centre)), hire(any_centre)
    other = join(any_centre, add_worker(any_centre, "w2"), key="cd" * 32)
    made = laptop.write("household", "create", household(size=3))
    laptop.send()
    other.send()
    clock.passes(days=1)
    other.write("household", "update", {"size": 4}, made["record_id"], base_version=1)
    other.send()
    laptop.slow_s = -YEAR
    late = laptop.write("household", "update", {"size": 5}, made["record_id"], base_version=1)
    laptop.send(road="relay")
    assert doubted(any_centre, made, late) == [False, True]
    assert stored(any_centre, made["record_id"]).fields["size"] == 4
    assert [row.decision for row in conflict_rows(any_centre)] == [None]
    as_it_is = confirm(any_centre, person, **{late["change_id"]: ""})
    assert as_it_is.troubles == {late["change_id"]: "time_after_receipt"}
    assert confirm(any_centre, person, **{late["change_id"]: "2026-10-01T10:00"}).done == 1


def test_whatever_was_made_before_a_clock_was_put_right_is_doubted(
    any_centre: Centre, clock: StillClock
) -> None:
    laptop = join(any_centre, add_worker(any_centre))
    first = laptop.write("household", "create", household())
    laptop.send()
    clock.passes(days=3)
    laptop.slow_s = 24 * 3600
    day = [laptop.write("household", "create", household()) for _ in range(4)]
    clock.passes(hours=1)
    laptop.slow_s = 0  # the network puts it right before it can be measured
    right = laptop.write("household", "create", household())
    laptop.slow_s = 24 * 3600
    laptop.send(laptop.body(day[:1]))
    laptop.slow_s = 0
    clock.passes(minutes=1)
    laptop.send(laptop.body(day[1:2]))
    clock.passes(hours=1)
    laptop.send(laptop.body([*day[2:], right]))
    after = laptop.write("household", "create", household())
    laptop.send()
    assert doubted(any_centre, first, *day, right, after) == [False, *[True] * 5, False]


def test_a_clock_that_fell_back_and_was_right_again_is_doubted(
    any_centre: Centre, clock: StillClock
) -> None:
    laptop = join(any_centre, add_worker(any_centre))
    first = laptop.write("household", "create", household())
    laptop.send()
    clock.passes(days=3)
    laptop.slow_s = 6 * YEAR  # its battery was empty
    day = [laptop.write("household", "create", household()) for _ in range(2)]
    laptop.slow_s = 0
    right = laptop.write("household", "create", household())
    laptop.send(laptop.body(day[:1]))
    laptop.send()
    assert doubted(any_centre, first, *day, right) == [False, True, True, False]


def test_the_right_time_is_entered_and_a_record_s_own_follows(
    centre: Centre, laptop: Laptop, person: User
):
    laptop.slow_s = 3 * 3600
    made = laptop.write("patrol", "create", {
        "slot": "am", "started_at": "2026-09-30T07:00:00+08:00",
        "ended_at": "2026-09-30T08:00:00+08:00", "covered_ids": [new_id()],
        "items": {"add": {"fire_lane": {"result": "ok"}}},
    })  # fmt: skip
    laptop.send()
    assert stored(centre, made["record_id"]).happened_at == NOON - timedelta(hours=2)
    confirm(centre, person, **{made["change_id"]: "2026-09-30T11:00"})
    assert change(centre, made["change_id"]).happened_at == NOON - timedelta(hours=1)
    # The laptop wrote 09:00 when it was 11:00: what it called 07:00 was 09:00.
    assert stored(centre, made["record_id"]).happened_at == NOON - timedelta(hours=3)


def test_a_later_change_does_not_move_when_the_record_happened(
    centre: Centre, laptop: Laptop, person: User, clock: StillClock
):
    made = laptop.write("household", "create", household())["record_id"]
    laptop.send()
    clock.passes(hours=1)
    laptop.slow_s = 3 * 3600
    late = laptop.write("household", "update", {"size": 9}, made, base_version=1)
    laptop.send()
    confirm(centre, person, **{late["change_id"]: "2026-09-30T12:30"})
    record = stored(centre, made)
    assert record.happened_at == NOON
    entry = record.origins["size"]
    assert entry["happened_at"].startswith("2026-09-30T04:30")
    assert "doubtful" not in entry


def test_a_confirmed_time_stands_in_its_conflict_and_decides_later_ones(
    centre: Centre, laptop: Laptop, person: User
):
    other = join(centre, add_worker(centre, "w2"), key="cd" * 32)
    made = laptop.write("household", "create", household(size=3))["record_id"]
    laptop.send()
    other.send()
    laptop.slow_s = -YEAR
    doubted = laptop.write("household", "update", {"size": 4}, made, base_version=1)
    laptop.send()
    other.write("household", "update", {"size": 5}, made, base_version=1)
    other.send()
    assert [row.decision for row in conflict_rows(centre)] == [None]
    confirm(centre, person, **{doubted["change_id"]: "2026-09-30T10:00"})
    third = join(centre, add_worker(centre, "w3"), key="ef" * 32)
    third.write("household", "update", {"size": 6}, made, base_version=1)
    third.send()
    assert stored(centre, made).fields["size"] == 6
    assert [row.decision for row in conflict_rows(centre)] == [None, "replaced"]


@pytest.mark.parametrize(
    ("text", "code"), [("昨天", "bad_time"), ("2026-09-30T12:05", "time_after_receipt")]
)
def test_a_time_that_cannot_be_is_refused_and_nothing_is_confirmed(
    centre: Centre, laptop: Laptop, person: User, text: str, code: str
):
    laptop.slow_s = 3 * 3600
    first = laptop.write("household", "create", household())["change_id"]
    second = laptop.write("household", "create", household())["change_id"]
    laptop.send()
    done = confirm(centre, person, **{first: "", second: text})
    assert done.troubles == {second: code}
    assert listed(centre, person) == [first, second]


def test_only_staff_of_the_area_see_and_confirm(centre: Centre, laptop: Laptop):
    laptop.slow_s = 3 * 3600
    made = laptop.write("household", "create", household())["change_id"]
    laptop.send()
    stranger = hire(centre, "leader", (OTHER_GRID,))
    assert listed(centre, stranger) == []
    assert confirm(centre, stranger, **{made: ""}).done == 0
    assert change(centre, made).time_confirmed_by is None
    with pytest.raises(Refusal, match="not_allowed"):
        confirm(centre, hire(centre, "auditor", ("990101",)), **{made: ""})


def test_doubtful_times_are_found_by_their_index(centre: Centre, laptop: Laptop):
    asked = []
    with centre.store.reading() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *said: asked.append(said[2:4]))
        uploads_read.count_unsure_times(connection, centre.code, (centre.code,))
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0][0]}", asked[0][1]).all()
    assert "ix_changes_unsure" in str(plan)
