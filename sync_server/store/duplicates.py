"""Reading and writing what records are found by, pairs that may be one, and merges."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.store.base_read import live
from sync_server.store.duplicate_tables import (
    duplicate_pairs,
    likeness_keys,
    likeness_marks,
    merges,
)
from sync_server.store.scope import chunks, within
from sync_server.store.tables import aliases, records
from sync_server.store.writing import lock_district

Row = sa.RowMapping
_FACTS = (
    records.c.record_id, records.c.kind, records.c.grid, records.c.parent_id, records.c.fields,
    records.c.voided, records.c.merged_into, records.c.change_no,
)  # fmt: skip


# The mark ------------------------------------------------------------------


def mark(connection: sa.Connection, district: str, *, lock: bool = False) -> Row | None:
    """Return how far the search has come, None when it never began."""
    wanted = sa.select(likeness_marks).where(likeness_marks.c.district == district)
    found = connection.execute(wanted.with_for_update() if lock else wanted).mappings().first()
    if found is None and lock:  # nothing to hold yet: who begins takes the district's turn
        lock_district(connection, district)
        found = connection.execute(wanted).mappings().first()
    return found


def put_mark(connection: sa.Connection, district: str, values: Mapping[str, Any]) -> None:
    """Write how far the search has come."""
    here = likeness_marks.c.district == district
    done = connection.execute(sa.update(likeness_marks).where(here).values(**values))
    if not done.rowcount:
        first = {"change_no": -1} | dict(values)
        connection.execute(sa.insert(likeness_marks).values(district=district, **first))


# Records ------------------------------------------------------------------


def changed(
    connection: sa.Connection, district: str, kinds: Collection[str], after: int, size: int
) -> list[tuple[int, str, str]]:
    """Return (change_no, kind, record_id) of the first records of ``kinds`` changed after a
    number."""
    wanted = _first_changed(district, kinds, after, size)
    return [(row.change_no, row.kind, row.record_id) for row in connection.execute(wanted)]


def count_changed(
    connection: sa.Connection, district: str, kinds: Collection[str], after: int, most: int
) -> int:
    """Return how many records of ``kinds`` were changed after a number, counted up to ``most``."""
    some = _first_changed(district, kinds, after, most).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


def _first_changed(
    district: str, kinds: Collection[str], after: int, size: int
) -> sa.Select[int, str, str]:
    return (
        sa.select(records.c.change_no, records.c.kind, records.c.record_id)
        .where(
            records.c.district == district,
            records.c.change_no > after,
            records.c.kind.in_(list(kinds)),
        )
        .order_by(records.c.change_no)
        .limit(size)
    )


def facts(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Return what is compared of these records, by id."""
    found: dict[str, dict[str, Any]] = {}
    for run in chunks(record_ids):
        wanted = sa.select(*_FACTS).where(
            records.c.district == district, records.c.record_id.in_(run)
        )
        found |= {row["record_id"]: dict(row) for row in connection.execute(wanted).mappings()}
    return found


def all_facts(connection: sa.Connection, district: str, kind: str) -> Iterator[Row]:
    """Yield what is compared of every live record of a kind."""
    wanted = sa.select(*_FACTS).where(*live(district, kind))
    yield from connection.execute(wanted, execution_options={"yield_per": 2000}).mappings()


def all_parents(connection: sa.Connection, district: str, kind: str) -> Iterator[tuple[str, str]]:
    """Yield every live record of a kind with what it hangs below, empty when nothing is known."""
    wanted = sa.select(records.c.record_id, records.c.parent_id).where(*live(district, kind))
    for record_id, above in connection.execute(wanted, execution_options={"yield_per": 2000}):
        yield record_id, above or ""


def below(
    connection: sa.Connection, district: str, kind: str, parent_ids: Collection[str]
) -> dict[str, list[str]]:
    """Return the ids of the live records of a kind under each of these, by parent."""
    found: dict[str, list[str]] = {}
    for run in chunks(parent_ids):
        wanted = sa.select(records.c.parent_id, records.c.record_id).where(
            *live(district, kind), records.c.parent_id.in_(run)
        )
        for parent_id, record_id in connection.execute(wanted):
            found.setdefault(parent_id, []).append(record_id)
    return found


# Keys ------------------------------------------------------------------


def put_keys(
    connection: sa.Connection, district: str, keys: Mapping[tuple[str, str], Collection[int]]
) -> None:
    """Store what records are found by, in place of what was stored; by (kind, record_id)."""
    for run in chunks({record_id for _, record_id in keys}):
        connection.execute(
            sa.delete(likeness_keys).where(
                likeness_keys.c.district == district, likeness_keys.c.record_id.in_(run)
            )
        )
    add_keys(connection, district, keys)


def add_keys(
    connection: sa.Connection, district: str, keys: Mapping[tuple[str, str], Collection[int]]
) -> None:
    """Store what records that have no keys yet are found by."""
    rows = [
        {"district": district, "kind": kind, "key": key, "record_id": record_id}
        for (kind, record_id), mine in keys.items()
        for key in mine
    ]
    if rows:
        connection.execute(sa.insert(likeness_keys), rows)


