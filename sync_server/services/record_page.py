"""One record with everything around it: fields, what it refers to, what refers to it, its history.

Personal values are masked; whoever may unmask gives a reason, which is written down with the
record's id before anything is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

import sqlalchemy as sa

from schemas.catalogue import kinds
from schemas.describe import columns
from schemas.fields import Declared, Keyed, Ref, Refs
from schemas.fields.base import UUID
from schemas.kind import Kind
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.services import audit
from sync_server.services.accounts import User
from sync_server.services.central import mark_seen, seen_id_of
from sync_server.services.history import History, Reader, doubtful
from sync_server.services.issue_life import ISSUE, IssueLife, life_of
from sync_server.services.photo_pages import ShownPhoto, photos_of
from sync_server.services.places import names_for
from sync_server.services.records import kind_for
from sync_server.services.titles import Titles, references
from sync_server.store import history_read, records_read
from sync_server.store.duplicates import gathered
from sync_server.store.engine import Store
from sync_server.store.imports import origin_of
from sync_server.store.people_read import names_of
from sync_server.store.photo_rows import PHOTO
from sync_server.store.records_read import Row

CHILDREN = 20
SHORTEST_REASON, LONGEST_REASON = 2, 200


Shows = TypeVar("Shows")


@dataclass(frozen=True)
class Link:
    """A record by name; ``kind`` empty when its page may not be opened."""

    label: str
    title: str
    kind: str
    record_id: str


@dataclass(frozen=True)
class Shown:
    """One field as shown; ``links`` in place of the text where it refers to records."""

    label: str
    text: str
    masked: bool
    links: tuple[Link, ...] = ()
    wide: bool = False


@dataclass(frozen=True)
class Table:
    """A keyed list as a table: the words of each entry's key, then its members."""

    label: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Shown, ...]], ...]
    hidden: bool = False


@dataclass(frozen=True)
class Children:
    """Records of one kind that refer to this one by one field; the newest few and the total."""

    label: str
    by: str
    total: int
    links: tuple[tuple[Link, datetime], ...]


@dataclass(frozen=True)
class Seen:
    """Who of the staff opened a record last, when, and which version of it."""

    by: str
    at: str
    version: int


@dataclass(frozen=True)
class RecordPage:
    """What the page of a record shows. ``row`` is the record as stored."""

    row: Row
    title: str
    area: str
    author: str
    last_author: str
    device: str
    doubtful: bool
    fields: tuple[Shown, ...]
    tables: tuple[Table, ...]
    parents: tuple[Link, ...]
    children: tuple[Children, ...]
    life: IssueLife | None
    photos: tuple[ShownPhoto, ...]
    history: History
    unmasked: bool
    hides: bool
    may_unmask: bool
    survivor: Link | None
    seen: Seen | None
    tells: bool
    """Whether opening it is news for the laptop it came from."""
    imported: Mapping[str, tuple[str, str, int]]
    """Of changes that came from a register: import, file and row, by change id."""


def open_record(
    connection: sa.Connection, person: User, name: str, record_id: str, lang: str
) -> RecordPage:
    """Return a record's page, masked.

    Raises Refusal: not_allowed for a role without records; unknown_record for a record that does
    not exist, is of another kind or lies outside the person's areas.
    """
    kind, row = find(connection, person, name, record_id)
    return _page(connection, person, kind, row, lang, unmask=False)


def unmask_record(
    store: Store, person: User, name: str, record_id: str, reason: str, now: datetime, lang: str
) -> RecordPage:
    """Return a record's page unmasked, after writing down who looked and why.

    Raises Refusal as ``open_record``, and reason_needed when the reason is too short or too long.
    """

    def show(connection: sa.Connection, row: Row) -> RecordPage:
        return _page(connection, person, kind_for(person, name), row, lang, unmask=True)

    return unmasked(
        store, person, reason, now,
        lambda connection: find(connection, person, name, record_id)[1], show,
    )  # fmt: skip


def unmasked(
    store: Store,
    person: User,
    reason: str,
    now: datetime,
    look_up: Callable[[sa.Connection], Row],
    show: Callable[[sa.Connection, Row], Shows],
    **detail: str,
) -> Shows:
    """Return what ``show`` makes of a record with everything in sight, after writing down who
    looked and why. ``detail`` says on which page.

    Raises Refusal: not_allowed, reason_needed when the reason is too short or too long, and as
    ``look_up``.
    """
    if not may(person.role, "unmask"):
        raise Refusal("not_allowed")
    why = checked_reason(reason)
    with store.writing() as connection:
        row = look_up(connection)
        told = {"kind": row["kind"], "version": row["version"], "reason": why, **detail}
        audit.note(
            connection, person.district, now, "unmask",
            user_id=person.user_id, target=row["record_id"], detail=told,
        )  # fmt: skip
        return show(connection, row)


