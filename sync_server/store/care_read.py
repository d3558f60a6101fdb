"""Reading what is known of people in care at one door: the visits there, who lives there, where."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from sync_server.store.records_read import Row, by_ids, children_of
from sync_server.store.scope import containing
from sync_server.store.tables import records

FURTHEST = timedelta(days=400)
"""How far back contacts are looked at: the longest interval between care visits is a year."""
_ABOVE = (("household", "room_id"), ("room", "building_id"), ("building", "compound_id"))


def visits_about(
    connection: sa.Connection,
    district: str,
    visit: Mapping[str, Any],
    household_id: str | None,
    residents: Collection[str],
) -> Sequence[Row]:
    """Return the visits of the grid of ``visit``, itself included, that went to the household or
    checked one of the residents, from so long before it on."""
    fields = records.c.fields
    about = [containing(sa.cast(fields["care_checks"], sa.Text), one) for one in residents]
    if household_id is not None:
        about.append(fields["household_id"].as_string() == household_id)
    query = sa.select(
        records.c.record_id, records.c.happened_at, records.c.author, records.c.fields
    ).where(
        records.c.district == district,
        records.c.kind == "visit",
        records.c.grid == visit["grid"],
        records.c.happened_at >= visit["happened_at"] - FURTHEST,
        records.c.voided.is_(False),
        records.c.merged_into.is_(None),
        sa.or_(*about),
    )
    return connection.execute(query).mappings().all()


def in_care(connection: sa.Connection, district: str, household_id: str, day: str) -> list[str]:
    """Return the residents of a household who are looked after on ``day`` (2026-09-30)."""
    there = children_of(connection, district, "resident", [household_id])[household_id]
    present = [row["record_id"] for row in there if not row["fields"].get("moved_out_at")]
    cares = children_of(connection, district, "care", present)
    return [
        one
        for one in present
        if any((care["fields"].get("until") or day) >= day for care in cares[one])
    ]


def door(connection: sa.Connection, district: str, household_id: str) -> dict[str, Any]:
    """Return by kind the fields of a household and of the room, building and compound around it,
    as far as they are known."""
    found: dict[str, Any] = {}
    record_id = household_id
    for kind, above in (*_ABOVE, ("compound", "")):
        row = by_ids(connection, district, [record_id]).get(record_id)
        if row is None or row["kind"] != kind:
            break
        found[kind] = row["fields"]
        record_id = row["fields"].get(above) or ""
        if not record_id:
            break
    return found
