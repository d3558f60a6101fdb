"""Care of people and households that were entered twice: once merged, what was noted of either
counts for the one left, until the merge is undone."""

from __future__ import annotations

from datetime import date

import pytest

from sync_server.services.care_standing import Standing, care_standing
from sync_server.services.centre import Centre
from sync_server.services.field_lines import bring_up_to_date
from sync_server.services.household_file import open_file
from sync_server.services.merging import Wanted, merge_records, undo_merge
from tests.sync_server.care_door import Door
from tests.sync_server.services.desks import hire, stored
from tests.sync_server.web.staff import load
from tests.sync_server.world import GRID, resident

TODAY = date(2026, 9, 30)


class Doubled(Door):
    """The door, with the person and the household entered once more."""

    def __init__(self, centre: Centre) -> None:
        super().__init__(centre)
        self.staff = hire(centre)
        author = self.one.worker_id
        said = {"code": "H2", "room_id": self.room, "kind": "family"}
        self.home_again = load(centre, author, "household", GRID, said)
        self.again = load(centre, author, "resident", GRID, resident(household_id=self.home))

    def missed(self, days_ago: int) -> None:
        """Let the other worker miss the double, of whom alone the visit speaks."""
        checks = {"add": {self.again: {"state": "not_reached"}}}
        self.visit(self.other, days_ago, care_checks=checks, purposes=["daily"])
        self.other.send()

    def merge(self, merged: str, survivor: str) -> str:
        """Merge one record into another and return the merge's id."""
        seen = (stored(self.centre, merged).version, stored(self.centre, survivor).version)
        wanted = Wanted(merged, survivor, {}, seen)
        return merge_records(self.centre.store, self.staff, wanted, self.centre.clock())

    def part(self, merge_id: str) -> None:
        """Undo a merge."""
        undo_merge(self.centre.store, self.staff, merge_id, "", self.centre.clock())

    def standing(self) -> Standing:
        """Return how the person stands today."""
        bring_up_to_date(self.centre.store, self.centre.code)
        with self.centre.store.reading() as connection:
            found = care_standing(connection, self.centre.code, [GRID], TODAY)
        (mine,) = [one for one in found if one.resident_id == self.person]
        return mine


@pytest.fixture
def door(any_centre: Centre) -> Doubled:
    """The door, on each database."""
    return Doubled(any_centre)


@pytest.fixture
def plain_door(centre: Centre) -> Doubled:
    """The door, on one database, for what none of them decides."""
    return Doubled(centre)


def test_a_miss_of_the_double_counts_for_the_person(door: Doubled) -> None:
    door.missed(9)
    door.merge(door.again, door.person)
    assert door.alarms() == []
    door.visit(door.one, 2)
    door.one.send()
    (alarm,) = door.alarms()
    assert "连续2次" in alarm["fields"]["text"]
    door.missed(1)  # by somebody who does not know of the merge
    assert len(door.alarms()) == 1


def test_a_miss_of_the_double_counts_no_more_once_they_are_two(plain_door: Doubled) -> None:
    door = plain_door
    door.missed(9)
    door.part(door.merge(door.again, door.person))
    door.visit(door.one, 2)
    door.one.send()
    assert door.alarms() == []


def test_two_misses_that_a_merge_brings_together_raise_at_once(door: Doubled) -> None:
    door.missed(9)
    door.visit(door.one, 2)
    door.one.send()
    assert door.alarms() == []
    door.merge(door.again, door.person)
    (alarm,) = door.alarms()
    assert (alarm["author"], alarm["grid"]) == (door.one.worker_id, GRID)


def test_two_misses_that_parting_leaves_together_raise_at_once(plain_door: Doubled) -> None:
    door = plain_door
    merge_id = door.merge(door.again, door.person)
    door.visit(door.one, 9)
    well = {"add": {door.again: {"state": "well"}}}
    door.visit(door.one, 5, care_checks=well, purposes=["daily"])
    door.visit(door.one, 2)
    door.one.send()
    assert door.alarms() == []
    door.part(merge_id)
    assert len(door.alarms()) == 1


def test_an_alarm_about_the_double_is_enough(plain_door: Doubled) -> None:
    door = plain_door
    door.missed(9)
    door.missed(5)
    assert len(door.alarms()) == 1
    door.merge(door.again, door.person)
    door.visit(door.one, 2)
    door.one.send()
    assert len(door.alarms()) == 1


