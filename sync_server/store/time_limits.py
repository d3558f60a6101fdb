"""The limits a district set otherwise than the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from sync_server.domain.time_limits import Key
from sync_server.store.tables import time_limits

Row = sa.RowMapping


def own_limits(connection: sa.Connection, district: str) -> list[Row]:
    """Return every limit the district set."""
    wanted = sa.select(time_limits).where(time_limits.c.district == district)
    return list(connection.execute(wanted).mappings())


def put_limit(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Write one limit, in the place of what stood there (the district must be locked)."""
    drop_limit(connection, row["district"], key_of(row))
    connection.execute(sa.insert(time_limits), dict(row))


def drop_limit(connection: sa.Connection, district: str, key: Key) -> bool:
    """Forget what the district set; tell whether there was anything."""
    this = (time_limits.c[name] == part for name, part in key._asdict().items())
    gone = sa.delete(time_limits).where(time_limits.c.district == district, *this)
    return connection.execute(gone).rowcount > 0


def key_of(row: Mapping[str, Any]) -> Key:
    """Return what a row holds for."""
    return Key(row["clock"], row["category"], row["level"], row["urgency"])
