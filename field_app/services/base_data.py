"""Browsing what the laptop holds: lists of any kind, one record with its story."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from field_app.domain.doors import by_reading
from field_app.services import issues
from field_app.services.choices import names
from field_app.services.corrections import Asked, corrections_about
from field_app.services.doubts import doubts_about
from field_app.services.outbox import Item, history_of
from field_app.services.overview import look
from field_app.services.records import changes_of, children, find_view, get_view, kind_names
from field_app.services.rights import allows
from field_app.services.survivors import survivor_of
from field_app.services.workspace import Workspace
from schemas import describe
from schemas.catalogue import UnknownKind, kind_of, kinds
from schemas.describe import Shown
from schemas.fields import Declared, Keyed, Ref, Refs
from schemas.kind import Kind
from schemas.messages import Problem
from schemas.search import common, fold
from schemas.worker_rights import may_write

View = Mapping[str, Any]
PAGE = 50
SAID_OF_OTHERS = frozenset({"seen", "decision", "correction", "notice_read"})
"""Kinds that are read at the record they speak of."""
NOT_TYPED = frozenset({"photo"})
"""Kinds whose records are made by other means than filling in their fields."""
OWNER_KIND = "owner_type"
"""The field in which a photo keeps the name of its owner's kind."""


@dataclass(frozen=True)
class Crumb:
    """A record named in a list: where it leads and what it is called."""

    kind: str
    record_id: str
    title: str


@dataclass(frozen=True)
class Listing:
    """One page of a list: its columns' words, its rows, how many there are."""

    columns: tuple[str, ...]
    rows: tuple[tuple[View, tuple[str, ...]], ...]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // PAGE))


@dataclass(frozen=True)
class EntryLine:
    """One entry of a keyed list: what it is about, its words, the records it leads to."""

    title: str
    text: str
    links: tuple[Crumb, ...]


@dataclass(frozen=True)
class Line:
    """One field of a record: its words, where it leads, what is doubtful about it."""

    shown: Shown
    links: tuple[Crumb, ...] = ()
    entries: tuple[EntryLine, ...] = ()
    doubts: tuple[Problem, ...] = ()
    secret: str = ""
    """The full text of a value that is masked until the worker asks to see it."""


@dataclass(frozen=True)
class Story:
    """One of the worker's own changes of a record."""

    item: Item
    lines: tuple[tuple[str, str], ...]
    """What it said: the field's words and the value's."""


@dataclass(frozen=True)
class Detail:
    """A record with everything its page shows."""

    kind: type[Kind]
    view: View
    title: str
    lines: tuple[Line, ...]
    story: tuple[Story, ...]
    parts: tuple[tuple[type[Kind], tuple[Crumb, ...]], ...]
    """The records listed under this one, by kind."""
    asked: tuple[Asked, ...]
    """What staff ever asked the worker about it."""
    may_edit: bool
    may_void: bool
    survivor: Crumb | None = None
    """The record it was merged into, where that is held here."""
    under: Crumb | None = None
    """The record it lies under (a member's household, a photo's issue), where that is held here."""


def shown_kinds() -> list[type[Kind]]:
    """Return the kinds a worker browses, in the catalogue's order: all but what the centre says of
    other records."""
    return [kind for kind in kinds() if kind.info.name not in SAID_OF_OTHERS]


def may(ws: Workspace, kind: type[Kind], action: str, view: View | None = None) -> bool:
    """Tell whether the worker may offer ``action`` on a record (or on the kind)."""
    if action not in kind.info.laptop:
        return False
    if not may_write(ws.identity.worker_kind, kind.info, action):
        return False
    if view is None:
        return kind.info.name not in NOT_TYPED
    return allows(ws, kind, action, view)


def offers(ws: Workspace, kind: type[Kind], action: str, view: View) -> bool:
    """Tell whether a page offers ``action`` on a record: what the worker may, unless it is an issue
    the centre has accepted, of which he only adds notes."""
    return may(ws, kind, action, view) and (
        kind.info.name != "issue" or issues.may_change(ws, view)
    )


def may_change(ws: Workspace, kind_name: str, record_id: str) -> bool:
    """Tell whether the worker may change a record this laptop holds."""
    view = get_view(ws, kind_name, record_id)
    return view is not None and may(ws, kind_of(kind_name), "update", view)


