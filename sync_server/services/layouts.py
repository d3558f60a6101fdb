"""Which columns a list has as a spreadsheet: chosen, ordered and named by the district.

A column is a path: a field of the kind, a field of a record above it through its references
(``household_id.room_id.label``), a member of a list's entries (``members.name``: the table then has
a row for each entry, which also holds what another list says of it), or a fact of every record
(``@area``). What is not chosen is not written; a fact entered once so fills as many tables as there
are layouts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import KINDS, kind_of
from schemas.clock import SHANGHAI
from schemas.fields import Amount, Declared, Keyed, Ref, Refs, Whole
from schemas.kind import Kind
from schemas.labels import Label
from sync_server.domain.areas import holds
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import User, require
from sync_server.services.places import names_for
from sync_server.services.titles import Titles
from sync_server.store import duplicates, records_read
from sync_server.store import ledgers as store_ledgers
from sync_server.store.sheet_writing import Value
from sync_server.store.writing import lock_district

ENVELOPE: Mapping[str, Label] = {
    "@area": Label("所在区域", "Area"),
    "@community": Label("所属社区", "Community"),
    "@code": Label("区域代码", "Area code"),
    "@author": Label("填报人", "Entered by"),
    "@happened": Label("发生时间", "Happened at"),
    "@received": Label("收到时间", "Received"),
    "@id": Label("记录号", "Record id"),
}
DEEPEST = 4
LONGEST_WORDS = 40
MOST_COLUMNS = 120
KEPT = 5_000
"""So many records above others are remembered while a sheet is written."""


@dataclass(frozen=True)
class Column:
    """One column: its path and the district's own words for it, empty for its label."""

    path: str
    words: str = ""


@dataclass(frozen=True)
class Offered:
    """One column that can be chosen; ``place`` is its place in the layout, None: not in it."""

    path: str
    label: str
    words: str
    place: int | None


def offered(kind: type[Kind], layout: Sequence[Column], lang: str) -> list[Offered]:
    """Return every column a list of ``kind`` can have, those of the layout first."""
    places = {column.path: number for number, column in enumerate(layout, 1)}
    words = {column.path: column.words for column in layout}
    every = [*layout, *(Column(path) for path in paths_of(kind) if path not in places)]
    return [
        Offered(
            one.path, label_of(kind, one.path).text(lang), words.get(one.path, ""),
            places.get(one.path),
        )
        for one in every
    ]  # fmt: skip


def paths_of(kind: type[Kind]) -> list[str]:
    """Return the paths of every column a list of ``kind`` can have."""
    return [*_paths(kind, "", 0), *ENVELOPE]


def _paths(kind: type[Kind], before: str, depth: int) -> Iterator[str]:
    below: list[tuple[str, type[Kind]]] = []
    for name, field in kind.declared().items():
        if depth and isinstance(field, Keyed):
            continue
        yield before + name
        if isinstance(field, Keyed):
            yield from (f"{name}.{member}" for member in field.entry_fields)
        leads_up = kind.info.parent == name or (not depth and name in ("room_id", "compound_id"))
        if (
            leads_up and isinstance(field, Ref) and not isinstance(field, Refs)
            and field.kind in KINDS
        ):  # fmt: skip
            below.append((name, kind_of(field.kind)))
    if depth < DEEPEST:
        for name, other in below:
            yield from _paths(other, f"{before}{name}.", depth + 1)


def label_of(kind: type[Kind], path: str) -> Label:
    """Return a column's label; raise Refusal ``unknown_column`` for a path that is none."""
    if path in ENVELOPE:
        return ENVELOPE[path]
    field, owner = field_of(kind, path)
    if "." not in path:
        return field.label
    above = owner.info.label
    if (listed := list_of(kind, path)) is not None:
        above = kind.declared()[listed].label
    return Label(f"{above.zh}·{field.label.zh}", f"{above.en}: {field.label.en}")


def field_of(kind: type[Kind], path: str) -> tuple[Declared, type[Kind]]:
    """Return the field at the end of a path and the kind it belongs to.

    Raises Refusal ``unknown_column``.
    """
    present, steps = kind, path.split(".")
    if (listed := list_of(kind, path)) is not None:
        keyed = kind.declared()[listed]
        assert isinstance(keyed, Keyed)
        inner = keyed.entry_fields.get(steps[1]) if len(steps) == 2 else None
        if inner is None:
            raise Refusal("unknown_column")
        return inner, kind
    for step in steps[:-1]:
        reference = present.declared().get(step)
        if not isinstance(reference, Ref) or reference.kind not in KINDS:
            raise Refusal("unknown_column")
        present = kind_of(reference.kind)
    field = present.declared().get(steps[-1])
    if field is None or len(steps) > DEEPEST + 1:
        raise Refusal("unknown_column")
    return field, present


