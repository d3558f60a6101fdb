"""What must hold, beyond the state, for a step of an issue to count.

Each guard looks at the case as the steps before have left it, at who takes the step, and at what
the step says. An actor without a role stands for a laptop's worker whose role was checked when the
step arrived: ownership is not asked of him again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.workflow import (
    HIGHEST_LEVEL,
    OFFICE_LEVEL,
    OFFICES,
    SYSTEM,
    TRANSITIONS,
    UNITS,
    WORKERS,
    Transition,
)

if TYPE_CHECKING:
    from schemas.cases import Case


@dataclass(frozen=True)
class Actor:
    """Who takes a step: a person, the role he acts in, and the unit he acts for."""

    user_id: str
    role: str = ""
    unit_id: str | None = None


Guard = Callable[["Case", Actor], bool]


def owning_level(case: Case) -> int:
    """Return the level that owns a case: a grid's matters are its community's at the centre."""
    return max(2, int(case.level or 1))


def _owner(case: Case, actor: Actor) -> bool:
    return actor.role in ("", *WORKERS) or OFFICE_LEVEL.get(actor.role) == owning_level(case)


def _approver(case: Case, actor: Actor) -> bool:
    """One level above; every further extension one more."""
    further = case.extensions if "extend" in case.asked else 0
    wanted = min(owning_level(case) + 1 + further, HIGHEST_LEVEL)
    return OFFICE_LEVEL.get(actor.role, 0) >= wanted


def _handler(case: Case, actor: Actor) -> bool:
    if actor.role in UNITS:
        return case.unit_id is not None and actor.unit_id == case.unit_id
    if actor.role in OFFICES:
        return case.unit_id is None and _owner(case, actor)
    return case.assignee_id == actor.user_id


def _recaller(case: Case, actor: Actor) -> bool:
    """Who owns it, or the level above."""
    return OFFICE_LEVEL.get(actor.role, 0) - owning_level(case) in (0, 1)


def _decliner(case: Case, actor: Actor) -> bool:
    """Who may approve may also decline; what was asked to be escalated is the owner's."""
    if "escalate" in case.asked and _owner(case, actor):
        return True
    return _approver(case, actor)


def _resumer(case: Case, actor: Actor) -> bool:
    if actor.role == SYSTEM:
        return True
    return _handler(case, actor) or _owner(case, actor) or _approver(case, actor)


def _second_person(case: Case, actor: Actor) -> bool:
    asked = case.asked.get("void")
    return asked is not None and asked.by != actor.user_id


def _called(case: Case, actor: Actor) -> bool:
    return any(
        actor.unit_id in whistle.calls and whistle.calls[actor.unit_id].reported_at is None
        for whistle in case.whistles
        if not whistle.concluded and actor.unit_id is not None
    )


GUARDS: Mapping[str, Guard] = {
    "owner": _owner,
    "approver": _approver,
    "handler": _handler,
    "decliner": _decliner,
    "recaller": _recaller,
    "with_unit": lambda case, actor: case.unit_id is not None,
    "resumer": _resumer,
    "second_person": _second_person,
    "its_unit": lambda case, actor: case.unit_id is not None and actor.unit_id == case.unit_id,
    "called": _called,
    "whistle_open": lambda case, actor: any(not one.concluded for one in case.whistles),
    "not_highest": lambda case, actor: owning_level(case) < HIGHEST_LEVEL,
    "void_asked": lambda case, actor: "void" in case.asked,
    "suspend_asked": lambda case, actor: "suspend" in case.asked,
    "extend_asked": lambda case, actor: "extend" in case.asked,
    "asked": lambda case, actor: bool(case.asked.keys() - {"void"}),
    "self_handled": lambda case, actor: case.self_handled,
    "not_self_handled": lambda case, actor: not case.self_handled,
    "from_laptop": lambda case, actor: not case.at_centre,
    "rated_or_waited": lambda case, actor: case.rating is not None or actor.role == SYSTEM,
    "lookback_planned": lambda case, actor: any(one.result is None for one in case.lookbacks),
}


def failing(row: Transition, case: Case, actor: Actor) -> str | None:
    """Return the first guard of ``row`` that does not hold, None when all do."""
    for name in row.guards:
        if not GUARDS[name](case, actor):
            return name
    return None


def missing(row: Transition, said: Mapping[str, Any]) -> list[str]:
    """Return the fields the row needs that the step does not say."""
    return [name for name in row.needs if said.get(name) in (None, "", [], {})]


def offered(case: Case, actor: Actor, *, offline: bool = False) -> list[Transition]:
    """Return the rows ``actor`` may take as the case stands, notes last; a role is needed."""
    found: dict[str, Transition] = {}
    for row in TRANSITIONS:
        if row.source != case.state or actor.role not in row.roles or (offline and not row.offline):
            continue
        if row.action not in found and failing(row, case, actor) is None:
            found[row.action] = row
    return sorted(found.values(), key=lambda row: row.action == "note")
