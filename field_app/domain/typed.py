"""What was typed into a form: as texts by control name, and what of it is a change.

A form shows a record as texts and hands texts back. Comparing the two sets of texts (never the
values read from them) tells what the worker changed: a point kept in another coordinate system or
a time with seconds survives a form that shows less of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from schemas import forms
from schemas.fields import Declared, Keyed
from schemas.kind import Kind
from schemas.values import get_path, set_path

Texts = dict[str, list[str]]
"""Every text of each control by the control's name (``name`` or ``name.key.member``)."""

MINUTE = 16
"""Characters of a time as a form control holds it: 2026-09-30T08:41."""


def text_of(field: Declared, value: Any) -> list[str]:
    """Return ``value`` as the texts its form control holds (see ``Declared.from_form``)."""
    if value is None:
        return []
    match field.widget:
        case "flag":
            return ["1" if value else "0"]
        case "codes" | "refs":
            return [str(one) for one in value]
        case "moment":
            return [str(value)[:MINUTE]]
        case "location":
            return [field.show(value, "zh")]
    return [str(value)]


def texts_of(kind: type[Kind], stored: Mapping[str, Any]) -> Texts:
    """Return the texts a form shows for ``stored``; empty values have none."""
    texts: Texts = {}
    for control in forms.controls(kind, stored, "zh"):
        inner = [one for entry in control.entries for one in entry[2]] or [control]
        for one in inner:
            shown = text_of(one.field, one.value) if not isinstance(one.field, Keyed) else []
            if shown:
                texts[one.name] = shown
    return texts


def asked(kind: type[Kind], texts: Mapping[str, Sequence[str]]) -> Texts:
    """Return the texts of controls a form of ``kind`` may ask; everything else is left out.

    A time is asked as a day and a clock time: the two texts become one.
    """
    known: Texts = {}
    for name, posted in texts.items():
        field = field_at(kind, name)
        if field is not None:
            known[name] = _moment(posted) if field.widget == "moment" else list(posted)
    return known


def field_at(kind: type[Kind], name: str) -> Declared | None:
    """Return the declaration a control asks, None when no form of ``kind`` has such a control.

    The bare name of a keyed list is a control too: it tells that its entries were asked.
    """
    head, _, rest = name.partition(".")
    field = kind.declared().get(head)
    if field is None or not field.ask:
        return None
    if isinstance(field, Keyed) and rest:
        return field.entry_fields.get(rest.rpartition(".")[2])
    return None if rest else field


def _moment(posted: Sequence[str]) -> list[str]:
    """Return day and clock time as one text; what is missing stays visible as missing."""
    if len(posted) < 2:
        return list(posted)
    day, clock = (text.strip() for text in posted[:2])
    return [f"{day}T{clock}" if day or clock else ""]


def values_of(kind: type[Kind], texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the stored-form values of what was typed; nothing is checked here."""
    known = asked(kind, texts)
    return forms.read(kind, lambda name: known.get(name, []), list(known))


def changed_paths(
    kind: type[Kind], shown: Mapping[str, Sequence[str]], typed: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return the paths (a field, or ``field.key`` of a keyed list) whose texts differ."""
    found = []
    for name, field in kind.declared().items():
        if not field.ask:
            continue
        if not isinstance(field, Keyed):
            if name in typed and _plain(typed[name]) != _plain(shown.get(name, ())):
                found.append(name)
        elif _posted(name, typed):
            before, after = entries(name, shown), entries(name, typed)
            found += [f"{name}.{key}" for key in sorted(before | after)
                      if before.get(key) != after.get(key)]  # fmt: skip
    return found


def _plain(texts: Iterable[str]) -> list[str]:
    """Return texts for comparing: browsers send other line ends and empty controls."""
    return [text for one in texts if (text := one.replace("\r\n", "\n").strip())]


def _posted(name: str, typed: Mapping[str, Sequence[str]]) -> bool:
    return any(one == name or one.startswith(f"{name}.") for one in typed)


def entries(name: str, texts: Mapping[str, Sequence[str]]) -> dict[str, dict[str, list[str]]]:
    """Return the entries of a keyed list that hold any text: ``{key: {member: texts}}``."""
    found: dict[str, dict[str, list[str]]] = {}
    for full, posted in texts.items():
        head, dot, rest = full.partition(".")
        key, _, member = rest.rpartition(".")
        if head == name and dot and key and (plain := _plain(posted)):
            found.setdefault(key, {})[member] = plain
    return found


def keys_of(name: str, texts: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the keys of a keyed list's posted entries, empty ones too, in order."""
    keys = {
        full[len(name) + 1 :].rpartition(".")[0] for full in texts if full.startswith(f"{name}.")
    }
    return sorted(key for key in keys if key)


def laid_over(
    kind: type[Kind],
    current: Mapping[str, Any],
    typed: Mapping[str, Sequence[str]],
    paths: Iterable[str],
) -> dict[str, Any]:
    """Return the ``current`` stored fields with what was typed at ``paths`` in their place.

    An emptied field is None, so that it is emptied and not only left out.
    """
    values = values_of(kind, typed)
    result = dict(current)
    for path in paths:
        value = get_path(values, path)
        set_path(result, path, value)
        name = path.partition(".")[0]
        if name not in result:
            result[name] = None
    return result


def rewritten(
    before: Mapping[str, list[str]], after: Mapping[str, list[str]], fixed: Iterable[str] = ()
) -> Texts:
    """Return the texts, as they stood before, of the controls that have others now or whose value
    is ``fixed`` whatever was typed."""
    found = {
        name: before.get(name, [])
        for name in before.keys() | after.keys()
        if _plain(before.get(name, [])) != _plain(after.get(name, []))
    }
    return found | {name: before.get(name, []) for name in fixed}


def overtaken(
    base: Mapping[str, Any],
    current: Mapping[str, Any],
    new: Mapping[str, Any],
    paths: Iterable[str],
) -> list[str]:
    """Return the paths that came to say something else since the form was opened on ``base``.

    Whoever typed there had not seen the present value; where both say the same there is no
    question.
    """
    return [
        path
        for path in paths
        if get_path(current, path) not in (get_path(base, path), get_path(new, path))
    ]


def control_at(kind: type[Kind], pointer: str) -> str:
    """Return the name of the control a problem's JSON pointer means; empty for the whole form."""
    steps = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    if not steps:
        return ""
    if isinstance(kind.declared().get(steps[0]), Keyed) and len(steps) > 1:
        steps = [steps[0], *steps[2:]]
    return ".".join(steps)


def rebased(
    kind: type[Kind],
    current: Mapping[str, Any],
    typed: Mapping[str, Sequence[str]],
    paths: Iterable[str],
) -> Texts:
    """Return the texts of a form opened anew on ``current`` with what was typed at ``paths``."""
    moved = tuple(paths)

    def lies_at(name: str) -> bool:
        return any(name == path or name.startswith(f"{path}.") for path in moved)

    fresh = {name: one for name, one in texts_of(kind, current).items() if not lies_at(name)}
    return fresh | {name: list(one) for name, one in typed.items() if lies_at(name)}