def clear(connection: sa.Connection, district: str) -> None:
    """Forget all keys and every open pair, to compare everything anew."""
    connection.execute(sa.delete(likeness_keys).where(likeness_keys.c.district == district))
    connection.execute(
        sa.delete(duplicate_pairs).where(
            duplicate_pairs.c.district == district, duplicate_pairs.c.state == "open"
        )
    )


def sharing(
    connection: sa.Connection, district: str, kind: str, keys: Collection[int], most: int
) -> dict[int, list[str]]:
    """Return the records under each of these keys; a key shared by more than ``most`` says
    nothing and has none."""
    found: dict[int, list[str]] = {}
    for run in chunks(keys):
        wanted = sa.select(likeness_keys.c.key, likeness_keys.c.record_id).where(
            likeness_keys.c.district == district,
            likeness_keys.c.kind == kind,
            likeness_keys.c.key.in_(run),
        )
        for key, record_id in connection.execute(wanted):
            found.setdefault(key, []).append(record_id)
    return {key: some for key, some in found.items() if len(some) <= most}


# Pairs ------------------------------------------------------------------


def pairs_with(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> dict[tuple[str, str], Row]:
    """Return the stored pairs that one of these records is part of, by their two ids."""
    found: dict[tuple[str, str], Row] = {}
    for run in chunks(record_ids):
        for column in (duplicate_pairs.c.first_id, duplicate_pairs.c.second_id):
            wanted = sa.select(duplicate_pairs).where(
                duplicate_pairs.c.district == district, column.in_(run)
            )
            for row in connection.execute(wanted).mappings():
                found[(row["first_id"], row["second_id"])] = row
    return found


def decided_pairs(connection: sa.Connection, district: str) -> set[tuple[str, str]]:
    """Return the pairs somebody said are two."""
    wanted = sa.select(duplicate_pairs.c.first_id, duplicate_pairs.c.second_id).where(
        duplicate_pairs.c.district == district, duplicate_pairs.c.state != "open"
    )
    return {(row.first_id, row.second_id) for row in connection.execute(wanted)}


def change_pair(
    connection: sa.Connection, district: str, pair: tuple[str, str], values: Mapping[str, Any]
) -> None:
    """Write ``values`` into one pair."""
    connection.execute(
        sa.update(duplicate_pairs).where(*_is(district, pair)).values(**values)
    )  # fmt: skip


def drop_pairs(
    connection: sa.Connection, district: str, pairs: Collection[tuple[str, str]]
) -> None:
    """Forget pairs that are none any more."""
    for pair in pairs:
        connection.execute(sa.delete(duplicate_pairs).where(*_is(district, pair)))


def pair(connection: sa.Connection, district: str, ids: tuple[str, str]) -> Row | None:
    """Return a stored pair, None when there is none."""
    wanted = sa.select(duplicate_pairs).where(*_is(district, ids))
    return connection.execute(wanted).mappings().first()


def pair_page(
    connection: sa.Connection,
    district: str,
    areas: tuple[str, ...],
    *,
    kind: str,
    state: str,
    start: int,
    size: int,
) -> tuple[Sequence[Row], int]:
    """Return a page of the pairs of which both records lie in ``areas``, the likeliest first, and
    how many there are; ``kind`` empty: of every kind."""
    conditions = _seen(district, areas, state)
    if kind:
        conditions.append(duplicate_pairs.c.kind == kind)
    total = connection.execute(
        sa.select(sa.func.count()).select_from(duplicate_pairs).where(*conditions)
    ).scalar_one()
    order = (
        (duplicate_pairs.c.score.desc(), duplicate_pairs.c.first_id)
        if state == "open"
        else (duplicate_pairs.c.decided_at.desc(), duplicate_pairs.c.first_id)
    )
    wanted = sa.select(duplicate_pairs).where(*conditions).order_by(*order)
    rows = connection.execute(wanted.offset(start).limit(size)).mappings().all()
    return rows, int(total)


def pair_counts(connection: sa.Connection, district: str, areas: tuple[str, ...]) -> dict[str, int]:
    """Return how many open pairs there are in ``areas``, by kind."""
    wanted = (
        sa.select(duplicate_pairs.c.kind, sa.func.count())
        .where(*_seen(district, areas, "open"))
        .group_by(duplicate_pairs.c.kind)
    )
    return {kind: int(count) for kind, count in connection.execute(wanted)}


def _seen(district: str, areas: tuple[str, ...], state: str) -> list[sa.ColumnElement[bool]]:
    return [
        duplicate_pairs.c.district == district,
        duplicate_pairs.c.state == state,
        within(duplicate_pairs.c.first_area, areas),
        within(duplicate_pairs.c.second_area, areas),
    ]


def _is(district: str, ids: tuple[str, str]) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        duplicate_pairs.c.district == district,
        duplicate_pairs.c.first_id == ids[0],
        duplicate_pairs.c.second_id == ids[1],
    )


# Merges and aliases ------------------------------------------------------------------


