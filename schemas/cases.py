"""An issue and its steps folded into the case as it stands, alike on the laptop and at the centre.

The fold is pure: state, level, who handles it, what was asked, due times, whistles, reminders,
rating, look-backs. Times are those the steps carry; due times are set by the centre, which has the
calendar, and travel in the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas import workflow as flow
from schemas.guards import Actor, failing, missing, owning_level
from schemas.steps_order import Step, in_order

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Ask:
    """What somebody asked for and nobody has decided: by whom, in which step, what it said."""

    by: str
    step: Step


@dataclass
class Call:
    """One unit called by a whistle: until when it shall report in, and when it did."""

    due_at: str | None
    reported_at: str | None = None
    score: int | None = None


@dataclass
class Whistle:
    """Several units called to one matter (吹哨报到), each with its report-in time."""

    step: Step
    calls: dict[str, Call]
    conclusion: str = ""
    concluded: bool = False


@dataclass
class Lookback:
    """A look-back (回头看): the day it is planned for, and what was found."""

    planned: str
    checker_id: str | None = None
    result: str | None = None
    step: Step | None = None


@dataclass(frozen=True)
class Reading:
    """One step as it counted: the states before and after; ``why`` names why it did not count;
    ``unit_id`` is the unit that has the issue after it."""

    step: Step
    before: str
    after: str
    why: str = ""
    unit_id: str | None = None

    @property
    def counted(self) -> bool:
        """Whether the step did what it says."""
        return not self.why


@dataclass
class Case:
    """An issue as its steps have left it."""

    issue_id: str
    author: str
    state: str
    level: str
    category: str
    urgency: str
    self_handled: bool
    at_centre: bool = False
    """Whether a desk at the centre entered it, so that no laptop can send it again."""
    no: str | None = None
    path: str | None = None
    mode: str | None = None
    std_code: str | None = None
    unit_id: str | None = None
    """The department or company that it was dispatched to and that has not refused it."""
    assignee_id: str | None = None
    """The grid worker who is to handle it."""
    due_at: str | None = None
    due_rule: str | None = None
    former_dues: list[str] = field(default_factory=list)
    """Due times that a later one replaced, oldest first: statistics look at them."""
    asked: dict[str, Ask] = field(default_factory=dict)
    refusals: int = 0
    extensions: int = 0
    rework_count: int = 0
    whistles: list[Whistle] = field(default_factory=list)
    reminders: list[Step] = field(default_factory=list)
    lookbacks: list[Lookback] = field(default_factory=list)
    units: set[str] = field(default_factory=set)
    """Units that have it or had it and did not refuse, and units a whistle called."""
    suspended_until: str | None = None
    into_id: str | None = None
    before_merge: str | None = None
    result: str | None = None
    resolved_level: int | None = None
    rating: int | None = None
    rated_by: str | None = None
    accepted_at: str | None = None
    dispatched_at: str | None = None
    taken_at: str | None = None
    handling_at: str | None = None
    suspended_at: str | None = None
    resolved_at: str | None = None
    verified_at: str | None = None
    closed_at: str | None = None
    reopened: int = 0
    readings: list[Reading] = field(default_factory=list)
    """Every step in the order they count; none is ever missing."""

    @property
    def steps(self) -> list[Step]:
        """The steps in the order they count."""
        return [one.step for one in self.readings]

    @property
    def overtaken(self) -> list[Reading]:
        """Steps that would have changed something and did not count."""
        return [one for one in self.readings if one.why and one.step.action not in flow.SPEAKING]


def begin(issue_id: str, author: str, issue: Fields) -> Case:
    """Return the case of an issue without steps; self-handled ones are resolved on the laptop."""
    self_handled = bool(issue.get("self_handled"))
    case = Case(
        issue_id=issue_id,
        author=author,
        state=flow.opening_state(issue),
        level=str(issue.get("level") or "1"),
        category=str(issue.get("category") or "OTH"),
        urgency=str(issue.get("urgency") or "normal"),
        self_handled=self_handled,
        at_centre=bool(issue.get("at_centre")),
    )
    if self_handled:
        case.resolved_at, case.mode, case.result = issue.get("happened_at"), "self", "solved"
    return case


def fold(issue_id: str, author: str, issue: Fields, steps: Iterable[Step]) -> Case:
    """Return the case after all ``steps``, in whatever order they are handed in."""
    case = begin(issue_id, author, issue)
    for step in in_order(steps):
        take(case, step)
    return case


def take(case: Case, step: Step) -> Reading:
    """Let one more step count, the last in order; one that may not stays as a note."""
    before = case.state
    row, why = _row(case, step)
    if row is not None:
        case.state = row.leads_to(step.fields.get(row.swerve[0]) if row.swerve else None)
        effect = _EFFECTS.get(step.action)
        if effect is not None:
            effect(case, step)
        if case.state != before:
            case.asked.clear()
    reading = Reading(step, before, case.state, why, case.unit_id)
    case.readings.append(reading)
    return reading


def _row(case: Case, step: Step) -> tuple[flow.Transition | None, str]:
    """Return the row a step takes, or why it takes none."""
    rows = flow.rows_for(step.action, case.state)
    if not rows:
        return None, "" if step.action == "note" else "state"
    if step.after is None:  # of before guards were kept: it counted by its state alone
        return rows[0], ""
    actor = Actor(step.author, str(step.fields.get("role") or ""), step.fields.get("unit_id"))
    why = ""
    for row in rows:
        if actor.role and actor.role not in row.roles:
            why = why or "role"
            continue
        lacking = missing(row, step.fields)
        failed = failing(row, case, actor)
        if not lacking and failed is None:
            return row, ""
        why = failed or lacking[0]
    return None, why


def _due(case: Case, step: Step) -> None:
    """Take over the due time a step sets, keeping the former one."""
    due_at = step.fields.get("due_at")
    if not due_at:
        return
    if case.due_at and case.due_at != due_at:
        case.former_dues.append(case.due_at)
    case.due_at, case.due_rule = due_at, step.fields.get("due_rule")


def _said(case: Case, step: Step, *names: str) -> None:
    for name in names:
        if step.fields.get(name) not in (None, ""):
            setattr(case, name, step.fields[name])


def _classified(case: Case, step: Step) -> None:
    _said(case, step, "level", "category", "urgency", "path", "std_code", "no")
    _due(case, step)


def _accept(case: Case, step: Step) -> None:
    _classified(case, step)
    case.accepted_at = case.accepted_at or step.at


def _return(case: Case, step: Step) -> None:
    case.self_handled = False
    case.due_at = None
    case.resolved_at = None


def _handle(case: Case, step: Step) -> None:
    case.unit_id = None
    case.assignee_id = step.fields.get("assignee_id")
    _said(case, step, "mode", "path")
    case.handling_at = step.at
    _due(case, step)


def _dispatch(case: Case, step: Step) -> None:
    unit = str(step.fields["target_id"]) if step.fields.get("target_id") else None
    case.unit_id, case.assignee_id = unit, None
    if unit:
        case.units.add(unit)
    _said(case, step, "mode", "path")
    case.dispatched_at, case.taken_at = step.at, None
    _due(case, step)


def _take(case: Case, step: Step) -> None:
    case.taken_at = case.handling_at = step.at
    _due(case, step)


def _refuse(case: Case, step: Step) -> None:
    """The second refusal takes the issue one level up by itself."""
    if case.unit_id:
        case.units.discard(case.unit_id)
    case.unit_id = None
    case.refusals += 1
    if case.refusals % 2 == 0 and owning_level(case) < flow.HIGHEST_LEVEL:
        case.level = str(owning_level(case) + 1)


def _recall(case: Case, step: Step) -> None:
    """The unit keeps sight of it up to here, to read why; the due time stands, as after a
    refusal."""
    case.unit_id = case.assignee_id = None


def _escalate(case: Case, step: Step) -> None:
    if owning_level(case) < flow.HIGHEST_LEVEL:
        case.level = str(owning_level(case) + 1)
    case.unit_id = case.assignee_id = None
    _due(case, step)


def _ask(name: str) -> Callable[[Case, Step], None]:
    def ask(case: Case, step: Step) -> None:
        case.asked[name] = Ask(step.author, step)

    return ask


def _decline(case: Case, step: Step) -> None:
    declined = step.fields.get("declines")
    if declined in case.asked:
        del case.asked[str(declined)]
    else:
        case.asked.clear()


def _suspend(case: Case, step: Step) -> None:
    asked = case.asked.get("suspend")
    until = step.fields.get("until") or (asked.step.fields.get("until") if asked else None)
    case.suspended_until, case.suspended_at = until, step.at


def _resume(case: Case, step: Step) -> None:
    case.suspended_until = case.suspended_at = None
    _due(case, step)


def _extend(case: Case, step: Step) -> None:
    asked = case.asked.pop("extend", None)
    case.extensions += 1
    if step.fields.get("due_at"):
        _due(case, step)
    elif asked is not None:
        _due(case, asked.step)


def _whistle(case: Case, step: Step) -> None:
    calls = {
        unit: Call(entry.get("due_at")) for unit, entry in (step.fields.get("calls") or {}).items()
    }
    case.whistles.append(Whistle(step, calls))
    case.units |= calls.keys()
    case.mode = "whistle"


def _report_in(case: Case, step: Step) -> None:
    unit = step.fields.get("unit_id")
    for whistle in case.whistles:
        call = None if whistle.concluded else whistle.calls.get(str(unit))
        if call is not None and call.reported_at is None:
            call.reported_at = step.at
            return


def _conclude(case: Case, step: Step) -> None:
    whistle = next(one for one in case.whistles if not one.concluded)
    whistle.concluded, whistle.conclusion = True, str(step.fields.get("text") or "")
    for unit, entry in (step.fields.get("scores") or {}).items():
        if unit in whistle.calls:
            whistle.calls[unit].score = entry.get("score")


def _resolve(case: Case, step: Step) -> None:
    case.resolved_at = step.at
    _said(case, step, "result", "resolved_level", "mode")


def _rework(case: Case, step: Step) -> None:
    case.rework_count += 1
    case.resolved_at = None
    _due(case, step)


def _verify(case: Case, step: Step) -> None:
    case.verified_at = step.at


def _rate(case: Case, step: Step) -> None:
    _said(case, step, "rating", "rated_by")


def _close(case: Case, step: Step) -> None:
    case.closed_at = step.at
    _said(case, step, "no", "resolved_level")
    if case.resolved_level is None:
        case.resolved_level = int(case.level) if case.level.isdigit() else None


def _plan(case: Case, step: Step) -> None:
    planned = Lookback(str(step.fields["until"]), step.fields.get("assignee_id"))
    case.lookbacks.append(planned)


def _look_back(case: Case, step: Step) -> None:
    planned = next(one for one in case.lookbacks if one.result is None)
    planned.result, planned.step = str(step.fields["lookback"]), step
    if case.state == flow.HANDLING:
        _reopen(case, step)


def _reopen(case: Case, step: Step) -> None:
    """Handling begins anew; what it said about the end no longer holds."""
    case.reopened += 1
    case.resolved_at = case.verified_at = case.closed_at = None
    case.rating = case.rated_by = case.resolved_level = None
    case.self_handled = False
    case.handling_at = step.at
    _due(case, step)


def _merge(case: Case, step: Step) -> None:
    case.into_id = step.fields.get("into_id")
    case.before_merge = next(
        (one.after for one in reversed(case.readings) if one.counted), None
    ) or (flow.RESOLVED if case.self_handled else flow.REPORTED)


def _unmerge(case: Case, step: Step) -> None:
    case.state = case.before_merge or flow.REPORTED
    case.into_id = case.before_merge = None


_EFFECTS: Mapping[str, Callable[[Case, Step], None]] = {
    "accept": _accept,
    "classify": _classified,
    "return": _return,
    "ask_void": _ask("void"),
    "handle": _handle,
    "dispatch": _dispatch,
    "take": _take,
    "refuse": _refuse,
    "recall": _recall,
    "ask_escalate": _ask("escalate"),
    "escalate": _escalate,
    "ask_suspend": _ask("suspend"),
    "suspend": _suspend,
    "resume": _resume,
    "ask_extend": _ask("extend"),
    "extend": _extend,
    "decline": _decline,
    "whistle": _whistle,
    "report_in": _report_in,
    "conclude": _conclude,
    "resolve": _resolve,
    "rework": _rework,
    "verify": _verify,
    "rate": _rate,
    "close": _close,
    "plan_lookback": _plan,
    "lookback": _look_back,
    "reopen": _reopen,
    "merge": _merge,
    "unmerge": _unmerge,
    "remind": lambda case, step: case.reminders.append(step),
    "due": _due,
}
