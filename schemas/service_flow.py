"""The life of a service request as data, used by both apps: 点单, 派单, 接单, 评单.

A request's state is never stored: it is the fold of its steps in the order of
:mod:`schemas.steps_order`, so that steps made offline merge by being appended. A step the table
does not allow where it meets the request changes nothing and stays readable as a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.clock import read_moment
from schemas.steps_order import Step, in_order

REQUESTED, ACCEPTED, ASSIGNED, DOING = "requested", "accepted", "assigned", "doing"
SOLVED, RATED, CANCELLED = "solved", "rated", "cancelled"
OPEN_STATES = (REQUESTED, ACCEPTED, ASSIGNED, DOING)
"""States in which something is still to be done for the resident."""
STATES = (*OPEN_STATES, SOLVED, RATED, CANCELLED)
NOTE = "note"

WORKERS = frozenset({"worker", "leader"})
OFFICES = frozenset({"community", "street", "district", "admin"})

Reason = str
"""Why a step did not count: ``state``, ``role``, ``taker`` or ``own``; empty when it did."""


@dataclass(frozen=True)
class Transition:
    """One row of the state table: who may take ``action`` from ``source``, where it leads, and
    whether a laptop may take it offline.

    ``guard`` says what else must hold: ``taker`` (only who took it on or was given it), ``own``
    (likewise, or who wrote the request down).
    """

    action: str
    source: str
    target: str
    roles: frozenset[str]
    offline: bool = False
    guard: str = ""


def _rows() -> Iterator[Transition]:
    leader = frozenset({"leader"})
    yield Transition("accept", REQUESTED, ACCEPTED, WORKERS | OFFICES, offline=True)
    for state in (ACCEPTED, ASSIGNED, DOING):
        yield Transition("assign", state, ASSIGNED, leader | OFFICES)
    yield Transition("claim", ACCEPTED, DOING, WORKERS | OFFICES, offline=True)
    yield Transition("claim", ASSIGNED, DOING, WORKERS | OFFICES, offline=True, guard="taker")
    for state in (ASSIGNED, DOING):
        yield Transition("release", state, ACCEPTED, WORKERS, offline=True, guard="taker")
        yield Transition("release", state, ACCEPTED, OFFICES)
    for action in ("respond", "reply", "plan"):
        yield Transition(action, ACCEPTED, ACCEPTED, OFFICES)
        for state in (ASSIGNED, DOING):
            yield Transition(action, state, state, WORKERS, offline=True, guard="taker")
            yield Transition(action, state, state, OFFICES)
    for state in (ASSIGNED, DOING):
        yield Transition("solve", state, SOLVED, WORKERS, offline=True, guard="taker")
    for state in (ACCEPTED, ASSIGNED, DOING):
        yield Transition("solve", state, SOLVED, OFFICES)
    # The resident may be met by any worker of the grid, or rung up by the desk.
    yield Transition("rate", SOLVED, RATED, WORKERS | OFFICES, offline=True)
    yield Transition("reopen", SOLVED, DOING, WORKERS, offline=True, guard="taker")
    for state in (SOLVED, RATED):
        yield Transition("reopen", state, DOING, OFFICES)
    for state in OPEN_STATES:
        yield Transition("cancel", state, CANCELLED, WORKERS, offline=True, guard="own")
        yield Transition("cancel", state, CANCELLED, OFFICES)
    for state in STATES:
        yield Transition(NOTE, state, state, WORKERS | OFFICES, offline=True)


TRANSITIONS = tuple(_rows())
OFFLINE_ACTIONS = frozenset(row.action for row in TRANSITIONS if row.offline)
DUES = ("due_respond", "due_reply", "due_solve", "due_plan")
"""The fields in which the centre says when the four clocks of a request run out."""


@dataclass(frozen=True)
class Reading:
    """One step as it counted: the states before and after it, and why it did not count."""

    step: Step
    before: str
    after: str
    why: Reason = ""

    @property
    def counted(self) -> bool:
        """Whether the table allowed it."""
        return not self.why


@dataclass
class Case:
    """What the steps of a request amount to. Times are texts as their steps say them.

    ``responded_at`` is the first sign towards the resident: a response, taking it on, or whatever
    says more; likewise a plan or the solution is a reply too.
    """

    author: str
    state: str = REQUESTED
    taker_id: str | None = None
    accepted_at: str | None = None
    responded_at: str | None = None
    replied_at: str | None = None
    solved_at: str | None = None
    planned_at: str | None = None
    result: str | None = None
    person_times: int | None = None
    rating: int | None = None
    comment: str | None = None
    dues: dict[str, str] = field(default_factory=dict)
    """What the centre last said about the four clocks, by name (see DUES)."""
    readings: list[Reading] = field(default_factory=list)
    """Every step in the order they count; none is ever missing."""

    @property
    def steps(self) -> list[Step]:
        """The steps in the order they count."""
        return [one.step for one in self.readings]

    @property
    def open(self) -> bool:
        """Whether something is still to be done for the resident."""
        return self.state in OPEN_STATES


def fold(author: str, steps: Iterable[Step]) -> Case:
    """Return the case of a request written down by ``author`` after all ``steps``, in whatever
    order they are handed in."""
    case = Case(author)
    for step in in_order(steps):
        _take(case, step)
    return case


def blocked(case: Case, action: str, role: str, person_id: str) -> Reason:
    """Return why somebody may not take ``action`` as the case stands; empty when he may."""
    return _judge(case, action, role, person_id)[1]


def offered(case: Case, role: str, person_id: str, *, offline: bool = False) -> list[str]:
    """Return what somebody may do as the case stands, in the order of the table, a note last.

    A first response is not asked for again.
    """
    rows = [row for row in TRANSITIONS if row.source == case.state and (row.offline or not offline)]
    actions = dict.fromkeys(
        row.action for row in rows if role in row.roles and _holds(row, case, person_id)
    )
    if case.responded_at is not None:
        actions.pop("respond", None)
    return list(actions)


def _take(case: Case, step: Step) -> None:
    row, why = _judge(case, step.action, str(step.fields.get("role") or ""), step.author)
    before = case.state
    if row is not None:
        case.state = row.target
        _keep(case, step)
    case.readings.append(Reading(step, before, case.state, why))


def _judge(case: Case, action: str, role: str, person_id: str) -> tuple[Transition | None, Reason]:
    rows = [row for row in TRANSITIONS if row.action == action and row.source == case.state]
    if not rows:
        return None, "state"
    fitting = [row for row in rows if role in row.roles]
    if not fitting:
        return None, "role"
    for row in fitting:
        if _holds(row, case, person_id):
            return row, ""
    return None, fitting[-1].guard


def _holds(row: Transition, case: Case, person_id: str) -> bool:
    if not row.guard or case.taker_id == person_id:
        return True
    return row.guard == "own" and case.author == person_id


def _keep(case: Case, step: Step) -> None:
    """Take over what a step that counts says."""
    said = step.fields
    case.dues |= {name: str(said[name]) for name in DUES if said.get(name)}
    match step.action:
        case "accept":
            case.accepted_at = step.at
        case "assign":
            case.taker_id = str(said.get("taker_id") or "") or None
        case "claim":
            case.taker_id = step.author
            case.responded_at = _first(case.responded_at, step.at)
        case "release":
            case.taker_id = None
        case "respond":
            case.responded_at = _first(case.responded_at, step.at)
        case "reply":
            _replied(case, step.at)
        case "plan":
            case.planned_at = _first(case.planned_at, step.at)
            _replied(case, step.at)
        case "solve":
            case.solved_at = step.at
            case.result, case.person_times = said.get("result"), said.get("person_times")
            _replied(case, step.at)
        case "rate":
            case.rating, case.comment = said.get("rating"), said.get("text")
        case "reopen":
            case.solved_at = case.result = case.person_times = None
            case.rating = case.comment = None


def _replied(case: Case, at: str) -> None:
    case.replied_at = _first(case.replied_at, at)
    case.responded_at = _first(case.responded_at, at)


def _first(one: str | None, other: str) -> str:
    return other if one is None else min(one, other, key=read_moment)


def steps_of(rows: Iterable[Mapping[str, Any]]) -> list[Step]:
    """Return stored records of steps (``record_id``, ``author``, ``fields``) to be folded."""
    return [
        Step(str(row["record_id"]), str(row["author"]), str(row["fields"].get("at") or ""),
             row["fields"])
        for row in rows
    ]  # fmt: skip
