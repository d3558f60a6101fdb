"""Putting PostgreSQL's large tables into parts, and keeping parts ready for what comes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import groupby
from operator import itemgetter

import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.settings import Settings
from sync_server.store import partitioning as store
from sync_server.store.engine import Store, open_store
from sync_server.store.migrate import migrate
from sync_server.store.occupancy import occupy

LOCK_WAIT = "2s"
"""So long a serving centre waits for a table's turn before it tries again later."""


def partition(settings: Settings, now: datetime, tell: Callable[[str, int], None]) -> None:
    """Put every large table into parts, each in a transaction of its own; ``tell`` hears of each.

    A run that was broken off goes on where it was. What is in parts already gets those that are
    missing. Raises Refusal: not_postgresql, server_running, parts_differ, and what opening raises.
    """
    hold = occupy(settings.data, alone=True)
    try:
        database = open_store(settings.database)
        try:
            if database.is_sqlite:
                raise Refusal("not_postgresql")
            migrate(database)
            _partition(database, now, tell)
        finally:
            database.close()
    finally:
        hold.release()


def keep_parts(database: Store, now: datetime) -> int:
    """Make the parts that will soon be needed, if tables are in parts; return how many."""
    if database.is_sqlite:
        return 0
    with database.reading() as connection:
        missing = store.missing_parts(connection, now, store.SOON)
    if not missing:
        return 0
    with database.writing() as connection:
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'"))
        return _add_missing(connection, now, store.SOON)


def _partition(database: Store, now: datetime, tell: Callable[[str, int], None]) -> None:
    for table in store.LARGE:
        with database.writing() as connection:
            if store.is_parted(connection, table):
                continue
            rows = store.part(connection, table, now)
        tell(table, rows)
    with database.writing() as connection:
        if added := _add_missing(connection, now, store.AHEAD):
            tell("+", added)


def _add_missing(connection: sa.Connection, now: datetime, ahead: int) -> int:
    missing = sorted(store.missing_parts(connection, now, ahead))
    for table, ends in groupby(missing, key=itemgetter(0)):
        store.add_parts(connection, table, [end for _, end in ends], now)
    return len(missing)
