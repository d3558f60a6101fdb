"""What a worker is told of a case: the colour of its time, what overtook a step, its number."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from field_app.domain.issues import before_it, light, open_lookback, provisional_no, started_at
from schemas.cases import Case, fold
from schemas.clock import read_moment, written
from schemas.steps_order import Step

ISSUE, WORKER = "issue-1", "worker"
START = "2026-09-28T08:00:00+08:00"
DUE = "2026-09-30T08:00:00+08:00"
CENTRE = {"central": True, "role": "community"}


def case_of(*steps: tuple[str, dict[str, Any]], author: str = "staff") -> Case:
    """Return the case after the centre's steps, an hour apart, each upon the one before."""
    made, last = [], ISSUE
    for number, (action, fields) in enumerate(steps):
        at = written(read_moment(START) + timedelta(hours=number))
        step = Step(f"s{number}", author, at, {"action": action, "after": [last], **fields})
        made.append(step)
        last = step.step_id
    return fold(ISSUE, WORKER, {"level": "2", "category": "ENV"}, made)


def accepted(due_at: str | None = DUE) -> tuple[str, dict[str, Any]]:
    return "accept", {"level": "2", "due_at": due_at, **CENTRE}


@pytest.mark.parametrize(
    ("hours", "colour"), [(0, "green"), (33, "green"), (34, "yellow"), (48, "yellow"), (49, "red")]
)
def test_a_due_time_turns_yellow_at_seven_tenths_and_red_when_passed(
    hours: int, colour: str
) -> None:
    assert light(case_of(accepted()), read_moment(START) + timedelta(hours=hours)) == colour


def test_no_colour_without_a_due_time_nor_once_it_does_not_run() -> None:
    late = read_moment(DUE) + timedelta(days=9)
    assert light(case_of(accepted(None)), late) == ""
    handled = ("handle", {"assignee_id": WORKER, **CENTRE})
    solved = ("resolve", {"result": "solved", "text": "好了", "role": "", "after": ["s1"]})
    case = case_of(accepted(), handled)
    assert light(case, late) == "red"
    steps = [*case.steps, Step("s9", WORKER, DUE, {"action": "resolve", **solved[1]})]
    assert light(fold(ISSUE, WORKER, {"level": "2"}, steps), late) == ""


def test_more_time_that_is_only_asked_for_starts_nothing_anew() -> None:
    handled = ("handle", dict(CENTRE))
    more = ("ask_extend", {"text": "要等料", "due_at": "2026-10-09T08:00:00+08:00", **CENTRE})
    case = case_of(accepted(), handled, more)
    assert [one.why for one in case.readings] == ["", "", ""]
    assert (started_at(case), case.due_at) == (START, DUE)


def test_what_its_maker_had_not_seen_and_counted_first_overtook_a_step() -> None:
    steps = [
        *case_of(accepted(), ("handle", {"assignee_id": WORKER, **CENTRE})).steps,
        Step("s2", "staff", DUE, {"action": "note", "after": ["s1"], **CENTRE}),
        Step("s3", "staff", DUE, {"action": "escalate", "text": "上报", "after": ["s2"], **CENTRE}),
        Step("mine", WORKER, DUE, {"action": "resolve", "result": "solved", "text": "好",
                                   "after": ["s1"]}),
    ]  # fmt: skip
    case = fold(ISSUE, WORKER, {"level": "2"}, steps)
    assert [one.step.step_id for one in case.overtaken] == ["mine"]
    assert [one.step.step_id for one in before_it(case, "mine")] == ["s3"]


def test_a_look_back_waits_for_its_checker_or_for_its_day() -> None:
    closing = [
        ("close", {"role": "leader", "central": True}),
        ("plan_lookback", {"until": "2026-10-28", "role": "street", "central": True}),
    ]

    def closed(**more: Any) -> Case:
        steps, last = [], ISSUE
        for number, (action, fields) in enumerate(closing):
            fields = {"action": action, "after": [last], **fields, **(more if number else {})}
            steps.append(Step(f"s{number}", "staff", START, fields))
            last = f"s{number}"
        return fold(ISSUE, WORKER, {"self_handled": True, "level": "1"}, steps)

    assert open_lookback(closed(), WORKER, "2026-10-27") is None
    assert open_lookback(closed(), WORKER, "2026-10-28") is not None
    assert open_lookback(closed(assignee_id=WORKER), WORKER, "2026-10-01") is not None
    assert open_lookback(closed(assignee_id="other"), WORKER, "2026-11-30") is None


def test_an_issue_is_called_by_its_day_and_its_ids_end_until_the_centre_numbers_it() -> None:
    assert provisional_no("01998a00-0000-7000-8000-00000000beef", START) == "20260928-BEEF"
