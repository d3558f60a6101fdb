"""What an exchange asks about devices, their streams, and changes received before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from sync_server.store.scope import Texts, among, chunks
from sync_server.store.tables import batches, changes, devices, reseals, streams, users

Row = dict[str, Any]
COUNTED = ("applied", "merged", "unchanged", "conflict")
"""What became of changes that count, also where their value waits beside the record."""


@dataclass(frozen=True)
class Visitor:
    """A device with its worker as they stand now. ``grids`` None: he is not active any more."""

    active: bool
    grids: tuple[str, ...] | None
    kind: str

    @property
    def may_take_part(self) -> bool:
        """Neither is the device lost or revoked, nor has its worker left."""
        return self.active and self.grids is not None


_VISITORS = (
    sa.select(
        devices.c.device_id, devices.c.state, users.c.scope_codes, users.c.active, users.c.kind
    )
    .select_from(
        devices.outerjoin(
            users,
            sa.and_(users.c.district == devices.c.district, users.c.user_id == devices.c.worker_id),
        )
    )
    .where(
        devices.c.district == sa.bindparam("district"),
        among(devices.c.device_id, sa.bindparam("ids", type_=Texts())),
    )
)
_LOCKED_VISITORS = _VISITORS.with_for_update(nowait=True, of=devices)


def visitor(connection: sa.Connection, district: str, device_id: str) -> Visitor | None:
    """Return a device with its worker, None when there is no such device."""
    return _visitors(connection, _VISITORS, district, [device_id]).get(device_id)


def lock_visitors(
    connection: sa.Connection, district: str, device_ids: Collection[str]
) -> dict[str, Visitor]:
    """Return these devices by id, unknown ones left out, and take their rows until the transaction
    ends; raises Refusal ``busy`` when another has one. (PostgreSQL. SQLite has one writer at a
    time, who waits his turn.)"""
    return _visitors(connection, _LOCKED_VISITORS, district, device_ids)


def _visitors(
    connection: sa.Connection, wanted: sa.Select[Any], district: str, device_ids: Collection[str]
) -> dict[str, Visitor]:
    asked = {"district": district, "ids": list(device_ids)}
    return {
        row.device_id: Visitor(
            row.state == "active",
            tuple(sorted(row.scope_codes)) if row.active else None,
            row.kind or "",
        )
        for row in connection.execute(wanted, asked)
    }


class Closing(NamedTuple):
    """What the end of an exchange writes: ``values`` into the row of its device, the new ``batch``,
    and how far its ``stream`` is known (a ``new_stream`` or one that is there)."""

    device_id: str
    values: Mapping[str, Any]
    batch: Row | None
    stream: Row | None
    new_stream: bool


def close_exchanges(connection: sa.Connection, district: str, closings: Sequence[Closing]) -> None:
    """Write the ends of exchanges; alike ones at once, each in one statement where the database
    can."""
    alike: dict[_Shape, list[Row]] = {}
    for one in closings:
        shape = _Shape(
            tuple(one.values), tuple(one.batch or ()), tuple(one.stream or ()), one.new_stream
        )
        asked = {f"device_{name}": value for name, value in one.values.items()}
        asked |= {f"batch_{name}": value for name, value in (one.batch or {}).items()}
        asked |= {f"stream_{name}": value for name, value in (one.stream or {}).items()}
        alike.setdefault(shape, []).append(asked | {"here": district, "this": one.device_id})
    for shape, every in alike.items():
        for statement, names in _closing(shape, connection.dialect.name == "postgresql"):
            connection.execute(
                statement, [{name: asked[name] for name in names} for asked in every]
            )


class _Shape(NamedTuple):
    """Which columns an exchange writes: of the device, of the batch, of the stream."""

    device: tuple[str, ...]
    batch: tuple[str, ...]
    stream: tuple[str, ...]
    new_stream: bool


@lru_cache(maxsize=100)
def _closing(shape: _Shape, at_once: bool) -> tuple[tuple[Any, tuple[str, ...]], ...]:
    """Return the statements of an exchange's end with the names they ask for; ``at_once``: one."""
    device = sa.update(devices).where(
        devices.c.district == sa.bindparam("here"), devices.c.device_id == sa.bindparam("this")
    )
    last = device.values(new := _new(devices, "device", shape.device))
    found: list[tuple[Any, tuple[str, ...]]] = [(last, ("here", "this", *_named(new)))]
    if shape.batch:
        new = _new(batches, "batch", shape.batch)
        found.append((sa.insert(batches).values(new), _named(new)))
    if shape.new_stream:
        new = _new(streams, "stream", shape.stream)
        found.append((sa.insert(streams).values(new), _named(new)))
    elif shape.stream:
        this = streams.c.stream == sa.bindparam("stream_stream")
        known = sa.update(streams).where(streams.c.district == sa.bindparam("here"), this)
        new = _new(streams, "stream", ("known_seq", "known_hash", "made_until"))
        found.append((known.values(new), ("here", "stream_stream", *_named(new))))
    if not at_once:
        return tuple(found)
    for place, (statement, _) in enumerate(found[1:]):
        last = last.add_cte(statement.cte(f"part{place}"))
    return ((last, tuple(dict.fromkeys(name for _, names in found for name in names))),)