def any_merged(connection: sa.Connection, district: str) -> bool:
    """Whether a district has merged records at all."""
    wanted = sa.select(aliases.c.record_id).where(aliases.c.district == district).limit(1)
    return connection.execute(wanted).first() is not None


def survivors(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> dict[str, str]:
    """Return which record each of these went into directly; those not merged are left out."""
    found: dict[str, str] = {}
    for run in chunks(record_ids):
        wanted = sa.select(aliases.c.record_id, aliases.c.survivor_id).where(
            aliases.c.district == district, aliases.c.record_id.in_(run)
        )
        found |= {row.record_id: row.survivor_id for row in connection.execute(wanted)}
    return found


def roots(connection: sa.Connection, district: str, record_ids: Collection[str]) -> dict[str, str]:
    """Return which record each of these went into in the end; those not merged are left out."""
    return {one: into[-1] for one, into in chains(connection, district, record_ids).items()}


def chains(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> dict[str, list[str]]:
    """Return the records each of these went into, one after the other to the last, which stands;
    those not merged are left out."""
    into = survivors(connection, district, record_ids)
    level = into
    while level:
        level = survivors(connection, district, set(level.values()) - into.keys())
        into |= level
    found = {}
    for one in record_ids:
        chain = [one]
        while chain[-1] in into:
            chain.append(into[chain[-1]])
        if chain[1:]:
            found[one] = chain[1:]
    return found


def gathered(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> dict[str, str]:
    """Return every record that went into one of these, however far round, with the one of these it
    went into."""
    found: dict[str, str] = {}
    level = {one: one for one in record_ids}
    while level:
        below_these: dict[str, str] = {}
        for run in chunks(level):
            wanted = sa.select(aliases.c.record_id, aliases.c.survivor_id).where(
                aliases.c.district == district, aliases.c.survivor_id.in_(run)
            )
            for record_id, into in connection.execute(wanted):
                below_these[record_id] = level[into]
        level = {one: into for one, into in below_these.items() if one not in found}
        found |= level
    return found


def put_alias(
    connection: sa.Connection, district: str, record_id: str, into: str, at: datetime
) -> None:
    """Note that a record went into another."""
    connection.execute(
        sa.insert(aliases).values(
            district=district, record_id=record_id, survivor_id=into, made_at=at
        )
    )


def drop_alias(connection: sa.Connection, district: str, record_id: str) -> None:
    """Note that a record stands for itself again."""
    connection.execute(
        sa.delete(aliases).where(aliases.c.district == district, aliases.c.record_id == record_id)
    )


def add_merge(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Keep a merge."""
    connection.execute(sa.insert(merges).values(**row))


def change_merge(
    connection: sa.Connection, district: str, merge_id: str, values: Mapping[str, Any]
) -> None:
    """Write ``values`` into a merge."""
    here = sa.and_(merges.c.district == district, merges.c.merge_id == merge_id)
    connection.execute(sa.update(merges).where(here).values(**values))


def merge_of(connection: sa.Connection, district: str, merge_id: str) -> Row | None:
    """Return one merge, None when there is none."""
    wanted = sa.select(merges).where(merges.c.district == district, merges.c.merge_id == merge_id)
    return connection.execute(wanted).mappings().first()


def standing_merges(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> dict[str, Row]:
    """Return the merge in force of each of these merged records, by the record's id."""
    found: dict[str, Row] = {}
    for run in chunks(record_ids):
        wanted = sa.select(merges).where(
            merges.c.district == district,
            merges.c.record_id.in_(run),
            merges.c.undone_at.is_(None),
        )
        found |= {row["record_id"]: row for row in connection.execute(wanted).mappings()}
    return found


def merges_about(connection: sa.Connection, district: str, record_id: str) -> Sequence[Row]:
    """Return every merge a record had part in, the newest first."""
    wanted = (
        sa.select(merges)
        .where(
            merges.c.district == district,
            sa.or_(merges.c.record_id == record_id, merges.c.survivor_id == record_id),
        )
        .order_by(merges.c.made_at.desc())
    )
    return connection.execute(wanted).mappings().all()


def merge_page(
    connection: sa.Connection, district: str, areas: tuple[str, ...], *, start: int, size: int
) -> tuple[Sequence[Row], int]:
    """Return a page of the merges of which both records lie in ``areas``, the newest first."""
    conditions = (
        merges.c.district == district,
        within(merges.c.area, areas),
        within(merges.c.survivor_area, areas),
    )
    total = connection.execute(
        sa.select(sa.func.count()).select_from(merges).where(*conditions)
    ).scalar_one()
    wanted = sa.select(merges).where(*conditions).order_by(merges.c.made_at.desc())
    rows = connection.execute(wanted.offset(start).limit(size)).mappings().all()
    return rows, int(total)


def settle_parents(
    connection: sa.Connection, district: str, before: Collection[str], after: str
) -> None:
    """List what hangs below ``before`` under ``after``; the reference itself stays as written."""
    for run in chunks(before):
        connection.execute(
            sa.update(records)
            .where(records.c.district == district, records.c.parent_id.in_(run))
            .values(parent_id=after)
        )
