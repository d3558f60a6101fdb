"""The five stages of an issue (五链闭环), read off where it stands, alike on both sides."""

from __future__ import annotations

from dataclasses import dataclass

from schemas import workflow as flow
from schemas.cases import Case
from schemas.labels import Label

STAGES = (
    Label("信息收集", "Information collected"),
    Label("问题发现", "Problem found"),
    Label("任务分办", "Task given out"),
    Label("协同处置", "Handled together"),
    Label("结果反馈", "Result fed back"),
)
PRESENT = {
    flow.REPORTED: 1,
    flow.RETURNED: 1,
    flow.ACCEPTED: 2,
    flow.DISPATCHED: 2,
    flow.HANDLING: 3,
    flow.SUSPENDED: 3,
    flow.RESOLVED: 4,
    flow.VERIFIED: 4,
    flow.CLOSED: 5,
}
"""The stage an issue is in, from 0, by its state; beyond the last one when all is done."""


@dataclass(frozen=True)
class Stage:
    """One stage: ``standing`` is done, now or todo; ``at`` when it was done, where a step says."""

    label: Label
    standing: str
    at: str = ""


def stages(case: Case, happened_at: str) -> tuple[Stage, ...]:
    """Return the stages of a case; none of one that was merged or voided."""
    if case.state not in PRESENT:
        return ()
    present = PRESENT[case.state]
    times = (
        happened_at, "", case.dispatched_at or case.handling_at or case.accepted_at,
        case.resolved_at, case.closed_at,
    )  # fmt: skip
    found = []
    for no, label in enumerate(STAGES):
        standing = "done" if no < present else "now" if no == present else "todo"
        found.append(Stage(label, standing, str(times[no] or "") if standing == "done" else ""))
    return tuple(found)
