"""What the pages of imports show: the list, the columns to be chosen, the rows with what becomes of
them. Values of a file are shown in full to who brought it, until it is imported; to everybody else,
and afterwards, personal ones are masked like anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.fields import Declared
from schemas.privacy import HIDDEN
from schemas.purposes import is_asked
from sync_server.domain.areas import holds
from sync_server.domain.sheets.cells import text_of
from sync_server.domain.sheets.columns import IN_ENGLISH, ORDER, columns_of
from sync_server.domain.sheets.plan import Plan
from sync_server.domain.sheets.problems import RowProblem, read_problem
from sync_server.services import imports
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.import_areas import Areas, People
from sync_server.services.import_reading import RowReader, Said
from sync_server.services.import_work import folder_of
from sync_server.services.purposes import left_out
from sync_server.services.titles import Titles
from sync_server.store import imports as store_imports
from sync_server.store import records_read
from sync_server.store.people_read import names_of

PAGE = 20
SAMPLES = 3
OUTCOMES = ("refused", "likely", "changed", "new", "unchanged", "skipped")
"""What rows are shown by, those that want somebody's eye first."""
OPEN_STATES = frozenset({"columns", "checking", "checked"})
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Listed:
    """One import of the list; ``kind`` in words, empty until it is known."""

    row: Row
    kind: str
    by: str


