"""Grids redrawn: split, merged, added, ended; laptops follow, late work is taken in."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.clock import written
from sync_server.domain.errors import Refusal
from sync_server.services import area_tree, base_facts, compound_file, grid_changes
from sync_server.services.accounts import User, add_user, get_user
from sync_server.services.centre import Centre
from sync_server.services.decision_records import Asked, ask
from sync_server.services.ids import new_id
from sync_server.services.import_records import ImportedRecord, import_records
from sync_server.store import records_read
from sync_server.store.tables import conflicts, records
from sync_server.store.writing import lock_district
from tests.sync_server.world import (
    COMMUNITY,
    GRID,
    OTHER_GRID,
    Laptop,
    add_worker,
    household,
    issue,
    join,
    outcomes,
    resident,
)

NEW = "990101100009005"
NEXT_DOOR_GRID = "990101100008001"


@dataclass
class Block:
    """A grid with two buildings, in each a home; another grid beside it."""

    centre: Centre
    staff: User
    ids: dict[str, str] = field(default_factory=dict)

    def areas(self) -> dict[str, str]:
        """Return where every named record lies."""
        with self.centre.store.reading() as connection:
            found = connection.execute(sa.select(records.c.record_id, records.c.grid))
            by_id = {row.record_id: row.grid for row in found}
        return {name: by_id[one] for name, one in self.ids.items()}

    def area(self, code: str) -> dict[str, Any]:
        """Return the fields of an area's record."""
        with self.centre.store.reading() as connection:
            row = records_read.area_record(connection, self.centre.code, code)
        assert row is not None
        return dict(row["fields"])

    def split(self, *, old: tuple[str, ...] = (), new: tuple[str, ...] = ()) -> str:
        """Put the second building into a grid of its own."""
        return grid_changes.split_grid(
            self.centre.store, self.staff, GRID, "第五网格", [self.ids["building2"]],
            {"old": old, "new": new}, self.centre.clock(),
        )  # fmt: skip


def build(any_centre: Centre) -> Block:
    """Load the block into an empty centre."""
    with any_centre.store.writing() as connection:
        staff = add_user(
            connection, any_centre.code, no="s1", name="李演示", role="community",
            scope_codes=[COMMUNITY], now=any_centre.clock(),
        )  # fmt: skip
    made = Block(any_centre, staff)
    rows: list[tuple[str, str, str, dict[str, Any]]] = []

    def put(key: str, sort: str, grid: str, **fields: Any) -> str:
        made.ids[key] = new_id()
        rows.append((sort, made.ids[key], grid, fields))
        return made.ids[key]

    for code, level in ((COMMUNITY, "community"), (GRID, "grid"), (OTHER_GRID, "grid")):
        name, begun = f"区域{code[-3:]}", "2025-01-01"
        put(f"area{code}", "area", code, code=code, name=name, level=level, valid_from=begun)
    compound = put("compound", "compound", COMMUNITY, code="XQ-1", name="幸福里")
    for no in ("1", "2"):
        building = put(f"building{no}", "building", GRID, compound_id=compound, no=no)
        room = put(f"room{no}", "room", GRID, building_id=building, no="1", label=f"{no}-1",
                   state="owner")  # fmt: skip
        home = put(f"home{no}", "household", GRID, **household(room_id=room))
        person = put(f"person{no}", "resident", GRID, **resident(household_id=home))
        put(f"care{no}", "care", GRID, resident_id=person, cats=["alone"], risk="high")
        put(f"shop{no}", "shop", GRID, name=f"店{no}", kind="retail", address="路1号", room_id=room)
        put(f"service{no}", "service", GRID, requested_at="2026-09-30T08:40:00+08:00",
            kind="proxy", household_id=home)  # fmt: skip
    at = written(any_centre.clock())
    with any_centre.store.writing() as connection:
        imported = [
            ImportedRecord(record_id, kind, grid, fields, staff.user_id, at)
            for kind, record_id, grid, fields in rows
        ]
        import_records(connection, any_centre.code, imported, author=None, at=any_centre.clock())
    return made


@pytest.fixture
def block(centre: Centre) -> Block:
    return build(centre)


@pytest.fixture
def old(block: Block) -> Laptop:
    return join(block.centre, add_worker(block.centre, "w1", [GRID]))


@pytest.fixture
def new(block: Block) -> Laptop:
    return join(block.centre, add_worker(block.centre, "w2", [GRID]), key="cd" * 32)


def pull(laptop: Laptop) -> set[str]:
    """Pull to the end; return what the laptop holds."""
    more = True
    while more:
        more = laptop.send()["more"]
    return set(laptop.records)


