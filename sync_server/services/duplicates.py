"""Searching for records that may be one: continuously over everything, and for one new record.

Records changed since the last look are compared with what shares a key with them; the first look,
or one after very many changes, compares everything in memory. Pairs somebody said are two never
come back by themselves.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from schemas.likeness.blocks import COMPARED, MOST_IN_BLOCK, Blocks, weighed
from schemas.likeness.reasons import LISTED, Likeness
from sync_server.domain.duplicates import KINDS, in_order, stored_keys
from sync_server.services import care_doubles
from sync_server.services.likeness_facts import FactsReader
from sync_server.store import duplicates, feed, new_pairs
from sync_server.store.engine import Store

AT_ONCE = 200
"""Changed records compared in one transaction."""
ALL_ANEW = 5_000
"""From so many changed records on everything is compared in memory."""
WRITE_AT_ONCE = 4_000
LEASE = timedelta(minutes=10)
MOST_LIKE = 10
"""So many like records are told of one new record at most."""


@dataclass(frozen=True)
class Likely:
    """A record that a new one may be, and why."""

    record_id: str
    kind: str
    grid: str
    fields: Mapping[str, Any]
    likeness: Likeness


@dataclass(frozen=True)
class Searched:
    """How many records were compared and how many open pairs were found."""

    records: int = 0
    pairs: int = 0


def likely_same(
    connection: sa.Connection,
    district: str,
    kind: str,
    body: Mapping[str, Any],
    *,
    grid: str = "",
    without: Collection[str] = (),
) -> tuple[Likely, ...]:
    """Return the district's records that a new one may be, the likeliest first, at most ten.

    ``body`` are stored fields of a resident, household, room or shop, as far as they are known;
    none of them needs to be there. ``grid`` is where it lies, ``without`` are records not to be
    named. A kind that is not compared has none. Whether the asking person may see a found record
    (``grid``) is for the caller to judge.
    """
    if kind not in COMPARED:
        return ()
    reader = FactsReader(connection, district)
    reader.take_places([body])
    mine = reader.of_fields(kind, body, grid)
    near = _sharing(connection, district, reader, kind, stored_keys(kind, mine))
    near |= _beside(connection, district, reader, kind, body)
    near -= set(without)
    reader.take(near)  # most share a key by chance: only for the others is their place read
    hopeless = COMPARED[kind].hopeless
    likely = [one for one in near if reader.live(one) and not hopeless(mine, reader.of(one))]
    reader.take_around(likely)
    found = [
        _likely(reader, kind, one, likeness)
        for one in likely
        if (likeness := weighed(kind, mine, reader.of(one))) is not None
    ]
    found.sort(key=lambda one: (-one.likeness.score, one.record_id))
    return tuple(found[:MOST_LIKE])


def likely_same_in_bulk(
    connection: sa.Connection,
    district: str,
    kind: str,
    bodies: Iterable[tuple[Mapping[str, Any], str]],
) -> list[tuple[Likely, ...]]:
    """Return for each of many new records, given as (fields, grid), what ``likely_same`` would.

    Reads every record of the kind once; worth it from some hundred new ones on.
    """
    if kind not in COMPARED:
        return [() for _ in bodies]
    reader = FactsReader(connection, district)
    blocks = _all_of(reader, kind)
    found = []
    for body, grid in bodies:
        reader.take_places([body])
        like = blocks.like(reader.of_fields(kind, body, grid))[:MOST_LIKE]
        found.append(like)
    reader.take({one for like in found for one, _ in like})
    return [tuple(_likely(reader, kind, one, likeness) for one, likeness in like) for like in found]


def _likely(reader: FactsReader, kind: str, record_id: str, likeness: Likeness) -> Likely:
    row = reader.row(record_id)
    assert row is not None
    return Likely(record_id, kind, row["grid"], row["fields"], likeness)


def catch_up(store: Store, district: str, now: datetime) -> None:
    """Compare what was changed since the last look when it is little, before the desk is shown;
    more than that is left to the centre's minute."""
    with store.reading() as connection:
        mark = duplicates.mark(connection, district)
        after = int(mark["change_no"]) if mark else -1
        few = duplicates.count_changed(connection, district, KINDS, after, AT_ONCE + 1) <= AT_ONCE
    if few:
        search_duplicates(store, district, now)


