"""What an exchange asks about devices, their streams, and changes received before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sync_server.store.scope import chunks
from sync_server.store.tables import batches, changes, devices, reseals, streams, users

Row = dict[str, Any]


def lock_device(connection: sa.Connection, district: str, device_id: str) -> Row | None:
    """Take the device's row until the transaction ends; raise Refusal ``busy`` when another has it.

    (PostgreSQL. SQLite has one writer at a time, who waits his turn.)
    """
    wanted = sa.select(devices).where(
        devices.c.district == district, devices.c.device_id == device_id
    )
    row = connection.execute(wanted.with_for_update(nowait=True)).mappings().first()
    return dict(row) if row else None


def is_active(connection: sa.Connection, district: str, device_id: str) -> bool:
    """Tell whether a device may take part: neither lost nor revoked."""
    wanted = sa.select(devices.c.state).where(
        devices.c.district == district, devices.c.device_id == device_id
    )
    return connection.execute(wanted).scalar() == "active"


def change_device(
    connection: sa.Connection, district: str, device_id: str, values: Mapping[str, Any]
) -> None:
    """Write ``values`` into the device's row."""
    connection.execute(
        sa.update(devices)
        .where(devices.c.district == district, devices.c.device_id == device_id)
        .values(**values)
    )


def scopes_of(
    connection: sa.Connection, district: str, user_ids: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return the area codes of these people by id; inactive and unknown ones hold none."""
    wanted = sa.select(users.c.user_id, users.c.scope_codes).where(
        users.c.district == district, users.c.user_id.in_(sorted(user_ids)), users.c.active
    )
    return {row.user_id: tuple(row.scope_codes) for row in connection.execute(wanted)}


def known_streams(
    connection: sa.Connection, district: str, names: Collection[str]
) -> dict[str, Row]:
    """Return the streams of these names by name."""
    wanted = sa.select(streams).where(
        streams.c.district == district, streams.c.stream.in_(sorted(set(names)))
    )
    return {row["stream"]: dict(row) for row in connection.execute(wanted).mappings()}


def kinds_of(connection: sa.Connection, district: str, user_ids: Collection[str]) -> dict[str, str]:
    """Return what kind of worker each of these people is (USER_KIND)."""
    wanted = sa.select(users.c.user_id, users.c.kind).where(
        users.c.district == district, users.c.user_id.in_(sorted(user_ids))
    )
    return {row.user_id: row.kind for row in connection.execute(wanted)}


def save_stream(connection: sa.Connection, row: Row, new: bool) -> None:
    """Write how far a stream is known."""
    if new:
        connection.execute(sa.insert(streams), row)
        return
    connection.execute(
        sa.update(streams)
        .where(streams.c.district == row["district"], streams.c.stream == row["stream"])
        .values(known_seq=row["known_seq"], known_hash=row["known_hash"])
    )


def hash_at(connection: sa.Connection, district: str, stream: str, seq: int) -> str | None:
    """Return the hash the centre has at one place of a stream."""
    return hashes_between(connection, district, stream, seq, seq).get(seq)


def hashes_between(
    connection: sa.Connection, district: str, stream: str, first: int, last: int
) -> dict[int, str]:
    """Return the hashes of a stretch of a stream by number."""
    found: dict[int, str] = {}
    for table in (changes, reseals):
        wanted = sa.select(table.c.seq, table.c.hash).where(
            table.c.district == district,
            table.c.stream == stream,
            table.c.seq.between(first, last),
        )
        found |= {row.seq: row.hash for row in connection.execute(wanted)}
    return found


def received_between(
    connection: sa.Connection, district: str, stream: str, first: int, last: int
) -> dict[int, Row]:
    """Return the changes received for a stretch of a stream by number, re-sealed ones included."""
    place = sa.select(reseals.c.seq, reseals.c.change_id).where(
        reseals.c.district == district,
        reseals.c.stream == stream,
        reseals.c.seq.between(first, last),
    )
    moved = {row.change_id: row.seq for row in connection.execute(place)}
    found = {
        moved[change_id]: row for change_id, row in received(connection, district, moved).items()
    }
    wanted = sa.select(changes).where(
        changes.c.district == district,
        changes.c.stream == stream,
        changes.c.seq.between(first, last),
    )
    return found | {row["seq"]: dict(row) for row in connection.execute(wanted).mappings()}


def received(
    connection: sa.Connection, district: str, change_ids: Collection[str]
) -> dict[str, Row]:
    """Return the changes with these ids, whichever stream brought them."""
    found: dict[str, Row] = {}
    for some in chunks(change_ids):
        wanted = sa.select(changes).where(
            changes.c.district == district, changes.c.change_id.in_(some)
        )
        found |= {row["change_id"]: dict(row) for row in connection.execute(wanted).mappings()}
    return found


def places(connection: sa.Connection, district: str, change_ids: Collection[str]) -> list[Row]:
    """Return where these changes stand, re-sealed places too, with what they were based on."""
    found: list[Row] = []
    for some in chunks(change_ids):
        said = (
            changes.c.change_id, changes.c.base_version, changes.c.base_trail,
            changes.c.former_version, changes.c.record_id,
        )  # fmt: skip
        mine = sa.and_(changes.c.district == district, changes.c.change_id.in_(some))
        first = sa.select(*said, changes.c.stream, changes.c.seq).where(mine)
        again = (
            sa.select(*said, reseals.c.stream, reseals.c.seq)
            .join_from(
                changes,
                reseals,
                sa.and_(
                    reseals.c.district == changes.c.district,
                    reseals.c.change_id == changes.c.change_id,
                ),
            )
            .where(mine)
        )
        found += [dict(row) for row in connection.execute(first).mappings()]
        found += [dict(row) for row in connection.execute(again).mappings()]
    return found


def insert_reseals(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Remember places of a stream whose change is stored under another number."""
    if rows:
        connection.execute(sa.insert(reseals), rows)


def find_batch(connection: sa.Connection, district: str, batch_id: str) -> Row | None:
    """Return a batch's row, None when there is none."""
    wanted = sa.select(batches).where(
        batches.c.district == district, batches.c.batch_id == batch_id
    )
    row = connection.execute(wanted).mappings().first()
    return dict(row) if row else None


def insert_batch(connection: sa.Connection, row: Row) -> None:
    """Add a batch."""
    connection.execute(sa.insert(batches), row)


def change_batch(
    connection: sa.Connection, district: str, batch_id: str, values: Mapping[str, Any]
) -> None:
    """Write ``values`` into a batch's row."""
    connection.execute(
        sa.update(batches)
        .where(batches.c.district == district, batches.c.batch_id == batch_id)
        .values(**values)
    )
