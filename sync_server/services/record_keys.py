"""Keeping the keys by which records are known in registers up to date with the records."""

from __future__ import annotations

import sqlalchemy as sa

from sync_server.domain.natural_keys import KEYED, keys_of
from sync_server.store import record_keys as store_keys
from sync_server.store import writing
from sync_server.store.engine import Store

CHUNK = 2_000


def catch_up(store: Store, district: str) -> None:
    """Key what was written since the keys were last worked out, some records at a time."""
    while True:
        with store.writing() as connection:
            if not key_some(connection, district, writing.lock_district(connection, district)):
                return


def key_some(connection: sa.Connection, district: str, last: int) -> bool:
    """Key the next records within the running write transaction, whose district is locked at
    change number ``last``; return whether there are more."""
    mark = store_keys.mark_of(connection, district)
    if mark >= last:
        return False
    rows = store_keys.written_since(connection, district, mark, KEYED, CHUNK)
    store_keys.replace_keys(
        connection,
        district,
        {
            row["record_id"]: [] if row["voided"] else keys_of(row["kind"], row["fields"])
            for row in rows
        },
    )
    more = len(rows) == CHUNK
    store_keys.put_mark(connection, district, rows[-1]["change_no"] if more else last)
    return more


def key_all(connection: sa.Connection, district: str, last: int) -> None:
    """Key everything written up to ``last`` within the running write transaction."""
    while key_some(connection, district, last):
        pass
