"""Naming referenced records: titles of many records, read in a few queries, one per level.

Titles go through references (a household is called by its compound and room), so what is needed
is preloaded level by level; afterwards every lookup is answered from memory. A record outside the
person's areas has no title here, except a record of ``community`` reach above them: the compound
around a grid leader's own grid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from schemas import describe
from schemas.catalogue import UnknownKind, kind_of
from schemas.fields import Declared, Keyed, Ref
from schemas.kind import Kind
from sync_server.domain.areas import holds, inside
from sync_server.services.accounts import User
from sync_server.store.duplicates import roots
from sync_server.store.people_read import names_of
from sync_server.store.records_read import Row, by_ids

Reference = tuple[str, str]
"""The kind and id of a referred record; kind ``user`` for people, ``record`` for any kind."""


@dataclass(frozen=True)
class Known:
    """What naming a record needs of it; ``open`` whether the person may open its page."""

    kind: str
    fields: Mapping[str, Any]
    open: bool


class Titles:
    """Titles of referred records for one page, in one language, masked or not."""

    def __init__(
        self, connection: sa.Connection, person: User, lang: str, *, unmask: bool = False
    ) -> None:
        self._connection = connection
        self._person = person
        self._lang = lang
        self._unmask = unmask
        self._people: dict[str, str | None] = {}
        self._records: dict[str, Known | None] = {}
        self._targets: dict[str, str] = {}

    def preload(self, references: Iterable[Reference]) -> None:
        """Read what naming ``references`` needs, following the title paths of their kinds."""
        pending = set(references)
        while pending:
            people = {one for kind, one in pending if kind == "user"} - self._people.keys()
            others = {one for kind, one in pending if kind != "user"} - self._records.keys()
            if people:
                names = names_of(self._connection, self._person.district, people)
                self._people.update({one: names.get(one) for one in people})
            rows = self._at_survivors(others) if others else {}
            pending = set()
            for one in others:
                row = rows.get(one)
                if row is None or not self._visible(row["kind"], row["grid"]):
                    self._records[one] = None
                else:
                    opens = inside(row["grid"], self._person.scope_codes)
                    self._records[one] = Known(row["kind"], row["fields"], opens)
                    pending |= set(_named_through(row["kind"], row["fields"]))

    def _at_survivors(self, record_ids: set[str]) -> dict[str, Row]:
        """Return these records by id, a merged one's survivor in its place."""
        district = self._person.district
        rows = by_ids(self._connection, district, record_ids)
        merged = {one for one, row in rows.items() if row["merged_into"]}
        if merged:
            into = roots(self._connection, district, merged)
            survivors = by_ids(self._connection, district, set(into.values()))
            for one, last in into.items():
                if last in survivors:
                    rows[one] = survivors[last]
                    self._targets[one] = last
        return rows

    def target(self, record_id: str) -> str:
        """Return the record a preloaded reference leads to: its survivor when it was merged."""
        return self._targets.get(record_id, record_id)

    def preload_fields(self, kind: type[Kind], stored: Iterable[Mapping[str, Any]]) -> None:
        """Read what showing these records' fields needs."""
        self.preload(pair for fields in stored for pair in references(kind, fields))

    def lookup(self, kind: str, record_id: str) -> str | None:
        """Return what a preloaded record or person is called, None when that cannot be said."""
        if kind == "user":
            return self._people.get(record_id)
        known = self._records.get(record_id)
        if known is None or (kind != "record" and known.kind != kind):
            return None
        return self.title(known.kind, known.fields) or None

    def opens(self, record_id: str) -> str | None:
        """Return the kind of a preloaded record whose page the person may open, else None."""
        known = self._records.get(record_id)
        return known.kind if known and known.open else None

    def known(self, kind: str, record_id: str) -> tuple[type[Kind], Mapping[str, Any]] | None:
        """Return the kind and fields of a preloaded record of ``kind``, None when unknown."""
        known = self._records.get(record_id)
        return (kind_of(known.kind), known.fields) if known and known.kind == kind else None

    def title(self, kind: str, fields: Mapping[str, Any]) -> str:
        """Return what a record with these fields is called; may be empty."""
        try:
            declared = kind_of(kind)
        except UnknownKind:
            return ""
        return describe.title(declared, fields, self._lang, self._fetch, unmask=self._unmask)

    def _fetch(self, kind: str, record_id: str) -> Mapping[str, Any] | None:
        known = self._records.get(record_id)
        return known.fields if known and known.kind == kind else None

    def _visible(self, kind: str, area: str) -> bool:
        try:
            reach = kind_of(kind).info.reach
        except UnknownKind:
            reach = "grid"
        return holds(self._person.scope_codes, area, reach)


def references(kind: type[Kind], fields: Mapping[str, Any]) -> Iterator[Reference]:
    """Yield every record a record's fields refer to, members of keyed lists included."""
    for name, declared in kind.declared().items():
        yield from _referred(declared, fields.get(name))


def _referred(declared: Declared, value: Any) -> Iterator[Reference]:
    if value in (None, "", [], {}):
        return
    if isinstance(declared, Keyed):
        for entry in value.values():
            for name, inner in declared.entry_fields.items():
                yield from _referred(inner, entry.get(name))
    elif isinstance(declared, Ref):
        for one in value if isinstance(value, list) else [value]:
            yield declared.kind, one


def _named_through(kind: str, fields: Mapping[str, Any]) -> Iterator[Reference]:
    """Yield the records whose own fields the title of a record goes through."""
    try:
        declared = kind_of(kind)
    except UnknownKind:
        return
    for path in declared.info.title:
        first, dot, _ = path.partition(".")
        reference = declared.declared()[first]
        if dot and isinstance(reference, Ref) and isinstance(fields.get(first), str):
            yield reference.kind, fields[first]
