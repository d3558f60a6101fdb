"""Forms from declarations: every control of a kind as a page needs it, whatever the kind.

A page hands in texts (what is stored, or what was typed) and gets boxes: name, id, label, choices,
what is wrong. No kind is named here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from field_app.domain.typed import Texts, control_at, entries, keys_of, text_of
from field_app.services.choices import AT_ONCE, Choice, Offer, names, offer
from field_app.services.purposes import NOT_COLLECTED, begun_with, told_of
from field_app.services.records import views
from field_app.services.workspace import Workspace
from schemas.check import FieldProblem
from schemas.clock import written
from schemas.codes import CodeList
from schemas.fields import Code, Codes, Declared, Keyed, Line, Lookup, Ref, Refs, Whole
from schemas.kind import Kind
from schemas.purposes import is_asked

FEW = 7
"""A code list up to this length is a row of radio buttons, a longer one a menu."""

FIND = "_find."
"""What stands before a reference's name in the control that narrows its choices."""


@dataclass(frozen=True)
class Row:
    """One entry of a keyed list: its key, its words, its boxes."""

    key: str
    title: str
    boxes: tuple[Box, ...]

    @property
    def id(self) -> str:
        """The html id of its first control."""
        return self.boxes[0].focus_id if self.boxes else ""

    @property
    def filled(self) -> bool:
        """Whether anything stands here."""
        return any(box.filled for box in self.boxes)


@dataclass(frozen=True)
class Box:
    """One control, ready to be drawn.

    ``widget`` is the declared one, refined: ``radios`` or ``menu`` for a code. ``last`` is what
    the last record of its kind said here. ``left`` tells how many choices were not listed.
    """

    name: str
    id: str
    widget: str
    label: str
    hint: str = ""
    required: bool = False
    texts: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    problems: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    """What staff ask to correct or to check here."""
    last: str = ""
    stands: str = ""
    """What the record says where a window that came too late says otherwise."""
    longest: int | None = None
    least: int | None = None
    most: int | None = None
    find: str | None = None
    """The search words of a reference with many choices; None when all are listed."""
    ref: str = ""
    left: int = 0
    rows: tuple[Row, ...] = ()
    columns: tuple[str, ...] = ()
    fixed_rows: bool = False
    given: bool = False
    """Whether the entries of a list are known, so that none is added by hand."""

    @property
    def text(self) -> str:
        """The first text."""
        return self.texts[0] if self.texts else ""

    @property
    def focus_id(self) -> str:
        """The id of the control that a link to this box focuses."""
        several = self.widget in ("radios", "flag", "codes", "checks")
        return f"{self.id}-0" if several and self.choices else self.id

    @property
    def filled(self) -> bool:
        """Whether anything stands here."""
        if self.rows:
            return any(row.filled for row in self.rows)
        return any(self.texts)

    @property
    def faulty(self) -> bool:
        """Whether anything here was refused."""
        return bool(self.problems) or any(box.faulty for row in self.rows for box in row.boxes)


@dataclass(frozen=True)
class Sheet:
    """What a form is drawn from: a kind, its texts and everything said about them.

    ``asked`` is what staff ask to correct, ``only`` limits the fields asked, ``given`` are the
    entries' words by key of keyed lists that nobody adds to, ``spare`` gives keys of empty entries
    to offer, ``last`` the stored fields of the last record, ``finds`` what was typed to narrow a
    reference's choices. ``late`` are the paths at which a window that came too late says otherwise
    than ``base``, the record's stored fields.
    """

    kind: type[Kind]
    texts: Texts
    prefix: str = ""
    problems: Mapping[str, Sequence[str]] = field(default_factory=dict)
    asked: Mapping[str, Sequence[str]] = field(default_factory=dict)
    only: Collection[str] | None = None
    given: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    spare: Mapping[str, Sequence[str]] = field(default_factory=dict)
    last: Mapping[str, object] = field(default_factory=dict)
    finds: Mapping[str, str] = field(default_factory=dict)
    late: Collection[str] = ()
    base: Mapping[str, Any] = field(default_factory=dict)


def html_id(name: str) -> str:
    """Return the html id of the control called ``name``."""
    return "f-" + re.sub(r"[^A-Za-z0-9_-]", "-", name)


def problems_by_control(
    kind: type[Kind], problems: Sequence[FieldProblem], lang: str
) -> dict[str, list[str]]:
    """Return the sentences about each control; those about the whole form stand under ''."""
    found: dict[str, list[str]] = {}
    for one in problems:
        said = found.setdefault(control_at(kind, one.pointer), [])
        if (text := one.problem.text(lang)) not in said:
            said.append(text)
    return found


