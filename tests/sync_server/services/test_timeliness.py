"""How soon field work came in, on each database: 24 hours by the corrected time, what a laptop
brought and nothing else, every number as long as its list, who has been silent."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.catalogue import kinds
from schemas.clock import written
from schemas.describe import columns
from sync_server.domain.errors import Refusal
from sync_server.services import doubtful_times, field_lines, timeliness
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.services.timeliness import ListPage, Report
from sync_server.store.field_tables import visit_lines
from sync_server.store.tables import devices
from sync_server.store.timeliness import KINDS
from tests.sync_server.services.desks import hire
from tests.sync_server.services.field_place import build
from tests.sync_server.world import (
    COMMUNITY,
    DISTRICT,
    GRID,
    NOON,
    OTHER_GRID,
    Laptop,
    StillClock,
    add_worker,
    issue,
    join,
)

FIRST, LAST = date(2026, 9, 1), date(2026, 9, 30)
DAY_S = 24 * 3600


class Round:
    """A laptop of two grids and somebody who looks at what it brings."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        self.worker = add_worker(centre, grids=(GRID, OTHER_GRID))
        self.laptop: Laptop = join(centre, self.worker)
        self.staff: User = hire(centre)

    def work(self, kind: str, before_s: float, grid: str = GRID) -> str:
        """Write what happened so many seconds ago by the laptop's clock; return its id."""
        now = self.centre.clock() - timedelta(seconds=self.laptop.slow_s)
        at = written(now - timedelta(seconds=before_s))
        said: dict[str, Any] = {
            "visit": {"visited_at": at, "household_id": new_id(), "purposes": ["daily"],
                      "mode": "door", "result": "nobody", "notice_given": True},
            "patrol": {"started_at": at, "ended_at": at, "slot": "1", "covered_ids": [new_id()],
                       "items": {"add": {"green": {"result": "ok"}}}},
            "issue": issue(happened_at=at),
        }[kind]  # fmt: skip
        record_id: str = self.laptop.write(kind, "create", said, grid=grid)["record_id"]
        return record_id

    def report(self, area: str = "", person: User | None = None) -> Report:
        field_lines.bring_up_to_date(self.centre.store, DISTRICT)
        with self.centre.store.reading() as connection:
            return timeliness.report(
                connection, person or self.staff, FIRST, LAST, area, self.centre.clock(), "zh"
            )

    def listed(self, kind: str = "", show: str = "late", area: str = "", page: int = 1) -> ListPage:
        with self.centre.store.reading() as connection:
            return timeliness.list_page(
                connection, self.staff, FIRST, LAST, area, kind, show, page, "zh"
            )


@pytest.fixture
def around(any_centre: Centre) -> Round:
    """The laptop, on each database in turn."""
    return Round(any_centre)


def shares(found: Report) -> dict[str, tuple[int, int]]:
    return {one.code: (one.records - one.late, one.records) for one in found.kinds}


def test_what_came_within_24_hours_came_in_time(around: Round) -> None:
    late = {}
    for kind in ("visit", "patrol", "issue"):
        around.work(kind, DAY_S)  # to the second
        late[kind] = around.work(kind, DAY_S + 1)
        around.work(kind, 60)
    around.laptop.send()
    found = around.report()
    assert shares(found) == {
        "patrol": (2, 3), "visit": (2, 3), "issue": (2, 3), "service": (0, 0),
        "material_move": (0, 0),
    }  # fmt: skip
    assert (found.whole.part, found.whole.whole, found.late) == (6, 9, 3)
    for kind, one in late.items():
        (line,) = around.listed(kind).lines
        assert (line.record_id, line.hours, line.author) == (one, 24, "张w1")
        assert line.received_at == NOON
    assert around.listed().kind == "patrol"
    assert around.listed("visit", "timely").total == 2
    assert around.listed("visit", "all").total == 3


def test_a_wrong_clock_makes_nothing_late(around: Round) -> None:
    around.laptop.slow_s = 7 * 3600
    around.work("visit", 20 * 3600)
    around.work("issue", 20 * 3600)
    around.laptop.send()
    found = shares(around.report())
    assert (found["visit"], found["issue"]) == ((1, 1), (1, 1))
    around.laptop.slow_s = -7 * 3600  # three hours and 24 by a clock that is ahead
    around.work("visit", 27 * 3600)
    around.laptop.send()
    assert shares(around.report())["visit"] == (1, 2)


def test_what_was_entered_at_once_and_lay_on_the_laptop_is_late(
    around: Round, clock: StillClock
) -> None:
    around.work("visit", 60)
    clock.passes(hours=30)
    around.laptop.send()
    assert around.report().late == 1
    (line,) = around.listed("visit").lines
    assert line.hours == 30
    with around.centre.store.reading() as connection:
        assert connection.scalars(sa.select(visit_lines.c.late)).all() == [False]


