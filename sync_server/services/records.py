"""Lists of records of one kind, as the staff's pages show them: masked, titled, fifty at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from schemas import describe
from schemas.catalogue import UnknownKind, kind_of, kinds
from schemas.codes import CodeList
from schemas.fields import Day, Declared, Moment, Month, Whole
from schemas.kind import GROUPS, Kind
from sync_server.domain.access import may
from sync_server.domain.errors import Refusal
from sync_server.services import listing
from sync_server.services.accounts import User
from sync_server.services.issue_life import ISSUE, states_of
from sync_server.services.places import names_for
from sync_server.services.titles import Titles
from sync_server.store import records_read
from sync_server.store.records_read import Row

PAGE = 50


@dataclass(frozen=True)
class Column:
    """One column of a list; ``sort`` is what an address asks to sort by it, empty if it cannot."""

    name: str
    label: str
    sort: str


@dataclass(frozen=True)
class Cell:
    """One value of a row as shown; ``masked`` when it hides something."""

    text: str
    masked: bool
    short: bool
    """Whether it is a day, a time or a number, better not broken into lines."""


@dataclass(frozen=True)
class Line:
    """One record of a list."""

    record_id: str
    cells: tuple[Cell, ...]
    area: str
    author: str
    row: Row
    conflict: bool
    doubtful: bool
    state: str
    """The state of an issue in words; empty for other kinds."""


@dataclass(frozen=True)
class RecordList:
    """A page of a list: its columns, its lines, how many there are in all."""

    columns: tuple[Column, ...]
    leads_by: int
    """Which column leads to the record."""
    lines: tuple[Line, ...]
    total: int
    page: int
    pages: int
    shows_happened: bool
    """Whether the time it happened needs a column of its own."""


def kind_for(person: User, name: str) -> type[Kind]:
    """Return the kind ``name`` for somebody who may see records.

    Raises Refusal: not_allowed, or unknown_record when there is no such kind.
    """
    if not may(person.role, "records"):
        raise Refusal("not_allowed")
    try:
        return kind_of(name)
    except UnknownKind:
        raise Refusal("unknown_record") from None


def listed_kinds(lang: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the kinds that have list columns as ``(group, [(name, label)])``, in order."""
    return [
        (
            label.text(lang),
            [
                (kind.info.name, kind.info.label.text(lang))
                for kind in kinds()
                if kind.info.group == group and describe.columns(kind)
            ],
        )
        for group, label in GROUPS.items()
    ]


def list_records(
    connection: sa.Connection, person: User, kind: type[Kind], asked: listing.Asked, lang: str
) -> RecordList:
    """Return the asked page of a kind's list, masked.

    Raises Refusal ``unknown_record`` for an area outside the person's. A page beyond the last one
    is the last one.
    """
    wanted, order = listing.selection(kind, asked, person), listing.order(kind, asked)

    def numbered(page: int) -> tuple[Sequence[Row], int]:
        return records_read.page(
            connection, person.district, wanted, order, start=(page - 1) * PAGE, size=PAGE
        )

    page = asked.page
    rows, total = numbered(page)
    pages = max(1, -(-total // PAGE))
    if page > pages:
        page = pages
        rows, total = numbered(page)
    columns = tuple(_columns(kind, lang))
    return RecordList(
        columns=columns,
        leads_by=_leading(kind),
        lines=tuple(_lines(connection, person, kind, rows, lang)),
        total=total,
        page=page,
        pages=pages,
        shows_happened=kind.info.dated_by not in {column.name for column in columns},
    )


def choices(kind: type[Kind]) -> list[tuple[str, Declared, CodeList]]:
    """Return the code-list columns a list can be narrowed by: name, field, codes."""
    declared = kind.declared()
    return [(name, declared[name], codes) for name, codes in listing.choosable(kind).items()]


def _columns(kind: type[Kind], lang: str) -> Iterable[Column]:
    orders = listing.sortable(kind)
    for name, declared in describe.columns(kind).items():
        sort = "happened_at" if name == kind.info.dated_by else name if name in orders else ""
        yield Column(name, declared.label.text(lang), sort)


def _leading(kind: type[Kind]) -> int:
    """The first column that is the record's own name, else the first one."""
    places = [place for place, name in enumerate(describe.columns(kind)) if name in kind.info.title]
    return places[0] if places else 0


def _lines(
    connection: sa.Connection, person: User, kind: type[Kind], rows: Sequence[Row], lang: str
) -> Iterable[Line]:
    titles = Titles(connection, person, lang)
    titles.preload_fields(kind, [row["fields"] for row in rows])
    titles.preload(("user", row["author"]) for row in rows)
    areas = names_for(connection, person.district, [row["grid"] for row in rows])
    conflict, doubtful = records_read.marked(
        connection, person.district, [row["record_id"] for row in rows]
    )
    states = states_of(connection, person.district, rows, lang) if kind.info.name == ISSUE else {}
    fields = describe.columns(kind)
    for row in rows:
        cells = []
        for name, declared in fields.items():
            value = row["fields"].get(name)
            masked = declared.show_masked(value, lang, titles.lookup)
            hides = masked != declared.show(value, lang, titles.lookup)
            cells.append(Cell(masked, hides, isinstance(declared, Day | Moment | Month | Whole)))
        yield Line(
            record_id=row["record_id"],
            cells=tuple(cells),
            area=areas.get(row["grid"], row["grid"]),
            author=titles.lookup("user", row["author"]) or "",
            row=row,
            conflict=row["record_id"] in conflict,
            doubtful=row["record_id"] in doubtful,
            state=states.get(row["record_id"], ""),
        )
