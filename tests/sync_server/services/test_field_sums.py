"""What field work comes to by month and household is what its rows come to, whatever happened."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.clock import SHANGHAI, written
from sync_server.domain.grid_days import Grid, by_grid, by_month, gaps
from sync_server.services import field_figures, field_lines, field_sums
from sync_server.services.centre import Centre
from sync_server.services.field_work import FieldWork, recorded
from sync_server.services.ids import new_id
from sync_server.services.moves import move_record
from sync_server.store import field_sums as store_sums
from sync_server.store.field_tables import field_homes, field_months, patrol_lines, visit_lines
from tests.sync_server.services.desks import hire
from tests.sync_server.services.test_decisions import visit
from tests.sync_server.services.test_grid_changes import patrol
from tests.sync_server.services.towns import Town, update
from tests.sync_server.world import DISTRICT, GRID, OTHER_GRID, Laptop, StillClock, household

PERIODS = (
    (date(2026, 7, 1), date(2026, 9, 30)), (date(2026, 7, 11), date(2026, 9, 5)),
    (date(2026, 8, 1), date(2026, 8, 31)), (date(2026, 8, 3), date(2026, 8, 20)),
    (date(2026, 6, 1), date(2026, 12, 31)), (date(2026, 9, 15), date(2026, 11, 9)),
    (date(2026, 9, 1), date(2026, 9, 30)),
)  # fmt: skip
LATER = datetime(2026, 11, 10, 4, tzinfo=UTC)


@pytest.fixture
def town(any_centre: Centre, clock: StillClock) -> Town:
    return Town(any_centre, clock)


def count(town: Town) -> None:
    field_lines.bring_up_to_date(town.centre.store, DISTRICT)
    field_sums.add_months_up(town.centre.store, DISTRICT, LATER)


def told(work: FieldWork, grids: list[Grid], first: date, last: date) -> Any:
    """Return everything that figures ask of field work."""
    duty = [
        day for n in range((last - first).days + 1) if (day := first + timedelta(n)).weekday() < 5
    ]
    return (
        by_grid(grids, work.days, duty, work.months), by_month(grids, work.days, duty, work.months),
        gaps(grids, work.days, duty, 10, work.months), work.entries,
        sorted(work.entries_by_month.items()), (work.opened, work.rated, work.good),
    )  # fmt: skip


def compare(town: Town, grids: list[Grid]) -> int:
    """Compare what is kept with what is counted from the rows; return how many months were taken
    whole."""
    whole = 0
    with town.centre.store.reading() as connection:
        came = [
            connection.scalar(sa.select(sa.func.max(table.c.received_at)))
            for table in (patrol_lines, visit_lines)
        ]
        newest = field_sums.newest_came_in(connection, DISTRICT, (DISTRICT,))
        assert newest == max(filter(None, came), default=None)
        for first, last in PERIODS:
            asked = (connection, DISTRICT, (DISTRICT,), grids, first, last)
            kept, read = recorded(*asked, LATER.date()), recorded(*asked, date(2000, 1, 1))
            assert told(kept, grids, first, last) == told(read, grids, first, last), (first, last)
            assert not read.months
            whole += len(kept.months)
            homes: Counter[str] = Counter()
            met: Counter[str] = Counter()
            for _, grid, day in field_figures.homes_met(
                connection, DISTRICT, (DISTRICT,), first, last
            ):
                homes[grid] += 1
                met[grid] += day is not None
            found = list(field_sums.homes_met(connection, DISTRICT, (DISTRICT,), first, last))
            assert {one.grid: one.homes for one in found} == homes
            assert {one.grid: one.met for one in found if one.met} == +met, (first, last)
    return whole


def some_day(chance: random.Random) -> datetime:
    hours = chance.randrange(24 * 91)
    return datetime(2026, 7, 1, 8, tzinfo=SHANGHAI) + timedelta(hours=hours)


def work_on(laptop: Laptop, chance: random.Random, homes: list[str], grid: str) -> None:
    """Make, correct or void a patrol or a visit."""
    made = [one for one in laptop.log if one["action"] == "create" and one["kind"] != "household"]
    act, at = chance.random(), some_day(chance)
    if act < 0.55 or not made:
        if chance.random() < 0.5:
            said = patrol(new_id()) | {
                "slot": chance.choice("1123"), "started_at": written(at), "ended_at": written(at),
            }  # fmt: skip
            laptop.write("patrol", "create", said, grid=grid)
        else:
            said = visit(
                visited_at=written(at), household_id=chance.choice(homes),
                result=chance.choice(("met", "met", "nobody", "refused")),
                mode=chance.choice(("door", "phone")),
                **({"rating": chance.randint(1, 5)} if chance.random() < 0.3 else {}),
                **({"materials": {"add": {"fraud": {"qty": 2}}}} if chance.random() < 0.3 else {}),
            )  # fmt: skip
            laptop.write("visit", "create", said, grid=grid)
        return
    one = chance.choice(made)
    here = laptop.records.get(one["record_id"])
    if here is None or here.get("voided"):
        return
    base = {"base_version": here["version"], "grid": grid}
    if act < 0.7:
        laptop.write(one["kind"], "void", {"reason": "填错了"}, one["record_id"], **base)
    elif one["kind"] == "patrol":
        said = {"started_at": written(at), "ended_at": written(at), "slot": chance.choice("123")}
        laptop.write("patrol", "update", said, one["record_id"], **base)
    else:
        said = {"visited_at": written(at), "household_id": chance.choice(homes)}
        laptop.write("visit", "update", said, one["record_id"], **base)


@pytest.mark.parametrize("seed", [1, 2])
def test_random_work_comes_to_what_its_rows_come_to(town, seed):
    chance = random.Random(seed)
    grids = [Grid(GRID, "", date(2026, 1, 1)), Grid(OTHER_GRID, "", date(2026, 8, 10))]
    homes = [town.first.write("household", "create", household(code=f"1-1-{n}"))["record_id"]
             for n in range(101, 107)]  # fmt: skip
    town.sync()
    whole = 0
    for number in range(6):
        for laptop, grid in ((town.first, GRID), (town.second, GRID), (town.far, OTHER_GRID)):
            for _ in range(chance.randint(1, 12)):
                work_on(laptop, chance, homes, grid)
        town.sync()
        town.clock.passes(minutes=5)
        town.sync()
        if number % 3:
            count(town)
        else:  # what is noted and not yet added up is counted from its rows
            field_lines.bring_up_to_date(town.centre.store, DISTRICT)
        whole += compare(town, grids)
    assert whole > 20


def test_a_household_is_followed_wherever_it_goes(town):
    rooms = [new_id(), new_id()]
    for record_id in rooms:
        town.first.write("room", "create", {
            "building_id": new_id(), "no": "101", "label": "1-1-101", "unit_no": "1",
            "state": "owner"}, record_id)  # fmt: skip
    here, there = town.two(
        "household", household(room_id=rooms[0]), household(room_id=rooms[1], code="3-1-503")
    )
    for home, day in ((here, "2026-07-03"), (there, "2026-08-20"), (there, "2026-09-07")):
        town.first.write("visit", "create", visit(
            household_id=home, visited_at=f"{day}T10:00:00+08:00"))  # fmt: skip
    town.sync()
    grids = [Grid(GRID, ""), Grid(OTHER_GRID, "")]

    def check() -> list[tuple[str, int, int]]:
        town.sync()
        count(town)
        compare(town, grids)
        with town.centre.store.reading() as connection:
            found = field_sums.homes_met(
                connection, DISTRICT, (DISTRICT,), date(2026, 8, 1), date(2026, 8, 31)
            )
            return [tuple(one) for one in found]

    assert check() == [(GRID, 2, 1)]
    update(town.first, "room", rooms[0], state="vacant")
    assert check() == [(GRID, 1, 1)]
    update(town.first, "room", rooms[0], state="owner")
    merge = town.merge(there, here)
    assert check() == [(GRID, 1, 1)]
    town.undo(merge)
    assert check() == [(GRID, 2, 1)]
    merge = town.merge(there, here)
    update(town.first, "room", rooms[1], state="vacant")
    assert check() == [(GRID, 1, 1)]
    town.undo(merge)
    assert check() == [(GRID, 1, 0)]
    update(town.first, "room", rooms[1], state="owner")
    boss = hire(town.centre, "district", (DISTRICT,))
    with town.centre.store.writing() as connection:
        info = kind_of("household").info
        move_record(connection, boss, info, there, OTHER_GRID, town.clock())
    assert check() == [(GRID, 1, 0), (OTHER_GRID, 1, 1)]
    town.far.write("household", "void", {"reason": "搬走了"}, there, grid=OTHER_GRID,
                   base_version=town.far.version(there))  # fmt: skip
    assert check() == [(GRID, 1, 0)]


def test_what_is_noted_is_worked_out_once_and_the_present_month_is_left(town):
    for day in ("2026-07-03", "2026-09-07", "2026-09-30"):
        town.first.write("visit", "create", visit(visited_at=f"{day}T10:00:00+08:00"))
    town.sync()
    store = town.centre.store
    field_lines.bring_up_to_date(store, DISTRICT)
    assert field_sums.add_months_up(store, DISTRICT, town.clock()) == 1  # September goes on
    assert field_sums.add_months_up(store, DISTRICT, town.clock()) == 0
    assert field_sums.add_months_up(store, DISTRICT, LATER) == 1
    with store.reading() as connection:
        months = connection.execute(
            sa.select(field_months.c.month, field_months.c.visits, field_months.c.stale).order_by(
                field_months.c.month
            )
        ).all()
        assert months == [(date(2026, 7, 1), 1, False), (date(2026, 9, 1), 2, False)]
        assert store_sums.stale_homes(connection, DISTRICT, 9) == []
        assert connection.scalar(sa.select(field_homes.c.grid)) is None  # nobody knows that home