def open_seen(store: Store, person: User, name: str, record_id: str, now: datetime) -> None:
    """Let the laptop the record came from know that somebody opened it.

    Raises Refusal as ``open_record``.
    """
    with store.writing() as connection:
        find(connection, person, name, record_id)
        mark_seen(connection, person.district, person.user_id, record_id, now)


def checked_reason(reason: str) -> str:
    """Return a reason without outer space; raise Refusal ``reason_needed`` when it says nothing."""
    clean = " ".join(reason.split())
    if not SHORTEST_REASON <= len(clean) <= LONGEST_REASON or not clean.isprintable():
        raise Refusal("reason_needed", least=SHORTEST_REASON, most=LONGEST_REASON)
    return clean


def find(
    connection: sa.Connection, person: User, name: str, record_id: str
) -> tuple[type[Kind], Row]:
    """Return a record and its kind; raises Refusal as ``open_record``."""
    kind = kind_for(person, name)
    row = records_read.get(connection, person.district, record_id)
    if row is None or row["kind"] != name or not inside(row["grid"], person.scope_codes):
        raise Refusal("unknown_record")
    return kind, row


def _page(
    connection: sa.Connection, person: User, kind: type[Kind], row: Row, lang: str, *, unmask: bool
) -> RecordPage:
    titles = Titles(connection, person, lang, unmask=unmask)
    district, stored = person.district, row["fields"]
    titles.preload(_around(kind, row))
    changes = history_read.changes_of(connection, district, row["record_id"])
    disputes = history_read.conflicts_of(connection, district, row["record_id"])
    reader = Reader(connection, person, lang, titles, unmask)
    reader.preload(changes, disputes)
    reader.areas = names_for(
        connection, district, [row["grid"], *(change["grid"] for change in changes)]
    )
    behind = {change["change_id"]: change for change in changes}
    history = History(
        reader.replay(changes, disputes, row["record_id"]),
        tuple(reader.dispute(kind, one, behind) for one in disputes),
    )
    fields = tuple(shown_fields(kind, stored, lang, titles, unmask))
    tables = tuple(shown_tables(kind, stored, lang, titles, unmask))
    return RecordPage(
        row=row,
        title=titles.title(kind.info.name, stored) or f"…{row['record_id'][-6:]}",
        area=reader.areas.get(row["grid"], row["grid"]),
        author=titles.lookup("user", row["author"]) or "",
        last_author=titles.lookup("user", row["last_author"]) or "",
        device=reader.devices.get(row["device_id"] or "", ""),
        doubtful=any(doubtful(change) for change in changes),
        fields=fields,
        tables=tables,
        parents=tuple(_parents(kind, stored, lang, titles)),
        children=tuple(_children(connection, person, kind, row, lang)),
        life=life_of(connection, person, row, lang) if kind.info.name == ISSUE else None,
        photos=photos_of(connection, district, kind.info.name, row["record_id"], lang),
        history=history,
        unmasked=unmask,
        hides=_hides(fields, tables, history),
        may_unmask=may(person.role, "unmask"),
        survivor=_survivor(row, lang, titles),
        seen=(seen := _seen(connection, person, row["record_id"])),
        tells=any(change["device_id"] for change in changes)
        and (seen is None or seen.version < row["version"]),
        imported=origin_of(connection, district, row["record_id"]),
    )


def _around(kind: type[Kind], row: Row) -> Iterator[tuple[str, str]]:
    yield from references(kind, row["fields"])
    yield "user", row["author"]
    yield "user", row["last_author"]
    if row["merged_into"]:
        yield "record", row["merged_into"]
    for name, declared in kind.declared().items():
        if isinstance(declared, Keyed) and not declared.keys:
            # The key of a free entry may itself be a record's id (a care check by its resident).
            yield from (("record", key) for key in row["fields"].get(name) or () if UUID.match(key))


def shown_fields(
    kind: type[Kind], stored: Mapping[str, Any], lang: str, titles: Titles, unmask: bool
) -> Iterator[Shown]:
    """Yield a record's plain fields in order, empty ones too."""
    for name, declared in kind.declared().items():
        if not isinstance(declared, Keyed):
            yield _shown(declared, stored.get(name), lang, titles, unmask)


def _shown(declared: Declared, value: Any, lang: str, titles: Titles, unmask: bool) -> Shown:
    label = declared.label.text(lang)
    if value in (None, "", [], {}):
        return Shown(label, "", False)
    full = declared.show(value, lang, titles.lookup)
    text = full if unmask else declared.show_masked(value, lang, titles.lookup)
    links: tuple[Link, ...] = ()
    if isinstance(declared, Ref) and declared.kind != "user" and text == full:
        links = tuple(
            _link(declared, one, lang, titles)
            for one in (value if isinstance(value, list) else [value])
        )
    return Shown(label, text, text != full, links, wide=declared.widget == "paragraph")


