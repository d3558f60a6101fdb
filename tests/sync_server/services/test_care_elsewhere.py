"""Somebody in care looked for at another door than their own: whoever opens there is no contact."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.care_contact import alarm_id
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from tests.sync_server.services.test_care_moved import Moved
from tests.sync_server.web.staff import load
from tests.sync_server.world import GRID, issue, resident


@pytest.fixture
def door(any_centre: Centre) -> Moved:
    """The door and a second one of the same building, on each database."""
    return Moved(any_centre)


def sent(door: Moved, days_ago: int, **more: Any) -> str:
    """Make a visit and send it alone: what comes later asks about it, not it about what comes."""
    visit_id = door.visit(door.one, days_ago, **more)
    door.one.send()
    return visit_id


def test_somebody_else_met_at_another_door_is_no_contact(door: Moved) -> None:
    there = {"household_id": door.home_again}
    missed = {"add": {door.person: {"state": "not_reached"}}}
    sent(door, 9, care_checks=None)
    sent(door, 5, result="met", purposes=["daily"], care_checks=None, **there)
    assert door.alarms() == []
    sent(door, 2, result="met", care_checks=missed, **there)
    assert len(door.alarms()) == 1


def test_a_contact_at_home_counts_though_the_miss_was_at_another_door(door: Moved) -> None:
    door.visit(door.one, 9)
    door.visit(door.one, 5, result="met", purposes=["daily"], care_checks=None)
    door.visit(door.one, 2, result="met", household_id=door.home_again)
    door.one.send()
    assert door.alarms() == []


def test_a_miss_at_home_by_its_result_counts_beside_one_at_another_door(door: Moved) -> None:
    sent(door, 9, care_checks=None)
    assert door.alarms() == []
    sent(door, 2, household_id=door.home_again)
    assert len(door.alarms()) == 1


def test_whoever_opens_at_the_old_door_is_not_the_person_who_moved(door: Moved) -> None:
    door.moves()
    door.visit(door.one, 9)
    door.visit(door.one, 5, result="met", purposes=["daily"], care_checks=None)
    door.visit(door.one, 2)
    door.one.send()
    assert len(door.alarms()) == 1


def test_a_check_taken_out_of_a_visit_elsewhere_leaves_no_contact(door: Moved) -> None:
    there = {"household_id": door.home_again}
    door.visit(door.one, 9)
    between = door.visit(door.one, 5, "well", **there)
    door.visit(door.one, 2)
    door.one.send()
    assert door.alarms() == []
    out = {"care_checks": {"remove": [door.person]}}
    door.one.write("visit", "update", out, between)
    door.one.send()
    assert len(door.alarms()) == 1


def test_the_alarm_about_a_neighbour_at_home_is_not_taken_for_the_persons(door: Moved) -> None:
    author = door.one.worker_id
    beside = load(door.centre, author, "resident", GRID, resident(household_id=door.home))
    care = {"resident_id": beside, "cats": ["alone"], "risk": "high", "visit_every_days": 7,
            "keeper_id": author, "since": "2026-01-01", "basis": "consent"}  # fmt: skip
    load(door.centre, author, "care", GRID, care)
    missed = {beside: {"state": "not_reached"}}
    sent(door, 20, result="met", care_checks={"add": missed})
    both = missed | {door.person: {"state": "not_reached"}}
    visit_id = new_id()
    about_neighbour = alarm_id(visit_id, beside)
    said = {"record_id": visit_id, "issue_ids": [about_neighbour]}
    door.visit(door.one, 9, care_checks={"add": both}, **said)
    door.one.write("issue", "create", issue(category="CARE", source="visit"), about_neighbour)
    door.one.send()
    assert [one["record_id"] for one in door.alarms()] == [about_neighbour]
    last = sent(door, 2, household_id=door.home_again)
    assert {one["record_id"] for one in door.alarms()} == {
        about_neighbour, alarm_id(last, door.person)
    }  # fmt: skip
