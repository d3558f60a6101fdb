"""Merges: what was merged, what undoing one would do, what one record's page shows of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.kind import Kind
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.duplicates import MERGED
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import User, require_records
from sync_server.services.duplicate_desk import PAGE, PairLine, pair_lines
from sync_server.services.record_page import Link
from sync_server.services.titles import Titles, references
from sync_server.services.values import label_of
from sync_server.store import duplicates, merge_log, records_read
from sync_server.store.people_read import names_of

Row = Mapping[Any, Any]


@dataclass(frozen=True)
class MergeLine:
    """One merge: what went into what, who did it, whether it was undone."""

    merge_id: str
    label: str
    merged: Link
    survivor: Link
    made_by: str
    made_at: datetime
    words: str
    undone_by: str
    undone_at: datetime | None


@dataclass(frozen=True)
class MergePage:
    """One merge with what undoing it would do: what came to the survivor since by changes of the
    merged record, and what was written to the survivor itself."""

    line: MergeLine
    goes_back: tuple[tuple[str, str, datetime], ...]
    stays: tuple[tuple[str, str, datetime], ...]
    may_undo: bool


@dataclass(frozen=True)
class Panel:
    """What the page of one record shows of duplicates: open pairs, and merges it had part in."""

    pairs: tuple[PairLine, ...]
    merges: tuple[MergeLine, ...]


def panel_of(
    connection: sa.Connection, person: User, kind: str, record_id: str, lang: str
) -> Panel | None:
    """Return what one record's page shows of duplicates, as far as the person answers for both
    records; None for a kind whose records are never one."""
    if kind not in MERGED:
        return None
    rows = [
        row
        for row in duplicates.pairs_with(connection, person.district, [record_id]).values()
        if row["state"] == "open"
        and inside(row["first_area"], person.scope_codes)
        and inside(row["second_area"], person.scope_codes)
    ]
    rows.sort(key=lambda row: -row["score"])
    merges = [
        row
        for row in duplicates.merges_about(connection, person.district, record_id)
        if inside(row["area"], person.scope_codes)
        and inside(row["survivor_area"], person.scope_codes)
    ]
    return Panel(
        tuple(pair_lines(connection, person, rows, lang)),
        tuple(_merge_lines(connection, person, merges, lang)),
    )


def merges_page(
    connection: sa.Connection, person: User, page: int, lang: str
) -> tuple[tuple[MergeLine, ...], int, int]:
    """Return a page of the merges of somebody's areas, how many there are and how many pages."""
    require_records(person)
    rows, total = duplicates.merge_page(
        connection, person.district, person.scope_codes, start=(page - 1) * PAGE, size=PAGE
    )
    lines = tuple(_merge_lines(connection, person, rows, lang))
    return lines, total, max(1, -(-total // PAGE))


def open_merge(connection: sa.Connection, person: User, merge_id: str, lang: str) -> MergePage:
    """Return one merge with what came since; raise Refusal not_allowed or unknown_record."""
    require_records(person)
    district = person.district
    row = duplicates.merge_of(connection, district, merge_id)
    if row is None or not all(
        inside(row[name], person.scope_codes) for name in ("area", "survivor_area")
    ):
        raise Refusal("unknown_record")
    (line,) = _merge_lines(connection, person, [row], lang)
    family = [row["record_id"], *duplicates.gathered(connection, district, [row["record_id"]])]
    passed = merge_log.passed_on(connection, district, row["survivor_id"], family)
    since = merge_log.written_since(connection, district, row["survivor_id"], row["made_at"])
    since = [one for one in since if one["change_id"] != row["change_id"]]
    authors = {one["author"] for one in passed} | {one["author"] for one in since}
    names = names_of(connection, district, authors)
    kind = kind_of(row["kind"])
    survivor = records_read.get(connection, district, row["survivor_id"])
    standing = row["undone_at"] is None and survivor is not None
    return MergePage(
        line=line,
        goes_back=tuple(_said(kind, one, names, lang) for one in passed) if standing else (),
        stays=tuple(_said(kind, one, names, lang) for one in since) if standing else (),
        may_undo=standing
        and may(person.role, "merge")
        and survivor is not None
        and survivor["merged_into"] is None,
    )


def _said(
    kind: type[Kind], change: Row, names: Mapping[str, str], lang: str
) -> tuple[str, str, datetime]:
    """Return which fields a change spoke of (not what it said), who made it, when."""
    labels = [label_of(kind, name, lang) for name in change["fields"]]
    return "、".join(labels), names.get(change["author"], ""), change["happened_at"]


def _merge_lines(
    connection: sa.Connection, person: User, rows: Sequence[Row], lang: str
) -> Iterator[MergeLine]:
    district = person.district
    ids = {one for row in rows for one in (row["record_id"], row["survivor_id"])}
    records = records_read.by_ids(connection, district, ids)
    titles = Titles(connection, person, lang)
    titles.preload(
        pair for row in records.values() for pair in references(kind_of(row["kind"]), row["fields"])
    )
    people = names_of(
        connection, district,
        {row[name] for row in rows for name in ("made_by", "undone_by") if row[name]},
    )  # fmt: skip
    for row in rows:
        label = kind_of(row["kind"]).info.label.text(lang)

        def link(record_id: str, label: str = label) -> Link:
            record = records.get(record_id)
            name = titles.title(record["kind"], record["fields"]) if record else ""
            kind = record["kind"] if record else ""
            return Link(label, name or f"…{record_id[-6:]}", kind, record_id)

        yield MergeLine(
            merge_id=row["merge_id"],
            label=label,
            merged=link(row["record_id"]),
            survivor=link(row["survivor_id"]),
            made_by=people.get(row["made_by"], ""),
            made_at=row["made_at"],
            words=row["words"] or "",
            undone_by=people.get(row["undone_by"] or "", ""),
            undone_at=row["undone_at"],
        )
