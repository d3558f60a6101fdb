"""Where an alarm comes from: its visit, the household with the emergency contact, the person."""

from __future__ import annotations

from schemas.care_contact import alarm_id
from sync_server.services.accounts import User
from sync_server.services.alarm_origin import Origin, origin_of
from sync_server.services.ids import new_id
from sync_server.services.titles import Titles
from tests.sync_server.care_door import Door
from tests.sync_server.services.desks import hire
from tests.sync_server.world import GRID, OTHER_GRID, issue


def origin(door: Door, person: User | None = None) -> Origin | None:
    """Return where the newest care issue comes from, as somebody of the community sees it."""
    person = person or hire(door.centre)
    with door.centre.store.reading() as connection:
        titles = Titles(connection, person, "zh")
        return origin_of(connection, door.centre.code, door.alarms()[-1], titles)


def leads_to(found: Origin | None) -> tuple[str | None, ...]:
    assert found is not None
    ways = (found.visit, found.household, found.resident)
    return tuple(one.record_id if one else None for one in ways)


def test_an_alarm_of_the_centre_leads_to_its_visit_and_household(door: Door) -> None:
    door.visit(door.one, 9)
    second = door.visit(door.one, 2)
    door.one.send()
    assert leads_to(origin(door)) == (second, door.home, door.person)


def test_an_alarm_of_a_visit_that_checked_nobody_is_found_by_who_lives_there(door: Door) -> None:
    door.visit(door.one, 9, care_checks=None)
    second = door.visit(door.one, 2, care_checks=None)
    door.one.send()
    assert leads_to(origin(door)) == (second, door.home, door.person)


def test_an_issue_a_visit_names_leads_to_the_visit(door: Door) -> None:
    raised = new_id()
    visit = door.visit(door.one, 2, issue_ids=[raised])
    said = issue(category="CARE", source="visit")
    door.one.write("issue", "create", said, raised, grid=GRID)
    door.one.send()
    assert leads_to(origin(door)) == (visit, door.home, door.person)


def test_a_visit_of_the_same_moment_is_not_taken_for_the_alarms(door: Door) -> None:
    visit = door.visit(door.one, 2)
    said = issue(category="CARE", source="visit")
    door.one.write("issue", "create", said, alarm_id(visit, new_id()), grid=GRID)
    door.one.send()
    assert origin(door) is None


def test_who_may_not_see_the_household_is_led_nowhere(plain_door: Door) -> None:
    plain_door.visit(plain_door.one, 9)
    plain_door.visit(plain_door.one, 2)
    plain_door.one.send()
    assert origin(plain_door, hire(plain_door.centre, "leader", (OTHER_GRID,))) is None
