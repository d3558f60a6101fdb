"""A refused change as a form: what is shown of it, what was typed, what is wrong with that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schemas import forms
from schemas.fields import Ref
from schemas.forms import Control, GetList
from schemas.kind import Kind
from sync_server.domain import fixing
from sync_server.services.titles import Titles, references
from sync_server.services.values import show_path

VOID_REASON = "reason"


@dataclass(frozen=True)
class Form:
    """A refused change as a form. ``values`` are what the controls show, ``notes`` say what a
    personal one holds, ``problems`` what is wrong, by control; ``general`` about the whole."""

    controls: tuple[Control, ...]
    values: Mapping[str, Any]
    notes: Mapping[str, str]
    problems: Mapping[str, str] = field(default_factory=dict)
    general: tuple[str, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    """What references name, by control."""
    left_out: tuple[str, ...] = ()
    """Names of fields no declaration knows: they cannot be released."""


def form_of(
    kind: type[Kind], action: str, fields: Mapping[str, Any], titles: Titles, lang: str
) -> Form | None:
    """Return the form of a refused change as it was sent, None when there is nothing to fix."""
    if action == "void":
        reason = fields.get(VOID_REASON)
        return Form((), {VOID_REASON: reason if isinstance(reason, str) else ""}, {})
    if not fixing.fixable(kind, action) or kept_as_text(kind, fields):
        return None
    controls = fixing.form_controls(kind, action, fields, lang)
    hidden = fixing.hidden(kind, fields)
    values, notes = {}, {}
    for control in every_control(controls):
        values[control.name] = control.value
        name, _, rest = control.name.partition(".")
        if control.name in hidden and not rest:
            shown = show_path(kind, name, fields[name], lang, titles, unmask=False)
            notes[control.name] = shown.text
        elif control.name in hidden:
            key, _, member = rest.rpartition(".")
            inner = fields[name]["add"][key][member]
            notes[control.name] = control.field.show_masked(inner, lang, titles.lookup)
    unknown = tuple(sorted(set(fields) - kind.declared().keys()))
    named = _named(kind, controls, fields, titles, lang)
    return Form(tuple(controls), values, notes, named=named, left_out=unknown)


def _named(
    kind: type[Kind], controls: Sequence[Control], fields: Mapping[str, Any], titles: Titles,
    lang: str,
) -> dict[str, str]:  # fmt: skip
    """Return what the references of a form name, by control."""
    titles.preload(references(kind, fixing.stored_like(kind, fields)))
    return {
        one.name: show_path(kind, one.name, fields.get(one.name), lang, titles, unmask=False).text
        for one in controls
        if isinstance(one.field, Ref) and one.value
    }


def kept_as_text(kind: type[Kind], fields: Mapping[str, Any]) -> bool:
    """Whether the change was misshapen and is kept as text, in which no field can be told."""
    return set(fields) == {"text"} and "text" not in kind.declared()


def every_control(controls: Sequence[Control]) -> list[Control]:
    """Return the controls with those inside keyed entries in place of their lists."""
    found = []
    for control in controls:
        if control.entries:
            found += [one for _, _, members in control.entries for one in members]
        else:
            found.append(control)
    return found


def read_typed(
    kind: type[Kind], action: str, getlist: GetList, names: Sequence[str]
) -> dict[str, Any]:
    """Return what was typed, in stored form."""
    if action == "void":
        return {VOID_REASON: (list(getlist(VOID_REASON)) or [""])[0]}
    return forms.read(kind, getlist, names)


def made_of(
    kind: type[Kind], action: str, sent: Mapping[str, Any], typed: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the wire fields of the change after what was typed."""
    return dict(typed) if action == "void" else fixing.fixed(kind, sent, typed)


def typed_form(
    form: Form | None, action: str, typed: Mapping[str, Any],
    problems: Sequence[Mapping[str, Any]], lang: str,
) -> Form | None:  # fmt: skip
    """Return the form with what was typed and what is wrong."""
    if form is None:
        return None
    values = dict(form.values)
    for control in every_control(form.controls):
        name, dot, rest = control.name.partition(".")
        if not dot:
            values[control.name] = typed.get(name, values[control.name])
        else:
            key, _, member = rest.rpartition(".")
            values[control.name] = ((typed.get(name) or {}).get(key) or {}).get(member)
    if action == "void":
        values |= typed
    by_control, general = _told(form, problems, lang)
    return replace(form, values=values, problems=by_control, general=general)


def flagged(form: Form | None, problems: Sequence[Mapping[str, Any]], lang: str) -> Form | None:
    """Return the form with what was wrong with the change beside the controls."""
    return replace(form, problems=_told(form, problems, lang)[0]) if form else None


def _told(
    form: Form, problems: Sequence[Mapping[str, Any]], lang: str
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the words of problems by control, and those about the change as a whole."""
    known = {one.name for one in every_control(form.controls)} | {VOID_REASON}
    by_control: dict[str, str] = {}
    general: list[str] = []
    for one in problems:
        steps = str(one.get("pointer") or "").strip("/").split("/")
        name = ".".join(step for place, step in enumerate(steps) if place != 1 or step != "add")
        words = str(one.get("en" if lang == "en" else "zh") or "")
        if name in known:
            by_control[name] = words
        else:
            general.append(words)
    return by_control, tuple(general)
