"""People in care looked for at another door than their own, who moved away, or whom a correction
meets: the laptop hides no miss and no open alarm."""

from __future__ import annotations

from typing import Any

import pytest

from field_app.services import drafts
from field_app.services.care import finish_record
from field_app.services.care_alarms import open_alarms
from field_app.services.drafts import MAIN, Finished, Typed
from field_app.services.records import get_view, views
from field_app.services.workspace import Workspace
from schemas.care_contact import alarm_id
from tests.field_app.laptops import WORKER, Laptop
from tests.field_app.small_grid import COLLEAGUE, fill, pull_in, rid

HOME, DAUGHTERS, LIN = rid("household", 1), rid("household", 2), rid("resident", 1)
MISSED: dict[str, Any] = {LIN: {"state": "not_reached"}}


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """A worker who holds the small grid."""
    fill(laptop.ws.db)
    return laptop.ws


def visit(ws: Workspace, day: int, author: str = COLLEAGUE, **more: Any) -> str:
    """Put a visit of a September day that missed the person at home into the laptop."""
    said = {
        "visited_at": f"2026-09-{20 + day}T09:00:00+08:00", "household_id": HOME,
        "purposes": ["care"], "mode": "door", "result": "nobody", "notice_given": False,
        "care_checks": MISSED, **more,
    }  # fmt: skip
    fields = {name: value for name, value in said.items() if value is not None}
    pull_in(ws, "visit", rid("visit", day), fields, author=author)
    return rid("visit", day)


def correct(ws: Workspace, visit_id: str, **typed: list[str]) -> Finished:
    """Correct a visit in its form."""
    draft_id = drafts.open_draft(ws, "record", {MAIN: drafts.edit_part(ws, "visit", visit_id)})
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    texts = draft["parts"][MAIN]["texts"] | typed
    return finish_record(ws, draft_id, Typed({MAIN: texts}, draft["revision"], "a"))


def alarms(ws: Workspace) -> list[str]:
    return [one["record_id"] for one in views(ws, "issue") if one["fields"]["category"] == "CARE"]


def move(ws: Workspace, household_id: str) -> None:
    """Let the person live in another household."""
    person = dict(get_view(ws, "resident", LIN) or {})["fields"]
    pull_in(ws, "resident", LIN, person | {"household_id": household_id})


def test_somebody_else_met_at_another_door_is_no_contact(ws: Workspace) -> None:
    visit(ws, 1)
    visit(ws, 3, household_id=DAUGHTERS, result="met", purposes=["daily"], care_checks=None)
    own = visit(ws, 5, WORKER, household_id=DAUGHTERS, result="met",
                care_checks={LIN: {"state": "well"}})  # fmt: skip
    assert correct(ws, own, **{f"care_checks.{LIN}.state": ["not_reached"]}).saved
    assert alarms(ws) == [alarm_id(own, LIN)]


def test_whoever_opens_at_the_old_door_is_not_the_person_who_moved(ws: Workspace) -> None:
    visit(ws, 1)
    visit(ws, 3, result="met", purposes=["daily"], care_checks=None)
    own = visit(ws, 5, WORKER, result="met", care_checks={LIN: {"state": "well"}})
    move(ws, DAUGHTERS)
    assert correct(ws, own, **{f"care_checks.{LIN}.state": ["not_reached"]}).saved
    assert alarms(ws) == [alarm_id(own, LIN)]


def test_a_contact_at_home_counts_though_the_miss_was_at_another_door(ws: Workspace) -> None:
    visit(ws, 1)
    visit(ws, 3, result="met", purposes=["daily"], care_checks=None)
    own = visit(ws, 5, WORKER, household_id=DAUGHTERS, result="met",
                care_checks={LIN: {"state": "well"}})  # fmt: skip
    assert correct(ws, own, **{f"care_checks.{LIN}.state": ["not_reached"]}).saved
    assert alarms(ws) == []


@pytest.mark.parametrize("checks", [None, MISSED])
def test_an_open_alarm_stays_in_sight_when_the_person_moves_away(
    ws: Workspace, checks: dict[str, Any] | None
) -> None:
    missed = visit(ws, 5, care_checks=checks)
    issue = {
        "category": "CARE", "happened_at": "2026-09-25T09:00:00+08:00", "title": "失联",
        "text": "x", "level": "2", "urgency": "urgent", "source": "visit", "place": "y",
    }  # fmt: skip
    pull_in(ws, "issue", alarm_id(missed, LIN), issue)
    assert [one.resident_id for one in open_alarms(ws)] == [LIN]
    move(ws, DAUGHTERS)
    (alarm,) = open_alarms(ws)
    assert (alarm.name, alarm.household_id) == ("林示例", DAUGHTERS)
    pull_in(ws, "issue", alarm_id(missed, LIN), issue, voided=True)
    assert open_alarms(ws) == []


def test_a_correction_that_meets_somebody_asks_how_everybody_in_care_is(ws: Workspace) -> None:
    own = visit(ws, 5, WORKER, care_checks=None)
    refused = correct(ws, own, result=["met"], notice_given=["1"])
    assert not refused.saved
    assert [one.pointer for one in refused.problems[MAIN]] == [f"/care_checks/add/{LIN}/state"]
    state = {f"care_checks.{LIN}.state": ["well"]}
    assert correct(ws, own, result=["met"], notice_given=["1"], **state).saved


def test_a_visit_that_met_somebody_without_a_state_may_be_corrected_otherwise(
    ws: Workspace,
) -> None:
    own = visit(ws, 5, WORKER, result="met", notice_given=True, care_checks=None)
    assert correct(ws, own, findings=["楼道灯坏了"]).saved