def search_duplicates(store: Store, district: str, now: datetime) -> Searched:
    """Compare what was changed since the last look; run every minute.

    Doing it twice changes nothing more; of several programs at once one does it.
    """
    records = pairs = until = 0
    while True:
        with store.reading() as connection:
            mark = duplicates.mark(connection, district)
            after = int(mark["change_no"]) if mark else -1
            until = until or feed.last_change_no(connection, district)
            if after >= until:  # what came meanwhile is for the next minute
                break
            waiting = duplicates.count_changed(connection, district, KINDS, after, ALL_ANEW + 1)
        if mark is None or waiting > ALL_ANEW:
            done = search_anew(store, district, now)
        else:
            with store.writing() as connection:
                done = _compare_changed(connection, district, now)
        records, pairs = records + done.records, pairs + done.pairs
        if not done.records and waiting:
            break  # somebody else is at it
    return Searched(records, pairs)


# Everything ------------------------------------------------------------------


def search_anew(store: Store, district: str, now: datetime) -> Searched:
    """Compare every record of the district; what was decided stays.

    Nothing is held while it compares: laptops go on. Returns nothing found when another program
    is at it.
    """
    with store.writing() as connection:
        mark = duplicates.mark(connection, district, lock=True)
        if mark is not None and mark["busy_until"] is not None and mark["busy_until"] > now:
            return Searched()
        duplicates.put_mark(connection, district, {"busy_until": now + LEASE})
    try:
        with store.reading() as connection:
            last = feed.last_change_no(connection, district)
            decided = duplicates.decided_pairs(connection, district)
            keys, rows, count = _everything(connection, district, decided, now)
        with store.writing() as connection:
            duplicates.clear(connection, district)
        _write_in_runs(store, district, keys, rows)
        with store.writing() as connection:
            care_doubles.settle_within(connection, district, now)
            values = {"change_no": last, "busy_until": None, "compared_at": now}
            duplicates.put_mark(connection, district, values)
    except BaseException:
        with store.writing() as connection:
            duplicates.put_mark(connection, district, {"busy_until": None})
        raise
    return Searched(count, len(rows))


def _everything(
    connection: sa.Connection, district: str, decided: set[tuple[str, str]], now: datetime
) -> tuple[dict[tuple[str, str], Collection[int]], list[dict[str, Any]], int]:
    reader = FactsReader(connection, district)
    keys: dict[tuple[str, str], Collection[int]] = {}
    found: dict[tuple[str, str], tuple[str, Likeness]] = {}
    count = 0
    for kind in KINDS:
        blocks = _all_of(reader, kind)
        count += len(blocks.facts)
        for record_id, facts in blocks.facts.items():
            if mine := stored_keys(kind, facts):
                keys[(kind, record_id)] = array("q", mine)
        for pair in blocks.pairs():
            ids = (pair.first_id, pair.second_id)
            if ids not in decided:
                found[ids] = (kind, pair.likeness)
    reader.take({one for ids in found for one in ids})
    rows = [
        _pair_row(district, reader, kind, ids, likeness, now)
        for ids, (kind, likeness) in found.items()
    ]
    return keys, rows, count


def _all_of(reader: FactsReader, kind: str) -> Blocks:
    blocks = Blocks(kind)
    for record_id, facts in reader.every(kind):
        blocks.put(record_id, facts)
    return blocks


def _write_in_runs(
    store: Store,
    district: str,
    keys: Mapping[tuple[str, str], Collection[int]],
    rows: list[dict[str, Any]],
) -> None:
    """Write many keys and pairs, some in each transaction, so that laptops need not wait long."""
    owners = list(keys)
    for start in range(0, len(owners), WRITE_AT_ONCE):
        with store.writing() as connection:
            some = {one: keys[one] for one in owners[start : start + WRITE_AT_ONCE]}
            duplicates.add_keys(connection, district, some)
    for start in range(0, len(rows), WRITE_AT_ONCE):
        with store.writing() as connection:
            new_pairs.add_pairs(connection, rows[start : start + WRITE_AT_ONCE])


