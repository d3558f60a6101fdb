"""Carrying the embedded database over to PostgreSQL: every row, compared on both sides.

A database that was carried over says so itself, in its file's head (``PRAGMA user_version``), so
that neither it nor a copy of it goes on with a history that another one continues.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.store.bulk import insert_rows
from sync_server.store.engine import Store
from sync_server.store.migrate import step, steps
from sync_server.store.restoring import OURS, check_content
from sync_server.store.tables import districts, metadata, secrets

HERE, LEAVING, MOVED = 0, 1, 2
"""A database that is served; one whose move was about to be made final; one that was moved."""
AT_ONCE = 500
"""So many rows are in memory at a time."""
OTHERS = {"alembic_version"}
Content = tuple[int, int]
"""How many rows a table has, and the sum of their digests: the same in whatever order."""


def mark_of(connection: sa.Connection) -> int:
    """Return what an embedded database says of itself: HERE, LEAVING or MOVED."""
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def mark(store: Store, state: int) -> None:
    """Let an embedded database say HERE, LEAVING or MOVED of itself, durably."""
    with store.writing() as connection:
        connection.exec_driver_sql(f"PRAGMA user_version = {state:d}")


def check_not_moved(store: Store) -> None:
    """Raise Refusal ``moved_away`` or ``move_unfinished`` for a database that goes on elsewhere."""
    if not store.is_sqlite:
        return
    with store.reading() as connection:
        state = mark_of(connection)
    if state != HERE:
        raise Refusal("moved_away" if state == MOVED else "move_unfinished", file=str(store.path))


def check_source(connection: sa.Connection) -> None:
    """Raise Refusal unless an embedded database is whole, of today's tables, and holds no others.

    Its codes: no_database, database_newer, database_older, database_damaged, move_failed.
    """
    present = step(connection)
    if present is None:
        raise Refusal("no_database")
    if present not in steps():
        raise Refusal("database_newer", step=present)
    if present != steps()[-1]:
        raise Refusal("database_older")
    if connection.exec_driver_sql("PRAGMA integrity_check").fetchall() != [("ok",)]:
        raise Refusal("database_damaged")
    try:
        check_content(connection)
    except Refusal:
        raise Refusal("database_damaged") from None
    for name in sorted(set(sa.inspect(connection).get_table_names()) - OTHERS):
        if name not in metadata.tables:
            raise Refusal("move_failed", table=name)


def goes_on_in(source: sa.Connection, target: sa.Connection) -> bool:
    """Whether ``target`` holds the centre of ``source``: its keys, its districts and epochs."""
    if not set(sa.inspect(target).get_table_names()) >= OURS:
        return False
    asked = (
        sa.select(secrets.c.name, secrets.c.value),
        sa.select(districts.c.district, districts.c.server_epoch),
    )
    return all(set(source.execute(one)) == set(target.execute(one)) for one in asked)


def carry_over(
    source: sa.Connection, target: sa.Connection, tell: Callable[[str, int], None]
) -> None:
    """Copy every table into a database of empty ones and compare; ``tell`` hears of each.

    In the callers' transactions. Raises Refusal ``move_failed`` with the ``table`` that cannot be
    taken over, or does not come out as it was.
    """
    for table in metadata.sorted_tables:
        try:
            sent = _copy(source, target, table)
            came = content(target, table)
        except (sa.exc.DataError, sa.exc.IntegrityError, ValueError) as err:
            raise Refusal("move_failed", table=table.name) from err
        if came != sent:
            raise Refusal("move_failed", table=table.name)
        tell(table.name, came[0])
    target.exec_driver_sql("ANALYZE")


def content(connection: sa.Connection, table: sa.Table) -> Content:
    """Return how many rows a table has and a digest of all they hold."""
    count = total = 0
    for rows in _in_parts(connection, table):
        count += len(rows)
        total += sum(map(_digest, rows))
    return count, total % 2**256


def _copy(source: sa.Connection, target: sa.Connection, table: sa.Table) -> Content:
    count = total = 0
    for rows in _in_parts(source, table):
        insert_rows(target, table, [row._mapping for row in rows])
        count += len(rows)
        total += sum(map(_digest, rows))
    return count, total % 2**256


def _in_parts(connection: sa.Connection, table: sa.Table) -> Any:
    result = connection.execute(sa.select(table), execution_options={"yield_per": AT_ONCE})
    return result.partitions()


def _digest(row: sa.Row[Any]) -> int:
    text = json.dumps(_plain(list(row)), sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest())


def _plain(value: Any) -> Any:
    """Return a value as both databases give it back: the one writes 100.0 what the other calls
    100."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
