"""Closed months: the figures of statistics are stored once when a month is closed, and shown ever
after beside what is worked out today (decision 0028).

Run every minute by the serving program and by ``python -m sync_server run-due``: a centre that was
off on the day closes the month when it is on again. Who comes second stores nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from schemas.clock import SHANGHAI
from sync_server.domain.access import narrowed
from sync_server.domain.rates import Rate
from sync_server.domain.working_calendar import midnight
from sync_server.services import area_figures, audit, field_lines, service_cases
from sync_server.services.accounts import User
from sync_server.services.area_figures import AreaFigures, Figures
from sync_server.services.issue_figures import LONGEST_MONTHS
from sync_server.services.time_limits import load_clockwork
from sync_server.store import closed_months, writing
from sync_server.store.engine import Store

SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Frozen:
    """A closed month as it was stored, for one area of a page: its rates by name; ``missing``: some
    area was not there then, so that there are none."""

    month: str
    frozen_at: datetime
    rates: Mapping[str, Rate]
    missing: bool = False

    def beside(self, rate: Rate) -> Rate | None:
        """Return the stored share of a page's, None where none is stored."""
        return self.rates.get(rate.name)

    def differs(self, rate: Rate) -> bool:
        """Tell whether a page's share is another than the stored one."""
        stored = self.rates.get(rate.name)
        return stored is not None and (stored.part, stored.whole) != (rate.part, rate.whole)


def freeze_due(store: Store, district: str, now: datetime) -> int:
    """Store the figures of one month that is to be closed and is not, the latest first; return how
    many that were (1, or 0: none is left)."""
    with store.reading() as connection:
        month = _due(connection, district, now)
    if month is None:
        return 0
    field_lines.bring_up_to_date(store, district)
    service_cases.bring_up_to_date(store, district)
    with store.reading() as connection:
        found = area_figures.figures_by_area(
            connection, district, (district,), month, last_of(month), now
        )
    return int(_put(store, district, name_of(month), found, now))


def _put(
    store: Store, district: str, month: str, found: Sequence[AreaFigures], now: datetime
) -> bool:
    """Store a month's figures unless they are; tell whether they were not."""
    rows = [
        {"district": district, "month": month, "area": one.code, "name": one.name[:200],
         "figures": one.figures, "frozen_at": now}
        for one in found
    ]  # fmt: skip
    with store.writing() as connection:
        writing.lock_district(connection, district)
        if month in closed_months.months(connection, district):
            return False
        closed_months.add(connection, rows)
        detail = {"rows": len(rows)}
        audit.note(connection, district, now, "close_month", target=month, detail=detail)
    return True


def _due(connection: sa.Connection, district: str, now: datetime) -> date | None:
    """Return the first day of the latest month to be closed: it has ended, its time has run out,
    the district has anything to count as early, and nothing is stored of it."""
    done = closed_months.months(connection, district)
    month, earliest = first_of(now.astimezone(SHANGHAI).date()), None
    for _ in range(LONGEST_MONTHS):
        month = first_of(month - timedelta(days=1))
        if name_of(month) in done or now < closes_at(connection, district, month):
            continue
        earliest = earliest or closed_months.earliest_day(connection, district)
        return month if earliest is not None and earliest <= last_of(month) else None
    return None


def closes_at(connection: sa.Connection, district: str, month: date) -> datetime:
    """Return when the month of a day is closed, by the district's calendar and limits."""
    end = midnight(last_of(month) + timedelta(days=1)) - SECOND
    return max(end, load_clockwork(connection, district).due("close_month", end))


def frozen(
    connection: sa.Connection, person: User, first: date, last: date, area: str
) -> Frozen | None:
    """Return what is stored of a period that is one closed month, for what a page shows of
    ``area`` (empty: everything the person may see); None for any other period."""
    if not is_month(first, last):
        return None
    district, month = person.district, name_of(first)
    frozen_at = closed_months.months(connection, district).get(month)
    if frozen_at is None:
        return None
    areas = narrowed(person.scope_codes, area) if area else tuple(person.scope_codes)
    if not areas:
        return None
    rows = closed_months.of_month(connection, district, month, areas, exactly=True)
    if len(rows) < len(areas):
        return Frozen(month, frozen_at, {}, missing=True)
    sums: Figures = {}
    for row in rows:
        for name, (part, whole) in row["figures"].items():
            before = sums.get(name, (0, 0))
            sums[name] = (before[0] + part, before[1] + whole)
    return Frozen(month, frozen_at, {
        name: area_figures.rate(name, sums[name]) for name in area_figures.INDICATORS
        if name in sums
    })  # fmt: skip


def frozen_areas(
    connection: sa.Connection, district: str, areas: Sequence[str], first: date, last: date
) -> tuple[datetime | None, list[AreaFigures]]:
    """Return when the month was closed, and what is stored of these areas and all inside them; None
    and nothing for a period that is no closed month."""
    at = closed_months.months(connection, district).get(name_of(first))
    if at is None or not is_month(first, last):
        return None, []
    rows = closed_months.of_month(connection, district, name_of(first), areas)
    return at, [
        AreaFigures(row["area"], row["name"],
                    {name: (pair[0], pair[1]) for name, pair in row["figures"].items()})
        for row in rows
    ]  # fmt: skip


def closed(connection: sa.Connection, district: str) -> Mapping[str, datetime]:
    """Return the closed months (2026-09) with the time their figures were stored."""
    return closed_months.months(connection, district)


def spans(names: Iterable[str], first: date, last: date) -> dict[str, tuple[date, date]]:
    """Return the days of months (2026-09) by name, as far as they lie in a period."""
    starts = {name: date.fromisoformat(f"{name}-01") for name in names}
    return {name: (max(first, start), min(last, last_of(start))) for name, start in starts.items()}


def is_month(first: date, last: date) -> bool:
    """Tell whether a period is a calendar month."""
    return first.day == 1 and last == last_of(first)


def name_of(month: date) -> str:
    """Return a month's name: 2026-09."""
    return month.strftime("%Y-%m")


def first_of(day: date) -> date:
    """Return the first day of a day's month."""
    return day.replace(day=1)


def last_of(day: date) -> date:
    """Return the last day of a day's month."""
    return first_of(first_of(day) + timedelta(days=31)) - timedelta(days=1)
