"""Where homes and buildings are: from household to room to building, and buildings' positions.

Every query names the district and the areas looked at.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import sqlalchemy as sa

from sync_server.store.scope import within
from sync_server.store.tables import records


class Building(NamedTuple):
    """A building: its grid, compound, number and stored position."""

    building_id: str
    grid: str
    compound_id: str
    no: str
    location: dict[str, Any] | None


def buildings(connection: sa.Connection, district: str, areas: Collection[str]) -> list[Building]:
    """Return the buildings that stand in these areas."""
    c = records.c
    query = sa.select(
        c.record_id, c.grid, c.parent_id, c.fields["no"].as_string(), c.fields["location"]
    ).where(*_standing("building", district, areas))
    return [
        Building(one, grid, compound or "", no or "", location)
        for one, grid, compound, no, location in connection.execute(query)
    ]


def room_buildings(
    connection: sa.Connection, district: str, areas: Collection[str]
) -> dict[str, str]:
    """Return the building of every room in these areas."""
    query = sa.select(records.c.record_id, records.c.parent_id).where(
        *_standing("room", district, areas)
    )
    return {row[0]: row[1] or "" for row in connection.execute(query)}


def home_rooms(connection: sa.Connection, district: str, areas: Collection[str]) -> dict[str, str]:
    """Return the room of every household in these areas."""
    query = sa.select(records.c.record_id, records.c.parent_id).where(
        *_standing("household", district, areas)
    )
    return {row[0]: row[1] or "" for row in connection.execute(query)}


def sites(connection: sa.Connection, district: str, areas: Collection[str]) -> list[dict[str, Any]]:
    """Return the sites registered with the compounds in these areas."""
    query = sa.select(records.c.fields["sites"]).where(*_standing("compound", district, areas))
    return [one for said in connection.execute(query).scalars() for one in (said or {}).values()]


def _standing(kind: str, district: str, areas: Collection[str]) -> list[sa.ColumnElement[bool]]:
    return [
        records.c.district == district,
        records.c.kind == kind,
        within(records.c.grid, areas),
        records.c.voided.is_(False),
        records.c.merged_into.is_(None),
    ]