def list_of(kind: type[Kind], path: str) -> str | None:
    """Return the list of whose entries a path names a member, None for any other path."""
    first, dot, _ = path.partition(".")
    return first if dot and isinstance(kind.declared().get(first), Keyed) else None


def usual(kind: type[Kind]) -> tuple[Column, ...]:
    """Return the columns of a kind nobody has chosen for: its own fields, and where it lies."""
    return tuple(Column(name) for name in (*kind.declared(), "@area", "@code", "@author"))


def layout_for(connection: sa.Connection, district: str, kind: type[Kind]) -> tuple[Column, ...]:
    """Return the columns of a list of ``kind`` as the district has chosen them."""
    stored = store_ledgers.layout(connection, district, kind.info.name)
    return read_columns(kind, stored) if stored else usual(kind)


def save_layout(
    connection: sa.Connection, person: User, kind: type[Kind], columns: Sequence[Column],
    now: datetime,
) -> None:  # fmt: skip
    """Keep the columns of a list for the district; none: the usual ones again.

    Raises Refusal: not_allowed, unknown_column.
    """
    require(person, "ledgers")
    for column in columns:
        label_of(kind, column.path)
    lock_district(connection, person.district)  # two at once would both add what is not there
    store_ledgers.put_layout(
        connection, person.district, kind.info.name, as_stored(columns), person.user_id, now
    )


def read_columns(kind: type[Kind], stored: Iterable[Sequence[str]]) -> tuple[Column, ...]:
    """Return stored columns; those of fields that are no more are left out."""
    found = []
    for path, words in stored:
        try:
            label_of(kind, path)
        except Refusal:
            continue
        found.append(Column(path, words))
    return tuple(found)


def as_stored(columns: Sequence[Column]) -> list[list[str]]:
    """Return columns as they are stored."""
    return [[column.path, column.words] for column in columns][:MOST_COLUMNS]


def posted(kind: type[Kind], form: Mapping[str, str]) -> tuple[Column, ...]:
    """Return the columns a posted form chooses, by the numbers given to them, then in its order."""
    chosen = []
    for place, path in enumerate(paths_of(kind)):
        if form.get(f"use-{path}") == "1":
            number = form.get(f"order-{path}", "").strip()
            order = (
                int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 999
            )
            words = " ".join(form.get(f"words-{path}", "").split())[:LONGEST_WORDS]
            chosen.append((order, place, Column(path, words)))
    return tuple(column for _, _, column in sorted(chosen, key=lambda one: one[:2]))


