"""All that was recorded in the field in a period, for its figures: whole months as they were added
up before, the other days from their rows.

A month is taken whole when it is over, nothing of it waits to be added up anew, and the grid stood
throughout; for what is left, and for a single grid, every day is read. Both come to the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from schemas.clock import SHANGHAI
from schemas.materials import OUT
from sync_server.domain.grid_days import SLOTS, Grid, GridDay, GridMonth
from sync_server.domain.working_calendar import midnight
from sync_server.services.field_sums import month_end
from sync_server.services.places import GRID_LENGTH
from sync_server.store import field_counts, field_sums

Where = tuple[sa.Connection, str, Collection[str]]
Span = tuple[date, date]


@dataclass
class FieldWork:
    """What was recorded: by grid and day, and by grid and month for what is not among the days.

    ``entries`` are how many patrols and visits were entered and how many of them late, by kind;
    ``entries_by_month`` the same by month. ``opened``, ``rated``, ``good``: visits that met
    somebody or were rated, those rated, those rated 4 or 5.
    """

    days: dict[tuple[str, date], GridDay] = field(default_factory=lambda: defaultdict(GridDay))
    months: dict[tuple[str, date], GridMonth] = field(default_factory=dict)
    entries: dict[str, tuple[int, int]] = field(
        default_factory=lambda: {"patrol": (0, 0), "visit": (0, 0)}
    )
    entries_by_month: dict[str, tuple[int, int]] = field(default_factory=dict)
    opened: int = 0
    rated: int = 0
    good: int = 0

    def enter(self, what: str, day: date, total: int, late: int) -> None:
        """Count entries of a kind; nothing of none."""
        if not total:
            return
        some, some_late = self.entries[what]
        self.entries[what] = (some + total, some_late + late)
        month = day.strftime("%Y-%m")
        some, some_late = self.entries_by_month.get(month, (0, 0))
        self.entries_by_month[month] = (some + total, some_late + late)


def recorded(
    connection: sa.Connection,
    district: str,
    areas: Sequence[str],
    grids: Sequence[Grid],
    first: date,
    last: date,
    today: date,
) -> FieldWork:
    """Return what was recorded in these areas from ``first`` to ``last``; ``grids`` are theirs."""
    where = (connection, district, areas)
    found = FieldWork()
    whole = _whole_months(first, last, today) if len(grids) != 1 else []
    rows = field_sums.months_of(*where, whole[0], whole[-1]) if whole else ()
    loose = {row.base_grid for row in rows if row.stale} | {
        one.code for one in grids if not _stood_throughout(one, whole)
    }
    taken = [row for row in rows if row.base_grid not in loose]
    _take_months(found, taken)
    for span in _around(first, last, whole):
        _read_days(found, where, span)
    if whole and loose:
        _read_days(found, (connection, district, loose), (whole[0], month_end(whole[-1])))
    steady = {one.code for one in grids} - loose
    _take_issues_and_base(found, where, (first, last), steady, set(whole))
    return found


def _whole_months(first: date, last: date, today: date) -> list[date]:
    """Return the first days of the months that lie in a period as a whole and are over."""
    month = first if first.day == 1 else month_end(first.replace(day=1)) + timedelta(days=1)
    found = []
    while (end := month_end(month)) <= last and end < today.replace(day=1):
        found.append(month)
        month = end + timedelta(days=1)
    return found


def _stood_throughout(grid: Grid, whole: Sequence[date]) -> bool:
    return not whole or (
        (grid.since is None or grid.since <= whole[0])
        and (grid.until is None or grid.until >= month_end(whole[-1]))
    )


def _around(first: date, last: date, whole: Sequence[date]) -> Iterator[Span]:
    """Yield what of a period lies before and after its whole months."""
    if not whole:
        yield first, last
        return
    if first < whole[0]:
        yield first, whole[0] - timedelta(days=1)
    if (end := month_end(whole[-1])) < last:
        yield end + timedelta(days=1), last


def _take_months(found: FieldWork, rows: Sequence[sa.Row[Any]]) -> None:
    entries: dict[date, Counter[str]] = defaultdict(Counter)
    for row in rows:
        counts = {"visits": row.visits, "met": row.met, "leaflets": row.leaflets}
        found.months[row.base_grid, row.month] = GridMonth(
            (row.patrolled_1, row.patrolled_2, row.patrolled_3),
            (row.late_1, row.late_2, row.late_3),
            row.active,
            counts,
        )
        found.opened += row.opened
        found.rated += row.rated
        found.good += row.good
        of_month = entries[row.month]
        of_month["patrol"] += row.patrols
        of_month["patrol late"] += row.patrols_late
        of_month["visit"] += row.visits
        of_month["visit late"] += row.visits_late
    for month, number in entries.items():
        for what in found.entries:
            found.enter(what, month, number[what], number[f"{what} late"])


def _read_days(found: FieldWork, where: Where, span: Span) -> None:
    for grid, day, slots, late in field_counts.patrol_days(*where, *span):
        one = found.days[grid, day]
        one.slots, one.late = slots, late
    for day, total, late in field_counts.patrol_entries_by_day(*where, *span):
        found.enter("patrol", day, total, late)
    for seen in field_counts.visit_days(*where, *span):
        found.days[seen.grid, seen.day].counts |= {"visits": seen.visits, "met": seen.met}
        found.enter("visit", seen.day, seen.visits, seen.late)
        found.opened += seen.opened
        found.rated += seen.rated
        found.good += seen.good
    for grid, day, sets in field_counts.handed_out(*where, *span, OUT):
        found.days[grid, day].add("leaflets", int(sets))


def _take_issues_and_base(
    found: FieldWork, where: Where, span: Span, steady: set[str], whole: set[date]
) -> None:
    """Count issues and changes of base data: few, and read one by one."""
    since, before = midnight(span[0]), midnight(span[1] + timedelta(days=1))

    def add(grid: str, day: date, what: str) -> None:
        code, month = grid[:GRID_LENGTH], day.replace(day=1)
        if code in steady and month in whole:
            found.months.setdefault((code, month), GridMonth()).add(what, day.day)
        else:
            found.days[code, day].add(what)

    for grid, at, own in field_counts.issues_by_grid(*where, since, before):
        day = at.astimezone(SHANGHAI).date()
        add(grid, day, "issues")
        if own:
            add(grid, day, "self_handled")
    for grid, at in field_counts.base_changes(*where, since, before):
        add(grid, at.astimezone(SHANGHAI).date(), "base_changes")


assert [slot for slot, _ in SLOTS] == ["1", "2", "3"]  # as the columns of a month are named
