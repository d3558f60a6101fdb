"""Grid days added up, against the plain sum over every grid and every day."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

import pytest

from sync_server.domain.grid_days import SLOTS, WORK, Grid, GridDay, Sums, by_grid, by_month, gaps

ONE, TWO, ENDED = (f"99010110000900{n}" for n in range(1, 4))
FIRST = date(2025, 11, 24)
DAYS = [FIRST + timedelta(days=n) for n in range(14)]


def plainly(grids, days, duty) -> dict[tuple[str, date], Sums]:
    """What each day of each grid comes to, one by one."""
    found = {}
    for grid in grids:
        for day in DAYS:
            sums, one = Sums(), days.get((grid.code, day), GridDay())
            if day in duty and grid.stood(day):
                sums.expected = len(SLOTS)
                sums.done, sums.late = one.slots.bit_count(), one.late.bit_count()
                sums.idle_days = int(one.idle)
            if day not in duty or grid.stood(day):
                sums.counts |= {what: one[what] for what in WORK}
            found[grid.code, day] = sums
    return found


def added(some) -> Sums:
    whole = Sums()
    for one in some:
        for name in ("expected", "done", "late", "idle_days"):
            setattr(whole, name, getattr(whole, name) + getattr(one, name))
        for what in WORK:
            whole.counts[what] += one[what]
    return whole


@pytest.mark.parametrize("seed", range(20))
def test_sums_and_gaps_are_those_of_the_single_days(seed: int) -> None:
    chance = Random(seed)

    def some_day() -> date | None:
        return chance.choice([None, *DAYS, FIRST - timedelta(days=9), FIRST + timedelta(days=99)])

    grids = [Grid(ONE, "one"), Grid(TWO, "two", some_day()), Grid(ENDED, "3", None, some_day())]
    grids += [Grid(f"99010110000901{n}", "", some_day(), some_day()) for n in range(6)]
    duty = [day for day in DAYS if chance.random() < 0.7]
    days = {
        (code, day): GridDay(slots := chance.choice([0, 7, 7, chance.randrange(8)]), slots & 5,
                             chance.choice([{}, {"visits": 0}, {"visits": 2, "issues": 1}]))
        for code in (*(grid.code for grid in grids), "990101100009099")
        for day in DAYS if chance.random() < 0.8
    }  # fmt: skip
    single = plainly(grids, days, duty)
    assert by_grid(grids, days, duty) == {
        grid.code: added(one for (code, _), one in single.items() if code == grid.code)
        for grid in grids
    }
    months = by_month(grids, days, duty)
    for name in ("2025-11", "2025-12"):
        assert months.get(name, Sums()) == added(
            one for (_, day), one in single.items() if day.strftime("%Y-%m") == name
        )
    lacking = {
        day: tuple(
            (grid, missing)
            for grid in grids
            if grid.stood(day) and (missing := days.get((grid.code, day), GridDay()).missing)
        )
        for day in sorted(duty, reverse=True)
    }
    lacking = {day: some for day, some in lacking.items() if some}
    found = gaps(grids, days, duty)
    assert (dict(found.listed), list(dict(found.listed)), found.days) == (
        lacking, list(lacking), len(lacking),
    )  # fmt: skip
    few = gaps(grids, days, duty, 2)
    assert (few.listed, few.days) == (tuple(lacking.items())[:2], len(lacking))


def test_months_are_told_with_duty_days_even_where_nothing_was_done() -> None:
    duty = [date(2025, 11, 28), date(2025, 12, 1)]
    found = by_month([Grid(ONE, "one", since=date(2025, 12, 1))], {}, duty)
    assert {name: (one.expected, one.idle_days) for name, one in found.items()} == {
        "2025-11": (0, 0), "2025-12": (3, 1),
    }  # fmt: skip
    assert gaps([], {}, duty) == gaps([Grid(ONE, "one")], {}, [])
