"""Settling a conflict: what staff can choose, what that makes of the record, how it is called.

A conflict is about one path of one record, or about the record being void. Two values met: the one
that stood (``visible``) and the other. What stands today may be either, or a third one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.fields import Keyed, Paragraph, Ref
from schemas.kind import Kind
from schemas.seal import canonical
from schemas.values import get_path
from sync_server.domain.merge import VOIDED

Choice = Literal["stand", "visible", "other", "both", "write", "restore", "ask"]
"""Leave the record as it is; put back the value that stood first; take the other; keep both; write
a third one; let a void record stand again without the other value; ask a worker."""


@dataclass(frozen=True)
class Dispute:
    """A conflict beside its record as it is today. ``decided`` is how it was settled, if it was."""

    path: str
    visible: Any
    other: Any
    fields: Mapping[str, Any]
    voided: bool
    decided: str | None = None
    automatic: bool = False

    @property
    def about_void(self) -> bool:
        """Whether the question is if the record stands at all."""
        return self.path == VOIDED

    @property
    def current(self) -> Any:
        """What stands at the path today."""
        return self.voided if self.about_void else get_path(self.fields, self.path)


@dataclass
class Plan:
    """What the choices about one record come to: first restored, then changed, then voided."""

    restore: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    void: str = ""


class TwoValues(Exception):
    """Two choices want different values at one path, or want the record to stand and be void."""


def choices(kind: type[Kind], dispute: Dispute, *, names_record: bool) -> tuple[Choice, ...]:
    """Return what can be chosen, in the order to be shown.

    ``names_record``: the entry's key is the id of a record; a second key would name another one.
    """
    found: list[Choice] = []
    if dispute.decided is None or dispute.automatic:
        found.append("stand")
    if dispute.about_void:
        found.append("restore" if dispute.voided else "other")
    elif dispute.voided:
        found += ["other", "restore"]
    else:
        if dispute.visible != dispute.current and dispute.visible != dispute.other:
            found.append("visible")
        if dispute.other != dispute.current:
            found.append("other")
        if _keeps_both(kind, dispute, names_record):
            found.append("both")
        if _writable(kind, dispute.path):
            found.append("write")
    if dispute.decided is None:
        found.append("ask")
    return tuple(found)


def plan(plan_: Plan, kind: type[Kind], dispute: Dispute, choice: Choice, **made: Any) -> str:
    """Add one choice to the record's plan and return how the decision is called.

    ``made`` holds ``value`` for ``write``; ``key`` and ``line`` for ``both`` (the new entry's key,
    the line that says whose text follows). Raises TwoValues.
    """
    path, current = dispute.path, dispute.current
    if choice == "stand":
        return dispute.decided or ("replaced" if not dispute.about_void
                                   and current == dispute.other else "kept")  # fmt: skip
    if choice == "restore":
        _restore(plan_)
        return "kept"
    if choice == "visible":
        _set(plan_, path, dispute.visible)
        return "kept"
    if choice == "write":
        _set(plan_, path, made["value"])
        return "rewritten"
    if choice == "both":
        _both(plan_, kind, dispute, made["key"], made["line"])
        return "both"
    if dispute.about_void:
        _void(plan_, str((dispute.other or {}).get("reason") or ""))
    else:
        if dispute.voided:
            _restore(plan_)
        _set(plan_, path, dispute.other)
    return "replaced"


def wire(kind: type[Kind], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by path as the fields of an update."""
    said: dict[str, Any] = {}
    for path, value in values.items():
        name, dot, key = path.partition(".")
        if not dot:
            said[name] = value
        elif value is None:
            said.setdefault(name, {}).setdefault("remove", []).append(key)
        else:
            said.setdefault(name, {}).setdefault("add", {})[key] = value
    return said


def joined(first: str, line: str, second: str) -> str:
    """Return two texts as one, the second under a line that says whose it is."""
    return f"{first}\n\n{line}\n{second}"


def seen_mark(conflict: Mapping[Any, Any], dispute: Dispute) -> str:
    """Return a mark of what somebody saw: another one once conflict or record moved on."""
    seen = {name: str(conflict[name]) for name in ("conflict_id", "change_id", "decision",
                                                   "decided_at")}  # fmt: skip
    state = {"current": dispute.current, "other": dispute.other, "voided": dispute.voided}
    return hashlib.sha256(canonical({"seen": seen, **state})).hexdigest()[:16]


def _keeps_both(kind: type[Kind], dispute: Dispute, names_record: bool) -> bool:
    name, dot, _ = dispute.path.partition(".")
    declared = kind.declared().get(name)
    if dispute.current is None or dispute.other is None or dispute.current == dispute.other:
        return False
    if dot and isinstance(declared, Keyed):
        return declared.keys is None and not names_record
    return isinstance(declared, Paragraph)


def _writable(kind: type[Kind], path: str) -> bool:
    """Whether a new value can be written by hand: an entry or a plain value, no reference."""
    name, dot, _ = path.partition(".")
    declared = kind.declared().get(name)
    if isinstance(declared, Keyed):
        return bool(dot)
    return declared is not None and not isinstance(declared, Ref)


def _set(plan_: Plan, path: str, value: Any) -> None:
    if plan_.void or (path in plan_.values and plan_.values[path] != value):
        raise TwoValues(path)
    plan_.values[path] = value


def _both(plan_: Plan, kind: type[Kind], dispute: Dispute, key: str, line: str) -> None:
    name, dot, _ = dispute.path.partition(".")
    if dot:
        _set(plan_, f"{name}.{key}", dispute.other)
    else:
        before = plan_.values.get(dispute.path, dispute.current)
        plan_.values[dispute.path] = joined(before, line, dispute.other)


def _void(plan_: Plan, reason: str) -> None:
    if plan_.restore or plan_.values:
        raise TwoValues(VOIDED)
    plan_.void = reason or "—"


def _restore(plan_: Plan) -> None:
    if plan_.void:
        raise TwoValues(VOIDED)
    plan_.restore = True