def test_what_is_void_does_not_count(around: Round) -> None:
    made = {around.work(kind, 2 * DAY_S): kind for kind in ("visit", "issue")}
    around.laptop.send()
    assert around.report().whole.whole == 2
    for one, kind in made.items():
        base = around.laptop.version(one)
        around.laptop.write(kind, "void", {"reason": "重复"}, one, base_version=base)
    around.laptop.send()
    assert around.report().whole.whole == 0
    assert around.listed("issue", "all").lines == ()


def test_work_that_no_laptop_brought_is_not_counted(any_centre: Centre) -> None:
    place = build(any_centre)
    with any_centre.store.reading() as connection:
        found = timeliness.report(
            connection, place.people["district"], FIRST, LAST, "", NOON, "zh"
        )  # fmt: skip
        kept = connection.scalars(sa.select(visit_lines.c.came_late)).all()
    assert found.whole.whole == 0
    assert set(kept) == {None}


def test_a_time_that_staff_confirm_moves_the_record(around: Round) -> None:
    around.laptop.slow_s = -365 * DAY_S
    made = around.work("visit", 60)
    around.laptop.send()
    change = around.laptop.log[-1]["change_id"]
    assert shares(around.report())["visit"] == (1, 1)
    day_before = written(NOON - timedelta(hours=30)).replace(":00+08:00", "")[:16]
    typed = doubtful_times.confirm(around.centre.store, around.staff, {change: day_before}, NOON)
    assert typed.done == 1
    assert shares(around.report())["visit"] == (0, 1)
    assert [one.record_id for one in around.listed("visit").lines] == [made]


def test_areas_and_lists_add_up(around: Round) -> None:
    for grid in (GRID, OTHER_GRID):
        for kind in ("visit", "patrol", "issue"):
            around.work(kind, 60, grid)
            around.work(kind, 3 * DAY_S, grid)
    around.work("visit", 4 * DAY_S, OTHER_GRID)
    around.laptop.send()
    whole = around.report()
    assert (whole.whole.part, whole.whole.whole) == (6, 13)
    for area, (late, every) in {GRID: (3, 6), OTHER_GRID: (4, 7), COMMUNITY: (7, 13)}.items():
        found = around.report(area)
        assert (found.late, found.whole.whole) == (late, every)
        for line in found.kinds:
            for show, count in (("late", line.late), ("all", line.records),
                                ("timely", line.records - line.late)):  # fmt: skip
                page = around.listed(line.code, show, area)
                assert len(page.lines) == page.total == count
    by_area = {one.code: (one.late, one.records) for one in whole.areas}
    assert by_area == {COMMUNITY: (7, 13)}  # the only area that is registered or somebody's own
    days = [one.happened_at for one in around.listed("visit", area=COMMUNITY).lines]
    assert days == sorted(days, reverse=True)
    assert around.listed("visit", area=COMMUNITY, page=9).page == 1


def test_another_area_is_not_there_and_a_period_has_to_be_one(around: Round) -> None:
    with pytest.raises(Refusal, match="unknown_record"):
        around.report("990101100008")
    with pytest.raises(Refusal, match="not_allowed"):
        around.report(person=hire(around.centre, "auditor", (DISTRICT,)))
    with around.centre.store.reading() as connection, pytest.raises(Refusal, match="bad_period"):
        timeliness.report(connection, around.staff, LAST, FIRST, "", NOON, "zh")


def test_silent_laptops_are_told_by_their_keepers(around: Round, clock: StillClock) -> None:
    around.laptop.send()
    other = add_worker(around.centre, "w2", grids=(OTHER_GRID,))
    join(around.centre, other, key="cd" * 32).send()
    with around.centre.store.writing() as connection:
        for worker, days in ((around.worker, 8), (other, 3)):
            synced = sa.update(devices).where(devices.c.worker_id == worker.user_id)
            connection.execute(synced.values(last_sync_at=NOON - timedelta(days=days)))
    found = around.report()
    assert found.classes == [(1, 2), (3, 2), (7, 1)]
    assert [one.row["worker_name"] for one in found.silent] == ["张w1", "张w2"]
    assert found.devices == 2
    assert around.report(GRID).classes == [(1, 1), (3, 1), (7, 1)]


def test_every_kind_of_field_work_with_a_time_is_counted() -> None:
    dated = {
        kind.info.name for kind in kinds()
        if kind.info.dated_by and "create" in kind.info.laptop and columns(kind)
    }  # fmt: skip
    assert set(KINDS) == dated - {"photo"}