def report(laptop: Laptop, block: Block, building: str) -> str:
    """Report an issue at a building and send it."""
    said = issue(building_id=block.ids[building])
    made = laptop.write("issue", "create", said)
    laptop.send()
    return str(made["record_id"])


def holds(block: Block, laptop: Laptop) -> tuple[str, ...]:
    with block.centre.store.reading() as connection:
        return get_user(connection, block.centre.code, laptop.worker_id).scope_codes


def test_a_split_takes_some_buildings_with_all_below_and_their_open_work(any_centre: Centre):
    block = build(any_centre)
    old = join(any_centre, add_worker(any_centre, "w1", [GRID]))
    new = join(any_centre, add_worker(any_centre, "w2", [GRID]), key="cd" * 32)
    block.ids["issue1"], block.ids["issue2"] = (
        report(old, block, "building1"), report(old, block, "building2"),
    )  # fmt: skip
    visit = {"visited_at": "2026-09-30T10:00:00+08:00", "household_id": block.ids["home2"],
             "purposes": ["daily"], "mode": "door", "result": "met",
             "notice_given": True}  # fmt: skip
    block.ids["visit"] = old.write("visit", "create", visit)["record_id"]
    pull(old), pull(new)
    assert block.split(old=(old.worker_id,), new=(new.worker_id,)) == NEW
    where = block.areas()
    gone = {name for name, area in where.items() if area == NEW}
    assert gone == {f"{one}2" for one in ("building", "room", "home", "person", "care", "shop",
                                          "service", "issue")}  # fmt: skip
    assert where["visit"] == GRID  # what was done stays where it was done
    assert (holds(block, old), holds(block, new)) == ((GRID,), (NEW,))
    first, second = pull(old), pull(new)
    ours = set(block.ids.values())
    assert first & ours | second & ours == ours - {block.ids[f"area{OTHER_GRID}"]}
    above = {block.ids[name] for name in ("compound", f"area{COMMUNITY}")}
    assert first & second & ours == above
    fields = block.area(NEW)
    assert (fields["name"], fields["level"], fields["household_count"]) == ("第五网格", "grid", 1)
    assert [one["change"] for one in fields["lineage"].values()] == ["split_from"]
    assert [one["other"] for one in block.area(GRID)["lineage"].values()] == [NEW]
    assert fields["worker_ids"] == [new.worker_id]


def asked(block: Block, laptop: Laptop, home: str) -> str:
    """Ask a worker about a household; return the correction's id."""
    at = block.ids[home]
    question = Asked("household", at, new_id(), laptop.worker_id, "请核实", {})
    with block.centre.store.writing() as connection:
        by, now = block.staff.user_id, block.centre.clock()
        return ask(connection, block.centre.code, question, by, GRID, now)


def test_what_is_asked_stays_with_whom_it_is_asked_of_when_a_grid_is_split(block, old, new):
    names = {"his": (old, "home2"), "hers": (new, "home1"), "over": (old, "home2")}
    for name, (laptop, home) in names.items():
        block.ids[name] = asked(block, laptop, home)
    over = {"answer": "stands", "closed": True}
    old.write("correction", "update", over, block.ids["over"], base_version=1)
    assert outcomes(old.send()) == ["applied"]
    block.split(old=(old.worker_id,), new=(new.worker_id,))
    where = block.areas()
    assert (where["his"], where["hers"]) == (
        GRID,
        NEW,
    )  # unlike their households
    assert where["over"] == NEW  # and nobody waits for that


def test_work_written_before_the_split_was_known_is_taken_in(block, old, new):
    pull(old), pull(new)
    phone = {"phone": "13800001111"}
    mine = old.write("household", "update", phone, block.ids["home1"], base_version=1)
    theirs = old.write("household", "update", phone, block.ids["home2"], base_version=1)
    born = old.write("resident", "create", resident(household_id=block.ids["home2"]))
    size = new.write("household", "update", {"size": 5}, block.ids["home2"], base_version=1)
    block.split(old=(old.worker_id,), new=(new.worker_id,))
    assert outcomes(old.send()) == ["applied", "conflict", "applied"]
    assert outcomes(new.send()) == ["applied"]
    block.ids["born"] = born["record_id"]
    assert block.areas()["born"] == NEW
    with block.centre.store.reading() as connection:
        (entry,) = connection.execute(sa.select(conflicts)).mappings()
    assert (entry["change_id"], entry["path"]) == (theirs["change_id"], "phone")
    assert {mine["record_id"], size["record_id"]} == {block.ids["home1"], block.ids["home2"]}
    # Everything is on one laptop and on one alone.
    first, second = pull(old), pull(new)
    people = {block.ids["person1"], block.ids["person2"], born["record_id"]}
    assert (first & people, second & people) == (
        {block.ids["person1"]}, {block.ids["person2"], born["record_id"]},
    )  # fmt: skip


