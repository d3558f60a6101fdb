"""Merging two records and undoing it: nothing is lost, and who did not know is heard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.catalogue import kind_of
from sync_server.domain.errors import Refusal
from sync_server.services import duplicates
from sync_server.services.centre import open_centre
from sync_server.services.ids import new_id
from sync_server.services.likeness_facts import FactsReader
from sync_server.services.merging import Wanted, merge_records
from sync_server.services.moves import move_record
from sync_server.settings import Settings
from sync_server.store.duplicate_tables import duplicate_pairs
from sync_server.store.tables import audit, changes
from tests.sync_server.services.desks import hire, release
from tests.sync_server.services.towns import Town, update
from tests.sync_server.world import (
    DISTRICT,
    GRID,
    OTHER_GRID,
    StillClock,
    household,
    outcomes,
    resident,
)


def room() -> dict[str, Any]:
    """Return the fields of a room's create; each lies in a building of its own."""
    return {"building_id": new_id(), "no": "502", "label": "3-1-502", "state": "owner"}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town on SQLite that all tests of this module share, each with records of its own."""
    clock = StillClock()
    folder: Path = tmp_path_factory.mktemp("merges")
    centre = open_centre(Settings(data=folder / "centre", district=DISTRICT, testing=True), clock)
    yield Town(centre, clock)
    centre.store.close()


def move(town: Town, kind: str, record_id: str, area: str) -> int:
    """Put a record into another grid; return how many went."""
    with town.centre.store.writing() as connection:
        info = kind_of(kind).info
        return move_record(connection, town.staff, info, record_id, area, town.clock())


def test_the_survivor_has_what_was_chosen_and_the_other_travels_as_merged(town):
    here, there = town.two(
        "resident", resident(phone="13800001111"), resident(phone="13900002222", guardian="王样本")
    )
    town.merge(there, here, phone="merged")
    assert town.row(here)["fields"]["phone"] == "13900002222"
    assert town.row(here)["fields"]["guardian"] == "王样本"  # only the other one said it
    assert town.row(there)["fields"]["phone"] == "13900002222"  # as it was
    town.sync()
    for laptop in (town.first, town.second):
        assert laptop.records[there]["merged_into"] == here
        assert laptop.records[here]["fields"]["phone"] == "13900002222"
    with town.centre.store.reading() as connection:
        told = connection.execute(
            sa.select(changes.c.action, changes.c.fields).where(changes.c.record_id == there)
        ).all()
    assert ("merge", {"into": here}) in [tuple(one) for one in told]


def test_a_change_of_somebody_unaware_goes_to_the_survivor(town):
    here, there = town.two("household", household(phone="13800001111"), household(size=4))
    update(town.second, "household", there, remarks="有犬")
    town.merge(there, here)
    answer = town.second.send()
    assert outcomes(answer) == ["merged"]
    assert town.row(here)["fields"]["remarks"] == "有犬"
    assert "remarks" not in town.row(there)["fields"]
    # The version told is the merged record's own, so that the laptop knows its copy has come.
    assert answer["receipts"][0]["version"] == town.second.version(there)


def test_a_value_unaware_of_another_at_the_survivor_is_a_conflict(town):
    here, there = town.two(
        "household", household(phone="13800001111"), household(phone="13900002222")
    )
    update(town.second, "household", there, phone="13700003333")
    town.merge(there, here)
    assert outcomes(town.second.send()) == ["conflict"]
    assert town.open_conflicts(here) == [("phone", "13800001111", "13700003333")]


def test_a_value_the_writer_had_seen_at_the_merged_record_is_replaced(town):
    here, there = town.two(
        "household", household(phone="13800001111"), household(phone="13900002222")
    )
    update(town.second, "household", there, phone="13700003333")
    town.merge(there, here, phone="merged")
    assert outcomes(town.second.send()) == ["merged"]
    assert town.row(here)["fields"]["phone"] == "13700003333"
    assert town.open_conflicts(here) == []


def test_a_void_of_the_merged_record_asks_staff_about_the_survivor(town):
    here, there = town.two("household", household(), household(remarks="重复"))
    base = town.second.version(there)
    town.second.write("household", "void", {"reason": "录重了"}, there, base_version=base)
    town.merge(there, here)
    assert outcomes(town.second.send()) == ["conflict"]
    assert not town.row(here)["voided"]
    assert not town.row(there)["voided"]


def test_what_is_made_for_the_merged_record_is_listed_under_the_survivor(town):
    here, there = town.two("household", household(), household(remarks="二"))
    before = town.first.write("resident", "create", resident(household_id=there))["record_id"]
    town.first.send()
    merge_id = town.merge(there, here)
    after = town.second.write("resident", "create", resident(household_id=there))["record_id"]
    own = town.second.write("resident", "create", resident(household_id=here))["record_id"]
    town.second.send()
    assert {town.row(one)["parent_id"] for one in (before, after, own)} == {here}
    assert town.row(before)["fields"]["household_id"] == there  # no reference is rewritten
    town.undo(merge_id)
    assert town.row(before)["parent_id"] == town.row(after)["parent_id"] == there
    assert town.row(own)["parent_id"] == here


def test_a_family_moved_with_the_survivor_goes_home_when_the_merge_is_undone(town):
    here, there = town.two("household", household(), household(remarks="二"))
    theirs = town.first.write("resident", "create", resident(household_id=there))["record_id"]
    mine = town.first.write("resident", "create", resident(household_id=here))["record_id"]
    town.first.send()
    cared = {"resident_id": theirs, "cats": ["alone"], "risk": "high", "visit_every_days": 7,
             "keeper_id": town.staff.user_id, "since": "2026-01-01",
             "basis": "consent"}  # fmt: skip
    care = town.first.write("care", "create", cared)["record_id"]
    town.first.send()
    merge_id = town.merge(there, here)
    town.clock.passes(minutes=1)
    assert move(town, "household", here, OTHER_GRID) == 4
    later = town.far.write(
        "resident", "create", resident(household_id=there), grid=OTHER_GRID
    )["record_id"]  # fmt: skip
    town.far.send()
    town.undo(merge_id)
    grids = {town.row(one)["grid"] for one in (there, theirs, care, later)}
    assert grids == {GRID}
    assert {town.row(one)["grid"] for one in (here, mine)} == {OTHER_GRID}
    town.sync()
    assert {there, theirs, care} <= town.first.records.keys()
    assert not {theirs, care, later} & town.far.records.keys()


def test_a_family_left_behind_by_the_merged_record_follows_it_when_the_merge_is_undone(town):
    here, there = town.two("household", household(), household(remarks="二"))
    theirs, mine = (
        town.first.write("resident", "create", resident(household_id=home))["record_id"]
        for home in (there, here)
    )
    town.first.send()
    merge_id = town.merge(there, here)
    assert move(town, "household", there, OTHER_GRID) == 1
    town.undo(merge_id)
    assert town.row(theirs)["grid"] == town.row(there)["grid"] == OTHER_GRID
    assert town.row(mine)["grid"] == GRID


def test_who_lived_apart_before_the_merge_stays_where_he_is_when_it_is_undone(town):
    here = town.first.write("household", "create", household())["record_id"]
    town.first.send()
    there = town.far.write("household", "create", household(), grid=OTHER_GRID)["record_id"]
    town.far.send()
    apart = town.first.write("resident", "create", resident(household_id=there))["record_id"]
    town.first.send()
    town.clock.passes(minutes=1)
    town.undo(town.merge(there, here))
    assert (town.row(apart)["grid"], town.row(apart)["parent_id"]) == (GRID, there)


def test_a_merge_is_undone_although_the_survivor_was_voided_since(town):
    here, there = town.two(
        "resident", resident(phone="13800001111"), resident(phone="13900002222")
    )  # fmt: skip
    update(town.second, "resident", there, phone="13700003333")
    merge_id = town.merge(there, here, phone="merged")
    town.second.send()
    town.sync()
    base = town.first.version(here)
    town.first.write("resident", "void", {"reason": "查无此人"}, here, base_version=base)
    assert outcomes(town.first.send()) == ["applied"]
    town.undo(merge_id)
    town.sync()
    record = town.row(there)
    assert (record["merged_into"], record["voided"]) == (None, False)
    assert record["fields"]["phone"] == "13700003333"
    assert town.row(here)["voided"]
    assert not town.second.records[there].get("merged_into")


def test_undoing_gives_both_back_with_what_came_later(town):
    here, there = town.two(
        "household", household(phone="13800001111", size=2), household(phone="13900002222", size=3)
    )
    update(town.second, "household", there, phone="13700003333")
    merge_id = town.merge(there, here, phone="merged", size="merged")
    town.second.send()
    town.first.send()
    update(town.first, "household", here, remarks="合并后所写")
    town.first.send()
    town.undo(merge_id)
    town.sync()
    mine, theirs = town.row(here)["fields"], town.row(there)["fields"]
    assert (mine["phone"], mine["size"], mine["remarks"]) == ("13800001111", 2, "合并后所写")
    assert (theirs["phone"], theirs["size"]) == ("13700003333", 3)
    assert town.row(there)["merged_into"] is None
    assert "merged_into" not in town.second.records[there]
    assert town.open_conflicts(here) == town.open_conflicts(there) == []


def test_a_conflict_that_came_with_a_passed_change_leaves_with_it(town):
    here, there = town.two(
        "household", household(phone="13800001111"), household(phone="13900002222")
    )
    update(town.second, "household", there, phone="13700003333")
    merge_id = town.merge(there, here)
    town.second.send()
    assert town.open_conflicts(here)
    town.undo(merge_id)
    assert town.open_conflicts(here) == []
    assert town.row(here)["fields"]["phone"] == "13800001111"
    assert town.row(there)["fields"]["phone"] == "13700003333"


def test_what_staff_put_right_is_not_replaced_unseen_at_the_survivor_nor_after_the_undoing(town):
    other = household(phone="13900002222")
    here = town.second.write("household", "create", other)["record_id"]
    town.second.send()
    said = other | {"phone": "13800001111", "size": -1, "remarks": "有犬"}
    first = town.first.write("household", "create", said)
    there = first["record_id"]
    assert outcomes(town.first.send()) == ["quarantined"]
    form = {name: str(value) for name, value in said.items()}
    made = form | {"size": "4", "phone": "13900002222"}
    assert release(town.centre, town.staff, first["change_id"], **made) is None
    merge_id = town.merge(there, here)
    right = other | {"phone": "13700003333", "size": 4}
    town.first.write("household", "create", right, there, corrects=first["change_id"])
    assert outcomes(town.first.send()) == ["conflict"]
    assert town.open_conflicts(here) == [("phone", "13900002222", "13700003333")]
    assert "remarks" not in town.row(here)["fields"]  # that was as he had sent it
    town.undo(merge_id)
    assert town.open_conflicts(here) == []
    assert town.open_conflicts(there) == [("phone", "13900002222", "13700003333")]
    fields = town.row(there)["fields"]
    assert (fields["phone"], fields["size"]) == ("13900002222", 4)
    assert "remarks" not in fields


def test_chains_are_followed_and_circles_cannot_come_about(town):
    one, two = town.two("household", household(phone="13800001111"), household(remarks="二"))
    three, four = town.two("household", household(size=9), household(remarks="四"))
    update(town.second, "household", one, phone="13700003333")
    first = town.merge(one, two)
    town.merge(two, three)
    assert outcomes(town.second.send()) == ["merged"]
    assert town.row(three)["fields"]["phone"] == "13700003333"
    for merged, survivor in ((three, one), (three, two), (one, four), (three, three)):
        with pytest.raises(Refusal):
            town.merge(merged, survivor)
    with pytest.raises(Refusal, match="later_merge_first"):
        town.undo(first)


def test_a_survivor_in_another_grid_takes_the_change_as_a_proposal(town):
    here = town.first.write("resident", "create", resident(phone="13900002222"))["record_id"]
    town.first.send()
    there = town.far.write(
        "resident", "create", resident(phone="13900002222"), grid=OTHER_GRID
    )["record_id"]  # fmt: skip
    town.far.send()
    update(town.first, "resident", here, phone="13700003333")
    town.merge(here, there)
    assert outcomes(town.first.send()) == ["conflict"]
    assert town.open_conflicts(there) == [("phone", "13900002222", "13700003333")]
    assert there not in town.first.records  # of the other grid nothing is told


def test_merging_asks_for_settled_records_the_right_and_what_was_seen(town):
    here, there = town.two("household", household(phone="13800001111"), household())
    wanted = Wanted(there, here, {}, (99, 99))
    with pytest.raises(Refusal, match="out_of_date"):
        merge_records(town.centre.store, town.staff, wanted, town.clock())
    leader = hire(town.centre, "leader", (GRID,))
    seen = (town.row(there)["version"], town.row(here)["version"])
    wanted = Wanted(there, here, {}, seen)
    with pytest.raises(Refusal, match="not_allowed"):
        merge_records(town.centre.store, leader, wanted, town.clock())
    for laptop, phone in ((town.first, "13700003333"), (town.second, "13600004444")):
        update(laptop, "household", here, base=town.row(here)["version"] and 1, phone=phone)
        laptop.send()
    assert town.open_conflicts(here)
    with pytest.raises(Refusal, match="conflicts_first"):
        town.merge(there, here)


def test_undone_records_are_not_suggested_again(town):
    here, there = town.two(
        "resident",
        resident(name="欧阳示例", birth="1977-07"),
        resident(name="欧阳示例", birth="1977-07"),
    )
    ids = tuple(sorted((here, there)))

    def state() -> str | None:
        duplicates.search_duplicates(town.centre.store, town.centre.code, town.clock())
        with town.centre.store.reading() as connection:
            wanted = sa.select(duplicate_pairs.c.state).where(
                duplicate_pairs.c.first_id == ids[0], duplicate_pairs.c.second_id == ids[1]
            )
            return connection.execute(wanted).scalar()

    town.sync()
    for one in (here, there):  # in one household, so that nothing else is needed
        update(town.first, "resident", one, base=town.row(one)["version"], household_id=here)
    town.first.send()
    assert state() == "open"
    merge_id = town.merge(there, here)
    assert state() == "merged"
    town.undo(merge_id)
    assert state() == "apart"


@pytest.mark.parametrize(
    ("above", "upper", "kind", "lower"),
    [
        ("room", [room(), room()], "household", [household(), household()]),
        ("household", [household(code="1"), household(code="2")],
         "resident", [resident(name="林四"), resident(name="林试")]),
    ],
    ids=["rooms", "households"],
)  # fmt: skip
def test_what_hangs_under_two_merged_records_is_compared_anew(town, above, upper, kind, lower):
    def pairs() -> list[str]:
        duplicates.search_duplicates(town.centre.store, town.centre.code, town.clock())
        with town.centre.store.reading() as connection:
            wanted = sa.select(duplicate_pairs.c.state).where(
                duplicate_pairs.c.first_id == ids[0], duplicate_pairs.c.second_id == ids[1]
            )
            return list(connection.execute(wanted).scalars())

    here, there = town.two(above, *upper)
    ref = f"{above}_id"
    ids = sorted(town.two(kind, lower[0] | {ref: here}, lower[1] | {ref: there}))
    assert pairs() == []
    town.merge(there, here)
    assert pairs() == ["open"]


def test_all_records_at_once_are_compared_by_the_same_facts_as_each(town):
    """Here, there: two rooms and two households made one, with people who name either of them."""
    rooms = town.two("room", room(), room())
    homes = town.two("household", *(household(room_id=one) for one in rooms))
    people = town.two("resident", *(resident(name="林示", household_id=one) for one in homes))
    town.merge(rooms[1], rooms[0])
    town.merge(homes[1], homes[0])

    def weighed(facts: Any) -> Any:
        if not hasattr(facts, "people"):
            return facts
        members = sorted((one.name.text, *one.births, one.id_no) for one in facts.people)
        return replace(facts, people=()), members

    with town.centre.store.reading() as connection:
        together = FactsReader(connection, DISTRICT)
        for kind in ("household", "resident", "room"):
            all_of = dict(together.every(kind))
            each = FactsReader(connection, DISTRICT)
            each.take_around(list(all_of))
            assert {one: weighed(each.of(one)) for one in all_of} == {
                one: weighed(facts) for one, facts in all_of.items()
            }
            wanted = {"household": homes[:1], "resident": people, "room": rooms[:1]}[kind]
            assert all_of.keys() >= set(wanted)
            if kind == "resident":
                assert {all_of[one].room for one in people} == {rooms[0]}


def test_a_merge_and_its_undoing_are_in_the_audit(town):
    here, there = town.two("household", household(), household(remarks="二"))
    merge_id = town.merge(there, here)
    town.undo(merge_id)
    with town.centre.store.reading() as connection:
        wanted = sa.select(audit.c.action, audit.c.user_id).where(audit.c.target == there)
        found = {tuple(one) for one in connection.execute(wanted)}
    assert found == {("merge", town.staff.user_id), ("unmerge", town.staff.user_id)}