def boxes(ws: Workspace, sheet: Sheet) -> list[Box]:
    """Return the boxes of a form, in the order of declaration.

    A reference that nothing can be chosen for is not asked, unless it is required. What the
    district does not collect is not asked either; where it stands already, or staff ask about it,
    it can be taken away.
    """
    draw = _Drawing(ws, sheet)
    filled = {name.partition(".")[0] for name, texts in sheet.texts.items() if any(texts)}
    drawn = [
        draw.box(name, declared)
        for name, declared in sheet.kind.declared().items()
        if declared.ask
        and (sheet.only is None or name in sheet.only)
        and (is_asked(declared) or name in filled or name in sheet.asked)
    ]
    return [box for box in drawn if box.choices or box.required or not box.ref or box.find]


class _Drawing:
    """Draws one sheet; holds what every box of it needs."""

    def __init__(self, ws: Workspace, sheet: Sheet) -> None:
        self.ws = ws
        self.sheet = sheet
        self.lang = ws.lang
        self.name_of: Lookup = names(ws)
        self.told = told_of(ws)

    def _hint(self, declared: Declared) -> str:
        """Return the hint of a field, and once for its group what the group is for, where the
        district says so."""
        told = self.told.get(declared.group, "")
        if told != NOT_COLLECTED.text(self.lang):
            self.told.pop(declared.group, None)
        hint = declared.hint.text(self.lang) if declared.hint else ""
        return " ".join(one for one in (hint, told) if one)

    def box(self, name: str, declared: Declared) -> Box:
        """Return the box of a field."""
        if isinstance(declared, Keyed):
            return self._keyed(name, declared)
        last = self.sheet.last.get(name)
        stands = self._stands(name, declared, self.sheet.base.get(name))
        return self._single(name, declared, last, declared.label.text(self.lang), stands)

    def _single(self, name: str, declared: Declared, last: object, label: str, stands: str) -> Box:
        texts = tuple(self.sheet.texts.get(name, ()))
        common = {
            "name": self.sheet.prefix + name,
            "id": html_id(self.sheet.prefix + name),
            "label": label,
            "hint": self._hint(declared),
            "required": declared.required,
            "texts": texts,
            "problems": tuple(self.sheet.problems.get(name, ())),
            "asked": tuple(self.sheet.asked.get(name, ())),
            "last": self._last(declared, last, texts),
            "stands": stands,
        }
        special = _SPECIAL.get(declared.widget)
        extra = special(self, name, declared, texts) if special else {}
        return Box(**{"widget": declared.widget, **common, **extra})  # type: ignore[arg-type]

    def _last(self, declared: Declared, last: object, texts: Sequence[str]) -> str:
        """Return what the last record said, empty when the form says the same already."""
        if last is None or text_of(declared, last) == [text for text in texts if text]:
            return ""
        return declared.show(last, self.lang, self.name_of)

    def _stands(self, name: str, declared: Declared, value: object) -> str:
        """Return what the record says, empty where no late window says otherwise."""
        texts = [text for text in self.sheet.texts.get(name, ()) if text]
        at = any(name == path or name.startswith(f"{path}.") for path in self.sheet.late)
        if not at or text_of(declared, value) == texts:
            return ""
        return declared.show(value, self.lang, self.name_of) if value is not None else "—"

    def _keyed(self, name: str, declared: Keyed) -> Box:
        sheet = self.sheet
        keys = self._keys(name, declared)
        last, base = sheet.last.get(name), sheet.base.get(name) or {}
        rows = []
        for key in keys:
            kept = base.get(key) or {}
            said = last.get(key, {}) if isinstance(last, Mapping) else {}
            title = declared.entry_name(key, self.lang) or sheet.given.get(name, {}).get(key, "")
            rows.append(Row(key, title, tuple(
                self._single(f"{name}.{key}.{member}", inner, said.get(member),
                             inner.label.text(self.lang),
                             self._stands(f"{name}.{key}.{member}", inner, kept.get(member)))
                for member, inner in declared.entry_fields.items()
            )))  # fmt: skip
        return Box(
            name=sheet.prefix + name,
            id=html_id(sheet.prefix + name),
            widget="keyed",
            label=declared.label.text(self.lang),
            hint=self._hint(declared),
            required=declared.required,
            problems=tuple(
                text
                for where, said in sheet.problems.items()
                if where == name or (where.startswith(f"{name}.") and where.count(".") == 1)
                for text in said
            ),
            asked=tuple(sheet.asked.get(name, ())),
            rows=tuple(rows),
            columns=tuple(one.label.text(self.lang) for one in declared.entry_fields.values()),
            fixed_rows=declared.keys is not None,
            given=name in sheet.given,
        )

    def _keys(self, name: str, declared: Keyed) -> list[str]:
        filled = entries(name, self.sheet.texts)
        offered = (
            [item.code for item in declared.keys.active]
            if declared.keys
            else [
                *keys_of(name, self.sheet.texts),
                *self.sheet.given.get(name, ()),
                *self.sheet.spare.get(name, ()),
            ]
        )
        keys = list(dict.fromkeys([*filled, *offered]))
        if declared.keys is None:
            return sorted(keys)
        order = {item.code: place for place, item in enumerate(declared.keys.items)}
        return sorted(keys, key=lambda key: (order.get(key, 999), key))

    def _code(self, name: str, declared: Declared, texts: Sequence[str]) -> dict[str, object]:
        assert isinstance(declared, Code)
        choices = list(_code_choices(declared.codes, texts, self.lang))
        several = isinstance(declared, Codes)
        widget = "codes" if several else ("radios" if len(choices) <= FEW else "menu")
        return {"widget": widget, "choices": tuple(choices)}

    def _flag(self, name: str, declared: Declared, texts: Sequence[str]) -> dict[str, object]:
        chosen = texts[-1] if texts else ""
        return {
            "choices": tuple(
                Choice(value, declared.show(value == "1", self.lang), value == chosen)
                for value in ("1", "0")
            )
        }

    def _ref(self, name: str, declared: Declared, texts: Sequence[str]) -> dict[str, object]:
        assert isinstance(declared, Ref)
        query = self.sheet.finds.get(name, "").strip()
        chosen = [text for text in texts if text]
        found = offer(self.ws, declared.kind, chosen, query)
        if declared.kind == "user" and isinstance(declared, Refs):
            # Who else went along: the worker's own name is no answer.
            found = Offer(tuple(one for one in found.choices if one.chosen))
        many = bool(found.left or query)
        widget = declared.widget
        if widget == "refs" and not many and len(found.choices) <= AT_ONCE // 2:
            widget = "checks"
        return {
            "widget": widget,
            "choices": found.choices,
            "left": found.left,
            "find": query if many else None,
            "ref": declared.kind,
        }

    def _whole(self, name: str, declared: Declared, texts: Sequence[str]) -> dict[str, object]:
        assert isinstance(declared, Whole)
        return {"least": declared.least, "most": declared.most}

    def _line(self, name: str, declared: Declared, texts: Sequence[str]) -> dict[str, object]:
        return {"longest": declared.longest} if isinstance(declared, Line) else {}