def test_a_step_taken_before_the_split_was_known_counts_where_its_work_went(block, old, new):
    pull(old), pull(new)
    found = report(old, block, "building2")
    note = {"issue_id": found, "action": "note", "text": "又去看了"}
    asked = {"service_id": block.ids["service2"], "action": "note", "role": "worker"}
    at = {"at": written(block.centre.clock())}
    block.split(old=(old.worker_id,), new=(new.worker_id,))
    steps = [
        old.write(f"{kind}_step", "step", fields | at)["record_id"]
        for kind, fields in (("issue", note), ("service", asked | {"text": "已联系"}))
    ]
    stranger = join(block.centre, add_worker(block.centre, "w7", (OTHER_GRID,)), key="ef" * 32)
    stranger.write("issue_step", "step", note | at, grid=OTHER_GRID)
    assert outcomes(old.send()) == ["applied", "applied"]
    assert outcomes(stranger.send()) == ["quarantined"]
    block.ids |= {"issue": found, "first": steps[0], "second": steps[1]}
    where = block.areas()
    assert {where["issue"], where["first"], where["second"]} == {NEW}
    assert set(steps) <= pull(new)


def test_a_merge_ends_the_grid_and_late_new_records_go_where_it_went(block, old, clock):
    clock.passes(hours=1)
    pull(old)
    shop = {"name": "新店", "kind": "retail", "address": "2号"}
    late = old.write("shop", "create", shop)
    walked = old.write("patrol", "create", patrol(block.ids["compound"]))
    block.ids["issue1"] = report(old, block, "building1")
    count = grid_changes.merge_grids(
        block.centre.store, block.staff, GRID, OTHER_GRID, block.centre.clock()
    )
    assert count == 16
    assert block.area(GRID)["valid_to"] == "2026-09-30"
    assert holds(block, old) == (OTHER_GRID,)
    clock.passes(days=7)
    later = old.write("shop", "create", shop | {"name": "更晚的店"})
    problem = old.write("issue", "create", issue(title="更晚的事"))
    again = old.write("household", "update", {"size": 4}, block.ids["home1"], base_version=1)
    assert outcomes(old.send()) == ["applied"] * 3
    block.ids |= {"late": late["record_id"], "walked": walked["record_id"],
                  "later": later["record_id"], "problem": problem["record_id"]}  # fmt: skip
    where = block.areas()
    stays = {name for name, area in where.items() if area == GRID}
    assert stays == {f"area{GRID}", "walked"}
    assert again["record_id"] in pull(old)
    assert block.ids["later"] in pull(old)
    with pytest.raises(Refusal, match="area_ended"):
        block.split()


def test_a_new_record_that_waited_for_a_merge_lies_where_the_grid_went(any_centre, clock):
    """The laptop's grids are read before its turn; the merge is committed while it waits."""
    if any_centre.store.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    block = build(any_centre)
    laptop = join(any_centre, add_worker(any_centre, "w1"))
    pull(laptop)
    made = laptop.write("issue", "create", issue())["record_id"]
    clock.passes(hours=1)
    with any_centre.store.writing() as connection:
        lock_district(connection, any_centre.code)
        sending = threading.Thread(target=laptop.send)
        sending.start()
        waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while not connection.scalar(waiting):
            sending.join(0.02)
            assert sending.is_alive()
        within: Any = SimpleNamespace(writing=lambda: nullcontext(connection))
        grid_changes.merge_grids(within, block.staff, GRID, OTHER_GRID, clock())
    sending.join()
    block.ids = {"made": made}
    assert block.areas() == {"made": OTHER_GRID}


def patrol(compound: str) -> dict[str, Any]:
    return {
        "slot": "1", "started_at": "2026-09-30T08:30:00+08:00",
        "ended_at": "2026-09-30T09:10:00+08:00", "covered_ids": [compound],
        "items": {"add": {"green": {"result": "ok"}}},
    }  # fmt: skip


def test_the_file_of_a_compound_keeps_field_work_done_before_its_grids_were_redrawn(block, old):
    store, clock, ids = block.centre.store, block.centre.clock, block.ids
    at = written(clock())
    old.write("visit", "create", {
        "visited_at": at, "household_id": ids["home2"], "purposes": ["daily"], "mode": "door",
        "result": "met", "notice_given": True,
    })  # fmt: skip
    old.write("patrol", "create", {
        "slot": "1", "started_at": at, "ended_at": at, "covered_ids": [ids["compound"]],
        "items": {"add": {"green": {"result": "ok"}}},
    })  # fmt: skip
    assert outcomes(old.send()) == ["applied", "applied"]

    def field_work() -> tuple[int, int, int]:
        with store.reading() as connection:
            file = compound_file.open_file(connection, block.staff, ids["compound"], clock(), "zh")
        return file.visits_total, file.visited, file.patrols_total

    assert field_work() == (1, 1, 1)
    block.split(old=(old.worker_id,), new=(old.worker_id,))
    assert field_work() == (1, 1, 1)
    grid_changes.merge_grids(store, block.staff, GRID, OTHER_GRID, clock())
    assert field_work() == (1, 1, 1)


