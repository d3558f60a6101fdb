"""Reading what happened to records: every change as received, and the conflicts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import sqlalchemy as sa

from sync_server.store.scope import chunks, within
from sync_server.store.tables import changes, conflicts, devices, records

Row = sa.RowMapping
Decided = Literal["open", "decided"]


def changes_of(connection: sa.Connection, district: str, record_id: str) -> Sequence[Row]:
    """Return every change of a record in the order received, and those of merged records that were
    passed on to it."""
    query = (
        sa.select(changes)
        .where(changes.c.district == district, about(district, record_id))
        .order_by(changes.c.received_at, changes.c.seq, changes.c.change_id)
    )
    return connection.execute(query).mappings().all()


def about(district: str, record_id: str) -> sa.ColumnElement[bool]:
    """Return the condition that a change is one of a record's, or was passed on to it. Each half by
    its own index: joined by "or", SQLite would read every change of the district."""
    log = changes.alias()
    own = sa.select(log.c.change_id).where(log.c.district == district, log.c.record_id == record_id)
    passed_on = sa.select(log.c.change_id).where(
        log.c.district == district, log.c.into_id.is_not(None), log.c.into_id == record_id
    )
    return changes.c.change_id.in_(sa.union_all(own, passed_on))


def conflicts_of(connection: sa.Connection, district: str, record_id: str) -> Sequence[Row]:
    """Return the conflicts of a record, open ones first, then the newest."""
    query = (
        sa.select(conflicts)
        .where(conflicts.c.district == district, conflicts.c.record_id == record_id)
        .order_by(conflicts.c.decision.is_not(None), conflicts.c.opened_at.desc())
    )
    return connection.execute(query).mappings().all()


def conflict_page(
    connection: sa.Connection,
    district: str,
    areas: tuple[str, ...],
    decided: Decided,
    *,
    start: int,
    size: int,
) -> tuple[Sequence[Row], int]:
    """Return a page of the conflicts inside ``areas``, newest first, and how many there are.

    Rows carry the record's ``kind``, ``grid`` and ``fields`` besides the conflict's columns.
    """
    state = conflicts.c.decision.is_(None)
    conditions = [
        conflicts.c.district == district,
        records.c.district == district,
        records.c.record_id == conflicts.c.record_id,
        state if decided == "open" else sa.not_(state),
        within(records.c.grid, areas),
    ]
    total = connection.execute(
        sa.select(sa.func.count()).select_from(conflicts, records).where(*conditions)
    ).scalar_one()
    query = (
        sa.select(conflicts, records.c.kind, records.c.grid, records.c.fields)
        .where(*conditions)
        .order_by(conflicts.c.opened_at.desc(), conflicts.c.conflict_id)
        .offset(start)
        .limit(size)
    )
    return connection.execute(query).mappings().all(), total


def by_change_ids(
    connection: sa.Connection, district: str, change_ids: Collection[str]
) -> dict[str, Row]:
    """Return the changes with these ids, by id."""
    found: dict[str, Row] = {}
    for run in chunks(change_ids):
        query = sa.select(changes).where(
            changes.c.district == district, changes.c.change_id.in_(run)
        )
        found.update((row["change_id"], row) for row in connection.execute(query).mappings())
    return found


def device_names(
    connection: sa.Connection, district: str, device_ids: Collection[str]
) -> dict[str, str]:
    """Return the names of these devices by id."""
    names: dict[str, str] = {}
    for run in chunks(device_ids):
        query = sa.select(devices.c.device_id, devices.c.name).where(
            devices.c.district == district, devices.c.device_id.in_(run)
        )
        names.update((row.device_id, row.name) for row in connection.execute(query))
    return names
