"""One validation for both sides: the fields of a change against their declaration.

The laptop checks before it seals a change, the centre checks again before it applies one; both
get the same problems, each with a JSON pointer to the value at fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import ValidationError

from schemas.fields.accept import Accepted
from schemas.fields.base import clean_text
from schemas.kind import Action, Kind, accepter, instance
from schemas.messages import Problem
from schemas.values import apply

VOID_FIELDS = {"reason"}
LONGEST_REASON = 500


@dataclass(frozen=True)
class FieldProblem:
    """One refusal or doubt: where (a JSON pointer within ``fields``) and what."""

    pointer: str
    problem: Problem

    def as_json(self) -> dict[str, Any]:
        """Return it as it travels in a receipt: pointer, code, facts and both sentences."""
        return {
            "pointer": self.pointer,
            "code": self.problem.code,
            "params": self.problem.params,
            "zh": self.problem.text("zh"),
            "en": self.problem.text("en"),
        }


@dataclass(frozen=True)
class Checked:
    """The outcome: normalised wire fields, refusals, doubts. ``ok`` when nothing is refused."""

    fields: dict[str, Any]
    problems: list[FieldProblem] = field(default_factory=list)
    doubts: list[FieldProblem] = field(default_factory=list)
    whole: dict[str, Any] | None = None
    """The stored fields afterwards, when they were worked out for the rules over whole records."""

    @property
    def ok(self) -> bool:
        """Whether the change may be applied."""
        return not self.problems


def check(
    kind: type[Kind],
    action: Action,
    fields: Any,
    *,
    before: Mapping[str, Any] | None = None,
) -> Checked:
    """Check the wire ``fields`` of a change and return them normalised.

    ``before`` is the stored record an update starts from, when it is at hand; rules over whole
    records are then checked on the result. A create always checks them. Never raises: what is
    wrong is in ``problems``.
    """
    if not isinstance(fields, dict):
        return Checked({}, [FieldProblem("", Problem("not_an_object"))])
    if action == "void":
        return _check_void(fields)
    compiled = accepter(kind)
    taken = compiled.accept(fields, partial=action == "update") if compiled else None
    try:
        taken = taken or loaded_by_marshmallow(kind, action, fields)
    except ValidationError as err:
        return Checked({}, list(_flatten(err.messages)))
    return _checked(kind, action, taken, before)


def quick_check(kind: type[Kind], action: Action, fields: dict[str, Any]) -> Checked | None:
    """Return what ``check`` returns where the compiled declaration accepts ``fields``, else None.

    What it accepts is plain: text that can be written, whole numbers within bounds, no deeper than
    a record is (`schemas.exchange.plain`).
    """
    if action == "void":
        found = _check_void(fields)
    else:
        compiled = accepter(kind)
        taken = compiled.accept(fields, partial=action == "update") if compiled else None
        if taken is None:
            return None
        found = _checked(kind, action, taken, None)
    return found if found.ok else None


def _checked(
    kind: type[Kind], action: Action, taken: Accepted, before: Mapping[str, Any] | None
) -> Checked:
    """Return loaded fields checked as a whole."""
    loaded, doubtful = taken
    if action != "update" and None in loaded.values():
        loaded = {name: value for name, value in loaded.items() if value is not None}
    if not loaded:
        return Checked({}, [FieldProblem("", Problem("nothing_changed"))])
    problems: list[FieldProblem] = []
    whole = None
    if kind.info.rules and (action != "update" or before is not None):
        whole = apply(kind, before or {}, loaded)
        problems = broken_rules(kind, whole)
    doubts = [FieldProblem(f"/{name}", doubt) for name, doubt in doubtful]
    return Checked(loaded, problems, doubts, whole)


def loaded_by_marshmallow(kind: type[Kind], action: Action, fields: Mapping[str, Any]) -> Accepted:
    """Return what the declaration itself makes of ``fields``; raise ValidationError.

    The compiled way (schemas/fields/accept.py) says yes to the same and gives the same; this one
    also says what is wrong.
    """
    loaded = instance(kind).load(fields, partial=action == "update")
    declared = kind.declared()
    return Accepted(
        {name: loaded[name] for name in declared if name in loaded},
        tuple(
            (name, doubt)
            for name, field in declared.items()
            if loaded.get(name) is not None
            for doubt in field.doubts(loaded[name])
        ),
    )


def broken_rules(kind: type[Kind], whole: Mapping[str, Any]) -> list[FieldProblem]:
    """Return what the kind's rules over whole records find wrong with stored fields."""
    return [
        FieldProblem(f"/{fault[0]}", fault[1]) for rule in kind.info.rules if (fault := rule(whole))
    ]


def _check_void(fields: dict[str, Any]) -> Checked:
    unknown = [
        FieldProblem(f"/{name}", Problem("unknown_field")) for name in set(fields) - VOID_FIELDS
    ]
    reason = fields.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        unknown.append(FieldProblem("/reason", Problem("reason_required")))
        return Checked({}, unknown)
    try:
        reason = clean_text(reason, lines=True, longest=LONGEST_REASON)
    except ValidationError as err:
        return Checked({}, [*unknown, *_flatten(err.messages, "/reason")])
    return Checked({"reason": reason}, unknown)


def _flatten(messages: Any, pointer: str = "") -> Iterator[FieldProblem]:
    """Turn marshmallow's nested messages into pointers; ``_schema`` means the object itself."""
    if isinstance(messages, dict):
        for key, inner in messages.items():
            step = "" if key == "_schema" else f"/{str(key).replace('~', '~0').replace('/', '~1')}"
            yield from _flatten(inner, pointer + step)
    elif isinstance(messages, list):
        for inner in messages:
            yield from _flatten(inner, pointer)
    else:
        known = messages if isinstance(messages, Problem) else Problem("not_an_object")
        yield FieldProblem(pointer, known)
