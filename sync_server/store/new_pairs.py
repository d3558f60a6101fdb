"""Adding pairs of records that may be one: the search and a person may come to the same at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sync_server.store.duplicate_tables import duplicate_pairs

KEY = ("district", "first_id", "second_id")


def add_pairs(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add pairs; one that somebody put there meanwhile stays as it is."""
    if rows:
        added = _insert(connection).on_conflict_do_nothing(index_elements=KEY)
        connection.execute(added, [dict(row) for row in rows])


def put_pair(connection: sa.Connection, row: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Add a pair with ``values``, or write these into the one that was put there meanwhile."""
    added = _insert(connection).values(**row, **values)
    connection.execute(added.on_conflict_do_update(index_elements=KEY, set_=dict(values)))


def _insert(connection: sa.Connection) -> Any:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(duplicate_pairs)
