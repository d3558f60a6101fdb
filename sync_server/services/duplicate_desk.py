"""The duplicates' desk: pairs that may be one by area and kind, two records side by side, merges.

A pair is shown to whoever answers for both places. Personal values are masked; whether two of them
differ is said all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.kind import Kind
from schemas.likeness.blocks import COMPARED, weighed
from schemas.likeness.reasons import read_reason, sentence
from schemas.values import get_path
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.duplicates import MERGED, in_order, is_live, paths_of
from sync_server.domain.errors import Refusal
from sync_server.services import audit
from sync_server.services.accounts import User, require_records
from sync_server.services.care_doubles import both_cared_for
from sync_server.services.likeness_facts import FactsReader
from sync_server.services.merging import LONGEST_WORDS
from sync_server.services.places import names_for
from sync_server.services.record_page import Link, checked_reason
from sync_server.services.titles import Titles, references
from sync_server.services.values import Value, label_of, show_path
from sync_server.store import desks_read, duplicates, merge_log, new_pairs, records_read
from sync_server.store.engine import Store
from sync_server.store.people_read import names_of
from sync_server.store.writing import lock_district

PAGE = 20
Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Side:
    """One of two records: its name, where it lies, who made it when, what hangs below it."""

    link: Link
    area: str
    author: str
    made_at: str
    version: int
    below: int
    row: Row


@dataclass(frozen=True)
class PairLine:
    """One pair of the queue: both sides, how likely they are one, why."""

    kind: str
    label: str
    first: Link
    second: Link
    areas: tuple[str, ...]
    score: str
    why: str
    row: Row
    decided_by: str = ""


@dataclass(frozen=True)
class Queue:
    """A page of pairs; ``kinds`` are (name, label, open pairs) of every kind compared."""

    lines: tuple[PairLine, ...]
    kinds: tuple[tuple[str, str, int], ...]
    total: int
    page: int
    pages: int
    compared_at: datetime | None


@dataclass(frozen=True)
class FieldRow:
    """One path of both records; ``pick`` is whose value a merge takes unless somebody chooses."""

    path: str
    label: str
    survivor: Value
    merged: Value
    same: bool
    choice: bool
    pick: str

    @property
    def look_alike(self) -> bool:
        """Whether masking hides in what the two differ."""
        return not self.same and self.survivor.masked and self.survivor.text == self.merged.text


@dataclass(frozen=True)
class PairPage:
    """Two records side by side, one of them to survive a merge."""

    kind: type[Kind]
    label: str
    survivor: Side
    merged: Side
    rows: tuple[FieldRow, ...]
    score: str
    why: str
    state: str
    state_by: str
    open_conflicts: tuple[str, ...]
    unmasked: bool
    hides: bool
    may_unmask: bool
    may_merge: bool
    both_cared_for: bool
    """Whether both are people with a care record, of which one has to be made afterwards."""


def open_queue(
    connection: sa.Connection, person: User, kind: str, state: str, page: int, lang: str
) -> Queue:
    """Return a page of the pairs of somebody's areas, the likeliest first; raise Refusal
    ``not_allowed``. ``state``: open or apart."""
    require_records(person)
    district = person.district
    rows, total = duplicates.pair_page(
        connection, district, person.scope_codes, kind=kind if kind in MERGED else "",
        state="apart" if state == "apart" else "open", start=(page - 1) * PAGE, size=PAGE,
    )  # fmt: skip
    counts = duplicates.pair_counts(connection, district, person.scope_codes)
    mark = duplicates.mark(connection, district)
    return Queue(
        lines=tuple(pair_lines(connection, person, rows, lang)),
        kinds=tuple(
            (name, kind_of(name).info.label.text(lang), counts.get(name, 0)) for name in MERGED
        ),
        total=total,
        page=page,
        pages=max(1, -(-total // PAGE)),
        compared_at=mark["compared_at"] if mark else None,
    )


def pair_lines(
    connection: sa.Connection, person: User, rows: Sequence[Row], lang: str
) -> Iterator[PairLine]:
    """Yield stored pairs as they are listed."""
    titles = Titles(connection, person, lang)
    ids = {one for row in rows for one in (row["first_id"], row["second_id"])}
    titles.preload(("record", one) for one in ids)
    codes = {code for row in rows for code in (row["first_area"], row["second_area"])}
    areas = names_for(connection, person.district, codes)
    people = names_of(
        connection, person.district, {row["decided_by"] for row in rows if row["decided_by"]}
    )
    for row in rows:
        label = kind_of(row["kind"]).info.label.text(lang)
        where = dict.fromkeys((areas.get(row["first_area"], ""), areas.get(row["second_area"], "")))
        yield PairLine(
            kind=row["kind"],
            label=label,
            first=_link(titles, row["kind"], row["first_id"], label),
            second=_link(titles, row["kind"], row["second_id"], label),
            areas=tuple(where),
            score=f"{row['score'] / 100:.2f}",
            why=sentence((read_reason(one) for one in row["reasons"]), lang),
            row=row,
            decided_by=people.get(row["decided_by"] or "", ""),
        )


def _link(titles: Titles, kind: str, record_id: str, label: str) -> Link:
    name = titles.lookup(kind, record_id) or f"…{record_id[-6:]}"
    return Link(label, name, titles.opens(record_id) or "", record_id)


# Two records side by side ------------------------------------------------------------------


def open_pair(
    connection: sa.Connection,
    person: User,
    one: str,
    other: str,
    lang: str,
    *,
    keep: str = "",
    unmask: bool = False,
) -> PairPage:
    """Return two records side by side; ``keep`` names the one that is to survive, else it is the
    one with more below it, the older of two alike.

    Raises Refusal: not_allowed; unknown_record (one is not there, outside the person's areas, of
    another kind, the same); out_of_date (one does not count any more).
    """
    kind, rows = _two(connection, person, one, other)
    if not all(is_live(row) for row in rows):
        raise Refusal("out_of_date")
    titles = Titles(connection, person, lang, unmask=unmask)
    titles.preload([("record", row["record_id"]) for row in rows])
    titles.preload([pair for row in rows for pair in references(kind, row["fields"])])
    titles.preload([("user", row["author"]) for row in rows])
    areas = names_for(connection, person.district, [row["grid"] for row in rows])
    sides = [_side(connection, person, kind, row, titles, areas, lang) for row in rows]
    sides.sort(key=lambda side: (side.row["record_id"] != keep, -side.below, side.made_at))
    survivor, merged = sides
    fields = tuple(_field_rows(kind, survivor.row, merged.row, lang, titles, unmask=unmask))
    known = duplicates.pair(connection, person.district, in_order(one, other))
    score, why = _why(connection, person, kind.info.name, rows, known, lang)
    ids = [row["record_id"] for row in rows]
    disputed = {
        row["record_id"] for row in desks_read.open_conflicts_of(connection, person.district, ids)
    }
    deciders = names_of(
        connection, person.district, [known["decided_by"]] if known and known["decided_by"] else []
    )
    return PairPage(
        kind=kind,
        label=kind.info.label.text(lang),
        survivor=survivor,
        merged=merged,
        rows=fields,
        score=score,
        why=why,
        state=known["state"] if known else "",
        state_by=next(iter(deciders.values()), ""),
        open_conflicts=tuple(sorted(disputed)),
        unmasked=unmask,
        hides=any(row.survivor.masked or row.merged.masked for row in fields),
        may_unmask=may(person.role, "unmask"),
        may_merge=may(person.role, "merge") and not disputed,
        both_cared_for=kind.info.name == "resident"
        and both_cared_for(connection, person.district, ids),
    )


def unmask_pair(
    store: Store, person: User, one: str, other: str, reason: str, now: datetime, lang: str,
    keep: str = "",
) -> PairPage:  # fmt: skip
    """Return two records unmasked, after writing down who looked at them and why.

    Raises Refusal as ``open_pair``, and reason_needed.
    """
    if not may(person.role, "unmask"):
        raise Refusal("not_allowed")
    why = checked_reason(reason)
    with store.writing() as connection:
        kind, rows = _two(connection, person, one, other)
        for row in rows:
            detail = {"kind": kind.info.name, "version": row["version"], "reason": why}
            audit.note(
                connection, person.district, now, "unmask",
                user_id=person.user_id, target=row["record_id"], detail=detail,
            )  # fmt: skip
        return open_pair(connection, person, one, other, lang, keep=keep, unmask=True)


def _two(
    connection: sa.Connection, person: User, one: str, other: str
) -> tuple[type[Kind], list[Row]]:
    require_records(person)
    rows = records_read.by_ids(connection, person.district, [one, other])
    if len(rows) != 2:
        raise Refusal("unknown_record")
    found: list[Row] = [rows[one], rows[other]]
    kinds = {row["kind"] for row in found}
    if len(kinds) != 1 or not kinds <= set(MERGED):
        raise Refusal("unknown_record")
    if not all(inside(row["grid"], person.scope_codes) for row in found):
        raise Refusal("unknown_record")
    return kind_of(found[0]["kind"]), found


def _side(
    connection: sa.Connection,
    person: User,
    kind: type[Kind],
    row: Row,
    titles: Titles,
    areas: Mapping[str, str],
    lang: str,
) -> Side:
    label = kind.info.label.text(lang)
    below = merge_log.listed_under(connection, person.district, row["record_id"])
    return Side(
        link=_link(titles, kind.info.name, row["record_id"], label),
        area=areas.get(row["grid"], row["grid"]),
        author=titles.lookup("user", row["author"]) or "",
        made_at=row["made_at"],
        version=row["version"],
        below=len(below),
        row=row,
    )


def _field_rows(
    kind: type[Kind], survivor: Row, merged: Row, lang: str, titles: Titles, *, unmask: bool
) -> Iterator[FieldRow]:
    for path in paths_of(kind, survivor["fields"], merged["fields"]):
        mine, theirs = get_path(survivor["fields"], path), get_path(merged["fields"], path)
        keyed = "." in path and mine is None
        yield FieldRow(
            path=path,
            label=label_of(kind, path, lang),
            survivor=show_path(kind, path, mine, lang, titles, unmask=unmask),
            merged=show_path(kind, path, theirs, lang, titles, unmask=unmask),
            same=mine == theirs,
            choice=mine != theirs and not keyed,
            pick="merged" if mine is None else "survivor",
        )


def _why(
    connection: sa.Connection,
    person: User,
    kind: str,
    rows: Sequence[Row],
    known: Row | None,
    lang: str,
) -> tuple[str, str]:
    """Return how likely two records are one and why: as they are now."""
    if kind in COMPARED:
        reader = FactsReader(connection, person.district)
        ids = [row["record_id"] for row in rows]
        reader.take_around(ids)
        found = weighed(kind, reader.of(ids[0]), reader.of(ids[1]), least=0.0)
        if found is not None:
            return f"{found.score:.2f}", found.text(lang)
    if known is not None:
        told = [read_reason(one) for one in known["reasons"]]
        return f"{known['score'] / 100:.2f}", sentence(told, lang)
    return "", ""


def set_apart(store: Store, person: User, one: str, other: str, words: str, now: datetime) -> None:
    """Remember that two records are not the same, whoever found them alike.

    Raises Refusal as ``open_pair``; not_allowed for a role that settles nothing.
    """
    _decide_pair(store, person, one, other, "apart", words, now)


def look_again(store: Store, person: User, one: str, other: str, now: datetime) -> None:
    """Take back that two records are not the same; raises as ``set_apart``."""
    _decide_pair(store, person, one, other, "open", "", now)


def _decide_pair(
    store: Store, person: User, one: str, other: str, state: str, words: str, now: datetime
) -> None:
    if not may(person.role, "merge"):
        raise Refusal("not_allowed")
    with store.writing() as connection:
        district = person.district
        lock_district(connection, district)
        kind, rows = _two(connection, person, one, other)
        ids = in_order(one, other)
        known = duplicates.pair(connection, district, ids)
        values: dict[str, Any] = {
            "state": state,
            "decided_by": person.user_id if state == "apart" else None,
            "decided_at": now if state == "apart" else None,
            "words": words[:LONGEST_WORDS] or None,
        }
        if known is not None:
            duplicates.change_pair(connection, district, ids, values)
        else:
            by_id = {row["record_id"]: row for row in rows}
            row = {
                "district": district,
                "first_id": ids[0],
                "second_id": ids[1],
                "kind": kind.info.name,
                "first_area": by_id[ids[0]]["grid"],
                "second_area": by_id[ids[1]]["grid"],
                "score": 0,
                "reasons": [],
                "found_at": now,
            }
            new_pairs.put_pair(connection, row, values)  # the search may just have found it
        action = "not_the_same" if state == "apart" else "look_again"
        audit.note(
            connection, district, now, action, user_id=person.user_id, target=ids[0],
            detail={"other": ids[1], "kind": kind.info.name, "words": words[:LONGEST_WORDS]},
        )  # fmt: skip
