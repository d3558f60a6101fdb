"""Where records lie: what hangs below one, and putting records into another area."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from sync_server.store.scope import chunks
from sync_server.store.tables import moves, records
from sync_server.store.writing import lock_district, set_change_no


@dataclass(frozen=True)
class Lying:
    """A record with its kind and the area it lies in."""

    record_id: str
    kind: str
    area: str


@dataclass(frozen=True)
class Move:
    """One record's way from an area to another."""

    at: datetime
    from_area: str
    to_area: str


def lying(connection: sa.Connection, district: str, record_ids: Collection[str]) -> list[Lying]:
    """Return these records with their areas; unknown ids are left out."""
    return _found(connection, district, records.c.record_id, record_ids)


def below(connection: sa.Connection, district: str, record_ids: Collection[str]) -> list[Lying]:
    """Return the records listed directly under these."""
    return _found(connection, district, records.c.parent_id, record_ids)


def put_into(
    connection: sa.Connection,
    district: str,
    some: Sequence[Lying],
    area: str,
    at: datetime,
    user_id: str | None,
) -> None:
    """Put records into ``area``, each under a new change number, and write down from where."""
    number = lock_district(connection, district)
    steps = list(enumerate(some, number + 1))
    connection.execute(
        sa.update(records)
        .where(
            records.c.district == district,
            records.c.record_id == sa.bindparam("key_record_id"),
        )
        .values(grid=area, change_no=sa.bindparam("new_change_no")),
        [{"key_record_id": one.record_id, "new_change_no": place} for place, one in steps],
    )
    connection.execute(
        sa.insert(moves),
        [
            {
                "district": district,
                "change_no": place,
                "record_id": one.record_id,
                "from_area": one.area,
                "to_area": area,
                "at": at,
                "user_id": user_id,
            }
            for place, one in steps
        ],
    )
    set_change_no(connection, district, number + len(some))


def moves_of(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> dict[str, tuple[Move, ...]]:
    """Return the moves of each of these records that was ever moved, the oldest first."""
    found: dict[str, tuple[Move, ...]] = {}
    for some in chunks(record_ids):
        wanted = (
            sa.select(moves)
            .where(moves.c.district == district, moves.c.record_id.in_(some))
            .order_by(moves.c.change_no)
        )
        for row in connection.execute(wanted):
            step = Move(row.at, row.from_area, row.to_area)
            found[row.record_id] = (*found.get(row.record_id, ()), step)
    return found


def _found(
    connection: sa.Connection, district: str, column: sa.Column[str], ids: Collection[str]
) -> list[Lying]:
    found: list[Lying] = []
    c = records.c
    for some in chunks(ids):
        wanted = sa.select(c.record_id, c.kind, c.grid).where(
            c.district == district, column.in_(some)
        )
        found += [Lying(*row) for row in connection.execute(wanted)]
    return found
