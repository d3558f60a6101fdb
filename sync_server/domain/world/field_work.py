"""A community's recent history: each day's patrols, visits, issues and service requests, and what
became of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from sync_server.domain.world import issues, patrols, service_requests, visits
from sync_server.domain.world.care_rounds import CareVisit, rounds
from sync_server.domain.world.grids import Grid, Period
from sync_server.domain.world.issue_lives import Desk, Numbers
from sync_server.domain.world.issues import Issue
from sync_server.domain.world.records import Pen, WorldRecord
from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.service_lives import Lives
from sync_server.domain.world.staff import PERSONA_GRID, Staff
from sync_server.domain.world.visits import Visit


def field_work(
    seed: Seed,
    grids: Sequence[Grid],
    period: Period,
    staff: Staff,
    due_today: frozenset[str],
    numbers: Numbers,
) -> Iterator[WorldRecord]:
    """Yield the community's field records day by day, each issue and each service request followed
    by its steps.

    Days before the period hold nothing but the last visit to each home with people in care.
    """
    desk = Desk(seed, staff, period.end, numbers)
    lives = Lives(seed, staff, period.end)
    care = {grid.code: rounds(seed, grid, period, due_today) for grid in grids}
    days = sorted({*period.days, *(day for by_day in care.values() for day in by_day)})
    for day in days:
        for place, grid in enumerate(grids):
            planned = care[grid.code].get(day, [])
            neighbour = grids[place - 1 if place else 1]
            whole = day in period.days
            yield from _day(seed, grid, neighbour, day, whole, planned, desk, lives, period)


def _day(
    seed: Seed,
    grid: Grid,
    neighbour: Grid,
    day: date,
    whole: bool,
    planned: Sequence[CareVisit],
    desk: Desk,
    lives: Lives,
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
    asked: list[WorldRecord] = []
    if whole:
        walked = patrols.walk(rng, patrol_pen, grid, day, period.end)
        made += visits.ordinary(rng, visit_pen, grid, day, len(planned), period.end)
        reported = issues.of_day(rng, issue_pen, grid, day, walked, made)
        if grid.code == PERSONA_GRID and day == period.days[-1]:
            reported.append(issues.scripted_return(rng, issue_pen, grid, day))
        asked = _asked(seed, grid, day, made, lives)
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
    for request in asked:
        yield request
        yield from lives.steps(request, grid.worker, grid.leader)


def _asked(
    seed: Seed, grid: Grid, day: date, made: Sequence[Visit], lives: Lives
) -> list[WorldRecord]:
    """Return the day's service requests: those of care visits, then those of the desk."""
    name = ("service", grid.code, day.isoformat())
    rng, pen = seed.stream(*name), Pen("service", seed.ids(*name))
    asked = [one for visit in made for one in service_requests.of_visit(rng, pen, grid, visit)]
    return asked + service_requests.at_desks(rng, pen, grid, day, lives.staff)


def _care_visit(seed: Seed, planned: CareVisit, period: Period) -> Visit:
    name = ("care visit", planned.entries[0].person.home.record_id, planned.day.isoformat())
    return visits.of_care(seed.stream(*name), Pen("visit", seed.ids(*name)), planned, period.end)