class Sheet:
    """Shows records of one kind as rows of these columns, run by run; what leads to a merged record
    is read at the one it went into."""

    def __init__(
        self, connection: sa.Connection, person: User, kind: type[Kind],
        columns: Sequence[Column], lang: str, *, unmask: bool = False,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._person = person
        self._kind = kind
        self._columns = tuple(columns)
        named = (list_of(kind, one.path) for one in self._columns)
        self._each = next((_spoken_of(kind, one) for one in named if one is not None), None)
        """The list whose every entry has a row; a table can show one."""
        self._lang = lang
        self._unmask = unmask
        self._above: dict[str, Mapping[str, Any] | None] = {}
        self._areas: dict[str, str] = {}

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads of the columns."""
        return tuple(
            one.words or label_of(self._kind, one.path).text(self._lang) for one in self._columns
        )

    @property
    def each(self) -> str | None:
        """The list for whose every entry it has a row; None: a row for each record."""
        return self._each

    def rows(self, some: Sequence[Mapping[Any, Any]]) -> list[list[Value]]:
        """Return the cells of these records, masked unless said otherwise."""
        return [cells for _, cells in self.lines(some)]

    def lines(
        self, some: Sequence[Mapping[Any, Any]]
    ) -> list[tuple[Mapping[Any, Any], list[Value]]]:
        """Return the rows of these records with the record of each."""
        if len(self._above) > KEPT:
            self._above.clear()
        titles = Titles(self._connection, self._person, self._lang, unmask=self._unmask)
        self._read_above(some)
        self._read_areas(some)
        for column in self._columns:
            if not column.path.startswith("@"):
                field, _ = field_of(self._kind, column.path)
                if isinstance(field, Ref | Keyed):
                    stored = (self._value(row, column.path) for row in some)
                    titles.preload(_named(field, [one for one in stored if one]))
        if any(column.path == "@author" for column in self._columns):
            titles.preload(("user", row["author"]) for row in some)
        return [
            (row, [self._cell(one, column.path, titles) for column in self._columns])
            for row in some
            for one in self._entries(row)
        ]

    def _entries(self, row: Mapping[Any, Any]) -> Iterator[Mapping[Any, Any]]:
        """Yield a record as its rows see it: as often as its list has entries, with one of them."""
        if self._each is None:
            yield row
            return
        keyed = self._kind.declared()[self._each]
        assert isinstance(keyed, Keyed)
        for key, entry in keyed.in_order(row["fields"].get(self._each)):
            yield {**row, "entry": entry, "entry_key": key}

    def _cell(self, row: Mapping[Any, Any], path: str, titles: Titles) -> Value:
        if path.startswith("@"):
            return self._fact(row, path, titles)
        value = self._value(row, path)
        if value in (None, "", [], {}):
            return None
        field, _ = field_of(self._kind, path)
        show = field.show if self._unmask else field.show_masked
        if isinstance(field, Whole | Amount) and (self._unmask or field.privacy == "open"):
            return float(value) if isinstance(field, Amount) else int(value)
        return show(value, self._lang, titles.lookup)

    def _fact(self, row: Mapping[Any, Any], path: str, titles: Titles) -> Value:
        area = str(row["grid"])
        if path == "@author":
            return titles.lookup("user", row["author"]) or ""
        if path in ("@happened", "@received"):
            moment: datetime = row["happened_at" if path == "@happened" else "received_at"]
            return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
        plain = {"@code": area, "@id": str(row["record_id"])}
        if path in plain:
            return plain[path]
        code = area if path == "@area" else area[:12]
        return self._areas.get(code, code)

    def _value(self, row: Mapping[Any, Any], path: str) -> Any:
        fields: Mapping[str, Any] = row["fields"]
        *steps, last = path.split(".")
        if steps and (listed := list_of(self._kind, path)) is not None:
            if "entry" not in row or _spoken_of(self._kind, listed) != self._each:
                return None
            if listed == self._each:
                return row["entry"].get(last)
            return ((fields.get(listed) or {}).get(row["entry_key"]) or {}).get(last)
        for step in steps:
            above = self._above.get(str(fields.get(step) or ""))
            if above is None:
                return None
            fields = above
        return fields.get(last)

    def _read_above(self, some: Sequence[Mapping[Any, Any]]) -> None:
        """Read what the columns' paths go through, level by level."""
        wanted = {
            one.path.rpartition(".")[0]
            for one in self._columns
            if "." in one.path and list_of(self._kind, one.path) is None
        }
        every = {
            ".".join(path.split(".")[:n]) for path in wanted for n in range(1, path.count(".") + 2)
        }
        for path in sorted(every, key=lambda one: one.count(".")):
            ids = {str(one) for row in some if (one := self._value(row, path))}
            fresh = ids - self._above.keys()
            into = duplicates.roots(self._connection, self._person.district, fresh)
            stand = {into.get(one, one) for one in fresh}
            found = records_read.by_ids(self._connection, self._person.district, stand)
            for one in fresh:
                row = found.get(into.get(one, one))
                seen = row is not None and holds(
                    self._person.scope_codes, row["grid"], kind_of(row["kind"]).info.reach
                )
                self._above[one] = row["fields"] if row is not None and seen else None

    def _read_areas(self, some: Sequence[Mapping[Any, Any]]) -> None:
        codes = {str(row["grid"]) for row in some} | {str(row["grid"])[:12] for row in some}
        fresh = codes - self._areas.keys()
        self._areas |= names_for(self._connection, self._person.district, fresh)


def _spoken_of(kind: type[Kind], listed: str) -> str:
    """Return the list whose entries a list speaks of: itself, unless it says another."""
    keyed = kind.declared()[listed]
    return keyed.of or listed if isinstance(keyed, Keyed) else listed


def _named(field: Declared, values: Sequence[Any]) -> Iterator[tuple[str, str]]:
    for value in values:
        if isinstance(field, Keyed):
            for entry in value.values():
                for name, inner in field.entry_fields.items():
                    if entry.get(name):
                        yield from _named(inner, [entry[name]])
        elif isinstance(field, Ref):
            for one in value if isinstance(value, list) else [value]:
                yield field.kind, one
