"""The four clocks of a service request as a case and due times make them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from schemas.clock import SHANGHAI, written
from schemas.service_clocks import NAMES, as_fields, clocks, reaches
from schemas.service_flow import Case

T0 = datetime(2026, 9, 30, 9, 0, tzinfo=SHANGHAI)


def at(minutes: int | None) -> str | None:
    return None if minutes is None else written(T0 + timedelta(minutes=minutes))


def case(
    respond: int | None = None, reply: int | None = None, solve: int | None = None,
    plan: int | None = None, state: str = "doing",
) -> Case:  # fmt: skip
    return Case("author", state=state, accepted_at=at(0), responded_at=at(respond),
                replied_at=at(reply), solved_at=at(solve), planned_at=at(plan))  # fmt: skip


MINUTES = {"respond": 20, "reply": 30, "solve": 240, "plan": 32 * 60}
DUES = {name: T0 + timedelta(minutes=MINUTES[name]) for name in NAMES}


@pytest.mark.parametrize(
    ("reached", "now", "states", "whole"),
    [
        ((20, 30, 240, None), 241, "met met met waived", True),
        ((21, 30, 240, None), 241, "late met met waived", False),
        ((5, 31, 100, None), 241, "met late met waived", False),
        ((5, 6, None, None), 10, "met met running running", None),
        ((5, 6, None, 300), 400, "met met late met", True),
        ((5, 6, None, None), 400, "met met late running", None),
        ((5, 6, None, None), 33 * 60, "met met late late", False),
        ((5, 6, 31 * 60, None), 33 * 60, "met met late met", True),
        ((None, None, None, None), 25, "late running running running", False),
    ],
)
def test_clocks_by_minutes(
    reached: tuple[int | None, ...], now: int, states: str, whole: bool | None
) -> None:
    found = clocks(case(*reached), T0 + timedelta(minutes=now), DUES)
    assert " ".join(one.state for one in found) == states
    assert all(one.certain for one in found)
    assert reaches(found) is whole


def test_no_clock_runs_before_acceptance_or_after_cancelling() -> None:
    assert clocks(Case("author"), T0) == ()
    assert clocks(case(state="cancelled"), T0) == ()
    assert reaches(()) is None


def test_without_the_centres_word_a_late_clock_is_not_certain_and_a_kept_one_is() -> None:
    found = clocks(case(5, 40), T0 + timedelta(minutes=50))
    assert [(one.state, one.certain) for one in found[:2]] == [("met", True), ("late", False)]


def test_the_due_times_a_step_says_are_those_that_count() -> None:
    told = case(5, 40)
    told.dues = as_fields(DUES | {"reply": T0 + timedelta(minutes=45)})
    found = clocks(told, T0 + timedelta(minutes=50))
    assert [(one.state, one.certain) for one in found[:2]] == [("met", True), ("met", True)]
