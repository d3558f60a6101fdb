"""The five stages of an issue, read off its case."""

from __future__ import annotations

import pytest

from schemas import workflow as flow
from schemas.cases import begin
from schemas.stages import PRESENT, STAGES, stages

AT = "2026-09-30T08:00:00+08:00"


@pytest.mark.parametrize("state", PRESENT)
def test_stages_before_the_present_one_are_done_and_those_after_are_to_do(state):
    case = begin("issue", "w1", {"level": "2"})
    case.state = state
    found = [one.standing for one in stages(case, AT)]
    now = PRESENT[state]
    assert found == ["done"] * now + ["now"] * (now < 5) + ["todo"] * max(0, 4 - now)


def test_a_closed_issue_tells_when_each_was_done_and_an_open_one_no_later_ones():
    case = begin("issue", "w1", {"level": "2"})
    case.state, case.accepted_at, case.resolved_at, case.closed_at = flow.CLOSED, "a", "r", "c"
    assert [one.at for one in stages(case, AT)] == [AT, "", "a", "r", "c"]
    case.state = flow.HANDLING  # opened again
    assert [one.at for one in stages(case, AT)] == [AT, "", "a", "", ""]


def test_what_was_merged_or_voided_has_none():
    case = begin("issue", "w1", {"level": "2"})
    for state in (flow.MERGED, flow.VOIDED):
        case.state = state
        assert stages(case, AT) == ()
    assert len(STAGES) == 5
