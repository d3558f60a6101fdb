"""Who is to be visited again, by the usual limits and by a district's own."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from schemas.coverage import USUAL, Limits, care_mark, household_mark, limits_of, point_mark

DAY = date(2026, 9, 30)
OWN = Limits(household=100, household_soon=10, care_soon=3, point_due=5, point_overdue=9)


@pytest.mark.parametrize(
    ("mark", "limits", "last_ok", "last_due"),
    [(household_mark, USUAL, 151, 182), (household_mark, OWN, 89, 100),
     (point_mark, USUAL, 1, 3), (point_mark, OWN, 4, 8)],
)  # fmt: skip
def test_a_place_asks_for_somebody_after_so_many_days(mark, limits, last_ok, last_due) -> None:
    said = [mark(DAY - timedelta(days=ago), DAY, limits)
            for ago in (0, last_ok, last_ok + 1, last_due, last_due + 1)]  # fmt: skip
    assert said == ["ok", "ok", "due", "due", "overdue"]
    assert mark(None, DAY, limits) == "overdue"


@pytest.mark.parametrize(("limits", "soon"), [(USUAL, 7), (OWN, 3)])
def test_somebody_in_care_is_due_some_days_before(limits: Limits, soon: int) -> None:
    said = [
        care_mark(DAY + timedelta(days=ahead), DAY, limits) for ahead in (soon + 1, soon, 0, -1)
    ]
    assert said == ["ok", "due", "due", "overdue"]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, USUAL),
        ({"care_soon": {"days": 3}}, Limits(care_soon=3)),
        ({"care_soon": {"days": 3}, "of_a_newer_program": {"days": 9}}, Limits(care_soon=3)),
        ({"household": {"days": 20}}, USUAL),  # its notice would be longer than itself
        ({"point_due": {"days": 5}}, USUAL),
    ],
)
def test_limits_that_cannot_stand_together_are_the_usual_ones(said, found) -> None:
    assert limits_of({"coverage_limits": said}) == found
