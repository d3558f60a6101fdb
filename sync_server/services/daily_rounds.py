"""A patrol and a visit at least daily (日巡查、日走访): which grids had neither or one of them on
a day; nobody is ranked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from schemas.clock import SHANGHAI
from schemas.labels import Label
from sync_server.domain.access import narrowed
from sync_server.domain.errors import Refusal
from sync_server.domain.grid_days import NO_ROUND, Days, Grid, GridDay, Rounds, rounds_of
from sync_server.services.accounts import User, require_records
from sync_server.services.field_figures import grids_in
from sync_server.services.places import GRID_LENGTH
from sync_server.services.working_calendar import load_calendar
from sync_server.store import devices_read, field_counts

ALL = "all"
GAPS = "gaps"
SHOWN: dict[str, Label] = {
    GAPS: Label("有缺的", "With a gap"),
    "neither": Label("巡查走访都没有", "Neither patrol nor visit"),
    "no_patrol": Label("没有巡查", "No patrol"),
    "no_visit": Label("没有走访", "No visit"),
    "whole": Label("都有", "Both"),
    ALL: Label("全部网格", "All grids"),
}
"""What the list of a day may be narrowed to."""
DAYS = 14
"""So many of the latest duty days are counted beside the one looked at."""
LONGEST_BACK = 60


@dataclass(frozen=True)
class Line:
    """One grid's day, and when a laptop of its workers last synced: what nobody has sent yet is no
    gap in the field. ``devices`` in use; 0: nobody's laptop has this grid."""

    grid: Grid
    day: GridDay
    kinds: frozenset[str]
    devices: int
    synced_at: datetime | None
    synced_since: bool
    """Whether all of its laptops have synced after the day was over."""


@dataclass(frozen=True)
class Report:
    """One day: is it a duty day, is it over; how many grids of each of SHOWN, the lines asked for;
    the latest duty days with the same counts."""

    day: date
    duty: bool
    over: bool
    counts: dict[str, int]
    lines: tuple[Line, ...]
    days: tuple[tuple[date, dict[str, int]], ...]


def last_duty_day(connection: sa.Connection, district: str, today: date) -> date:
    """Return the latest duty day that is over."""
    calendar, _ = load_calendar(connection, district)
    past = (today - timedelta(days=n) for n in range(1, LONGEST_BACK))
    return next((day for day in past if calendar.works(day)), today - timedelta(days=1))


def report(
    connection: sa.Connection, person: User, day: date, area: str, shown: str, now: datetime
) -> Report:
    """Return how the grids of an area stood on a day; ``shown`` is one of SHOWN.

    Raises Refusal: not_allowed, unknown_record for an area outside the person's.
    """
    require_records(person)
    areas = narrowed(person.scope_codes, area) if area else tuple(person.scope_codes)
    if not areas:
        raise Refusal("unknown_record")
    district, today = person.district, now.astimezone(SHANGHAI).date()
    calendar, _ = load_calendar(connection, district)
    latest = min(day, today)
    duty = [
        one for n in range(LONGEST_BACK) if calendar.works(one := latest - timedelta(days=n))
    ][:DAYS]  # fmt: skip
    grids = grids_in(connection, district, areas)
    found = _days(connection, district, areas, min([*duty, day]), latest)
    standing = {grid.code: rounds_of(found.get((grid.code, day))) for grid in grids
                if grid.stood(day)}  # fmt: skip
    synced = _synced(connection, district, areas)
    over = day < today
    return Report(
        day=day,
        duty=calendar.works(day),
        over=over,
        counts=_counted(standing.values()),
        lines=tuple(
            _line(grid, found.get((grid.code, day), GridDay()), synced.get(grid.code, []), day)
            for grid in grids
            if grid.code in standing and shown in _kinds(standing[grid.code])
        ),
        days=tuple((one, _counted_on(grids, found, one)) for one in duty),
    )


def gaps_on(connection: sa.Connection, person: User, day: date) -> int:
    """Return how many grids of the person's areas had no patrol or no visit on a day."""
    district, areas = person.district, tuple(person.scope_codes)
    grids = grids_in(connection, district, areas)
    found = _days(connection, district, areas, day, day)
    return _counted_on(grids, found, day)[GAPS]


def _days(
    connection: sa.Connection, district: str, areas: Sequence[str], first: date, last: date
) -> Days:
    found: dict[tuple[str, date], GridDay] = defaultdict(GridDay)
    for grid, day, slots, late in field_counts.patrol_days(
        connection, district, areas, first, last
    ):
        found[grid, day].slots, found[grid, day].late = slots, late
    for seen in field_counts.visit_days(connection, district, areas, first, last):
        found[seen.grid, seen.day].counts = {"visits": seen.visits, "met": seen.met}
    return dict(found)


def _kinds(rounds: Rounds) -> frozenset[str]:
    """Return which of SHOWN a grid's day belongs to."""
    kinds = {ALL}
    if not rounds.patrol:
        kinds |= {GAPS, "no_patrol"}
    if not rounds.visit:
        kinds |= {GAPS, "no_visit"}
    if rounds == NO_ROUND:
        kinds.add("neither")
    return frozenset(kinds if GAPS in kinds else kinds | {"whole"})


def _counted(some: Iterable[Rounds]) -> dict[str, int]:
    counts = dict.fromkeys(SHOWN, 0)
    for rounds in some:
        for kind in _kinds(rounds):
            counts[kind] += 1
    return counts


def _counted_on(grids: Sequence[Grid], found: Days, day: date) -> dict[str, int]:
    return _counted(rounds_of(found.get((one.code, day))) for one in grids if one.stood(day))


def _line(grid: Grid, day: GridDay, synced: Sequence[datetime | None], on: date) -> Line:
    known = [at for at in synced if at is not None]
    since = len(known) == len(synced) and all(at.astimezone(SHANGHAI).date() > on for at in known)
    return Line(
        grid=grid,
        day=day,
        kinds=_kinds(rounds_of(day)),
        devices=len(synced),
        synced_at=min(known, default=None),
        synced_since=bool(synced) and since,
    )


def _synced(
    connection: sa.Connection, district: str, areas: Sequence[str]
) -> dict[str, list[datetime | None]]:
    """Return, by grid, when each laptop in use of its workers last synced."""
    found: dict[str, list[datetime | None]] = defaultdict(list)
    for row in devices_read.devices_in(connection, district, areas):
        if row["state"] == "active":
            for code in row["grids"]:
                found[code[:GRID_LENGTH]].append(row["last_sync_at"])
    return found
