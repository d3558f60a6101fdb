"""What the issues of the worker's grids ask of him, and what overtook his steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from field_app.domain.issues import Light, before_it, clock_runs, light, open_lookback
from field_app.services.issues import RETURNED, Standing, is_assigned, is_mine, own_issues
from field_app.services.workspace import Workspace
from schemas import workflow
from schemas.cases import Reading
from schemas.clock import local_day, read_moment, written
from schemas.steps_order import Step

NOTED = "overtaken_noted"
"""The settings document of the overtaken steps the worker has taken note of."""
WHO = ("all", "mine", "assigned")


@dataclass(frozen=True)
class Row:
    """An issue as a list shows it: with the colour of its due time and its last reminder."""

    standing: Standing
    light: Light
    reminder: Step | None

    @property
    def view(self) -> Any:
        """The issue's view."""
        return self.standing.view


@dataclass(frozen=True)
class Overtaken:
    """A step of the worker's that did not count, and what had counted before it came."""

    standing: Standing
    reading: Reading
    instead: tuple[Reading, ...]


@dataclass(frozen=True)
class IssueWork:
    """The issues that wait for the worker, by what they wait for."""

    due: tuple[Row, ...] = ()
    """His own and those assigned to him, due today or overdue."""
    returned: tuple[Row, ...] = ()
    assigned: tuple[Row, ...] = ()
    """Those that are not in ``due``: each is named once."""
    to_verify: tuple[Row, ...] = ()
    to_rate: tuple[Row, ...] = ()
    lookbacks: tuple[Row, ...] = ()
    overtaken: tuple[Overtaken, ...] = ()

    @property
    def count(self) -> int:
        """How many issues wait; one counts once."""
        lists = (self.due, self.returned, self.assigned, self.to_verify, self.to_rate,
                 self.lookbacks)  # fmt: skip
        return len({row.view["record_id"] for rows in lists for row in rows})


def issue_work(ws: Workspace) -> IssueWork:
    """Return what the issues of the worker's grids ask of him now, by the centre's clock."""
    held = own_issues(ws)
    rows = [row_of(ws, one) for one in held if one.state not in (workflow.MERGED, workflow.VOIDED)]
    day = local_day(ws.true_now())

    def keep(fits: Any) -> tuple[Row, ...]:
        return tuple(sorted((row for row in rows if fits(row.standing)), key=_urgency))

    return IssueWork(
        due=keep(lambda one: _is_due(ws, one, day)),
        returned=keep(lambda one: one.state == RETURNED and is_mine(ws, one)),
        assigned=keep(lambda one: is_assigned(ws, one) and not _is_due(ws, one, day)),
        to_verify=keep(lambda one: _to_verify(ws, one)),
        to_rate=keep(lambda one: one.state == workflow.VERIFIED and one.case.rating is None),
        lookbacks=keep(lambda one: open_lookback(one.case, ws.worker_id, day) is not None),
        overtaken=tuple(_overtaken(ws, held)),
    )


def row_of(ws: Workspace, one: Standing) -> Row:
    """Return an issue as a list shows it."""
    living = one.state in workflow.OPEN_STATES
    last = one.case.reminders[-1] if one.case.reminders and living else None
    return Row(one, light(one.case, ws.true_now()), last)


def _urgency(row: Row) -> tuple[bool, str]:
    case = row.standing.case
    return not clock_runs(case), str(case.due_at or "")


def _is_due(ws: Workspace, one: Standing, day: str) -> bool:
    if not clock_runs(one.case) or not (is_mine(ws, one) or is_assigned(ws, one)):
        return False
    return local_day(read_moment(str(one.case.due_at))) <= day


def _to_verify(ws: Workspace, one: Standing) -> bool:
    """Resolved by somebody else: nobody is asked to look after his own work."""
    if one.state != workflow.RESOLVED or one.case.self_handled:
        return False
    resolved = [two for two in one.case.readings if two.counted and two.step.action == "resolve"]
    return not resolved or resolved[-1].step.author != ws.worker_id


def listed(ws: Workspace, who: str = "all", state: str = "", *, late: bool = False) -> list[Row]:
    """Return a list's issues: ``who`` all | mine | assigned, in one ``state``, overdue only."""
    found = []
    for one in own_issues(ws):
        if who == "mine" and not is_mine(ws, one):
            continue
        if who == "assigned" and one.case.assignee_id != ws.worker_id:
            continue
        row = row_of(ws, one)
        if state in ("", one.state) and (not late or row.light == "red"):
            found.append(row)
    return found


def _overtaken(ws: Workspace, held: list[Standing]) -> list[Overtaken]:
    noted = ws.setting(NOTED)
    return [
        Overtaken(one, reading, tuple(before_it(one.case, reading.step.step_id)))
        for one in held
        for reading in one.case.overtaken
        if reading.step.author == ws.worker_id and reading.step.step_id not in noted
    ]


def note_overtaken(ws: Workspace, step_id: str) -> bool:
    """Keep that the worker knows of a step that did not count; False when there is none such."""
    if all(one.reading.step.step_id != step_id for one in _overtaken(ws, own_issues(ws))):
        return False
    ws.keep_setting(NOTED, **{step_id: written(ws.now())})
    return True
