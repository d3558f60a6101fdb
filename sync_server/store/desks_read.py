"""Reading and marking what staff settle at their desks: conflicts, refused changes, times."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.store.scope import chunks, within
from sync_server.store.tables import changes, conflicts, devices, records

Row = sa.RowMapping


def conflicts_by_id(
    connection: sa.Connection, district: str, conflict_ids: Collection[str]
) -> list[Row]:
    """Return these conflicts."""
    found: list[Row] = []
    for some in chunks(conflict_ids):
        query = sa.select(conflicts).where(
            conflicts.c.district == district, conflicts.c.conflict_id.in_(some)
        )
        found += connection.execute(query).mappings()
    return found


def disputed_records(
    connection: sa.Connection, district: str, areas: tuple[str, ...], *, start: int, size: int
) -> tuple[Sequence[str], int]:
    """Return a page of the records inside ``areas`` with open conflicts, the one that waits longest
    first, and how many records there are."""
    waiting = (
        sa.select(conflicts.c.record_id, sa.func.min(conflicts.c.opened_at).label("since"))
        .select_from(conflicts.join(records, _about(conflicts)))
        .where(
            conflicts.c.district == district,
            conflicts.c.decision.is_(None),
            within(records.c.grid, areas),
        )
        .group_by(conflicts.c.record_id)
    )
    total = connection.execute(
        sa.select(sa.func.count()).select_from(waiting.subquery())
    ).scalar_one()
    ordered = waiting.order_by(sa.text("since"), conflicts.c.record_id).offset(start).limit(size)
    return [row.record_id for row in connection.execute(ordered)], total


def open_conflicts_of(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> list[Row]:
    """Return the open conflicts of these records, oldest first."""
    found: list[Row] = []
    for some in chunks(record_ids):
        query = (
            sa.select(conflicts)
            .where(
                conflicts.c.district == district,
                conflicts.c.record_id.in_(some),
                conflicts.c.decision.is_(None),
            )
            .order_by(conflicts.c.opened_at, conflicts.c.conflict_id)
        )
        found += connection.execute(query).mappings()
    return found


def corrections_about(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> list[Row]:
    """Return the corrections that speak of these records, oldest first."""
    found: list[Row] = []
    for some in chunks(record_ids):
        query = (
            sa.select(records)
            .where(
                records.c.district == district,
                records.c.parent_id.in_(some),
                records.c.kind == "correction",
                records.c.voided.is_(False),
            )
            .order_by(records.c.received_at, records.c.record_id)
        )
        found += connection.execute(query).mappings()
    return found


def told_in(
    connection: sa.Connection,
    district: str,
    within_these: Collection[str],
    at_these: Collection[str],
) -> list[Row]:
    """Return the decisions and corrections that lie within some areas, or at some exactly."""
    query = (
        sa.select(records)
        .where(
            records.c.district == district,
            records.c.kind.in_(("decision", "correction")),
            sa.or_(within(records.c.grid, within_these), records.c.grid.in_(list(at_these))),
            records.c.voided.is_(False),
        )
        .order_by(records.c.record_id)
    )
    return list(connection.execute(query).mappings())


def refused_changes(
    connection: sa.Connection, district: str, change_ids: Collection[str]
) -> list[Row]:
    """Return those of these changes that are quarantined."""
    found: list[Row] = []
    for some in chunks(change_ids):
        query = sa.select(changes).where(
            changes.c.district == district,
            changes.c.change_id.in_(some),
            changes.c.outcome == "quarantined",
        )
        found += connection.execute(query).mappings()
    return found


def makers_of(connection: sa.Connection, district: str, record_ids: Collection[str]) -> list[Row]:
    """Return what became of the changes that make, or were to make, these records."""
    found: list[Row] = []
    columns = (changes.c.record_id, changes.c.change_id, changes.c.outcome, changes.c.desk)
    for some in chunks(record_ids):
        query = sa.select(*columns).where(
            changes.c.district == district,
            changes.c.record_id.in_(some),
            changes.c.action.in_(("create", "step")),
        )
        found += connection.execute(query).mappings()
    return found


def refused_for(
    connection: sa.Connection, district: str, code: str, after: str, size: int
) -> list[Row]:
    """Return up to ``size`` refused changes nobody has settled whose problems name ``code``, in
    the order of their ids (made in time), those after the id ``after``."""
    query = (
        sa.select(changes)
        .where(
            changes.c.district == district,
            changes.c.outcome == "quarantined",
            changes.c.desk.is_(None),
            changes.c.change_id > after,
            sa.cast(changes.c.problem, sa.Text).contains(f'"{code}"', autoescape=True),
        )
        .order_by(changes.c.change_id)
        .limit(size)
    )
    return list(connection.execute(query).mappings())


def set_desk(
    connection: sa.Connection, district: str, change_ids: Collection[str], desk: str | None
) -> None:
    """Note what became of refused changes at the desk."""
    for some in chunks(change_ids):
        connection.execute(
            sa.update(changes)
            .where(
                changes.c.district == district,
                changes.c.change_id.in_(some),
                changes.c.outcome == "quarantined",
            )
            .values(desk=desk)
        )


def change_row(
    connection: sa.Connection, district: str, change_id: str, values: dict[str, Any]
) -> None:
    """Write ``values`` into one change's row; what was sent is none of them."""
    connection.execute(
        sa.update(changes)
        .where(changes.c.district == district, changes.c.change_id == change_id)
        .values(**values)
    )


def change_record(
    connection: sa.Connection, district: str, record_id: str, values: dict[str, Any]
) -> None:
    """Write ``values`` into a record's row that no laptop holds (the district must be locked)."""
    connection.execute(
        sa.update(records)
        .where(records.c.district == district, records.c.record_id == record_id)
        .values(**values)
    )


def workers_of(
    connection: sa.Connection, district: str, device_ids: Collection[str]
) -> dict[str, str]:
    """Return whose these devices are, by device id; unknown ones are left out."""
    found: dict[str, str] = {}
    for some in chunks(device_ids):
        query = sa.select(devices.c.device_id, devices.c.worker_id).where(
            devices.c.district == district, devices.c.device_id.in_(some)
        )
        found |= {row.device_id: row.worker_id for row in connection.execute(query)}
    return found


def change_times(
    connection: sa.Connection,
    district: str,
    change_id: str,
    happened_at: datetime,
    confirmed_by: str,
) -> None:
    """Write down what staff took for the true time of a change, in its conflicts as well."""
    change_row(
        connection,
        district,
        change_id,
        {"happened_at": happened_at, "time_confirmed_by": confirmed_by},
    )
    connection.execute(
        sa.update(conflicts)
        .where(conflicts.c.district == district, conflicts.c.change_id == change_id)
        .values(happened_at=happened_at)
    )


def _about(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(records.c.district == table.c.district, records.c.record_id == table.c.record_id)
