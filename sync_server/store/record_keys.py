"""The keys by which records are known in registers, as hashes; worked out from the records.

They are brought up to date when an import looks: what was written since is keyed anew. A merged
record keeps its keys, which then lead to its survivor; a void one has none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from sync_server.store.import_tables import record_key_marks as marks
from sync_server.store.import_tables import record_keys
from sync_server.store.scope import chunks
from sync_server.store.tables import records

Row = Mapping[str, Any]


def mark_of(connection: sa.Connection, district: str) -> int:
    """Return the change number up to which records are keyed."""
    wanted = sa.select(marks.c.change_no).where(marks.c.district == district)
    return int(connection.scalar(wanted) or 0)


def put_mark(connection: sa.Connection, district: str, change_no: int) -> None:
    """Note up to which change number records are keyed (the district must be locked)."""
    moved = connection.execute(
        sa.update(marks).where(marks.c.district == district).values(change_no=change_no)
    )
    if not moved.rowcount:
        connection.execute(sa.insert(marks), {"district": district, "change_no": change_no})


def written_since(
    connection: sa.Connection, district: str, after: int, kinds: Collection[str], size: int
) -> list[Row]:
    """Return the next ``size`` records of these kinds written after a change number, in order."""
    query = (
        sa.select(
            records.c.record_id, records.c.kind, records.c.fields, records.c.voided,
            records.c.change_no,
        )
        .where(
            records.c.district == district,
            records.c.change_no > after,
            records.c.kind.in_(sorted(kinds)),
        )
        .order_by(records.c.change_no)
        .limit(size)
    )  # fmt: skip
    return [dict(row) for row in connection.execute(query).mappings()]


def replace_keys(
    connection: sa.Connection, district: str, keys: Mapping[str, Iterable[str]]
) -> None:
    """Give each of these records these keys, and no others."""
    for some in chunks(list(keys)):
        connection.execute(
            sa.delete(record_keys).where(
                record_keys.c.district == district, record_keys.c.record_id.in_(some)
            )
        )
    add_keys(connection, district, keys)


def add_keys(connection: sa.Connection, district: str, keys: Mapping[str, Iterable[str]]) -> None:
    """Give new records their keys."""
    rows = [
        {"district": district, "key": key, "record_id": record_id}
        for record_id, some in keys.items()
        for key in dict.fromkeys(some)
    ]
    if rows:
        connection.execute(sa.insert(record_keys), rows)


def holders(
    connection: sa.Connection, district: str, keys: Collection[str]
) -> dict[str, list[str]]:
    """Return the records that have each of these keys, by key, in order of their ids."""
    found: dict[str, list[str]] = {}
    for some in chunks(list(dict.fromkeys(keys))):
        query = (
            sa.select(record_keys.c.key, record_keys.c.record_id)
            .where(record_keys.c.district == district, record_keys.c.key.in_(some))
            .order_by(record_keys.c.record_id)
        )
        for key, record_id in connection.execute(query):
            found.setdefault(key, []).append(record_id)
    return found
