"""What field work comes to by grid and month, and when each household was last met: kept, so that
the figures of a year need not read a million visits (decision 0044).

Whoever rewrites rows of field work notes in the same transaction which months and households they
tell of (``note``); what is noted is worked out anew from the rows in small pieces. A month that is
still noted is counted from its rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from schemas.clock import SHANGHAI
from schemas.materials import OUT
from sync_server.domain.grid_days import SLOTS
from sync_server.services import contacts
from sync_server.store import field_counts, field_lines, field_sums
from sync_server.store.engine import Store
from sync_server.store.field_sums import Homes, Touched
from sync_server.store.field_tables import COUNTS, DAYS

GRIDS = 40
"""So many grids of a month are worked out in one transaction: some seven thousand rows."""
HOMES = 500


def note(
    connection: sa.Connection, district: str, ids: Mapping[str, Collection[str]], before: Touched
) -> None:
    """Note what is to be worked out anew because these records were, given by kind: what their rows
    told of ``before`` and tell of now."""
    now = field_sums.told_by(connection, district, ids)
    homes = before.homes | now.homes | set(ids.get("household", ()))
    homes.update(field_sums.households_of(connection, district, ids.get("room", ())))
    field_sums.mark_stale(connection, district, Touched(before.months | now.months, homes))


def look_again(connection: sa.Connection, district: str, households: Collection[str]) -> None:
    """Note households to be looked at anew of which no record of their own tells, within a write
    transaction that holds the district: another one is, or is no more, merged into them."""
    field_lines.take_mark(connection, district)
    field_sums.mark_stale(connection, district, Touched(set(), set(households)))


def look_at_homes(store: Store, district: str) -> None:
    """Work out every household that was noted, in pieces."""
    while _homes_left(store, district):
        with store.writing() as connection:
            field_lines.take_mark(connection, district)
            _look_at_homes(connection, district)


def add_months_up(store: Store, district: str, now: datetime) -> int:
    """Work out every month that was noted, in pieces, but for the present one, which goes on
    changing; return how many months of a grid that were."""
    done, month = 0, now.astimezone(SHANGHAI).date().replace(day=1)
    while _months_left(store, district, month):
        with store.writing() as connection:
            field_lines.take_mark(connection, district)
            done += _add_up(connection, district, month)
    return done


def _homes_left(store: Store, district: str) -> bool:
    with store.reading() as connection:
        return bool(field_sums.stale_homes(connection, district, 1))


def _months_left(store: Store, district: str, before: date) -> bool:
    with store.reading() as connection:
        return field_sums.stale_months(connection, district, before, 1) is not None


def _look_at_homes(connection: sa.Connection, district: str) -> None:
    noted = field_sums.stale_homes(connection, district, HOMES)
    into = field_counts.survivors(connection, district)
    # What is told of a merged household is told of the one it went into.
    homes = {into.get(one, one) for one in noted}
    standing = field_sums.standing_homes(connection, district, homes)
    rooms = {room for _, room in standing.values() if room}
    empty = field_sums.vacant(connection, district, rooms)
    met = contacts.homes_met(connection, district, homes, date.max, phone=True, into=into)
    rows = []
    for one in homes | set(noted):
        grid, room = standing.get(one, (None, None))
        occupied = grid if room not in empty else None
        rows.append({"household_id": one, "grid": occupied, "met_on": met.get(one)})
    field_sums.put_homes(connection, district, rows)


def _add_up(connection: sa.Connection, district: str, before: date) -> int:
    some = field_sums.stale_months(connection, district, before, GRIDS)
    month, grids = some or (before, [])
    if grids:
        rows = month_rows(connection, district, month, grids)
        field_sums.put_months(connection, district, month, rows)
    return len(grids)


def month_end(month: date) -> date:
    """Return the last day of the month that begins on a day."""
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def month_rows(
    connection: sa.Connection, district: str, month: date, grids: Collection[str]
) -> Collection[dict[str, Any]]:
    """Return what each of these grids comes to in a month, counted from its rows."""
    found: dict[str, dict[str, Any]] = {
        grid: {"base_grid": grid, "newest": None, **dict.fromkeys((*DAYS, *COUNTS), 0)}
        for grid in grids
    }
    asked = (connection, district, list(grids), month, month_end(month))
    for grid, day, slots, late in field_counts.patrol_days(*asked):
        row, bit = found[grid], 1 << day.day
        row["active"] |= bit if slots else 0
        for slot, its_bit in SLOTS:
            row[f"patrolled_{slot}"] |= bit if slots & its_bit else 0
            row[f"late_{slot}"] |= bit if late & its_bit else 0
    for grid, what, total, late in field_counts.entries_by_grid(*asked):
        if what == "patrol":
            found[grid] |= {"patrols": total, "patrols_late": late}
    for seen in field_counts.visit_days(*asked):
        row = found[seen.grid]
        row["active"] |= 1 << seen.day.day
        for name, number in (
            ("visits", seen.visits), ("met", seen.met), ("visits_late", seen.late),
            ("opened", seen.opened), ("rated", seen.rated), ("good", seen.good),
        ):  # fmt: skip
            row[name] += number
    for grid, day, sets in field_counts.handed_out(*asked, OUT):
        found[grid]["leaflets"] += sets
        found[grid]["active"] |= 1 << day.day if sets else 0
    for grid, newest in field_counts.newest_by_grid(*asked):
        row = found[grid]
        row["newest"] = max(newest, row["newest"] or newest)
    return found.values()


def newest_came_in(
    connection: sa.Connection, district: str, areas: Collection[str]
) -> datetime | None:
    """Return when the newest patrol or visit came in; None: there is none."""
    newest, left = field_sums.newest(connection, district, areas)
    found = [newest] if newest else []
    for month in left:
        rows = field_counts.newest_by_grid(connection, district, areas, month, month_end(month))
        found += [came for _, came in rows]
    return max(found, default=None)


def homes_met(
    connection: sa.Connection, district: str, areas: Collection[str], first: date, last: date
) -> Iterable[Homes]:
    """Return the occupied households of each grid, with how many were met in a period, calls
    included, wherever they were visited."""
    found, later = field_sums.homes_met(connection, district, areas, first, last)
    if not later or not (into := field_counts.survivors(connection, district)):
        return found
    more: dict[str, int] = defaultdict(int)
    roots = field_sums.met_later(connection, district, areas, set(into.values()), last)
    every = field_counts.gathered(roots, into)
    met = field_sums.met_in(connection, district, every, first, last)
    for root in {into[one] for one in met if one in into} - met:
        more[roots[root]] += 1
    return [one._replace(met=one.met + more[one.grid]) for one in found]
