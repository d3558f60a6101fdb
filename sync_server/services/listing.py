"""What a list of records can be asked: reading and checking the filters of one kind.

Everything follows from the kind's declaration: which columns are shown, which can be sorted by or
chosen from a code list. Personal fields are offered for neither, so that a filter or an order
never tells what masking hides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from schemas import describe
from schemas.catalogue import KINDS, kind_of
from schemas.clock import SHANGHAI
from schemas.codes import CodeList
from schemas.fields import Code, Codes, Declared, Keyed, Location, Ref, Whole
from schemas.kind import Kind
from schemas.labels import Label
from schemas.search import fold
from sync_server.domain.access import narrowed
from sync_server.domain.areas import above
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import User
from sync_server.store import field_lists
from sync_server.store.records_read import Choice, Order, Selection, State

STATES: tuple[State, ...] = ("live", "conflict", "doubtful", "voided", "all")
ENVELOPE_ORDERS = ("happened_at", "received_at", "grid")
FIELD = "f."
"""Stands before a field's name in an address, so that no field can be taken for a filter."""
PRESENT = field_lists.PRESENT
FIGURES: Mapping[str, Mapping[str, Label]] = {
    "resident": {PRESENT: Label("没有迁出的", "Not moved out")},
    "patrol": {"late": Label("补录的", "Entered late")},
    "visit": {
        "late": Label("补录的", "Entered late"),
        "met": Label("见到人的或有评价的", "Somebody met, or rated"),
        "rated": Label("有评价的", "Rated"),
        "satisfied": Label("评价 4 分及以上的", "Rated 4 or 5"),
    },
}
"""Figures whose records a list can be narrowed to, by kind, and what it is called."""
LONGEST_QUERY = 80
MOST_WORDS = 5


@dataclass(frozen=True)
class Asked:
    """The filters of a list as they were typed; ``wrong`` names those that cannot be used."""

    q: str = ""
    area: str = ""
    since: str = ""
    until: str = ""
    author: str = ""
    state: State = "live"
    codes: dict[str, str] = field(default_factory=dict)
    sort: str = "-happened_at"
    page: int = 1
    figure: str = ""
    """The figure of the statistics that these records make (FIGURES), empty: all of them."""
    wrong: tuple[str, ...] = ()

    def as_arguments(self) -> dict[str, str]:
        """Return the filters as they stand in an address, without the page."""
        plain = {
            "q": self.q, "area": self.area, "since": self.since, "until": self.until,
            "author": self.author, "state": "" if self.state == "live" else self.state,
            "figure": self.figure,
            "sort": "" if self.sort == "-happened_at" else self.sort,
        }  # fmt: skip
        chosen = {FIELD + name: code for name, code in self.codes.items()}
        return {name: text for name, text in {**plain, **chosen}.items() if text}


def read(kind: type[Kind], arguments: Mapping[str, str]) -> Asked:
    """Return what the arguments of an address ask of a list of ``kind``.

    A day that is none is kept as typed and named in ``wrong``; unknown words for state, sort or a
    code stand for the default.
    """
    state = arguments.get("state", "")
    wanted = arguments.get("sort", "")
    orders = {*ENVELOPE_ORDERS, *sortable(kind)}
    days = {name: arguments.get(name, "").strip() for name in ("since", "until")}
    page, figure = arguments.get("page", ""), arguments.get("figure", "")
    return Asked(
        q=arguments.get("q", "").strip()[:LONGEST_QUERY],
        area=arguments.get("area", "").strip(),
        since=days["since"],
        until=days["until"],
        author=arguments.get("author", "").strip(),
        state=next((one for one in STATES if one == state), "live"),
        codes={
            name: arguments[FIELD + name]
            for name, codes in choosable(kind).items()
            if arguments.get(FIELD + name) in codes
        },
        sort=wanted if wanted.removeprefix("-") in orders else "-happened_at",
        page=int(page) if page.isascii() and page.isdigit() and 0 < int(page) < 1_000_000 else 1,
        figure=figure if figure in FIGURES.get(kind.info.name, ()) else "",
        wrong=tuple(name for name, text in days.items() if text and day_of(text) is None),
    )


def selection(kind: type[Kind], asked: Asked, person: User) -> Selection:
    """Return the selection for ``asked`` within the person's areas.

    Raises Refusal ``unknown_record`` for an area outside them: it does not exist for him.
    """
    areas = narrowed(person.scope_codes, asked.area) if asked.area else person.scope_codes
    if asked.area and not areas:
        raise Refusal("unknown_record")
    since, until = day_of(asked.since), day_of(asked.until)
    declared = kind.declared()
    return Selection(
        kind=kind.info.name,
        areas=areas,
        words=tuple(word for part in asked.q.split()[:MOST_WORDS] if (word := fold(part))),
        lineage=lineage(kind),
        scope=person.scope_codes,
        above=tuple(above(person.scope_codes)),
        since=_midnight(since) if since else None,
        before=_midnight(until + timedelta(days=1)) if until else None,
        author=asked.author,
        state=asked.state,
        choices=tuple(
            Choice(name, code, isinstance(declared[name], Codes))
            for name, code in asked.codes.items()
        ),
        figure=field_lists.narrowing(person.district, kind.info.name, asked.figure),
    )


def order(kind: type[Kind], asked: Asked) -> Order:
    """Return how ``asked`` wants the list sorted."""
    name = asked.sort.removeprefix("-")
    as_field: Literal["", "text", "number"] = ""
    if name not in ENVELOPE_ORDERS:
        as_field = "number" if isinstance(kind.declared()[name], Whole) else "text"
    return Order(name, asked.sort.startswith("-"), as_field)


def choosable(kind: type[Kind]) -> dict[str, CodeList]:
    """Return the code lists a list of ``kind`` can be narrowed by, by field name."""
    return {
        name: declared.codes
        for name, declared in describe.columns(kind).items()
        if isinstance(declared, Code) and declared.privacy == "open"
    }


def sortable(kind: type[Kind]) -> dict[str, Declared]:
    """Return the columns a list of ``kind`` can be sorted by, besides those of every record (the
    time it happened among them, which ``dated_by`` names)."""
    return {
        name: declared
        for name, declared in describe.columns(kind).items()
        if declared.privacy == "open"
        and not isinstance(declared, Ref | Codes | Keyed | Location)
        and name not in (*ENVELOPE_ORDERS, kind.info.dated_by)
    }


def lineage(kind: type[Kind]) -> tuple[str, ...]:
    """Return the kinds above ``kind``, nearest first: resident → household, room, building …"""
    parents: list[str] = []
    present = kind
    while present.info.parent:
        reference = present.declared()[present.info.parent]
        assert isinstance(reference, Ref)
        if reference.kind in parents or reference.kind not in KINDS:
            break  # itself again, or any kind of record
        parents.append(reference.kind)
        present = kind_of(reference.kind)
    return tuple(parents)


def day_of(text: str) -> date | None:
    """Return the day an address names, None when it names none."""
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return day if day and 1900 <= day.year <= 2200 else None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
