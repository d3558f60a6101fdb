"""A year of field work for a district that stands, in bulk as the centre's rows for counting.

World B lives through its issues alone. Here its grids get rooms and households, and what the centre
has worked out of a year's patrols and visits: the rows of field work that the statistics read,
without the records they come from (that would be a million changes to take in first).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import sqlalchemy as sa

from sync_server.services import field_sums as services_sums
from sync_server.services.ids import new_id
from sync_server.services.places import GRID_LENGTH
from sync_server.store import feed, field_lines, field_sums
from sync_server.store.bulk import insert_rows
from sync_server.store.engine import Store
from sync_server.store.field_tables import patrol_lines, visit_lines
from sync_server.store.tables import districts, records

HOMES, VISITS, VACANT = 500, 890, 0.05
"""Households and a year's visits of a grid, and the share of rooms that are vacant."""
MISSED, LATE, MET, PHONE, RATED = 0.03, 0.02, 0.6, 0.1, 0.3
AT_ONCE = 20_000


def fill(store: Store, district: str, year: int, part: int = 1) -> dict[str, int]:
    """Write a year of field work of every ``part``-th grid of a district; return how many rows of
    each kind that made."""
    chance = Random(year)
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(365)]
    told = dict.fromkeys(("rooms", "households", "patrols", "visits"), 0)
    homes_made, grids_and_months = set[str](), set[tuple[str, date]]()
    with store.writing() as connection:
        query = sa.select(records).where(
            records.c.district == district, records.c.kind == "area",
            sa.func.length(records.c.grid) == GRID_LENGTH,
        ).order_by(records.c.grid)  # fmt: skip
        areas = connection.execute(query).mappings().all()[::part]
        number = feed.last_change_no(connection, district)
        for area in areas:
            rooms = list(_homes(area, number, chance))
            number += len(rooms)
            homes = [one["record_id"] for one in rooms if one["kind"] == "household"]
            patrols = list(_patrols(district, area["grid"], days, chance))
            visits = list(_visits(district, area["grid"], homes, days, chance))
            for table, rows in ((records, rooms), (patrol_lines, patrols), (visit_lines, visits)):
                insert_rows(connection, table, rows)
            homes_made.update(homes)
            grids_and_months.update((area["grid"], day.replace(day=1)) for day in days)
            told["rooms"] += len(rooms) - len(homes)
            told["households"] += len(homes)
            told["patrols"] += len(patrols)
            told["visits"] += len(visits)
        connection.execute(
            sa.update(districts).where(districts.c.district == district).values(change_no=number)
        )
        field_lines.take_mark(connection, district)
        field_lines.put_mark(connection, district, number)
        touched = field_sums.Touched(grids_and_months, homes_made)
        field_sums.mark_stale(connection, district, touched)
    services_sums.look_at_homes(store, district)
    services_sums.add_months_up(store, district, datetime(year + 1, 1, 2, tzinfo=UTC))
    return told


def _homes(area: Mapping[str, Any], number: int, chance: Random) -> Iterator[dict[str, Any]]:
    """Yield the rooms of a grid, each with its household, as records of the area's own making."""
    common = {name: value for name, value in area.items() if name not in ("trail", "schema")}
    for place in range(HOMES):
        room, vacant = new_id(), chance.random() < VACANT
        for kind, own, parent, fields in (
            ("room", room, None, {"no": str(place), "state": "vacant" if vacant else "owned"}),
            ("household", new_id(), room, {"kind": "family"}),
        ):
            number += 1
            yield common | {
                "kind": kind, "schema": 1, "record_id": own, "parent_id": parent,
                "fields": fields, "change_no": number, "first_no": number,
                "search_text": f"{place}",
            }  # fmt: skip


def _patrols(
    district: str, grid: str, days: list[date], chance: Random
) -> Iterator[dict[str, Any]]:
    for day in days:
        for hour, slot in ((9, "1"), (15, "2"), (19, "3")):
            if chance.random() >= MISSED:
                yield {
                    "district": district, "patrol_id": new_id(), "base_grid": grid, "slot": slot,
                    **_when(day, hour, chance),
                }  # fmt: skip


def _visits(
    district: str, grid: str, homes: list[str], days: list[date], chance: Random
) -> Iterator[dict[str, Any]]:
    for _ in range(VISITS):
        met = chance.random() < MET
        yield {
            "district": district, "visit_id": new_id(), "base_grid": grid,
            "household_id": chance.choice(homes), "shop_id": None, "campaign_id": None,
            "result": "met" if met else "nobody_home", "met": met,
            "by_phone": chance.random() < PHONE,
            "rating": chance.randrange(1, 6) if met and chance.random() < RATED else None,
            **_when(chance.choice(days), 16, chance),
        }  # fmt: skip


def _when(day: date, hour: int, chance: Random) -> dict[str, Any]:
    """Return the columns of a row that say when: what is late came two days after."""
    at = datetime(day.year, day.month, day.day, hour - 8, tzinfo=UTC)
    late = chance.random() < LATE
    came = at + timedelta(days=2 if late else 0, hours=1)
    return {"day": day, "at": at, "late": late, "came_late": late, "received_at": came}
