"""The relay files that were taken in, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sync_server.store.devices_read import is_worker, working_in
from sync_server.store.tables import devices, relay_files, users

Row = sa.RowMapping


def find(connection: sa.Connection, district: str, sha256: str) -> Row | None:
    """Return the row of a file by its hash, None when it never came."""
    query = sa.select(relay_files).where(
        relay_files.c.district == district, relay_files.c.sha256 == sha256
    )
    return connection.execute(query).mappings().first()


def insert(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Note that a file was taken in."""
    connection.execute(sa.insert(relay_files), dict(row))


def latest(
    connection: sa.Connection, district: str, codes: Iterable[str], most: int
) -> Sequence[Row]:
    """Return the last files of the devices whose worker works in ``codes``, with both names."""
    query = (
        sa.select(
            relay_files,
            devices.c.name.label("device_name"),
            users.c.name.label("worker_name"),
        )
        .join(
            devices,
            sa.and_(
                devices.c.district == relay_files.c.district,
                devices.c.device_id == relay_files.c.device_id,
            ),
        )
        .join(users, sa.and_(users.c.district == devices.c.district, is_worker()))
        .where(relay_files.c.district == district, working_in(codes))
        .order_by(relay_files.c.received_at.desc(), relay_files.c.sha256)
        .limit(most)
    )
    return connection.execute(query).mappings().all()
