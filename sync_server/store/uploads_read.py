"""Reading batches and the changes in them for the staff's pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.store.devices_read import (
    batch_columns,
    device_ids_in,
    is_worker,
    working_in,
)
from sync_server.store.scope import within
from sync_server.store.tables import batches, changes, devices, records, users

Row = sa.RowMapping


def batches_between(
    connection: sa.Connection,
    district: str,
    areas: tuple[str, ...],
    since: datetime,
    before: datetime,
) -> Sequence[Row]:
    """Return the batches received from ``since`` until before ``before``, oldest first."""
    query = (
        _seen(district, areas)
        .where(batches.c.received_at >= since, batches.c.received_at < before)
        .order_by(batches.c.received_at, batches.c.batch_id)
    )
    return connection.execute(query).mappings().all()


def newest_batches(
    connection: sa.Connection, district: str, areas: tuple[str, ...], size: int
) -> Sequence[Row]:
    """Return the last batches received."""
    newest = _seen(district, areas).order_by(batches.c.received_at.desc(), batches.c.batch_id)
    return connection.execute(newest.limit(size)).mappings().all()


def batch_in(
    connection: sa.Connection, district: str, areas: tuple[str, ...], batch_id: str
) -> Row | None:
    """Return one batch of a device seen in ``areas``, or None."""
    query = _seen(district, areas).where(batches.c.batch_id == batch_id)
    return connection.execute(query).mappings().first()


def changes_in_batch(
    connection: sa.Connection,
    district: str,
    areas: tuple[str, ...],
    batch_id: str,
    *,
    start: int,
    size: int,
) -> tuple[Sequence[Row], int]:
    """Return a page of a batch's changes that may be seen, by number, and how many there are."""
    return _page(
        connection,
        [changes.c.batch_id == batch_id, _visible(district, areas)],
        district,
        [changes.c.seq, changes.c.change_id],
        start,
        size,
    )


def changes_with_outcome(
    connection: sa.Connection,
    district: str,
    areas: tuple[str, ...],
    outcome: str,
    *,
    start: int,
    size: int,
) -> tuple[Sequence[Row], int]:
    """Return a page of the changes that still have ``outcome``, newest first, and how many there
    are. A quarantined change that was corrected and sent again does not count any more."""
    return _page(
        connection,
        [*_pending(district, outcome), _visible(district, areas)],
        district,
        [changes.c.received_at.desc(), changes.c.change_id],
        start,
        size,
    )


def count_with_outcome(
    connection: sa.Connection, district: str, areas: tuple[str, ...], outcome: str
) -> int:
    """Return how many changes still have ``outcome``."""
    conditions = [*_pending(district, outcome), _visible(district, areas)]
    return _count(connection, district, conditions)


def _seen(district: str, areas: tuple[str, ...]) -> sa.Select[*tuple[Any, ...]]:
    """The batches of the devices seen in ``areas``, with device and worker."""
    return (
        sa.select(
            *batch_columns(),
            devices.c.name.label("device_name"),
            devices.c.worker_id,
            users.c.no.label("worker_no"),
            users.c.name.label("worker_name"),
            users.c.scope_codes.label("grids"),
        )
        .select_from(batches)
        .join(devices, _same(batches, devices, "device_id"))
        .join(users, sa.and_(devices.c.district == users.c.district, is_worker()))
        .where(batches.c.district == district, working_in(areas))
    )


def _same(one: sa.Table, other: sa.Table, name: str) -> sa.ColumnElement[bool]:
    return sa.and_(one.c.district == other.c.district, one.c[name] == other.c[name])


def _pending(district: str, outcome: str) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [changes.c.outcome == outcome]
    if outcome == "quarantined":
        # A correction is about the same record, whose changes an index finds.
        later = changes.alias()
        corrected = sa.exists().where(
            later.c.district == district,
            later.c.record_id == changes.c.record_id,
            later.c.corrects == changes.c.change_id,
            later.c.outcome != "quarantined",
        )
        conditions.append(sa.not_(corrected))
    return conditions


def _visible(district: str, areas: tuple[str, ...]) -> sa.ColumnElement[bool]:
    """A refused change is seen by those who see its device, any other by those who see its record
    (or, while there is none, the grid it names)."""
    refused = changes.c.outcome == "quarantined"
    own = sa.and_(refused, changes.c.device_id.in_(device_ids_in(district, areas)))
    area = sa.func.coalesce(records.c.grid, changes.c.grid)
    return sa.or_(own, sa.and_(sa.not_(refused), within(area, areas)))


def _with_records() -> sa.FromClause:
    return changes.outerjoin(records, _same(changes, records, "record_id"))


def _count(
    connection: sa.Connection, district: str, conditions: list[sa.ColumnElement[bool]]
) -> int:
    query = sa.select(sa.func.count()).select_from(_with_records())
    return connection.execute(query.where(changes.c.district == district, *conditions)).scalar_one()


def _page(
    connection: sa.Connection,
    conditions: list[sa.ColumnElement[bool]],
    district: str,
    order: list[sa.ColumnElement[Any]],
    start: int,
    size: int,
) -> tuple[Sequence[Row], int]:
    query = (
        sa.select(changes)
        .select_from(_with_records())
        .where(changes.c.district == district, *conditions)
        .order_by(*order)
        .offset(start)
        .limit(size)
    )
    rows = connection.execute(query).mappings().all()
    return rows, _count(connection, district, conditions)