def test_who_was_met_as_the_double_was_not_missed(plain_door: Doubled) -> None:
    door = plain_door
    door.visit(door.one, 9)
    door.visit(door.one, 5, "well", care_checks={"add": {door.again: {"state": "well"}}})
    door.one.send()
    door.merge(door.again, door.person)
    door.visit(door.one, 2, care_checks=None)
    door.one.send()
    assert door.alarms() == []


def test_visits_to_the_household_entered_twice_count_too(plain_door: Doubled) -> None:
    door = plain_door
    door.visit(door.other, 5, care_checks=None, household_id=door.home_again)
    door.other.send()
    door.merge(door.home_again, door.home)
    assert door.alarms() == []
    door.visit(door.other, 2, care_checks=None, household_id=door.home_again)
    door.other.send()
    (alarm,) = door.alarms()
    assert "连续2次" in alarm["fields"]["text"]
    assert alarm["fields"]["place"] == "幸福里 3-1-502"


def test_what_a_check_of_the_double_said_settles_when_the_person_is_due(door: Doubled) -> None:
    abnormal = {"add": {door.again: {"state": "abnormal", "change": "不能起身"}}}
    door.visit(door.one, 2, "abnormal", care_checks=abnormal)
    door.one.send()
    merge_id = door.merge(door.again, door.person)
    assert (door.standing().reached_on, door.standing().due) == (
        date(2026, 9, 28),
        date(2026, 9, 29),
    )
    door.part(merge_id)
    assert door.standing().due == date(2026, 10, 5)  # somebody was met at the door


def test_somebody_with_two_care_records_stands_once_with_the_earliest_day(door: Doubled) -> None:
    door.visit(door.one, 2, "well")
    door.one.send()
    assert (door.standing().risk, door.standing().due) == ("high", date(2026, 10, 5))
    for days, due in ((30, 5), (3, 1)):
        care = {"resident_id": door.person, "cats": ["chronic"], "risk": "general",
                "visit_every_days": days, "keeper_id": door.other.worker_id,
                "since": "2026-02-01", "basis": "consent"}  # fmt: skip
        load(door.centre, door.one.worker_id, "care", GRID, care)
        found = door.standing()
        assert (found.risk, found.keeper_id) == ("high", door.one.worker_id)
        assert found.due == date(2026, 10, due)


def test_a_double_missed_though_somebody_was_met_was_not_reached(plain_door: Doubled) -> None:
    door = plain_door
    missed = {"add": {door.again: {"state": "not_reached"}}}
    door.visit(door.one, 9, "well", care_checks=missed)
    door.one.send()
    assert door.standing().reached_on == date(2026, 9, 21)
    merge_id = door.merge(door.again, door.person)
    assert door.standing().reached_on is None
    door.part(merge_id)
    assert door.standing().reached_on == date(2026, 9, 21)


def test_a_meeting_at_the_household_entered_twice_is_the_last_one(plain_door: Doubled) -> None:
    door = plain_door
    door.visit(door.one, 9, "well", care_checks={"add": {door.person: {"state": "not_reached"}}})
    door.visit(door.one, 3, "well", care_checks=None, household_id=door.home_again)
    door.one.send()
    assert door.standing().reached_on is None
    door.merge(door.home_again, door.home)
    assert door.standing().reached_on == date(2026, 9, 27)


def test_the_household_file_shows_what_was_noted_of_the_doubles(plain_door: Doubled) -> None:
    door = plain_door
    checks = {"add": {door.again: {"state": "abnormal", "change": "不能起身"}}}
    told = {"care_checks": checks, "household_id": door.home_again}
    visit_id = door.visit(door.one, 2, "abnormal", **told)
    door.one.send()

    def shown() -> tuple[list[str], list[tuple[str, str]]]:
        with door.centre.store.reading() as connection:
            file = open_file(connection, door.staff, door.home, door.centre.clock(), "zh")
        cared = [one for member in file.members for one in member.care]
        return [one.record_id for one in file.visits], [(one.last, one.due) for one in cared]

    assert shown() == ([], [("", "2026-01-08")])
    merges = [door.merge(door.again, door.person), door.merge(door.home_again, door.home)]
    assert shown() == ([visit_id], [("2026-09-28", "2026-09-29")])
    for merge_id in merges:
        door.part(merge_id)
    assert shown() == ([], [("", "2026-01-08")])
