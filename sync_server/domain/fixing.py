"""Putting a refused change right at the centre: what a form shows of it, what the form makes of it.

What nobody touched stays exactly as it was sent; personal values are not shown and, left empty,
stay. A field its writer emptied (null on the wire) stays emptied, unless a record must have it. A
field emptied by hand here is left out of the change, and so is one no declaration knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.clock import SHANGHAI, read_moment
from schemas.fields import Codes, Declared, Keyed, Location, Moment, Refs
from schemas.forms import Control, controls
from schemas.kind import Kind


def fixable(kind: type[Kind] | None, action: str) -> bool:
    """Whether a form can show the change at all: its kind is known and it is no void."""
    return kind is not None and action in ("create", "update", "step")


def stored_like(kind: type[Kind], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return wire fields as a form's starting values, as far as they have the shape of fields."""
    found: dict[str, Any] = {}
    for name, declared in kind.declared().items():
        value = fields.get(name)
        if isinstance(declared, Keyed):
            entries = {key: entry for key, entry in _added(value).items()
                       if isinstance(entry, Mapping)}  # fmt: skip
            if entries:
                found[name] = entries
        elif value not in (None, "", [], {}):
            found[name] = value
    return found


def form_controls(
    kind: type[Kind], action: str, fields: Mapping[str, Any], lang: str
) -> list[Control]:
    """Return the controls of a refused change: a create's every field, else those it names.

    Values are what the form shows; personal ones are None.
    """
    stored = stored_like(kind, fields)
    asked = {one.name: one for one in controls(kind, stored, lang)}
    found = []
    for name, declared in kind.declared().items():
        named = name in fields
        if not (named or (action != "update" and name in asked)):
            continue
        control = asked.get(name) or Control(name, declared, stored.get(name))
        if isinstance(declared, Keyed):
            if declared.privacy == "open" and control.entries:
                found.append(Control(name, declared, None, tuple(_entries(control))))
        else:
            found.append(Control(name, declared, shown(declared, stored.get(name))))
    return found


def shown(declared: Declared, value: Any) -> Any:
    """Return what a control shows of a value: None for a personal or misshapen one."""
    if declared.privacy != "open" or value is None:
        return None
    if isinstance(declared, Codes | Refs):
        texts = value if isinstance(value, list) else []
        return [one for one in texts if isinstance(one, str)] or None
    if isinstance(declared, Location):
        try:
            return declared.show(declared.check(value), "zh")
        except ValueError:  # marshmallow's own is one
            return None
    if isinstance(declared, Moment):
        return _local(value)
    return value if isinstance(value, str | int) else None


def hidden(kind: type[Kind], fields: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the controls whose value is there but not shown."""
    found = set()
    for name, value in stored_like(kind, fields).items():
        declared = kind.declared()[name]
        if isinstance(declared, Keyed):
            for key, entry in value.items():
                found |= {
                    f"{name}.{key}.{member}"
                    for member, inner in declared.entry_fields.items()
                    if inner.privacy != "open" and entry.get(member) is not None
                }
        elif declared.privacy != "open":
            found.add(name)
    return frozenset(found)


def fixed(kind: type[Kind], fields: Mapping[str, Any], posted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the wire fields after what was ``posted`` (stored form) replaced what was sent."""
    declared = kind.declared()
    wire = {name: value for name, value in fields.items() if name in declared}
    for name, value in posted.items():
        field = declared[name]
        if isinstance(field, Keyed):
            made = _fixed_entries(field, fields.get(name), value or {})
        else:
            made = _kept(field, fields.get(name), value)
        if made is not None:
            wire[name] = made
        elif fields.get(name) is not None or field.required:
            wire.pop(name, None)
    return wire


def _fixed_entries(field: Keyed, sent: Any, posted: Mapping[str, Any]) -> dict[str, Any] | None:
    before = _added(sent)
    add: dict[str, Any] = {}
    for key in [*before, *(key for key in posted if key not in before)]:
        said, old = posted.get(key) or {}, before.get(key)
        old = old if isinstance(old, Mapping) else {}
        entry = {
            member: value
            for member, inner in field.entry_fields.items()
            if (value := _kept(inner, old.get(member), said.get(member))) is not None
        }
        if entry:
            add[key] = entry
    remove = sent.get("remove") if isinstance(sent, Mapping) else None
    made = {"add": add, "remove": remove}
    return {part: value for part, value in made.items() if value} or None


def _kept(field: Declared, sent: Any, posted: Any) -> Any:
    """Return what was sent where the form says what it showed, else what was posted."""
    if posted is None and field.privacy != "open":
        return sent
    said = shown(field, sent)
    texts = said if isinstance(said, list) else [] if said is None else [str(said)]
    if isinstance(sent, bool):
        texts = ["1" if sent else "0"]
    return sent if sent is not None and field.from_form(texts) == posted else posted


def _entries(control: Control) -> Iterator[tuple[str, str, tuple[Control, ...]]]:
    for key, words, members in control.entries:
        yield (
            key,
            words,
            tuple(Control(one.name, one.field, shown(one.field, one.value)) for one in members),
        )


def _added(value: Any) -> Mapping[str, Any]:
    added = value.get("add") if isinstance(value, Mapping) else None
    return added if isinstance(added, Mapping) else {}


def _local(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return read_moment(value).astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M")
    except (ValueError, OverflowError):
        return value
