"""Fields on the wire and fields as stored: applying, comparing and taking them apart.

On the wire an update holds only what changed and a keyed list holds ``add``/``remove``; stored,
a record holds every value and a keyed list is ``{key: entry}``. A *path* is the unit of merging:
a field's name, or ``name.key`` for one entry of a keyed list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from schemas.fields import Keyed
from schemas.kind import Kind


def apply(kind: type[Kind], stored: Mapping[str, Any], wire: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored fields after ``wire`` was applied; empty values are left out."""
    result = dict(stored)
    keyed = keyed_names(kind)
    for name, value in wire.items():
        if name in keyed:
            value = _with_entries(stored.get(name), value or {})
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result


@cache
def keyed_names(kind: type[Kind]) -> frozenset[str]:
    """Return which fields of a kind are keyed lists."""
    return frozenset(name for name, field in kind.declared().items() if isinstance(field, Keyed))


def _with_entries(
    stored: Mapping[str, Any] | None, pair: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return a keyed list after ``add`` and ``remove``, None when nothing is left."""
    add = pair.get("add")
    if add and not stored and len(pair) == 1 and None not in add.values():
        return dict(add)
    entries = {**(stored or {}), **(pair.get("add") or {})}
    gone = [key for key, entry in (pair.get("add") or {}).items() if entry is None]
    for key in (*gone, *(pair.get("remove") or ())):
        entries.pop(key, None)
    return entries or None


def paths(kind: type[Kind], wire: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield ``(path, value)`` for everything ``wire`` says; None means "now empty"."""
    keyed = keyed_names(kind)
    for name, value in wire.items():
        if name in keyed:
            for key, entry in ((value or {}).get("add") or {}).items():
                yield f"{name}.{key}", entry
            for key in (value or {}).get("remove") or ():
                yield f"{name}.{key}", None
        else:
            yield name, value


def get_path(stored: Mapping[str, Any], path: str) -> Any:
    """Return the value at ``path``, None when empty."""
    name, dot, key = path.partition(".")
    value = stored.get(name)
    return (value or {}).get(key) if dot else value


def set_path(stored: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at ``path`` in place (inner objects are replaced, never changed)."""
    name, dot, key = path.partition(".")
    if dot:
        entries = dict(stored.get(name) or {})
        if value is None:
            entries.pop(key, None)
        else:
            entries[key] = value
        value = entries or None
    if value is None:
        stored.pop(name, None)
    else:
        stored[name] = value


def to_wire(kind: type[Kind], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored fields as a create puts them on the wire."""
    declared = kind.declared()
    return {
        name: {"add": value} if isinstance(declared.get(name), Keyed) else value
        for name, value in stored.items()
        if value not in (None, {})
    }


def difference(kind: type[Kind], old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return as wire fields what turns stored ``old`` into stored ``new`` (empty: nothing)."""
    changed: dict[str, Any] = {}
    for name, field in kind.declared().items():
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if isinstance(field, Keyed):
            before, after = before or {}, after or {}
            add = {key: entry for key, entry in after.items() if before.get(key) != entry}
            remove = [key for key in before if key not in after]
            pair = {"add": add, "remove": remove}
            if pair := {word: part for word, part in pair.items() if part}:
                changed[name] = pair
        else:
            changed[name] = after
    return changed