def _compare_changed(connection: sa.Connection, district: str, now: datetime) -> Searched:
    mark = duplicates.mark(connection, district, lock=True)
    after = int(mark["change_no"]) if mark else -1
    if mark is not None and mark["busy_until"] is not None and mark["busy_until"] > now:
        return Searched()
    last = feed.last_change_no(connection, district)
    some = duplicates.changed(connection, district, KINDS, after, AT_ONCE)
    reached = some[-1][0] if len(some) == AT_ONCE else last
    named = {record_id for _, _, record_id in some}
    work = named | _dependent(connection, district, some)
    pairs = _compare(connection, district, work, now)
    pairs += care_doubles.settle_within(connection, district, now)
    duplicates.put_mark(connection, district, {"change_no": reached, "compared_at": now})
    return Searched(len(some), pairs)


def _dependent(
    connection: sa.Connection, district: str, some: Iterable[tuple[int, str, str]]
) -> set[str]:
    """Return the records whose place is told by one of these (merged: by what it went into): the
    people of a household, the households of a room; and the households whose members changed."""
    roots = duplicates.roots(connection, district, [one for _, _, one in some])
    some = [(no, kind, one) for no, kind, old in some for one in {old, roots.get(old, old)}]
    rooms = [one for _, kind, one in some if kind == "room"]
    homes = [one for _, kind, one in some if kind == "household"]
    people = [one for _, kind, one in some if kind == "resident"]
    of_rooms = duplicates.below(connection, district, "household", rooms)
    found = {one for ids in of_rooms.values() for one in ids}
    of_homes = duplicates.below(connection, district, "resident", {*homes, *found})
    found |= {one for ids in of_homes.values() for one in ids}
    members = duplicates.facts(connection, district, people).values()
    return found | {row["parent_id"] for row in members if row["parent_id"]}


def _compare(connection: sa.Connection, district: str, work: Collection[str], now: datetime) -> int:
    """Compare these records with all that share a key, and bring keys and pairs up to date."""
    reader = FactsReader(connection, district)
    reader.take_around(work)
    live = {one for one in work if reader.live(one) and reader.row(one)["kind"] in KINDS}  # type: ignore[index]
    facts = {one: reader.of(one) for one in live}
    kinds = {one: str(reader.row(one)["kind"]) for one in live}  # type: ignore[index]
    keys = {one: stored_keys(kinds[one], facts[one]) for one in live}
    gone = {("", one): set[int]() for one in work if one not in live}
    duplicates.put_keys(connection, district, gone | {(kinds[one], one): keys[one] for one in live})
    near = {one: _near(connection, district, reader, kinds[one], one, keys[one]) for one in live}
    reader.take_around({other for some in near.values() for other in some})
    found: dict[tuple[str, str], tuple[str, Likeness]] = {}
    for one, others in near.items():
        for other in others:
            ids = in_order(one, other)
            if ids in found or not reader.live(other):
                continue
            theirs = facts[other] if other in facts else reader.of(other)
            likeness = weighed(kinds[one], facts[one], theirs, LISTED)
            if likeness is not None:
                found[ids] = (kinds[one], likeness)
    if more := _homes_of(reader, found):
        found |= _weigh_homes(reader, more)
    return _store(connection, district, reader, work, found, now)


def _near(
    connection: sa.Connection,
    district: str,
    reader: FactsReader,
    kind: str,
    record_id: str,
    keys: Collection[int],
) -> set[str]:
    row = reader.row(record_id)
    assert row is not None
    near = _sharing(connection, district, reader, kind, keys)
    return (near | _beside(connection, district, reader, kind, row["fields"])) - {record_id}


def _sharing(
    connection: sa.Connection,
    district: str,
    reader: FactsReader,
    kind: str,
    keys: Collection[int],
) -> set[str]:
    found = duplicates.sharing(connection, district, kind, keys, MOST_IN_BLOCK)
    return {one for some in found.values() for one in some}


