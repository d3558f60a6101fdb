"""Reading batches and the changes in them for the staff's pages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.store.devices_read import (
    batch_columns,
    device_ids_in,
    is_worker,
    working_in,
)
from sync_server.store.scope import chunks, within
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


def raw_of(connection: sa.Connection, district: str, batch_id: str) -> str:
    """Return the text of a batch that could not be used, as it came; empty for any other."""
    query = sa.select(batches.c.raw).where(
        batches.c.district == district, batches.c.batch_id == batch_id
    )
    return connection.execute(query).scalar() or ""


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
    desk: str | None = None,
    before: datetime | None = None,
) -> tuple[Sequence[Row], int]:
    """Return a page of the changes that still have ``outcome``, and how many there are: refused
    ones the newest first, held ones the longest waiting first.

    Refused ones are those with this ``desk`` (None: they wait for staff); one its writer corrected
    and sent again does not count any more. ``before``: received before that.
    """
    order = changes.c.received_at
    return _page(
        connection,
        [*_pending(district, outcome, desk, before), _visible(district, areas)],
        district,
        [order if outcome == "held" else order.desc(), changes.c.change_id],
        start,
        size,
    )


def count_with_outcome(
    connection: sa.Connection,
    district: str,
    areas: tuple[str, ...],
    outcome: str,
    *,
    desk: str | None = None,
    before: datetime | None = None,
) -> int:
    """Return how many changes ``changes_with_outcome`` would list."""
    conditions = [*_pending(district, outcome, desk, before), _visible(district, areas)]
    return _count(connection, district, conditions)


def refused_change(
    connection: sa.Connection, district: str, areas: tuple[str, ...], change_id: str
) -> Row | None:
    """Return a change that waits at the desk or went over it, None for any other or unseen one."""
    query = (
        sa.select(changes)
        .select_from(_with_records())
        .where(
            changes.c.district == district,
            changes.c.change_id == change_id,
            sa.or_(changes.c.outcome == "quarantined", changes.c.desk.is_not(None)),
            _visible(district, areas),
        )
    )
    return connection.execute(query).mappings().first()


def refused_creates(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> dict[str, str]:
    """Return, by record, the refused change that would have created it (the latest)."""
    found: dict[str, str] = {}
    for run in chunks(record_ids):
        query = (
            sa.select(changes.c.record_id, changes.c.change_id)
            .where(
                changes.c.district == district,
                changes.c.record_id.in_(run),
                changes.c.action == "create",
                changes.c.outcome == "quarantined",
            )
            .order_by(changes.c.received_at)
        )
        found.update((row.record_id, row.change_id) for row in connection.execute(query))
    return found


def unsure_times(
    connection: sa.Connection, district: str, areas: tuple[str, ...], *, start: int, size: int
) -> tuple[Sequence[Row], int]:
    """Return a page of the changes whose time is doubtful and not confirmed, oldest first, and how
    many there are; refused ones have no effect and are left out."""
    order: list[sa.ColumnElement[Any]] = [changes.c.received_at, changes.c.change_id]
    return _page(connection, _unsure(district, areas), district, order, start, size)


def count_unsure_times(connection: sa.Connection, district: str, areas: tuple[str, ...]) -> int:
    """Return how many changes have a doubtful time nobody confirmed."""
    return _count(connection, district, _unsure(district, areas))


def unsure_change(
    connection: sa.Connection, district: str, areas: tuple[str, ...], change_id: str
) -> Row | None:
    """Return one change of doubtful time, None for any other, a confirmed or an unseen one."""
    query = (
        sa.select(changes)
        .select_from(_with_records())
        .where(
            changes.c.district == district,
            changes.c.change_id == change_id,
            *_unsure(district, areas),
        )
    )
    return connection.execute(query).mappings().first()


def _unsure(district: str, areas: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
    # Written as the index of such changes is, or SQLite would not use it.
    unsure = sa.text("changes.doubtful AND changes.time_confirmed_by IS NULL")
    return [unsure, changes.c.outcome != "quarantined", _visible(district, areas)]  # type: ignore[list-item]


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


def _pending(
    district: str, outcome: str, desk: str | None, before: datetime | None
) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [changes.c.outcome == outcome]
    if before is not None:
        conditions.append(changes.c.received_at < before)
    if outcome == "quarantined":
        # A correction is about the same record, whose changes an index finds.
        later = changes.alias()
        corrected = sa.exists().where(
            later.c.district == district,
            later.c.record_id == changes.c.record_id,
            later.c.corrects == changes.c.change_id,
            later.c.author == changes.c.author,
        )
        if desk == "answered":
            conditions.append(sa.or_(changes.c.desk == desk, corrected))
        else:
            # Released, held for its record, and refused when that came: it waits for staff again.
            anew = sa.or_(changes.c.desk.is_(None), changes.c.desk == "released")
            conditions.append(anew if desk is None else changes.c.desk == desk)
            conditions.append(sa.not_(corrected))
    return conditions


def _visible(district: str, areas: tuple[str, ...]) -> sa.ColumnElement[bool]:
    """A refused change is seen by those who see its device, any other by those who see its record
    (or, while there is none, the grid it names). Those of the area a change was refused for see it
    too: they alone can accept it."""
    refused = changes.c.outcome == "quarantined"
    own = sa.and_(refused, changes.c.device_id.in_(device_ids_in(district, areas)))
    foreign = sa.cast(changes.c.problem, sa.Text).contains('"out_of_area"')
    area = sa.func.coalesce(records.c.grid, changes.c.grid)
    return sa.or_(own, sa.and_(sa.or_(sa.not_(refused), foreign), within(area, areas)))


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
