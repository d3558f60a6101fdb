"""A community's recent history: each day's patrols, visits and issues, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from sync_server.domain.world import issues, patrols, visits
from sync_server.domain.world.care_rounds import CareVisit, rounds
from sync_server.domain.world.grids import Grid, Period
from sync_server.domain.world.issue_lives import Desk
from sync_server.domain.world.issues import Issue
from sync_server.domain.world.records import Pen, WorldRecord
from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.staff import PERSONA_GRID, Staff
from sync_server.domain.world.visits import Visit


def field_work(
    seed: Seed,
    grids: Sequence[Grid],
    period: Period,
    staff: Staff,
    due_today: frozenset[str],
) -> Iterator[WorldRecord]:
    """Yield the community's field records day by day, each issue followed by its steps.

    Days before the period hold nothing but the last visit to each home with people in care.
    """
    desk = Desk(seed, staff, period.end)
    care = {grid.code: rounds(seed, grid, period, due_today) for grid in grids}
    days = sorted({*period.days, *(day for by_day in care.values() for day in by_day)})
    for day in days:
        for place, grid in enumerate(grids):
            planned = care[grid.code].get(day, [])
            neighbour = grids[place - 1 if place else 1]
            yield from _day(seed, grid, neighbour, day, day in period.days, planned, desk, period)


def _day(
    seed: Seed,
    grid: Grid,
    neighbour: Grid,
    day: date,
    whole: bool,
    planned: Sequence[CareVisit],
    desk: Desk,
    period: Period,
) -> Iterator[WorldRecord]:
    """Yield one grid's day; only its care visits when it lies before the period."""
    name = (grid.code, day.isoformat())
    rng = seed.stream("day", *name)
    patrol_pen, visit_pen, issue_pen = (
        Pen(kind, seed.ids(kind, *name)) for kind in ("patrol", "visit", "issue")
    )
    made = [_care_visit(seed, one, period) for one in planned]
    walked = []
    reported: list[Issue] = []
    if whole:
        walked = patrols.walk(rng, patrol_pen, grid, day, period.end)
        made += visits.ordinary(rng, visit_pen, grid, day, len(planned), period.end)
        reported = issues.of_day(rng, issue_pen, grid, day, walked, made)
        if grid.code == PERSONA_GRID and day == period.days[-1]:
            reported.append(issues.scripted_return(rng, issue_pen, grid, day))
    sky = patrols.weather(seed, day)
    for patrol in walked:
        yield patrols.write(patrol_pen, grid, patrol, sky)
    for visit in made:
        yield visits.write(visit_pen, grid, visit)
    for issue in reported:
        again = []
        if not issue.scripted and rng.random() < issues.DUPLICATE_SHARE:
            again = [issues.seen_again(rng, issue_pen, issue, neighbour)]
        for one in (issue, *again):
            if one.made_at <= period.end:
                yield issues.write(issue_pen, one)
                yield from desk.steps(one)


def _care_visit(seed: Seed, planned: CareVisit, period: Period) -> Visit:
    name = ("care visit", planned.entries[0].person.home.record_id, planned.day.isoformat())
    return visits.of_care(seed.stream(*name), Pen("visit", seed.ids(*name)), planned, period.end)
