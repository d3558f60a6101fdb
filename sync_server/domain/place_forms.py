"""A place as a form at the centre: what the form shows of it, and what the form makes of it.

What nobody touched stays as it is by now, whoever changed it meanwhile. Personal values are not
shown: left empty they stay, and a box of their own empties them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.fields import Codes, Declared, Keyed, Location, Refs
from schemas.forms import Control, GetList
from schemas.kind import Kind

MOST_SHOWN = 200_000
"""Characters of what a form showed, as it comes back."""


@dataclass(frozen=True)
class Posted:
    """What was posted: ``typed`` in stored form, ``texts`` by control, what the form had ``shown``,
    the controls to ``clear``, the entries of lists that go (``contacts.<key>``)."""

    typed: Mapping[str, Any]
    texts: Mapping[str, tuple[str, ...]]
    shown: Mapping[str, tuple[str, ...]]
    clear: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()


def keys_of(name: str, controls: Iterable[str]) -> list[str]:
    """Return the keys of a list's entries that have one of these controls, in their order."""
    inner = (full.partition(".")[2] for full in controls if full.startswith(f"{name}."))
    return list(dict.fromkeys(rest.rpartition(".")[0] for rest in inner))


def every_control(controls: Sequence[Control]) -> Iterator[Control]:
    """Yield the controls, those inside the entries of a list in place of the list."""
    for control in controls:
        if isinstance(control.field, Keyed):
            for _, _, members in control.entries:
                yield from members
        else:
            yield control


def texts_of(declared: Declared, value: Any) -> tuple[str, ...]:
    """Return the texts a control posts for a stored value nobody touches; none for a personal
    one."""
    if declared.privacy != "open" or value in (None, "", []):
        return ()
    if isinstance(value, list):
        return tuple(str(one) for one in value)
    if isinstance(value, bool):
        return ("1" if value else "0",)
    if isinstance(declared, Location):
        return (declared.show(value, "zh"),)
    return (str(value),)


def plain(texts: Sequence[str]) -> tuple[str, ...]:
    """Return posted texts as they are compared: without empty ones and outer space."""
    found = (text.replace("\r\n", "\n").strip() for text in texts)
    return tuple(text for text in found if text)


def as_shown(controls: Sequence[Control]) -> str:
    """Return what a form shows, as it travels in the form."""
    said = {one.name: texts_of(one.field, one.value) for one in every_control(controls)}
    return json.dumps({name: texts for name, texts in said.items() if texts}, ensure_ascii=False)


def read_shown(text: str) -> dict[str, tuple[str, ...]]:
    """Return what a form had shown; nothing of what cannot be that."""
    if len(text) > MOST_SHOWN:
        return {}
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(said, dict):
        return {}
    return {
        name: plain(texts)
        for name, texts in said.items()
        if isinstance(texts, list) and all(isinstance(one, str) for one in texts)
    }


def posted_texts(names: Sequence[str], getlist: GetList) -> dict[str, tuple[str, ...]]:
    """Return the texts of every posted control."""
    return {name: plain(getlist(name)) for name in names}


def wanted(
    kind: type[Kind], stored: Mapping[str, Any], posted: Posted, asked: Collection[str]
) -> dict[str, Any]:
    """Return the stored fields after what was posted of the fields ``asked``."""
    result = dict(stored)
    for name, declared in kind.declared().items():
        if name not in asked or name not in posted.typed:
            continue
        value: Any
        if isinstance(declared, Keyed):
            value = _entries(name, declared, stored.get(name) or {}, posted)
        else:
            value = _value(name, declared, stored.get(name), posted.typed[name], posted)
        if value in (None, {}):
            result.pop(name, None)
        else:
            result[name] = value
    return result


def _value(name: str, declared: Declared, stands: Any, typed: Any, posted: Posted) -> Any:
    if declared.privacy != "open":
        if typed is None and name not in posted.clear:
            return stands
        return typed
    said, shown = posted.texts.get(name, ()), posted.shown.get(name, ())
    if isinstance(declared, Codes | Refs):
        return stands if set(said) == set(shown) else typed
    return stands if said == shown else typed


def _entries(
    name: str, declared: Keyed, stands: Mapping[str, Any], posted: Posted
) -> dict[str, Any]:
    typed = posted.typed[name] or {}
    result = dict(stands)
    for key in keys_of(name, posted.texts):
        if f"{name}.{key}" in posted.gone:
            result.pop(key, None)
            continue
        before, said = stands.get(key) or {}, typed.get(key) or {}
        entry = {
            member: value
            for member, inner in declared.entry_fields.items()
            if (
                value := _value(
                    f"{name}.{key}.{member}", inner, before.get(member), said.get(member), posted
                )
            ) is not None
        }  # fmt: skip
        if entry:
            result[key] = entry
        else:
            result.pop(key, None)
    return result
