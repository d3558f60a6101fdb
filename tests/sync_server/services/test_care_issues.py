"""Issues that visits name: the alarm on its way, or none, for two misses in a row."""

from __future__ import annotations

import pytest

from schemas.care_contact import alarm_id
from sync_server.services.ids import new_id
from sync_server.store import care_read
from tests.sync_server.care_door import Door
from tests.sync_server.services.desks import change, hire, release
from tests.sync_server.world import GRID, issue, outcomes


def missed_twice(door: Door) -> str:
    """Let somebody be missed twice; the second visit raises an issue, which comes after it. Return
    the issue's id."""
    door.visit(door.one, 9)
    door.one.send()
    raised = new_id()
    door.visit(door.other, 2, issue_ids=[raised])
    door.other.send()
    assert door.alarms() == []  # it may be the alarm
    return raised


def test_another_issue_that_comes_after_its_visit_is_no_alarm_either(door: Door) -> None:
    raised = missed_twice(door)
    door.other.write("issue", "create", issue(category="FIRE", source="visit"), raised)
    door.other.send()
    (alarm,) = door.alarms()
    assert (alarm["author"], alarm["record_id"] != raised) == (door.other.worker_id, True)


def test_an_issue_about_a_miss_long_past_asks_nothing_anew(plain_door: Door) -> None:
    door = plain_door
    raised = missed_twice(door)
    door.visit(door.one, 1, "well")
    door.one.send()
    door.other.write("issue", "create", issue(category="FIRE", source="visit"), raised)
    door.other.send()
    assert door.alarms() == []


def test_an_issue_that_was_refused_is_no_alarm_on_its_way(plain_door: Door) -> None:
    door = plain_door
    raised = missed_twice(door)
    door.other.write("issue", "create", issue(text=7, source="visit"), raised)
    assert outcomes(door.other.send()) == ["quarantined"]
    assert len(door.alarms()) == 1


def test_a_refused_issue_said_to_be_made_in_the_year_1_asks_as_well(door: Door) -> None:
    raised = missed_twice(door)
    said = issue(text=7, source="visit")
    door.other.write("issue", "create", said, raised, made_at="0001-06-01T00:00:00Z")
    assert outcomes(door.other.send()) == ["quarantined"]
    assert len(door.alarms()) == 1


@pytest.mark.parametrize("area", ["44", GRID[:6]])
def test_a_refused_issue_that_names_more_than_a_grid_reads_no_whole_district(
    plain_door: Door, area: str
) -> None:
    door = plain_door
    raised = missed_twice(door)
    door.other.write("issue", "create", issue(source="visit"), raised, grid=area)
    assert outcomes(door.other.send()) == ["quarantined"]
    with door.centre.store.reading() as connection:
        assert care_read.lying(connection, door.centre.code, [raised]).grids == frozenset()
        assert care_read.visits_naming(connection, door.centre.code, {raised}) == []


def test_the_workers_own_alarm_after_its_visit_is_not_doubled(plain_door: Door) -> None:
    door = plain_door
    door.visit(door.one, 9)
    door.one.send()
    fire, visit_id = new_id(), new_id()
    own = alarm_id(visit_id, door.person)
    door.visit(door.other, 2, record_id=visit_id, issue_ids=[fire, own])
    door.other.send()
    door.other.write("issue", "create", issue(category="FIRE", source="visit"), fire)
    door.other.send()
    assert door.alarms() == []
    door.other.write("issue", "create", issue(category="CARE", source="visit"), own)
    assert outcomes(door.other.send()) == ["applied"]
    assert [one["record_id"] for one in door.alarms()] == [own]


def test_an_alarm_that_was_refused_is_taken_later_although_the_centre_has_raised_it(
    plain_door: Door,
) -> None:
    door = plain_door
    door.visit(door.one, 9)
    door.one.send()
    visit_id = new_id()
    own = alarm_id(visit_id, door.person)
    door.visit(door.other, 2, record_id=visit_id, issue_ids=[own])
    bad = door.other.write("issue", "create", issue(text=7, source="visit"), own)
    assert outcomes(door.other.send()) == ["applied", "quarantined"]
    (alarm,) = door.alarms()
    assert (alarm["record_id"], alarm["device_id"]) == (own, None)
    said, again = alarm["fields"], {"corrects": bad["change_id"]}
    counted = said["text"].replace("连续2次", "连续3次")
    own_words = {**said, "text": "家属说老人住院了"}
    for fields, outcome in (({**said, "text": counted}, "unchanged"), (own_words, "quarantined")):
        door.other.write("issue", "create", fields, own, **again)
        assert outcomes(door.other.send()) == [outcome]
    for fields, outcome in ((said, "unchanged"), (own_words, "quarantined")):
        door.one.write("issue", "create", fields, own)  # a colleague's, who voided a visit between
        assert outcomes(door.one.send()) == [outcome]
    form = {name: str(value) for name, value in said.items()} | {"happened_at": "2026-09-28T08:00"}
    assert release(door.centre, hire(door.centre), bad["change_id"], **form) is None
    row = change(door.centre, bad["change_id"])
    assert (row.outcome, row.version, row.desk) == ("unchanged", 1, "released")
    assert [(one["fields"], one["version"]) for one in door.alarms()] == [(said, 1)]


def test_an_issue_that_comes_with_its_visit_asks_nothing_more(
    plain_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door, asked = plain_door, []
    monkeypatch.setattr(
        "sync_server.store.care_read.visits_naming", lambda *_: asked.append("asked") or []
    )
    found = door.other.write("issue", "create", issue(source="visit"))["record_id"]
    door.visit(door.other, 2, "well", issue_ids=[found])
    door.other.write("issue", "create", issue(source="patrol"))
    door.other.send()
    assert asked == []
