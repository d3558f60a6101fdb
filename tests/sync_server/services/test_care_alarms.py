"""Two misses in a row of somebody in care: the centre raises what nobody has raised, once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.care_contact import alarm_id
from schemas.clock import written
from sync_server.domain.errors import Refusal
from sync_server.services import doubtful_times, grid_changes
from sync_server.services.devices import authenticate
from sync_server.services.household_file import open_file
from sync_server.services.ids import new_id
from sync_server.services.sync import exchange
from sync_server.store.tables import changes
from tests.sync_server.care_door import Door
from tests.sync_server.services.desks import choose, hire
from tests.sync_server.web.staff import load
from tests.sync_server.world import (
    COMMUNITY,
    GRID,
    OTHER_GRID,
    Laptop,
    StillClock,
    household,
    issue,
    outcomes,
    resident,
)

DAYS = {"first": 9, "second": 2, "third": 1}
PATIENCE_S = 60


def test_two_laptops_with_one_miss_each_make_one_urgent_issue(door: Door) -> None:
    door.visit(door.one, 9)
    door.one.send()
    assert door.alarms() == []
    second = door.visit(door.other, 2)
    answer = door.other.send()
    (alarm,) = door.alarms()
    fields = alarm["fields"]
    assert (fields["level"], fields["urgency"], fields["source"]) == ("2", "urgent", "visit")
    assert (fields["compound_id"], fields["building_id"]) == (door.compound, door.building)
    assert fields["place"] == "幸福里 3-1-502"
    assert "连续2次未见到" in fields["text"]
    assert "林示例" not in str(fields)
    assert (alarm["author"], alarm["grid"]) == (door.other.worker_id, GRID)
    assert alarm["record_id"] in {one["record_id"] for one in answer["updates"]}
    assert alarm["record_id"][:19] == second[:19]
    door.one.send()
    assert alarm["record_id"] in door.one.records


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
def test_the_same_issue_comes_of_two_visits_in_whichever_order_they_come(
    door: Door, order: tuple[str, ...]
) -> None:
    laptops = {"first": door.one, "second": door.other}
    visits = {}
    for name in order:
        visits[name] = door.visit(laptops[name], DAYS[name])
        laptops[name].send()
    (alarm,) = door.alarms()
    assert alarm["record_id"][:19] == visits["second"][:19]
    assert alarm["author"] == door.other.worker_id


def test_two_misses_delivered_at_the_same_moment_make_one_issue(door: Door) -> None:
    door.visit(door.one, 9)
    door.visit(door.other, 2)
    with ThreadPoolExecutor(4) as pool:  # each of them twice, as after a lost reply
        laptops = [door.one, door.other] * 2
        answers = list(pool.map(_deliver, laptops, [one.body() for one in laptops]))
    assert all(answers)
    assert len(door.alarms()) == 1


def _deliver(laptop: Laptop, body: dict[str, Any]) -> bool:
    """Deliver a body until the centre has a moment for this laptop."""
    device = authenticate(laptop.centre.store, laptop.token)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            exchange(laptop.centre, device, body, laptop.centre.clock())
        except Refusal as refusal:
            if refusal.code != "busy":
                raise
            time.sleep(0.01)  # as a laptop waits that was told to come again
        else:
            return True
    return False


def test_delivering_again_makes_no_second_issue(door: Door) -> None:
    door.visit(door.one, 9)
    door.visit(door.one, 2)
    body = door.one.body()
    door.one.send(body)
    door.one.acked = 0
    assert outcomes(door.one.send(body)) == ["duplicate"] * 2
    assert len(door.alarms()) == 1


def test_a_late_visit_that_was_reached_or_missed_between_is_judged_by_its_time(door: Door) -> None:
    door.visit(door.one, 9)
    door.visit(door.one, 5, "well")
    door.visit(door.one, 2)
    door.one.send()
    assert door.alarms() == []
    door.visit(door.other, 1)
    door.other.send()
    assert len(door.alarms()) == 1
    door.visit(door.one, 3)  # falls between: the first alarm is open
    door.one.send()
    assert len(door.alarms()) == 1


def test_an_issue_the_laptop_raised_itself_is_enough_though_it_comes_later(door: Door) -> None:
    door.visit(door.one, 9)
    door.one.send()
    raised = new_id()
    door.visit(door.other, 2, issue_ids=[raised])
    door.other.send()
    assert door.alarms() == []
    door.other.write("issue", "create", issue(category="CARE"), raised)
    door.other.send()
    assert [one["record_id"] for one in door.alarms()] == [raised]
    door.visit(door.one, 1)
    door.one.send()
    assert len(door.alarms()) == 1


def test_another_issue_found_on_the_visit_is_no_alarm(door: Door) -> None:
    door.visit(door.one, 9)
    door.one.send()
    found = door.other.write("issue", "create", issue(category="ENV"))["record_id"]
    door.visit(door.other, 2, issue_ids=[found])
    door.other.send()
    assert len(door.alarms()) == 1


def test_a_third_miss_raises_anew_only_when_the_first_issue_is_over(door: Door) -> None:
    door.visit(door.one, 9)
    door.visit(door.one, 5)
    door.one.send()
    (first,) = door.alarms()
    door.visit(door.one, 3)
    door.one.send()
    assert len(door.alarms()) == 1
    door.one.write("issue", "void", {"reason": "已联系上"}, first["record_id"], base_version=1)
    door.one.send()
    door.visit(door.one, 1)
    door.one.send()
    assert [one["voided"] for one in door.alarms()] == [True, False]


def test_a_care_visit_that_met_nobody_counts_without_a_check(door: Door) -> None:
    door.visit(door.one, 9, care_checks=None)
    door.visit(door.one, 5, care_checks=None, purposes=["daily"])  # looked for nobody
    door.one.send()
    assert door.alarms() == []
    door.visit(door.other, 2, care_checks=None, result="refused")
    door.other.send()
    assert len(door.alarms()) == 1


def test_a_visit_corrected_into_a_miss_raises_too(door: Door) -> None:
    door.visit(door.one, 9)
    second = door.visit(door.one, 2, "well")
    door.one.send()
    assert door.alarms() == []
    said = {"result": "nobody", "care_checks": {"add": {door.person: {"state": "not_reached"}}}}
    door.one.write("visit", "update", said, second, base_version=1)
    door.one.send()
    assert len(door.alarms()) == 1


def test_ordinary_visits_ask_the_database_nothing(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "sync_server.store.care_read.visits_about", lambda *_: asked.append("asked") or []
    )
    door.visit(door.one, 9, "well")
    door.visit(door.one, 5, care_checks=None, purposes=["daily"], result="nobody")
    door.one.send()
    assert asked == []


def test_the_issue_stands_in_the_log_as_the_workers(door: Door) -> None:
    door.visit(door.one, 9)
    door.visit(door.one, 2)
    door.one.send()
    (alarm,) = door.alarms()
    with door.centre.store.reading() as connection:
        query = sa.select(changes).where(changes.c.record_id == alarm["record_id"])
        (change,) = connection.execute(query).mappings().all()
    assert (change["device_id"], change["author"]) == (None, door.one.worker_id)
    said = {"place": "改过的地点"}
    door.one.write("issue", "update", said, alarm["record_id"], base_version=alarm["version"])
    assert outcomes(door.one.send()) == ["applied"]


def test_a_miss_before_the_door_went_to_another_grid_counts_there(door: Door) -> None:
    door.visit(door.one, 9)
    door.one.send()
    door.move(OTHER_GRID)
    next_one = door.colleague()
    second = door.visit(next_one, 2, grid=OTHER_GRID)
    answer = next_one.send()
    (alarm,) = door.alarms()
    assert (alarm["grid"], alarm["record_id"][:19]) == (OTHER_GRID, second[:19])
    assert alarm["record_id"] in {one["record_id"] for one in answer["updates"]}


def test_a_late_visit_in_the_old_grid_raises_its_issue_where_the_door_lies_now(door: Door) -> None:
    door.move(OTHER_GRID)
    next_one = door.colleague()
    door.visit(next_one, 2, grid=OTHER_GRID, care_checks=None)
    next_one.send()
    door.visit(door.one, 9, care_checks=None)  # who did not know yet
    assert outcomes(door.one.send()) == ["applied"]
    (alarm,) = door.alarms()
    assert (alarm["grid"], alarm["author"]) == (OTHER_GRID, next_one.worker_id)
    next_one.send()
    assert alarm["record_id"] in next_one.records


def test_a_miss_at_a_home_made_for_a_grid_that_had_ended_counts_in_its_heir(
    plain_door: Door, clock: StillClock
) -> None:
    door, staff = plain_door, hire(plain_door.centre)
    for code in (GRID, OTHER_GRID):
        area = {"code": code, "name": code, "level": "grid", "parent_code": COMMUNITY,
                "valid_from": "2026-01-01"}  # fmt: skip
        load(door.centre, staff.user_id, "area", code, area)
    next_one = door.colleague()
    door.one.send()
    clock.passes(hours=1)
    grid_changes.merge_grids(door.centre.store, staff, GRID, OTHER_GRID, clock())
    home = door.one.write("household", "create", household(room_id=door.room))["record_id"]
    person = door.one.write("resident", "create", resident(household_id=home))["record_id"]
    said = {"household_id": home, "care_checks": {"add": {person: {"state": "not_reached"}}}}
    door.visit(door.one, 9, **said)
    assert outcomes(door.one.send()) == ["applied"] * 3
    door.visit(next_one, 2, grid=OTHER_GRID, **said)
    next_one.send()
    assert [one["grid"] for one in door.alarms()] == [OTHER_GRID]
    with door.centre.store.reading() as connection:
        file = open_file(connection, staff, home, clock(), "zh")
    assert file.visits_total == 2  # both that the alarm counts


def between(door: Door, state: str = "well", **more: Any) -> str:
    """Let somebody be missed, found and missed again; return the visit between."""
    door.visit(door.one, 9)
    found = door.visit(door.one, 5, state, **more)
    door.visit(door.other, 2)
    door.one.send()
    door.other.send()
    assert door.alarms() == []
    return found


def test_voiding_the_visit_between_two_misses_makes_them_follow_each_other(door: Door) -> None:
    found = between(door)
    door.one.write("visit", "void", {"reason": "走错门"}, found, base_version=1)
    door.one.send()
    (alarm,) = door.alarms()
    assert alarm["author"] == door.other.worker_id  # whose miss is the second


def test_a_visit_of_who_was_met_at_the_door_stood_between_too(plain_door: Door) -> None:
    door = plain_door
    found = between(door, care_checks=None, purposes=["daily"])
    door.one.write("visit", "void", {"reason": "走错门"}, found, base_version=1)
    door.one.send()
    assert len(door.alarms()) == 1


def test_correcting_the_visit_between_two_misses_away_raises_too(plain_door: Door) -> None:
    door = plain_door
    found = between(door)
    for said, alarms in (
        ({"care_checks": {"add": {door.person: {"state": "need_help"}}}}, 0),
        ({"findings": "正在做饭"}, 0),
        ({"visited_at": written(door.centre.clock() - timedelta(days=4))}, 0),
        ({"household_id": new_id(), "care_checks": {"remove": [door.person]}}, 1),
    ):
        door.one.write("visit", "update", said, found, base_version=1)
        assert outcomes(door.one.send()) == ["applied"]
        assert len(door.alarms()) == alarms


def test_a_visit_put_before_both_misses_stands_between_no_more(plain_door: Door) -> None:
    door = plain_door
    found = between(door)
    for days_ago, alarms in ((1, 0), (12, 1)):  # after both of them somebody was reached since
        said = {"visited_at": written(door.centre.clock() - timedelta(days=days_ago))}
        door.one.write("visit", "update", said, found, base_version=1)
        door.one.send()
        assert len(door.alarms()) == alarms


def test_a_time_that_staff_correct_puts_a_visit_elsewhere_too(plain_door: Door) -> None:
    door = plain_door
    door.one.slow_s = 3 * 3600
    found = between(door)
    (change,) = [one for one in door.one.log if one["record_id"] == found]
    typed = {change["change_id"]: "2026-09-01T12:00"}
    staff, now = hire(door.centre), door.centre.clock()
    assert doubtful_times.confirm(door.centre.store, staff, typed, now).done == 1
    assert len(door.alarms()) == 1


def test_staff_who_let_a_voided_miss_stand_again_make_it_count(plain_door: Door) -> None:
    door = plain_door
    door.visit(door.other, 9)
    second = door.visit(door.one, 2)
    door.one.send()
    twin = Laptop(door.centre, door.one.device_id, door.one.token, door.one.worker_id)
    door.one.write("visit", "void", {"reason": "走错门"}, second, base_version=1)
    door.one.send()
    twin.write("visit", "update", {"findings": "敲门无人应"}, second, base_version=1)
    assert outcomes(twin.send()) == ["conflict"]
    door.other.send()
    assert door.alarms() == []
    choose(door.centre, hire(door.centre), second, "restore")
    assert len(door.alarms()) == 1


def test_who_was_reached_since_raises_nothing_when_an_old_visit_stands_no_more(
    plain_door: Door,
) -> None:
    door = plain_door
    found = between(door)
    door.visit(door.other, 1, "well")
    door.other.send()
    door.one.write("visit", "void", {"reason": "走错门"}, found, base_version=1)
    door.one.send()
    assert door.alarms() == []


def test_a_late_miss_before_somebody_was_reached_again_raises_nothing(plain_door: Door) -> None:
    door = plain_door
    door.visit(door.other, 5)
    last = door.visit(door.other, 2, "well")
    door.other.send()
    door.visit(door.one, 9)
    door.one.send()
    assert door.alarms() == []
    door.other.write("visit", "void", {"reason": "走错门"}, last, base_version=1)
    door.other.send()
    (alarm,) = door.alarms()  # nobody was reached after all
    assert alarm["author"] == door.other.worker_id


def test_a_contact_dated_ahead_reaches_nobody_yet(plain_door: Door) -> None:
    door = plain_door
    door.visit(door.other, -365, "well")  # a year mistyped
    door.other.send()
    found = between(door)
    door.one.write("visit", "void", {"reason": "走错门"}, found, base_version=1)
    door.one.send()
    assert len(door.alarms()) == 1


def test_who_was_missed_by_a_visit_that_met_others_is_no_news_when_it_goes(
    plain_door: Door,
) -> None:
    door = plain_door
    door.visit(door.one, 9)
    second = door.visit(door.one, 5, result="met")
    door.visit(door.one, 2)
    door.one.send()
    assert len(door.alarms()) == 1
    door.one.write("visit", "void", {"reason": "走错门"}, second, base_version=1)
    door.one.send()
    assert len(door.alarms()) == 1


def test_an_alarm_about_another_behind_the_door_hides_nobodys(plain_door: Door) -> None:
    door = plain_door
    other = load(door.centre, door.one.worker_id, "resident", GRID,
                 resident(household_id=door.home, name="赵示例", id_no=None))  # fmt: skip
    load(door.centre, door.one.worker_id, "care", GRID,
         {"resident_id": other, "cats": ["alone"], "risk": "high", "visit_every_days": 7,
          "keeper_id": door.one.worker_id, "since": "2026-01-01", "basis": "consent"})  # fmt: skip

    def visit(days_ago: int, mine: str, theirs: str, **more: Any) -> str:
        checks = {"add": {door.person: {"state": mine}, other: {"state": theirs}}}
        return door.visit(door.one, days_ago, care_checks=checks, **more)

    visit(9, "not_reached", "well", result="met")
    between = visit(5, "well", "not_reached", result="met")
    last = new_id()
    about_other = alarm_id(last, other)
    visit(2, "not_reached", "not_reached", record_id=last, issue_ids=[about_other])
    door.one.write("issue", "create", issue(category="CARE", source="visit"), about_other)
    door.one.send()
    assert [one["record_id"] for one in door.alarms()] == [about_other]
    door.one.write("visit", "void", {"reason": "走错门"}, between, base_version=1)
    door.one.send()
    assert {one["record_id"] for one in door.alarms()} == {
        about_other, alarm_id(last, door.person)
    }  # fmt: skip