@dataclass(frozen=True)
class ListPage:
    """A page of imports."""

    imports: tuple[Listed, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class Choice:
    """One column a file's column may be taken for."""

    name: str
    label: str
    needed: bool


@dataclass(frozen=True)
class FileColumn:
    """One column of a file: its place, its head, some cells, what it is taken for."""

    place: int
    head: str
    samples: tuple[str, ...]
    chosen: str


@dataclass(frozen=True)
class FixedValue:
    """A value for all new records of a file that lacks the column."""

    name: str
    label: str
    text: str
    needed: bool
    field: Declared


@dataclass(frozen=True)
class ColumnsForm:
    """The form in which columns are chosen; ``missing`` are needed ones nobody has given."""

    plan: Plan
    kinds: tuple[tuple[str, str], ...]
    choices: tuple[Choice, ...]
    columns: tuple[FileColumn, ...]
    fixed: tuple[FixedValue, ...]
    missing: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """What the district does not collect, so that no column can be taken for it."""


@dataclass(frozen=True)
class Match:
    """A record a row is likely to be; ``kind`` empty when its page may not be opened."""

    title: str
    kind: str
    record_id: str
    score: int
    reason: str


@dataclass(frozen=True)
class Fault:
    """One fault of a row in words."""

    column: str
    value: str
    text: str
    code: str


@dataclass(frozen=True)
class Kept:
    """A record that undoing kept, why and because of whom."""

    title: str
    kind: str
    record_id: str
    why: str
    by: str


@dataclass(frozen=True)
class ShownRow:
    """One row: its number, its cells as they are read, what it changes as (label, old, new)."""

    number: int
    record_id: str
    cells: tuple[str, ...]
    changes: tuple[tuple[str, str, str], ...]
    faults: tuple[Fault, ...]
    likely: tuple[Match, ...]
    choice: str
    kept: tuple[Kept, ...]


@dataclass(frozen=True)
class RowsPage:
    """Rows of one outcome with the heads of their cells."""

    show: str
    heads: tuple[str, ...]
    rows: tuple[ShownRow, ...]
    total: int
    page: int
    pages: int


def list_imports(connection: sa.Connection, person: User, page: int, lang: str) -> ListPage:
    """Return a page of the imports for areas of the person's; raise Refusal ``not_allowed``."""
    who = imports.importer(person)
    rows, total = store_imports.page(
        connection, who.district, who.scope, start=(page - 1) * PAGE, size=PAGE
    )
    names = names_of(connection, who.district, {row["made_by"] for row in rows})
    return ListPage(
        tuple(
            Listed(row, kind_words(row["kind"], lang), names.get(row["made_by"], ""))
            for row in rows
        ),
        total,
        page,
        max(1, -(-total // PAGE)),
    )


def kind_words(kind: str, lang: str) -> str:
    """Return a kind's label, empty for none."""
    return kind_of(kind).info.label.text(lang) if kind else ""


def in_full(person: User, row: Row) -> bool:
    """Whether the values of an import's file are shown to the person in full."""
    return row["made_by"] == person.user_id and row["state"] in OPEN_STATES


def columns_form(
    centre: Centre, person: User, row: Row, plan: Plan, lang: str, missing: Sequence[str] = ()
) -> ColumnsForm:
    """Return the form for an import's columns as ``plan`` has them.

    Where values are not shown in full, no cell is, nor a line as heads that was not taken for them.
    """
    samples, heads = _samples(centre, row["import_id"], plan), plan.heads
    if not in_full(person, row):
        samples = {place: [HIDDEN] for place in samples}
        stored = imports.plan_of(row)
        same = (plan.first, plan.lines) == (stored.first, stored.lines)
        heads = stored.heads if same else ()
    every = columns_of(plan.kind)
    columns = {one.name: one for one in every if one.field is None or is_asked(one.field)}
    width = max([len(heads), *(place + 1 for place in samples)], default=0)
    used = set(plan.columns.values())
    return ColumnsForm(
        plan=plan,
        kinds=tuple((kind, kind_words(kind, lang)) for kind in ORDER),
        choices=tuple(
            Choice(one.name, one.label.text(lang), one.needed and not one.worked_out)
            for one in columns.values()
        ),
        columns=tuple(
            FileColumn(
                place,
                heads[place] if place < len(heads) else "",
                tuple(samples.get(place, ())),
                plan.columns.get(place, ""),
            )
            for place in range(width)
        ),
        fixed=tuple(
            FixedValue(
                one.name, one.label.text(lang), _in_words(plan.fixed.get(one.name, ""), lang),
                one.needed and not one.worked_out, one.field,
            )
            for one in columns.values()
            if one.field is not None
            and one.name not in used
            and (one.needed or one.usual or plan.fixed.get(one.name))
        ),
        missing=tuple(columns[name].label.text(lang) for name in missing if name in columns),
        left_out=tuple(one.label.text(lang) for one in every if one.name not in columns),
    )  # fmt: skip


def _in_words(text: str, lang: str) -> str:
    return IN_ENGLISH.get(text, text) if lang == "en" else text


def _samples(centre: Centre, import_id: str, plan: Plan) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    looked = 0
    for row in folder_of(centre, import_id).read():
        if row.number < plan.data_from:
            continue
        for place, cell in enumerate(row.cells):
            if (text := text_of(cell)) and len(found.setdefault(place, [])) < SAMPLES:
                found[place].append(text[:30])
        looked += 1
        if looked >= 20:
            break
    return found


def posted_plan(present: Plan, posted: Mapping[str, str]) -> Plan:
    """Return the plan that a posted form says; unknown columns are left out.

    Of two columns of a file taken for the same one the first counts.
    """
    known = {column.name for column in columns_of(present.kind)}
    columns: dict[int, str] = {}
    fixed: dict[str, str] = {}
    for name, text in posted.items():
        if name.startswith("column-") and name[7:].isdecimal() and text in known:
            if text not in columns.values():
                columns[int(name[7:])] = text
        elif name.startswith("fixed-") and name[6:] in known and text.strip():
            fixed[name[6:]] = text.strip()[:200]
    fixed = {name: text for name, text in fixed.items() if name not in columns.values()}
    return Plan(
        present.kind, present.first, present.lines, present.heads,
        dict(sorted(columns.items())), fixed, posted.get("area", "").strip(),
        posted.get("along") == "1", present.likely,
    )  # fmt: skip


def rows_page(
    centre: Centre, person: User, row: Row, show: str, page: int, lang: str, now: datetime
) -> RowsPage:
    """Return a page of an import's rows of one outcome; ``kept``: those that undoing kept."""
    kept = show == "kept"
    total = int(row["counts"].get(show, 0))
    with centre.store.reading() as connection:
        rows = store_imports.rows_page(
            connection, centre.code, row["import_id"], () if kept else (show,),
            start=(page - 1) * PAGE, size=PAGE, undone="kept" if kept else "",
        )  # fmt: skip
        shower = _Shower(centre, connection, person, row, lang, now)
        shown = tuple(shower.show(one) for one in rows)
    return RowsPage(show, shower.heads, shown, total, page, max(1, -(-total // PAGE)))


class _Shower:
    """Shows rows of one import."""

    def __init__(
        self, centre: Centre, connection: sa.Connection, person: User, row: Row, lang: str,
        now: datetime,
    ) -> None:  # fmt: skip
        self._folder = folder_of(centre, row["import_id"])
        self._connection = connection
        self._person = person
        self._lang = lang
        self._now = now
        self._plan = imports.plan_of(row)
        self._kind = kind_of(self._plan.kind)
        self._open = in_full(person, row)
        self._titles = Titles(connection, person, lang)
        self._columns = {column.name: column for column in columns_of(self._plan.kind)}
        self._names = list(self._plan.columns.values())
        self._reader = RowReader(
            self._plan, Areas.read(connection, centre.code), People(connection, centre.code),
            row["scope_codes"], left_out(connection, centre.code),
        )  # fmt: skip
        self.heads = tuple(self._label(name) for name in self._names)

    def show(self, row: Row) -> ShownRow:
        """Show one row."""
        staged = self._folder.row_at(row["place"])
        said = self._reader.read(staged, self._now) if staged else None
        return ShownRow(
            number=row["row"],
            record_id=row["record_id"] or "",
            cells=tuple(self._cell(said, name) for name in self._names) if said else (),
            changes=tuple(self._changes(row, said)),
            faults=tuple(self._fault(read_problem(one)) for one in row["problems"] or ()),
            likely=tuple(self._match(one) for one in row["likely"] or ()),
            choice=row["choice"] or "",
            kept=tuple(self._kept(one) for one in row["kept"] or ()),
        )

    def _cell(self, said: Said, name: str) -> str:
        column = self._columns.get(name)
        if column is None:
            return ""
        if column.field is None:
            text = said.around.get(name) or (said.area if name in ("grid", "community") else "")
            return text if self._open or not _personal(name) else HIDDEN if text else ""
        value = said.given.get(name)
        if value is None:
            return ""
        self._titles.preload(
            ("user", one) for one in (value if isinstance(value, list) else [value])
            if getattr(column.field, "kind", "") == "user"
        )  # fmt: skip
        return self._shown(column.field, value)

    def _shown(self, field: Declared, value: Any) -> str:
        show = field.show if self._open else field.show_masked
        return show(value, self._lang, self._titles.lookup)

    def _changes(self, row: Row, said: Said | None) -> list[tuple[str, str, str]]:
        found = []
        for name, old in (row["before"] or {}).items():
            field = self._kind.declared().get(name)
            if field is None:
                continue
            before = field.show_masked(old, self._lang, self._titles.lookup)
            new = said.given.get(name) if said else None
            found.append((field.label.text(self._lang), before, self._shown(field, new)))
        return found

    def _fault(self, fault: RowProblem) -> Fault:
        return shown_fault(self._plan.kind, fault, self._lang, masked=not self._open)

    def _label(self, name: str) -> str:
        column = self._columns.get(name)
        return column.label.text(self._lang) if column else name

    def _match(self, stored: Row) -> Match:
        title, kind = self._named(stored["record_id"])
        reason = stored["reason"][1 if self._lang == "en" else 0]
        return Match(title, kind, stored["record_id"], round(100 * stored["score"]), reason)

    def _kept(self, stored: Row) -> Kept:
        title, kind = self._named(stored["record_id"])
        self._titles.preload([("user", stored["by"])])
        by = self._titles.lookup("user", stored["by"]) or ""
        return Kept(title, kind, stored["record_id"], stored["why"], by)

    def _named(self, record_id: str) -> tuple[str, str]:
        self._titles.preload([("record", record_id)])
        title = self._titles.lookup("record", record_id) or f"…{record_id[-6:]}"
        row = records_read.get(self._connection, self._person.district, record_id)
        seen = row is not None and holds(self._person.scope_codes, row["grid"], "grid")
        return title, self._titles.opens(record_id) or "" if seen else ""


def shown_fault(kind: str, fault: RowProblem, lang: str, *, masked: bool) -> Fault:
    """Return a fault in words; ``masked``: without the values of personal columns."""
    column = next((one for one in columns_of(kind) if one.name == fault.column), None)
    declared = kind_of(kind).declared().get(fault.column)
    label = column.label if column else declared.label if declared else None
    personal = (declared is not None and declared.privacy != "open") or _personal(fault.column)
    hide = masked and personal and bool(fault.value)
    told = fault
    if masked and "value" in fault.params and (personal or fault.column.startswith(_OF_PEOPLE)):
        # The sentence names the record above by all the row says of it, not by this column alone.
        told = replace(fault, params={**fault.params, "value": HIDDEN})
    text = told.text(lang)
    if hide and fault.value in text:
        text = text.replace(fault.value, HIDDEN)
    value = HIDDEN if hide else fault.value
    return Fault(label.text(lang) if label else fault.column, value, text, fault.code)


_OF_PEOPLE = ("household.", "resident.")


def _personal(column: str) -> bool:
    return column.endswith((".head", ".id_no")) or column == "resident.name"
