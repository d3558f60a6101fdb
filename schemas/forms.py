"""Forms from declarations: which controls a kind asks, and reading what was posted.

Control names are the field's name; an entry of a keyed list uses ``name.key.member``. A keyed
list over a code list offers every active code, one that speaks of another list's entries each of
those, by a masked name; any other starts with ``SPARE`` empty entries.
What was typed comes back even when it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from schemas.fields import Declared, Keyed
from schemas.kind import Kind

GetList = Callable[[str], Sequence[str]]
"""Reads every posted text of one control: ``name -> texts`` (empty when not posted)."""


@dataclass(frozen=True)
class Control:
    """One control of a form: its posted name, its declaration, its value as stored."""

    name: str
    field: Declared
    value: Any = None
    entries: tuple[tuple[str, str, tuple[Control, ...]], ...] = ()
    """For a keyed list: ``(key, words of the key, controls)`` of each entry."""


def controls(
    kind: type[Kind],
    stored: Mapping[str, Any],
    lang: str,
    *,
    new_keys: Mapping[str, Sequence[str]] | None = None,
) -> list[Control]:
    """Return the controls of a form for ``stored`` (empty for a new record).

    ``new_keys`` gives, by field, keys for the empty entries offered after the present ones.
    """
    result = []
    for name, declared in kind.declared().items():
        if not declared.ask:
            continue
        if isinstance(declared, Keyed):
            spare = (new_keys or {}).get(name, ())
            result.append(_keyed(kind, name, stored, lang, spare))
        else:
            result.append(Control(name, declared, stored.get(name)))
    return result


def _keyed(
    kind: type[Kind], name: str, stored: Mapping[str, Any], lang: str, spare: Sequence[str]
) -> Control:
    fields = kind.declared()
    declared, value = cast(Keyed, fields[name]), stored.get(name) or {}
    keys = [key for key, _ in declared.in_order(value)]
    offered = [item.code for item in declared.keys.active] if declared.keys else list(spare)
    if declared.of:
        offered = declared.spoken_of(stored)
        keys = sorted({*keys, *offered})
    keys += [key for key in offered if key not in value]
    if declared.keys:
        order = {item.code: place for place, item in enumerate(declared.keys.items)}
        keys.sort(key=lambda key: order.get(key, 999))
    entries = tuple(
        (
            key,
            declared.entry_name(key, lang)
            or declared.about(fields, stored, key, lang, masked=True),
            tuple(
                Control(f"{name}.{key}.{member}", inner, (value.get(key) or {}).get(member))
                for member, inner in declared.entry_fields.items()
            ),
        )
        for key in keys
    )
    return Control(name, declared, value, entries)


def read(kind: type[Kind], getlist: GetList, names: Sequence[str]) -> dict[str, Any]:
    """Return stored-form values of what was posted.

    ``names`` are all posted control names. Only fields with a posted control appear; an emptied
    one is None. Nothing is checked here: a text that cannot be read stays text.
    """
    posted: dict[str, set[str]] = {}
    for full in names:
        name, dot, rest = full.partition(".")
        posted.setdefault(name, set())
        if dot:
            posted[name].add(rest.rpartition(".")[0])
    values: dict[str, Any] = {}
    for name, declared in kind.declared().items():
        if name not in posted:
            continue
        if isinstance(declared, Keyed):
            entries = {}
            for key in sorted(posted[name]):
                entry = {
                    member: inner.from_form(getlist(f"{name}.{key}.{member}"))
                    for member, inner in declared.entry_fields.items()
                }
                entry = {member: value for member, value in entry.items() if value is not None}
                if entry:
                    entries[key] = entry
            values[name] = entries or None
        else:
            values[name] = declared.from_form(getlist(name))
    return values