_Special = Callable[[_Drawing, str, Declared, Sequence[str]], dict[str, object]]
_SPECIAL: dict[str, _Special] = {
    "code": _Drawing._code,
    "codes": _Drawing._code,
    "flag": _Drawing._flag,
    "ref": _Drawing._ref,
    "refs": _Drawing._ref,
    "whole": _Drawing._whole,
    "line": _Drawing._line,
    "paragraph": _Drawing._line,
    "phone": _Drawing._line,
}


def _code_choices(codes: CodeList, texts: Sequence[str], lang: str) -> Iterator[Choice]:
    """Yield the active codes, and those chosen though the list does not offer them."""
    offered = {item.code for item in codes.active}
    for item in codes.active:
        yield Choice(item.code, item.label.text(lang), item.code in texts)
    for text in texts:
        if text and text not in offered:
            yield Choice(text, codes.text(text, lang), True)


def new_values(ws: Workspace, kind: type[Kind]) -> dict[str, Any]:
    """Return what the form of a new record starts with, whatever its kind.

    The moment it happens is now; fields that are carried on have the worker's last values; notice
    and legal basis are those of the district; a required reference with one choice has that.
    """
    values: dict[str, Any] = {}
    declared = kind.declared()
    own = views(ws, kind.info.name, author=ws.worker_id)
    if own:
        last = max(own, key=lambda view: str(view["last_made_at"]))["fields"]
        values = {name: last[name] for name, one in declared.items() if one.carry and name in last}
    values |= begun_with(ws, kind)
    for name, one in declared.items():
        if name == kind.info.dated_by and one.widget == "moment":
            values[name] = written(ws.now().replace(second=0, microsecond=0))
        elif one.required and one.ask and isinstance(one, Ref) and not isinstance(one, Refs):
            found = offer(ws, one.kind)
            if len(found.choices) == 1:
                values[name] = found.choices[0].value
    return values
