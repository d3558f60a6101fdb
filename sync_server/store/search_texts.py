"""The stored search texts of records, and by which rules they were written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from sync_server.store.tables import records, search_marks

Row = Mapping[str, Any]


class Mark(NamedTuple):
    """Up to which record, in the order of ids, texts follow ``rules``; None: all."""

    rules: int
    done_to: str | None


def mark_of(connection: sa.Connection, district: str) -> Mark | None:
    """Return how far the texts of a district have come; None when nobody has looked."""
    marks = search_marks.c
    wanted = sa.select(marks.rules, marks.done_to).where(marks.district == district)
    row = connection.execute(wanted).first()
    return Mark(row.rules, row.done_to) if row else None


def put_mark(connection: sa.Connection, district: str, mark: Mark) -> None:
    """Note how far they have come (the district must be locked)."""
    values = mark._asdict()
    moved = connection.execute(
        sa.update(search_marks).where(search_marks.c.district == district).values(values)
    )
    if not moved.rowcount:
        connection.execute(sa.insert(search_marks), {"district": district, **values})


def texts_after(connection: sa.Connection, district: str, after: str, size: int) -> list[Row]:
    """Return the next ``size`` records after an id, in order, with what is found by their texts."""
    one = records.c
    wanted = (
        sa.select(one.record_id, one.kind, one.fields, one.change_no, one.search_text)
        .where(one.district == district, one.record_id > after)
        .order_by(one.record_id)
        .limit(size)
    )
    return [dict(row) for row in connection.execute(wanted).mappings()]


def put_texts(connection: sa.Connection, district: str, rows: Sequence[Row]) -> int:
    """Write new texts of records that have not changed since they were read (``record_id``,
    ``change_no``, ``search_text``); return of how many. Nothing else of a record changes: no laptop
    gets it again."""
    one = records.c
    done = 0
    for row in rows:
        put = (
            sa.update(records)
            .where(
                one.district == district,
                one.record_id == row["record_id"],
                one.change_no == row["change_no"],
            )
            .values(search_text=row["search_text"])
        )
        done += connection.execute(put).rowcount
    return done
