"""Records that staff move to another grid: laptops follow, late work becomes a proposal."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.clock import written
from sync_server.domain.errors import Refusal
from sync_server.services.accounts import User, add_user
from sync_server.services.central import mark_seen
from sync_server.services.centre import Centre
from sync_server.services.decision_records import tell_decisions
from sync_server.services.ids import new_id
from sync_server.services.import_records import ImportedRecord, import_records
from sync_server.services.moves import move_record, open_move
from sync_server.store import writing
from sync_server.store.tables import conflicts, records
from tests.sync_server.world import (
    COMMUNITY,
    GRID,
    OTHER_GRID,
    Laptop,
    StillClock,
    add_worker,
    household,
    issue,
    join,
    outcomes,
    resident,
)

NEXT_DOOR_GRID = "990101100008001"


@pytest.fixture
def staff(any_centre: Centre) -> User:
    with any_centre.store.writing() as connection:
        return add_user(
            connection, any_centre.code, no="s1", name="李演示", role="community",
            scope_codes=[COMMUNITY], now=any_centre.clock(),
        )  # fmt: skip


@pytest.fixture
def old(any_centre: Centre) -> Laptop:
    return join(any_centre, add_worker(any_centre, "w1", [GRID]))


@pytest.fixture
def new(any_centre: Centre) -> Laptop:
    return join(any_centre, add_worker(any_centre, "w2", [OTHER_GRID]), key="cd" * 32)


def family(centre: Centre) -> dict[str, str]:
    """Load a room with its household, its resident and a household next door to it."""
    ids = {name: new_id() for name in ("room", "household", "resident", "elsewhere")}
    rows = [
        (
            "room",
            ids["room"],
            GRID,
            {"building_id": new_id(), "no": "1", "label": "1", "state": "owner"},
        ),
        ("household", ids["household"], GRID, household(room_id=ids["room"])),
        ("resident", ids["resident"], GRID, resident(household_id=ids["household"])),
        ("household", ids["elsewhere"], NEXT_DOOR_GRID, household(room_id=ids["room"])),
    ]
    made = [
        ImportedRecord(record_id, kind, grid, fields, new_id(), written(centre.clock()))
        for kind, record_id, grid, fields in rows
    ]
    with centre.store.writing() as connection:
        import_records(connection, centre.code, made, author=None, at=centre.clock())
    return ids


def move(centre: Centre, staff: User, kind: str, record_id: str, area: str) -> int:
    with centre.store.writing() as connection:
        info = kind_of(kind).info
        return move_record(connection, staff, info, record_id, area, centre.clock())


def pull(laptop: Laptop) -> set[str]:
    """Pull to the end; return what the laptop holds."""
    more = True
    while more:
        more = laptop.send()["more"]
    return set(laptop.records)


def areas(centre: Centre) -> dict[str, str]:
    with centre.store.reading() as connection:
        found = connection.execute(sa.select(records.c.record_id, records.c.grid))
        return {row.record_id: row.grid for row in found}


def test_what_hangs_below_goes_along_and_the_laptops_follow(any_centre, staff, old, new):
    ids = family(any_centre)
    old.write("household", "update", {"size": 5}, ids["household"], base_version=1)
    pull(old)
    with any_centre.store.writing() as connection:
        mark_seen(connection, any_centre.code, staff.user_id, ids["household"], any_centre.clock())
    held = pull(old)
    assert {ids["room"], ids["household"], ids["resident"]} < held
    assert pull(new) == set()
    with any_centre.store.reading() as connection:
        room = kind_of("room").info
        page = open_move(connection, staff, room, ids["room"], any_centre.clock(), "zh")
    assert page.count == 4  # the mark goes with its household
    assert move(any_centre, staff, "room", ids["room"], OTHER_GRID) == 4
    assert pull(new) == held
    assert pull(old) == set()
    assert areas(any_centre)[ids["elsewhere"]] == NEXT_DOOR_GRID
    assert move(any_centre, staff, "room", ids["room"], OTHER_GRID) == 0
    assert new.send()["updates"] == old.send()["updates"] == []


def test_a_change_of_somebody_who_did_not_know_is_a_proposal_for_the_new_grid(
    any_centre, staff, old, new, clock: StillClock
):
    ids = family(any_centre)
    pull(old)
    move(any_centre, staff, "household", ids["household"], OTHER_GRID)
    clock.passes(hours=1)
    old.write("household", "update", {"size": 7}, ids["household"], base_version=1)
    assert outcomes(old.send()) == ["conflict"]
    with any_centre.store.reading() as connection:
        (entry,) = connection.execute(sa.select(conflicts)).mappings()
        size = connection.execute(
            sa.select(records.c.fields).where(records.c.record_id == ids["household"])
        ).scalar_one()["size"]
    assert (entry["other"], entry["visible"], entry["decision"]) == (7, 3, None)
    assert (entry["author"], size) == (old.worker_id, 3)
    assert ids["household"] in pull(new)
    assert ids["household"] not in pull(old)
    # What staff decide of it reaches him all the same.
    with any_centre.store.writing() as connection:
        decided = {"decision": "kept", "decided_by": staff.user_id, "decided_at": clock()}
        writing.change_conflict(connection, any_centre.code, entry["conflict_id"], decided)
        tell_decisions(connection, any_centre.code, [entry["conflict_id"]], clock())
    assert entry["conflict_id"] in pull(old)
    assert old.records[entry["conflict_id"]]["fields"]["outcome"] == "kept"
    # Who has been told that it moved has no say any more.
    old.write("household", "update", {"size": 8}, ids["household"], base_version=1, grid=OTHER_GRID)
    answer = old.send()
    assert outcomes(answer) == ["quarantined"]
    assert answer["receipts"][0]["problem"][0]["code"] == "out_of_area"


def test_a_new_record_of_somebody_who_did_not_know_lies_where_its_parent_went(
    any_centre, staff, old, new
):
    ids = family(any_centre)
    pull(old)
    move(any_centre, staff, "room", ids["room"], OTHER_GRID)
    made = old.write("resident", "create", resident(household_id=ids["household"]))
    mine = old.write("household", "create", household(room_id=new_id()))
    assert outcomes(old.send()) == ["applied", "applied"]
    assert areas(any_centre)[made["record_id"]] == OTHER_GRID
    assert made["record_id"] in pull(new)
    assert pull(old) == {mine["record_id"]}
    # Nobody gets into a grid by hanging something below what was never his.
    foreign = old.write("resident", "create", resident(household_id=ids["household"]),
                        grid=OTHER_GRID)  # fmt: skip
    assert outcomes(old.send()) == ["quarantined"]
    assert foreign["record_id"] not in areas(any_centre)


@pytest.mark.parametrize(
    ("area", "code"),
    [
        (NEXT_DOOR_GRID, "bad_scope"),
        (COMMUNITY, "bad_scope"),
        ("", "bad_scope"),
        ("...............", "bad_scope"),
    ],
)
def test_a_record_goes_into_a_grid_of_the_persons_areas_alone(any_centre, staff, area, code):
    ids = family(any_centre)
    with pytest.raises(Refusal, match=code):
        move(any_centre, staff, "household", ids["household"], area)
    assert areas(any_centre)[ids["household"]] == GRID


def test_what_lies_elsewhere_or_was_done_in_the_field_is_not_moved(any_centre, staff, old):
    ids = family(any_centre)
    with pytest.raises(Refusal, match="unknown_record"):
        move(any_centre, staff, "household", ids["elsewhere"], OTHER_GRID)
    with pytest.raises(Refusal, match="unknown_record"):
        move(any_centre, staff, "room", ids["household"], OTHER_GRID)
    with pytest.raises(Refusal, match="not_allowed"):
        move(any_centre, staff, "visit", new_id(), OTHER_GRID)


def test_what_is_not_over_about_a_household_goes_along(door, staff):
    door.visit(door.one, 9)
    door.visit(door.one, 2)
    about = {"requested_at": written(door.centre.clock()), "kind": "proxy", "item": "medicine",
             "words": "取药", "applicant": "林示例", "household_id": door.home,
             "channel": "door"}  # fmt: skip
    asked = door.one.write("service", "create", about)["record_id"]
    own = {**about, "household_id": new_id()}
    stays = [
        door.one.write("issue", "create", issue(category="CARE"))["record_id"],
        door.one.write("service", "create", own)["record_id"],
    ]
    assert set(outcomes(door.one.send())) == {"applied"}
    raised = {one["record_id"] for one in door.alarms()} - set(stays)
    (alarm,) = raised
    move(door.centre, staff, "household", door.home, OTHER_GRID)
    where = areas(door.centre)
    assert {where[one] for one in (door.home, door.person, alarm, asked)} == {OTHER_GRID}
    assert {where[one] for one in stays} == {GRID}
    assert alarm in pull(door.colleague())