def _link(declared: Ref, record_id: str, lang: str, titles: Titles) -> Link:
    name = titles.lookup(declared.kind, record_id) or f"…{record_id[-6:]}"
    opens = titles.opens(record_id) or ""
    return Link(declared.label.text(lang), name, opens, titles.target(record_id))


def shown_tables(
    kind: type[Kind], stored: Mapping[str, Any], lang: str, titles: Titles, unmask: bool
) -> Iterator[Table]:
    """Yield a record's keyed lists that hold anything."""
    for name, declared in kind.declared().items():
        value = stored.get(name)
        if not isinstance(declared, Keyed) or not value:
            continue
        heads = tuple(inner.label.text(lang) for inner in declared.entry_fields.values())
        if declared.privacy == "sensitive" and not unmask:
            yield Table(declared.label.text(lang), heads, (), hidden=True)
            continue
        rows = tuple(
            (
                declared.entry_name(key, lang)
                or declared.about(kind.declared(), stored, key, lang, masked=not unmask)
                or titles.lookup("record", key)
                or "",
                tuple(
                    _shown(inner, entry.get(member), lang, titles, unmask)
                    for member, inner in declared.entry_fields.items()
                ),
            )
            for key, entry in declared.in_order(value)
        )
        yield Table(declared.label.text(lang), heads, rows)


def _parents(
    kind: type[Kind], stored: Mapping[str, Any], lang: str, titles: Titles
) -> Iterator[Link]:
    """Yield the record's parent and that one's parents, the outermost first."""
    chain: list[Link] = []
    present, fields = kind, stored
    while present.info.parent and len(chain) < 8:
        reference = present.declared()[present.info.parent]
        record_id = fields.get(present.info.parent)
        if not isinstance(reference, Ref) or not isinstance(record_id, str):
            break
        titles.preload([(reference.kind, record_id)])
        chain.append(_link(reference, record_id, lang, titles))
        above = titles.known(reference.kind, record_id)
        if above is None:
            break
        present, fields = above
    yield from reversed(chain)


def _children(
    connection: sa.Connection, person: User, kind: type[Kind], row: Row, lang: str
) -> Iterator[Children]:
    """Yield what refers to the record, always masked: a reason given for one record is none for
    the others."""
    found = []
    ids = (row["record_id"], *gathered(connection, person.district, [row["record_id"]]))
    for other, name, declared in _referring_fields(kind):
        how: Literal["parent", "one", "many"] = (
            "parent" if other.info.parent == name
            else "many" if isinstance(declared, Refs) else "one"
        )  # fmt: skip
        rows, total = records_read.referring(
            connection, person.district, ids,
            kind=other.info.name, field=name, how=how, areas=person.scope_codes, size=CHILDREN,
        )  # fmt: skip
        if total:
            found.append((other, declared, rows, total))
    titles = Titles(connection, person, lang)
    titles.preload(("record", one["record_id"]) for _, _, rows, _ in found for one in rows)
    for other, declared, rows, total in found:
        label = other.info.label.text(lang)
        links = (
            (
                Link(
                    label,
                    titles.title(other.info.name, one["fields"]) or f"…{one['record_id'][-6:]}",
                    other.info.name,
                    one["record_id"],
                ),
                one["happened_at"],
            )
            for one in rows
        )
        yield Children(label, declared.label.text(lang), total, tuple(links))


def _referring_fields(kind: type[Kind]) -> Iterator[tuple[type[Kind], str, Ref]]:
    """Yield the fields of other kinds that refer to records of ``kind``; marks without a list
    of their own are left out."""
    for other in kinds():
        if not columns(other) or other.info.name == PHOTO:  # photos are shown, not listed
            continue
        for name, declared in other.declared().items():
            if isinstance(declared, Ref) and declared.kind in (kind.info.name, "record"):
                yield other, name, declared


def _hides(fields: Iterable[Shown], tables: Iterable[Table], history: History) -> bool:
    """Whether masking hides anything on the page."""
    return (
        any(one.masked for one in fields)
        or any(table.hidden or _any_masked(table) for table in tables)
        or any(delta.old.masked or delta.new.masked for entry in history.entries
               for delta in entry.deltas)
    )  # fmt: skip


def _any_masked(table: Table) -> bool:
    return any(cell.masked for _, cells in table.rows for cell in cells)


def _seen(connection: sa.Connection, person: User, record_id: str) -> Seen | None:
    mark = records_read.get(connection, person.district, seen_id_of(record_id))
    if mark is None:
        return None
    said = mark["fields"]
    names = names_of(connection, person.district, [said["seen_by"]])
    return Seen(names.get(said["seen_by"], ""), said["seen_at"], said["target_version"])


def _survivor(row: Row, lang: str, titles: Titles) -> Link | None:
    if not row["merged_into"]:
        return None
    name = titles.lookup("record", row["merged_into"]) or f"…{row['merged_into'][-6:]}"
    return Link("", name, titles.opens(row["merged_into"]) or "", row["merged_into"])
