"""When people in care were visited: by their interval, some late, some not found at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from schemas.kinds.care import INTERVAL_DAYS
from sync_server.domain.world.care import Care
from sync_server.domain.world.duty import duty_day_at_or_before, duty_days
from sync_server.domain.world.grids import Grid, Period
from sync_server.domain.world.seeds import Seed, chosen
from sync_server.domain.world.staff import PERSONA_GRID

OVERDUE_SHARE, OVERDUE_DAYS = 0.05, 10
NOT_REACHED_SHARE = 0.035
STATES = {"well": 86, "need_help": 9, "abnormal": 1.5}


@dataclass(slots=True)
class CareVisit:
    """One visit to a home with people in care; ``states`` by person, None when nobody was seen."""

    day: date
    entries: list[Care]
    states: dict[str, str] | None
    second_failure: bool = False
    """Whether it is the second time in a row that nobody was seen: an urgent matter."""


def rounds(
    seed: Seed, grid: Grid, period: Period, due_today: frozenset[str]
) -> dict[date, list[CareVisit]]:
    """Return a grid's care visits by day: all of the period, and each home's last one before.

    Homes in ``due_today`` (household ids) were last visited exactly one interval ago.
    """
    by_day: dict[date, list[CareVisit]] = {}
    for home_id, entries in grid.care_homes.items():
        rng = seed.stream("care round", home_id)
        interval = min(INTERVAL_DAYS[entry.risk] for entry in entries)
        last = _last_day(rng, period, interval, grid, home_id in due_today)
        for visit in _backwards(rng, period, last, interval, entries):
            by_day.setdefault(visit.day, []).append(visit)
    return by_day


def _last_day(rng: Random, period: Period, interval: int, grid: Grid, due: bool) -> date:
    """Return the day of the last visit; the scripted grid is up to date but for those due."""
    today = period.today
    if due:
        return today - timedelta(days=interval)
    late = rng.random() < OVERDUE_SHARE
    if late and grid.code != PERSONA_GRID:
        first, last = interval + OVERDUE_DAYS, interval + 1
    else:
        first, last = interval - 1, 1
    days = duty_days(today - timedelta(days=first), today - timedelta(days=last))
    return rng.choice(days or [today - timedelta(days=last)])


def _backwards(
    rng: Random, period: Period, last: date, interval: int, entries: list[Care]
) -> list[CareVisit]:
    """Return the last visit and those before it in the period, with their failed attempts."""
    visits: list[CareVisit] = []
    day = last
    while day >= period.days[0] or not visits:
        states = {entry.person.record_id: chosen(rng, STATES) for entry in entries}
        visits.append(CareVisit(day, entries, states))
        failures = 0
        attempt = day
        while failures < 2 and rng.random() < NOT_REACHED_SHARE:
            failures += 1
            attempt = duty_day_at_or_before(attempt - timedelta(days=1))
            visits.append(CareVisit(attempt, entries, None))
        if failures == 2:
            # Walking backwards, the attempt written first is the second one made.
            visits[-2].second_failure = True
        day = duty_day_at_or_before(day - timedelta(days=interval))
    return visits