def _new(table: sa.Table, prefix: str, names: Sequence[str]) -> dict[str, Any]:
    return {name: sa.bindparam(f"{prefix}_{name}", type_=table.c[name].type) for name in names}


def _named(new: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(one.key) for one in new.values())


def scopes_of(
    connection: sa.Connection, district: str, user_ids: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return the area codes of these people by id; inactive and unknown ones hold none."""
    wanted = sa.select(users.c.user_id, users.c.scope_codes).where(
        users.c.district == district, users.c.user_id.in_(sorted(user_ids)), users.c.active
    )
    return {row.user_id: tuple(row.scope_codes) for row in connection.execute(wanted)}


_STREAMS = sa.select(streams).where(
    streams.c.district == sa.bindparam("district"),
    among(streams.c.stream, sa.bindparam("names", type_=Texts())),
)


def known_streams(
    connection: sa.Connection, district: str, names: Collection[str]
) -> dict[str, Row]:
    """Return the streams of these names by name."""
    asked = {"district": district, "names": sorted(set(names))}
    return {row["stream"]: dict(row) for row in connection.execute(_STREAMS, asked).mappings()}


def kinds_of(connection: sa.Connection, district: str, user_ids: Collection[str]) -> dict[str, str]:
    """Return what kind of worker each of these people is (USER_KIND)."""
    wanted = sa.select(users.c.user_id, users.c.kind).where(
        users.c.district == district, users.c.user_id.in_(sorted(user_ids))
    )
    return {row.user_id: row.kind for row in connection.execute(wanted)}


_HASH = sa.union_all(
    *(
        sa.select(table.c.hash).where(
            table.c.district == sa.bindparam("district"),
            table.c.stream == sa.bindparam("stream"),
            table.c.seq == sa.bindparam("seq"),
        )
        for table in (changes, reseals)
    )
)


def hash_at(connection: sa.Connection, district: str, stream: str, seq: int) -> str | None:
    """Return the hash the centre has at one place of a stream."""
    asked = {"district": district, "stream": stream, "seq": seq}
    return connection.execute(_HASH, asked).scalar()


def _received(place: sa.Table, *joined: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Select what a receipt says of the changes at a stretch of a stream, and the hashes there."""
    said = (changes.c.outcome, changes.c.version, changes.c.problem, changes.c.conflict_id)
    return sa.select(place.c.seq, place.c.hash, *said).where(
        place.c.district == sa.bindparam("district"),
        place.c.stream == sa.bindparam("stream"),
        place.c.seq.between(sa.bindparam("first"), sa.bindparam("last")),
        *joined,
    )


_BETWEEN = sa.union_all(
    _received(changes),
    _received(
        reseals,
        changes.c.district == reseals.c.district,
        changes.c.change_id == reseals.c.change_id,
    ),
)


def received_between(
    connection: sa.Connection, district: str, stream: str, first: int, last: int
) -> dict[int, Row]:
    """Return what a receipt says of the changes received for a stretch of a stream, with the hash
    at each place, by number; re-sealed ones included."""
    asked = {"district": district, "stream": stream, "first": first, "last": last}
    return {row["seq"]: dict(row) for row in connection.execute(_BETWEEN, asked).mappings()}


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


def counted_of(connection: sa.Connection, district: str, record_id: str, author: str) -> list[Row]:
    """Return the creates and updates of a record by one writer that count, also those whose value
    waits beside it."""
    wanted = sa.select(changes).where(
        changes.c.district == district,
        changes.c.record_id == record_id,
        changes.c.author == author,
        changes.c.action.in_(("create", "update")),
        changes.c.stream.is_not(None),
        changes.c.outcome.in_(COUNTED),
    )
    return [dict(row) for row in connection.execute(wanted).mappings()]


def _standing(place: sa.Table, *joined: sa.ColumnElement[bool]) -> sa.Select[Any]:
    said = (
        changes.c.change_id, changes.c.base_version, changes.c.base_trail,
        changes.c.former_version, changes.c.record_id, changes.c.fixed,
        sa.case((changes.c.fixed.is_not(None), changes.c.fields)).label("fields"),
    )  # fmt: skip
    return sa.select(*said, place.c.stream, place.c.seq).where(
        changes.c.district == sa.bindparam("district"),
        among(changes.c.change_id, sa.bindparam("ids", type_=Texts())),
        *joined,
    )


_PLACES = sa.union_all(
    _standing(changes),
    _standing(
        reseals,
        reseals.c.district == changes.c.district,
        reseals.c.change_id == changes.c.change_id,
    ),
)


def places(connection: sa.Connection, district: str, change_ids: Collection[str]) -> list[Row]:
    """Return where these changes stand, re-sealed places too, with what they were based on, and,
    where staff made something else of one, both."""
    asked = {"district": district, "ids": list(change_ids)}
    return [dict(row) for row in connection.execute(_PLACES, asked).mappings()]


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