def kind_counts(ws: Workspace) -> list[tuple[type[Kind], int]]:
    """Return every kind a worker browses with how many records of it are here."""
    return [(kind, len(look(ws, kind.info.name))) for kind in shown_kinds()]


def listing(ws: Workspace, kind: type[Kind], query: str = "", page: int = 1) -> Listing:
    """Return one page of a kind's records, the newest first where the kind is dated, else by name.

    ``query`` keeps the records every typed word is found in.
    """
    name_of = names(ws)
    held = look(ws, kind.info.name)
    words = [fold(word) for word in common(query).split()]
    if words:
        held = [view for view in held if _found(view, words, name_of)]
    columns = describe.columns(kind)
    dated = kind.info.dated_by
    if dated:
        held.sort(key=lambda view: str(view["fields"].get(dated)), reverse=True)
    else:
        # By the first column with words of its own: naming what others refer to reads them all.
        own = next((name for name, one in columns.items() if not isinstance(one, Ref)), "")
        elsewhere = _elsewhere(ws, kind, held)
        held.sort(key=lambda view: (view["record_id"] in elsewhere,
                                    by_reading(str(view["fields"].get(own, "")))))  # fmt: skip
    page = max(1, min(page, -(-len(held) // PAGE)))
    rows = tuple(
        (view, tuple(_cell(field, view["fields"].get(name), ws.lang, name_of)
                     for name, field in columns.items()))
        for view in held[(page - 1) * PAGE : page * PAGE]
    )  # fmt: skip
    labels = tuple(field.label.text(ws.lang) for field in columns.values())
    return Listing(labels, rows, len(held), page)


def _elsewhere(ws: Workspace, kind: type[Kind], held: list[View]) -> set[str]:
    """Return which compounds have nothing in the own grids: they come after those that have."""
    if kind.info.name != "compound":
        return set()
    built = {view["fields"].get("compound_id") for view in look(ws, "building")}
    return {view["record_id"] for view in held} - built


def _found(view: View, words: list[str], name_of: Any) -> bool:
    text = view["search"]
    if all(word in text for word in words):
        return True
    text += fold(common(name_of(view["kind"], view["record_id"]) or ""))
    return all(word in text for word in words)


def _cell(field: Declared, value: Any, lang: str, name_of: Any) -> str:
    if field.mask == "id_no":
        return field.show_masked(value, lang, name_of)
    return "" if value is None else field.show(value, lang, name_of)


def detail(ws: Workspace, kind: type[Kind], record_id: str) -> Detail | None:
    """Return a record with its fields, states, own changes and parts; None when not held here."""
    view = get_view(ws, kind.info.name, record_id)
    if view is None:
        return None
    return Detail(
        kind=kind,
        view=view,
        title=names(ws)(kind.info.name, record_id) or kind.info.label.text(ws.lang),
        lines=tuple(_lines(ws, kind, view)),
        story=tuple(_story(ws, kind, record_id)),
        parts=tuple(_parts(ws, kind, record_id)),
        asked=tuple(corrections_about(ws, record_id)),
        may_edit=offers(ws, kind, "update", view),
        may_void=offers(ws, kind, "void", view),
        survivor=_survivor(ws, kind.info.name, record_id),
        under=above(ws, kind, view["fields"]),
    )


def _survivor(ws: Workspace, kind_name: str, record_id: str) -> Crumb | None:
    into = survivor_of(ws, kind_name, record_id)
    if into == record_id:
        return None
    return _crumb(ws, kind_name, into)


def above(ws: Workspace, kind: type[Kind], fields: Mapping[str, Any]) -> Crumb | None:
    """Return the record that one with these fields lies under, None when there is none here."""
    parent = kind.info.parent
    value = fields.get(parent) if parent else None
    if parent is None or value is None:
        return None
    return next(iter(_links(ws, kind.declared()[parent], value)), None)


def _lines(ws: Workspace, kind: type[Kind], view: View) -> list[Line]:
    name_of = names(ws)
    lines = []
    about = doubts_about(ws, kind, view["fields"])
    for shown in describe.show(kind, view["fields"], ws.lang, name_of, unmask=True):
        value = view["fields"][shown.name]
        secret = ""
        if shown.field.mask == "id_no":
            secret = shown.text
            text = shown.field.show_masked(value, ws.lang, name_of)
            shown = Shown(shown.name, shown.label, text, True, shown.field)
        elif shown.name == OWNER_KIND and value in kind_names():
            text = kind_of(value).info.label.text(ws.lang)
            shown = Shown(shown.name, shown.label, text, shown.masked, shown.field)
        doubts = (
            *shown.field.doubts(_wired(shown.field, value)),
            *(one.problem for one in about if one.pointer == f"/{shown.name}"),
        )
        entries = tuple(_entries(ws, kind, view["fields"], shown.field, value))
        lines.append(Line(shown, _links(ws, shown.field, value), entries, doubts, secret))
    return lines


def _entries(
    ws: Workspace, kind: type[Kind], stored: Mapping[str, Any], field: Declared, value: Any
) -> Iterator[EntryLine]:
    """Yield the entries of a keyed list; one kept under a record's id is named by that record, one
    that speaks of another list's entry by that."""
    if not isinstance(field, Keyed):
        return
    name_of = names(ws)
    for key, entry in field.in_order(value):
        title = field.entry_name(key, ws.lang) or field.about(kind.declared(), stored, key, ws.lang)
        if not title and (about := find_view(ws, key)) is not None:
            title = name_of(about["kind"], key) or ""
        said: list[str] = []
        links: list[Crumb] = []
        for name, inner in field.entry_fields.items():
            found = _links(ws, inner, entry[name]) if entry.get(name) is not None else ()
            links += found
            if not found:
                said.append(inner.show(entry.get(name), ws.lang, name_of))
        yield EntryLine(title, " · ".join(word for word in said if word), tuple(links))


def _wired(field: Declared, value: Any) -> Any:
    """Return a stored value as `doubts` expects it (keyed lists travel as additions)."""
    return {"add": value} if field.widget == "keyed" else value


def _links(ws: Workspace, field: Declared, value: Any) -> tuple[Crumb, ...]:
    """Return the records a reference leads to, as far as this laptop holds them."""
    if not isinstance(field, Ref) or field.kind == "user":
        return ()
    found = []
    for named in value if isinstance(field, Refs) else [value]:
        any_kind = find_view(ws, named) if field.kind == "record" else None
        kind_name = any_kind["kind"] if any_kind else field.kind
        one = survivor_of(ws, kind_name, named)
        if kind_name != "record" and get_view(ws, kind_name, one) is not None:
            found.append(_crumb(ws, kind_name, one))
    return tuple(found)


def _crumb(ws: Workspace, kind_name: str, record_id: str) -> Crumb:
    return Crumb(kind_name, record_id, names(ws)(kind_name, record_id) or f"…{record_id[-6:]}")


def _story(ws: Workspace, kind: type[Kind], record_id: str) -> list[Story]:
    """Return the worker's own changes of a record, the latest first."""
    said = {change["change_id"]: change["fields"] for change in changes_of(ws, record_id)}
    return [
        Story(item, tuple(_words(ws, kind, said[item.change_id])))
        for item in reversed(history_of(ws, record_id))
    ]


def _words(ws: Workspace, kind: type[Kind], fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a change said; an emptied field has no words, a void's reason its own."""
    name_of = names(ws)
    for name, value in fields.items():
        field = kind.declared().get(name)
        if field is None:
            yield "", str(value)
        else:
            stored = (value or {}).get("add") if field.widget == "keyed" else value
            yield field.label.text(ws.lang), _cell(field, stored, ws.lang, name_of)


def _parts(
    ws: Workspace, kind: type[Kind], record_id: str
) -> list[tuple[type[Kind], tuple[Crumb, ...]]]:
    found = []
    for other in shown_kinds():
        parent = other.info.parent
        field = other.declared().get(parent) if parent else None
        if parent is None or not isinstance(field, Ref) or field.kind != kind.info.name:
            continue
        found.append((other, tuple(crumbs(ws, other, parent, record_id))))
    return found


def crumbs(ws: Workspace, kind: type[Kind], parent: str, record_id: str) -> list[Crumb]:
    """Return the records of ``kind`` under a record, as they are read (2 before 10)."""
    name_of = names(ws)
    found = [
        Crumb(kind.info.name, view["record_id"], name_of(kind.info.name, view["record_id"]) or "…")
        for view in children(ws, kind.info.name, parent, record_id)
    ]
    return sorted(found, key=lambda one: by_reading(one.title))


def find_kind(name: str) -> type[Kind] | None:
    """Return a kind a worker may browse, None for others."""
    try:
        kind = kind_of(name)
    except UnknownKind:
        return None
    return kind if kind in shown_kinds() else None