def _beside(
    connection: sa.Connection,
    district: str,
    reader: FactsReader,
    kind: str,
    fields: Mapping[str, Any],
) -> set[str]:
    """Return the records of a kind that hang below the same: members of a household and of others
    in its room, households of a room, rooms of a building."""
    below = duplicates.below
    if kind == "room":
        above = reader.root(str(fields.get("building_id") or ""))
        return set(below(connection, district, "room", [above]).get(above, ())) if above else set()
    if kind == "household":
        above = reader.root(str(fields.get("room_id") or ""))
        found = below(connection, district, "household", [above]) if above else {}
        return set(found.get(above, ()))
    if kind != "resident":
        return set()
    home = reader.root(str(fields.get("household_id") or ""))
    row = reader.row(home)
    room = reader.root(str(row["fields"].get("room_id") or "")) if row else ""
    homes = set(below(connection, district, "household", [room]).get(room, ())) if room else set()
    people = below(connection, district, "resident", {*homes, home} - {""})
    return {one for some in people.values() for one in some}


def _homes_of(
    reader: FactsReader, found: Mapping[tuple[str, str], tuple[str, Likeness]]
) -> set[tuple[str, str]]:
    """Return the households of people who may be one: the whole family may have been entered
    twice."""
    wanted = set()
    for (one, other), (kind, _) in found.items():
        if kind != "resident":
            continue
        homes = [reader.root(str(reader.row(each)["fields"].get("household_id") or ""))  # type: ignore[index]
                 for each in (one, other)]  # fmt: skip
        if all(homes) and homes[0] != homes[1]:
            wanted.add(in_order(homes[0], homes[1]))
    return wanted - found.keys()


def _weigh_homes(
    reader: FactsReader, wanted: Collection[tuple[str, str]]
) -> dict[tuple[str, str], tuple[str, Likeness]]:
    reader.take_around({one for ids in wanted for one in ids})
    found = {}
    for one, other in wanted:
        if reader.live(one) and reader.live(other):
            likeness = weighed("household", reader.of(one), reader.of(other))
            if likeness is not None:
                found[(one, other)] = ("household", likeness)
    return found


def _store(
    connection: sa.Connection,
    district: str,
    reader: FactsReader,
    work: Collection[str],
    found: Mapping[tuple[str, str], tuple[str, Likeness]],
    now: datetime,
) -> int:
    """Write the pairs found of these records in place of those known; return how many are new."""
    known = duplicates.pairs_with(
        connection, district, {one for ids in found for one in ids} | set(work)
    )
    fresh = [
        _pair_row(district, reader, kind, ids, likeness, now)
        for ids, (kind, likeness) in found.items()
        if ids not in known
    ]
    for ids, (kind, likeness) in found.items():
        if ids in known and known[ids]["state"] == "open":
            row = _pair_row(district, reader, kind, ids, likeness, now)
            names = ("first_area", "second_area", "score", "reasons")
            if any(known[ids][name] != row[name] for name in names):
                duplicates.change_pair(
                    connection, district, ids, {name: row[name] for name in names}
                )
    looked_at = set(work)
    over = [
        ids
        for ids, row in known.items()
        if row["state"] == "open" and ids not in found and looked_at & set(ids)
        and (row["kind"] != "household" or _settled_homes(reader, ids))
    ]  # fmt: skip
    duplicates.drop_pairs(connection, district, over)
    new_pairs.add_pairs(connection, fresh)
    return len(fresh)


def _settled_homes(reader: FactsReader, ids: tuple[str, str]) -> bool:
    """Whether two households are none any more, looked at anew: what made them a pair may have
    been their people, who were not all looked at now."""
    reader.take_around(ids)
    if not all(reader.live(one) for one in ids):
        return True
    return weighed("household", reader.of(ids[0]), reader.of(ids[1])) is None


def _pair_row(
    district: str,
    reader: FactsReader,
    kind: str,
    ids: tuple[str, str],
    likeness: Likeness,
    now: datetime,
) -> dict[str, Any]:
    first, second = reader.row(ids[0]), reader.row(ids[1])
    assert first is not None
    assert second is not None
    return {
        "district": district,
        "first_id": ids[0],
        "second_id": ids[1],
        "kind": kind,
        "first_area": first["grid"],
        "second_area": second["grid"],
        "score": round(likeness.score * 100),
        "reasons": [one.as_json() for one in likeness.reasons],
        "found_at": now,
        "state": "open",
    }
