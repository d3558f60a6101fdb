"""Care of somebody who moved to another household, and of two people who were one: what was noted
before still tells when they are due."""

from __future__ import annotations

from datetime import date

import pytest

from sync_server.services.care_standing import risk_of
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.centre import Centre
from sync_server.services.household_file import open_file
from tests.sync_server.services.test_care_merged import Doubled
from tests.sync_server.web.staff import load
from tests.sync_server.world import GRID


class Moved(Doubled):
    """The door, whose person moves to the other household."""

    def moves(self) -> None:
        """Let the person live in the other household."""
        change = CentralChange(
            "resident", self.person, "update", {"household_id": self.home_again},
            self.one.worker_id, base_version=1, by_rule=True,
        )  # fmt: skip
        with self.centre.store.writing() as connection:
            apply_central_change(connection, self.centre.code, change, self.centre.clock())

    def told(self) -> list[tuple[str, str]]:
        """Return what the file of the other household says of care: last reached, due."""
        with self.centre.store.reading() as connection:
            file = open_file(connection, self.staff, self.home_again, self.centre.clock(), "zh")
        return [(care.last, care.due) for member in file.members for care in member.care]


@pytest.fixture
def door(any_centre: Centre) -> Moved:
    """The door, on each database."""
    return Moved(any_centre)


def test_who_was_missed_at_the_former_home_is_reached_where_they_live_now(door: Moved) -> None:
    door.visit(door.one, 20, result="met")
    door.visit(door.one, 2, "well", household_id=door.home_again, care_checks=None)
    door.one.send()
    assert door.standing().reached_on is None
    door.moves()
    assert (door.standing().reached_on, door.standing().due) == (
        date(2026, 9, 28),
        date(2026, 10, 5),
    )
    assert door.told() == [("2026-09-28", "2026-10-05")]


def test_a_meeting_at_the_former_home_reaches_nobody_who_left(door: Moved) -> None:
    door.visit(door.one, 20, result="met")
    door.moves()
    door.visit(door.one, 2, "well", care_checks=None)
    door.one.send()
    assert door.standing().reached_on is None
    assert door.told() == [("", "2026-01-08")]


def test_a_check_before_the_move_tells_on_every_page(door: Moved) -> None:
    door.visit(door.one, 3, "well")
    door.one.send()
    door.moves()
    assert door.standing().due == date(2026, 10, 4)
    assert door.told() == [("2026-09-27", "2026-10-04")]


@pytest.mark.parametrize("states", [("abnormal", "well"), ("well", "abnormal")])
def test_of_two_checks_of_people_made_one_the_graver_tells(
    door: Moved, states: tuple[str, str]
) -> None:
    people = zip((door.person, door.again), states, strict=True)
    checks = {one: {"state": state, "next_on": "2026-10-02"} for one, state in people}
    door.visit(door.one, 2, "well", care_checks={"add": checks})
    door.one.send()
    door.merge(door.again, door.person)
    assert door.standing().due == date(2026, 9, 29)


def test_a_meeting_later_on_the_day_takes_no_check_back(door: Moved) -> None:
    door.moves()
    door.visit(door.one, 2, "abnormal", household_id=door.home_again)
    later = {"visited_at": "2026-09-28T20:00:00+08:00", "household_id": door.home_again}
    door.visit(door.one, 2, "well", care_checks=None, **later)
    door.one.send()
    assert door.standing().due == date(2026, 9, 29)
    assert door.told() == [("2026-09-28", "2026-09-29")]


def test_somebody_with_two_care_records_has_the_risk_of_the_stricter_one(door: Moved) -> None:
    care = {"resident_id": door.person, "cats": ["chronic"], "risk": "general",
            "visit_every_days": 90, "keeper_id": door.one.worker_id, "since": "2025-02-01",
            "basis": "consent"}  # fmt: skip
    load(door.centre, door.one.worker_id, "care", GRID, care)
    load(door.centre, door.one.worker_id, "care", GRID,
         care | {"resident_id": door.again, "risk": "key", "until": "2026-09-29"})  # fmt: skip
    with door.centre.store.reading() as connection:
        found = risk_of(connection, door.centre.code, [door.person, door.again], "2026-09-30")
    assert found == {door.person: "high"}