def test_a_name_goes_among_the_former_ones_and_areas_are_added_and_ended(block, old):
    store, staff, now = block.centre.store, block.staff, block.centre.clock()
    wanted = {"name": "新名", "valid_from": "2025-01-01", "boundary_text": "东至河"}
    assert grid_changes.change_area(store, staff, GRID, wanted, 1, now)
    assert not grid_changes.change_area(store, staff, GRID, wanted, 2, now)
    with pytest.raises(Refusal, match="out_of_date"):
        grid_changes.change_area(store, staff, GRID, wanted, 1, now)
    (former,) = block.area(GRID)["old_names"].values()
    assert former == {"name": "区域003", "until": "2026-09-30"}
    assert grid_changes.add_area(store, staff, GRID, "甲楼片", {}, now) == f"{GRID}01"
    assert grid_changes.add_area(store, staff, COMMUNITY, "新格", {"grid_type": "base"}, now) == NEW
    with pytest.raises(Refusal, match="area_not_empty"):
        grid_changes.end_area(store, staff, GRID, now)
    grid_changes.end_area(store, staff, NEW, now)
    assert block.area(NEW)["valid_to"] == "2026-09-30"
    # An ended code is never given out again.
    assert grid_changes.add_area(store, staff, COMMUNITY, "再新", {}, now) == f"{COMMUNITY}006"
    with store.reading() as connection:
        page = area_tree.open_area(connection, staff, GRID, "zh")
        codes = [one.code for one in area_tree.tree(connection, staff, "zh")]
    assert [one.words for one in page.former] == ["区域003"]
    assert [one.code for one in page.children] == [f"{GRID}01"]
    assert NEW not in codes


REFUSED = [
    (GRID, ["building2"], " ", "name_needed"),
    (GRID, [], "新", "buildings_needed"),
    (GRID, ["building1", "building2"], "新", "buildings_needed"),
    (GRID, ["room1"], "新", "unknown_record"),
    (OTHER_GRID, ["building1"], "新", "unknown_record"),
    (NEXT_DOOR_GRID, ["building1"], "新", "unknown_record"),
    (COMMUNITY, ["building1"], "新", "unknown_record"),
]


def test_a_split_that_cannot_be_is_refused_and_changes_nothing(block, old):
    before = block.areas()
    for code, buildings, name, refusal in REFUSED:
        with pytest.raises(Refusal, match=refusal):
            grid_changes.split_grid(
                block.centre.store, block.staff, code, name, [block.ids[one] for one in buildings],
                {"old": [old.worker_id]}, block.centre.clock(),
            )  # fmt: skip
    assert block.areas() == before
    assert holds(block, old) == (GRID,)


def test_nobody_is_left_without_a_grid_and_nobody_merges_a_grid_into_itself(block, old):
    with pytest.raises(Refusal, match="no_grid"):
        block.split()
    store, now = block.centre.store, block.centre.clock()
    for into, refusal in ((GRID, "same_grid"), ("", "bad_scope"), (NEXT_DOOR_GRID, "bad_scope")):
        with pytest.raises(Refusal, match=refusal):
            grid_changes.merge_grids(store, block.staff, GRID, into, now)
    leader = User(
        block.centre.code, new_id(), "l", "长", "full", "leader", (GRID,), True, False, ""
    )
    with pytest.raises(Refusal, match="not_allowed"):
        grid_changes.merge_grids(store, leader, GRID, OTHER_GRID, now)
    assert holds(block, old) == (GRID,)


def test_facts_nobody_types_are_kept_true_and_written_once(block, old):
    centre = block.centre
    known = base_facts.keep_true(centre.store, centre.code, centre.clock())
    fields = block.area(GRID)
    assert (fields["household_count"], fields["worker_ids"]) == (2, [old.worker_id])
    with centre.store.reading() as connection:
        row = records_read.get(connection, centre.code, block.ids["compound"])
    assert row is not None
    assert row["fields"]["overlap"] == "equal"
    assert base_facts.keep_true(centre.store, centre.code, centre.clock(), known) == known
    assert base_facts.keep_true(centre.store, centre.code, centre.clock()) == known
