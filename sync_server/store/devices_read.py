"""Reading devices and their streams for the staff's pages.

A device belongs to the areas of its worker: it is seen by whoever sees one of his grids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.store.scope import chunks, containing, within
from sync_server.store.tables import batches, changes, devices, records, streams, users

Row = sa.RowMapping


def working_in(codes: Iterable[str]) -> sa.ColumnElement[bool]:
    """Return the condition that one of a user's own areas lies in one of the ``codes``."""
    scope = sa.cast(users.c.scope_codes, sa.Text)
    conditions = [containing(scope, f'"{code}') for code in codes if code]
    return sa.or_(*conditions) if conditions else sa.false()


def is_worker() -> sa.ColumnElement[bool]:
    """The condition that joins a device to its worker (besides the district)."""
    return users.c.user_id == devices.c.worker_id


def device_ids_in(district: str, codes: Iterable[str]) -> sa.Select[tuple[str]]:
    """Return the query for the ids of the devices whose worker works in one of the ``codes``."""
    return sa.select(devices.c.device_id).where(*_of_workers(district, codes))


def devices_in(connection: sa.Connection, district: str, codes: Iterable[str]) -> Sequence[Row]:
    """Return the devices of the workers in ``codes`` with their worker, silent ones first."""
    query = (
        sa.select(*_shown())
        .where(*_of_workers(district, codes))
        .order_by(devices.c.last_sync_at.is_not(None), devices.c.last_sync_at, users.c.no)
    )
    return connection.execute(query).mappings().all()


def device_in(
    connection: sa.Connection, district: str, codes: Iterable[str], device_id: str
) -> Row | None:
    """Return one device of a worker in ``codes``, or None."""
    query = sa.select(*_shown(), devices.c.public_key).where(
        *_of_workers(district, codes), devices.c.device_id == device_id
    )
    return connection.execute(query).mappings().first()


def streams_of(
    connection: sa.Connection, district: str, device_ids: Collection[str]
) -> dict[str, list[Row]]:
    """Return the streams of each device, the longest first."""
    found: dict[str, list[Row]] = {one: [] for one in device_ids}
    for run in chunks(device_ids):
        query = (
            sa.select(streams)
            .where(streams.c.district == district, streams.c.device_id.in_(run))
            .order_by(streams.c.known_seq.desc(), streams.c.stream)
        )
        for row in connection.execute(query).mappings():
            found[row["device_id"]].append(row)
    return found


def outcomes_of(connection: sa.Connection, district: str, device_id: str) -> dict[str, int]:
    """Return how many changes of a device had each outcome, over its whole life."""
    query = (
        sa.select(changes.c.outcome, sa.func.count())
        .where(changes.c.district == district, changes.c.device_id == device_id)
        .group_by(changes.c.outcome)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def last_batches(
    connection: sa.Connection, district: str, device_id: str, size: int
) -> Sequence[Row]:
    """Return the newest batches of a device."""
    query = (
        sa.select(*batch_columns())
        .where(batches.c.district == district, batches.c.device_id == device_id)
        .order_by(batches.c.received_at.desc())
        .limit(size)
    )
    return connection.execute(query).mappings().all()


def workers_in(
    connection: sa.Connection, district: str, codes: Iterable[str], roles: Collection[str]
) -> Sequence[Row]:
    """Return the active people of ``roles`` in ``codes`` by number, with how many devices in use
    each has."""
    in_use = (
        sa.select(sa.func.count())
        .where(
            devices.c.district == district,
            devices.c.worker_id == users.c.user_id,
            devices.c.state == "active",
        )
        .scalar_subquery()
        .label("devices")
    )
    query = (
        sa.select(users.c.user_id, users.c.no, users.c.name, users.c.scope_codes, in_use)
        .where(
            users.c.district == district,
            users.c.role.in_(sorted(roles)),
            users.c.active.is_(True),
            working_in(codes),
        )
        .order_by(users.c.no)
    )
    return connection.execute(query).mappings().all()


def batch_columns() -> list[sa.ColumnElement[Any]]:
    """The columns of a batch without its raw body, and whether there is one."""
    plain = [column for column in batches.c if column.name != "raw"]
    return [*plain, batches.c.raw.is_not(None).label("unreadable")]


def _of_workers(district: str, codes: Iterable[str]) -> list[sa.ColumnElement[bool]]:
    return [
        devices.c.district == district,
        users.c.district == district,
        is_worker(),
        working_in(codes),
    ]


def _shown() -> list[sa.ColumnElement[Any]]:
    return [
        devices.c.device_id, devices.c.name, devices.c.state, devices.c.app, devices.c.joined_at,
        devices.c.last_sync_at, devices.c.clock_offset_s, devices.c.worker_id, devices.c.account,
        users.c.no.label("worker_no"), users.c.name.label("worker_name"),
        users.c.scope_codes.label("grids"),
    ]  # fmt: skip


def lay_in(
    connection: sa.Connection, district: str, areas: Collection[str], kind: str, at: datetime
) -> Sequence[Row]:
    """Return the records of a kind in these areas that had come by ``at``, by area and id."""
    query = (
        sa.select(records)
        .where(
            records.c.district == district,
            records.c.kind == kind,
            within(records.c.grid, areas),
            records.c.received_at <= at,
        )
        .order_by(records.c.grid, records.c.record_id)
    )
    return connection.execute(query).mappings().all()


def counts_in(
    connection: sa.Connection, district: str, areas: Collection[str], at: datetime
) -> dict[str, int]:
    """Return how many records of each kind in these areas had come by ``at``."""
    query = (
        sa.select(records.c.kind, sa.func.count())
        .where(
            records.c.district == district,
            within(records.c.grid, areas),
            records.c.received_at <= at,
        )
        .group_by(records.c.kind)
    )
    return {row.kind: row[1] for row in connection.execute(query)}
