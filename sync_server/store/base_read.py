"""Reading base data by where it hangs: what is under a compound, what lies in grids, what points
at a place. Voided and merged records are left out; every query names the district.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.store.case_tables import cases
from sync_server.store.scope import chunks, within
from sync_server.store.tables import records

Row = sa.RowMapping


def live(district: str, kind: str) -> list[sa.ColumnElement[bool]]:
    """Return the conditions that a record of ``kind`` stands."""
    return [
        records.c.district == district,
        records.c.kind == kind,
        records.c.voided.is_(False),
        records.c.merged_into.is_(None),
    ]


def text_of(field: str) -> sa.Label[str]:
    """Return a field of a record as text, for queries."""
    return sa.label(field, records.c.fields[field].as_string())


def hanging(
    connection: sa.Connection,
    district: str,
    kind: str,
    parent_ids: Collection[str],
    *fields: str,
) -> list[Row]:
    """Return record_id, parent_id, grid and ``fields`` as text of the records of ``kind`` under
    ``parent_ids``."""
    found: list[Row] = []
    columns = (records.c.record_id, records.c.parent_id, records.c.grid)
    for run in chunks(parent_ids):
        query = sa.select(*columns, *(text_of(name) for name in fields)).where(
            *live(district, kind), records.c.parent_id.in_(run)
        )
        found += connection.execute(query).mappings().all()
    return found


def whole_under(connection: sa.Connection, district: str, kind: str, parent_id: str) -> list[Row]:
    """Return the records of ``kind`` under one record, whole, in the order the centre took them
    in."""
    query = sa.select(records).where(*live(district, kind), records.c.parent_id == parent_id)
    return list(connection.execute(query.order_by(records.c.change_no)).mappings())


def lying_in(
    connection: sa.Connection,
    district: str,
    kind: str,
    areas: Collection[str],
    *fields: str,
    since: datetime | None = None,
) -> list[Row]:
    """Return record_id, parent_id, grid, author, happened_at and ``fields`` as text of the records
    of ``kind`` inside ``areas``, the newest first."""
    columns = [
        records.c.record_id, records.c.parent_id, records.c.grid, records.c.author,
        records.c.happened_at,
    ]  # fmt: skip
    wanted = [*live(district, kind), within(records.c.grid, areas)]
    if since is not None:
        wanted.append(records.c.happened_at >= since)
    query = (
        sa.select(*columns, *(text_of(name) for name in fields))
        .where(*wanted)
        .order_by(records.c.happened_at.desc(), records.c.record_id.desc())
    )
    return list(connection.execute(query).mappings())


def building_places(
    connection: sa.Connection, district: str, areas: Collection[str] = ()
) -> list[tuple[str, str]]:
    """Return ``(compound, area)`` of every building of a standing compound, of those inside
    ``areas`` when some are named."""
    compound = records.alias()
    stands = sa.exists().where(
        compound.c.district == district,
        compound.c.record_id == records.c.parent_id,
        compound.c.kind == "compound",
        compound.c.voided.is_(False),
        compound.c.merged_into.is_(None),
    )
    query = sa.select(records.c.parent_id, records.c.grid).where(
        *live(district, "building"), stands
    )
    if areas:
        query = query.where(within(records.c.grid, areas))
    return [(row[0], row[1]) for row in connection.execute(query) if row[0]]


def whole_of_kind(
    connection: sa.Connection, district: str, kind: str, areas: Collection[str] = ()
) -> Sequence[Row]:
    """Return every record of ``kind``, of those inside ``areas`` when some are named; for kinds
    that are few."""
    query = sa.select(records).where(*live(district, kind))
    if areas:
        query = query.where(within(records.c.grid, areas))
    return connection.execute(query.order_by(records.c.grid, records.c.record_id)).mappings().all()


def named_of_kind(
    connection: sa.Connection, district: str, kind: str, areas: Collection[str],
    around: Collection[str],
) -> Sequence[Row]:  # fmt: skip
    """Return the records of ``kind`` inside ``areas``, or right in one of those ``around``, with
    what choosing among them needs."""
    query = sa.select(
        records.c.record_id, records.c.kind, records.c.grid, records.c.fields, records.c.voided,
        records.c.merged_into,
    ).where(
        *live(district, kind),
        sa.or_(within(records.c.grid, areas), records.c.grid.in_(sorted(around))),
    )  # fmt: skip
    return connection.execute(query).mappings().all()


def issues_at(
    connection: sa.Connection,
    district: str,
    compound_id: str,
    building_ids: Collection[str],
    areas: Collection[str],
) -> list[Row]:
    """Return where the issues of a compound, or of one of its buildings, stand inside ``areas``,
    the newest first."""
    here = [cases.c.compound_id == compound_id]
    here += [cases.c.building_id.in_(run) for run in chunks(building_ids)]
    query = (
        sa.select(
            cases.c.issue_id, cases.c.no, cases.c.state, cases.c.over, cases.c.level,
            cases.c.category, cases.c.happened_at, cases.c.resolved_at, cases.c.stage_due_at,
        )
        .where(cases.c.district == district, within(cases.c.grid, areas), sa.or_(*here))
        .order_by(cases.c.happened_at.desc(), cases.c.issue_id)
    )  # fmt: skip
    return list(connection.execute(query).mappings())


def whole_by_ids(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Return the fields of these records by id."""
    found: dict[str, dict[str, Any]] = {}
    for run in chunks(record_ids):
        query = sa.select(records.c.record_id, records.c.fields).where(
            records.c.district == district, records.c.record_id.in_(run)
        )
        found |= {row.record_id: row.fields for row in connection.execute(query)}
    return found


def said_by(
    connection: sa.Connection, district: str, kind: str, record_ids: Collection[str], field: str
) -> dict[str, str | None]:
    """Return one field, as text, of those of these records that stand, by id."""
    found: dict[str, str | None] = {}
    for run in chunks(record_ids):
        query = sa.select(records.c.record_id, text_of(field)).where(
            *live(district, kind), records.c.record_id.in_(run)
        )
        found |= {row[0]: row[1] for row in connection.execute(query)}
    return found


def tags_said(connection: sa.Connection, district: str) -> dict[str, dict[str, Any]]:
    """Return what every standing compound says of its tags, by id."""
    names = ("tag", "tag_from", "tags")
    query = sa.select(
        records.c.record_id, *(sa.label(name, records.c.fields[name]) for name in names)
    ).where(*live(district, "compound"))
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in connection.execute(query)}


def rows_by_ids(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> dict[str, Row]:
    """Return these records, whole, by id."""
    found: dict[str, Row] = {}
    for run in chunks(record_ids):
        query = sa.select(records).where(
            records.c.district == district, records.c.record_id.in_(run)
        )
        found |= {row["record_id"]: row for row in connection.execute(query).mappings()}
    return found


def households_by_compound(connection: sa.Connection, district: str) -> dict[str, int]:
    """Return how many households stand in each compound, by the chain of their parents."""
    home, room, building = records.alias(), records.alias(), records.alias()
    chain = home.join(
        room, sa.and_(room.c.district == district, room.c.record_id == home.c.parent_id)
    ).join(
        building,
        sa.and_(building.c.district == district, building.c.record_id == room.c.parent_id),
    )
    query = (
        sa.select(building.c.parent_id, sa.func.count())
        .select_from(chain)
        .where(
            home.c.district == district,
            home.c.kind == "household",
            home.c.voided.is_(False),
            home.c.merged_into.is_(None),
        )
        .group_by(building.c.parent_id)
    )
    return {row[0]: row[1] for row in connection.execute(query) if row[0]}
