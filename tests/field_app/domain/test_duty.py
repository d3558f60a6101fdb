"""Slots of the day, late entries, when somebody in care is due."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from field_app.domain.duty import ended_earlier, late_problem, slot_at, slot_hours, slot_is_over
from schemas.care_contact import at_survivors, reached
from schemas.care_due import next_due, odd_next, recheck_at
from schemas.catalogue import kind_of
from schemas.clock import SHANGHAI, read_moment

NOON = datetime(2026, 9, 30, 12, 0, tzinfo=SHANGHAI)
CARE = {"resident_id": "r1", "since": "2026-09-01", "visit_every_days": 7}


@pytest.mark.parametrize(
    ("hour", "minute", "slot"),
    [(0, 5, "1"), (8, 30, "1"), (12, 1, "2"), (17, 30, "2"), (18, 45, "3")],
)  # fmt: skip
def test_the_hour_proposes_the_slot(hour: int, minute: int, slot: str) -> None:
    assert slot_at(NOON.replace(hour=hour, minute=minute)) == slot


def test_a_slots_hours_follow_on_one_another() -> None:
    hours = [slot_hours(slot) for slot in "123"]
    assert hours == [("00:00", "12:00"), ("12:00", "17:30"), ("17:30", "24:00")]
    with pytest.raises(KeyError):
        slot_hours("4")


def test_a_slot_is_over_after_its_time_or_day() -> None:
    assert not slot_is_over("1", "2026-09-30", NOON)
    assert slot_is_over("1", "2026-09-30", NOON + timedelta(minutes=1))
    assert slot_is_over("3", "2026-09-29", NOON)
    assert not slot_is_over("1", "2026-10-01", NOON)


@pytest.mark.parametrize(
    "text", ["0001-01-01T07:59:00+08:00", "9999-12-31T23:00:00-05:00", "9999-12-31T16:00:00+00:00"]
)
def test_a_time_beyond_the_calendar_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="beyond the calendar"):
        read_moment(text)
    assert late_problem(kind_of("patrol"), {"started_at": text}, NOON) is None


def test_care_that_begins_on_the_last_day_of_the_calendar_is_never_due() -> None:
    assert next_due({**CARE, "since": "9999-12-31"}, None) == "9999-12-31"
    assert next_due({**CARE, "since": "0001-01-01"}, None) == "0001-01-08"


@pytest.mark.parametrize(
    ("started", "opened", "now", "earlier"),
    [
        ("09-30T11:30", "09-30T11:30", "09-30T12:20", False),  # went on into the next slot
        ("09-30T11:10", "09-30T11:30", "09-30T11:40", False),  # its button pressed a little late
        ("09-30T12:05", "09-30T12:05", "09-30T12:40", False),  # late for a slot, but walked now
        ("09-30T09:30", "09-30T14:00", "09-30T14:05", True),
        ("09-29T09:30", "09-30T08:41", "09-30T08:41", True),
        ("09-29T09:30", "09-29T09:30", "09-30T08:41", True),  # finished on the next day only
    ],
)
def test_what_was_walked_before_did_not_end_just_now(
    started: str, opened: str, now: str, earlier: bool
) -> None:
    moments = [read_moment(f"2026-{one}:00+08:00") for one in (started, opened, now)]
    assert ended_earlier(*moments) is earlier


def test_an_entry_after_more_than_a_day_says_why() -> None:
    patrol = kind_of("patrol")
    old = {"started_at": (NOON - timedelta(hours=24, minutes=1)).isoformat()}
    found = late_problem(patrol, old, NOON)
    assert found is not None
    assert (found.pointer, found.problem.code) == ("/late_reason", "late_reason_required")
    assert late_problem(patrol, {**old, "late_reason": "停电"}, NOON) is None
    assert late_problem(patrol, {"started_at": NOON.isoformat()}, NOON) is None
    assert late_problem(patrol, {"started_at": "2026-09-29T"}, NOON) is None
    assert (
        late_problem(kind_of("issue"), {"happened_at": "2020-01-01T00:00:00+08:00"}, NOON) is None
    )


def visit(day: str, **more: object) -> dict[str, object]:
    return {"visited_at": f"{day}T09:00:00+08:00", "household_id": "h1", "result": "met", **more}


def test_before_any_visit_the_start_of_care_counts() -> None:
    assert next_due(CARE, None) == "2026-09-08"


def test_after_a_visit_the_interval_counts_from_its_day() -> None:
    assert next_due(CARE, visit("2026-09-20")) == "2026-09-27"


def test_the_day_named_in_the_last_check_comes_first() -> None:
    named = visit("2026-09-20", care_checks={"r1": {"state": "well", "next_on": "2026-09-23"}})
    assert next_due(CARE, named) == "2026-09-23"


@pytest.mark.parametrize(
    ("next_on", "due", "odd"),
    [
        ("2026-09-27", "2026-09-27", None),
        ("2026-09-28", "2026-09-27", "next_visit_late"),
        ("2027-09-27", "2026-09-27", "next_visit_late"),
        ("2026-09-20", "2026-09-20", None),
        ("2026-09-19", "2026-09-19", "next_visit_past"),
    ],
)
def test_no_day_named_for_the_next_visit_is_later_than_the_risk_allows(
    next_on: str, due: str, odd: str | None
) -> None:
    named = visit("2026-09-20", care_checks={"r1": {"state": "well", "next_on": next_on}})
    assert next_due(CARE, named) == due
    said = odd_next([CARE], "2026-09-20", {"state": "well", "next_on": next_on})
    assert (said.code if said else None) == odd


def test_of_somebody_not_in_care_the_next_visit_is_odd_after_a_year() -> None:
    assert odd_next([], "2026-09-20", {"next_on": "2027-09-20"}) is None
    said = odd_next([], "2026-09-20", {"next_on": "2027-09-21"})
    assert said is not None
    assert said.params == {"day": "2027-09-20"}


def test_an_odd_next_visit_is_told_the_day_it_will_be_asked_for() -> None:
    far = {"state": "well", "next_on": "2027-09-21"}
    often = {**CARE, "risk": "general", "visit_every_days": 3}
    said = odd_next([CARE, often], "2026-09-20", far)
    assert said is not None
    assert said.params == {"day": "2026-09-23"}
    said = odd_next([CARE], "2026-09-20", {**far, "state": "abnormal"})
    assert said is not None
    assert said.params == {"day": "2026-09-21"}


@pytest.mark.parametrize(
    ("more", "reaches"),
    [
        ({}, True),
        ({"result": "nobody"}, False),
        ({"household_id": "h2"}, False),
        ({"care_checks": {"r1": {"state": "not_reached"}}}, False),
        ({"care_checks": {"r1": {"state": "need_help"}}, "result": "other_person"}, True),
        ({"care_checks": {"r1": {"state": "well"}}, "household_id": "h2"}, True),
        ({"care_checks": {"r2": {"state": "not_reached"}}}, True),
    ],
)
def test_a_care_check_decides_whom_a_visit_reached_else_the_door(
    more: dict[str, object], reaches: bool
) -> None:
    assert reached("r1", "h1", visit("2026-09-20", **more)) is reaches


@pytest.mark.parametrize(("risk", "days"), [("high", 7), ("key", 30), ("general", 90)])
def test_the_interval_is_never_longer_than_the_risk_allows(risk: str, days: int) -> None:
    care = CARE | {"risk": risk, "visit_every_days": 365}
    due = date.fromisoformat(next_due(care, visit("2026-09-20")))
    assert due == date(2026, 9, 20) + timedelta(days=days)


def test_after_a_serious_change_a_visit_is_due_within_24_hours() -> None:
    serious = visit("2026-09-20", care_checks={"r1": {"state": "abnormal"}})
    assert next_due(CARE, serious) == "2026-09-21"
    assert recheck_at("r1", serious) == read_moment("2026-09-21T09:00:00+08:00")
    named = visit("2026-09-20", care_checks={"r1": {"state": "abnormal", "next_on": "2026-10-01"}})
    assert next_due(CARE, named) == "2026-09-21"
    assert recheck_at("r2", serious) is None
    assert recheck_at("r1", None) is None


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("one", "other", "counts"),
    [
        ({"state": "abnormal", "change": "胸闷"}, {"state": "well"}, "abnormal"),
        ({"state": "need_help"}, {"state": "abnormal"}, "abnormal"),
        ({"state": "well"}, {"state": "need_help"}, "need_help"),
        ({"state": "not_reached"}, {"state": "well"}, "well"),
    ],
)
def test_of_two_checks_of_one_merged_person_the_graver_one_counts(
    one: dict[str, str], other: dict[str, str], counts: str, order: int
) -> None:
    checks = dict([("r1", one), ("r2", other)][::order])
    said = at_survivors({"care_checks": checks}, {}, {"r2": "r1"})["care_checks"]
    assert set(said) == {"r1"}
    assert said["r1"]["state"] == counts


def test_of_two_checks_of_one_merged_person_the_earlier_next_visit_counts() -> None:
    checks = {
        "r1": {"state": "abnormal", "next_on": "2026-09-25"},
        "r2": {"state": "well", "next_on": "2026-09-22"},
        "r3": {"state": "not_reached", "next_on": "2026-09-21"},
    }
    said = at_survivors({"care_checks": checks}, {}, {"r2": "r1", "r3": "r1"})["care_checks"]
    assert said == {"r1": {"state": "abnormal", "next_on": "2026-09-22"}}
