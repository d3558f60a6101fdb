"""What goes down: only the laptop's scope, page by page, nothing skipped, nothing foreign."""

from __future__ import annotations

import json

import pytest

from schemas.clock import written
from sync_server.services.central import CentralChange, apply_central_change, mark_seen
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.services.import_records import ImportedRecord, import_records
from sync_server.store.tables import users
from tests.sync_server.world import (
    COMMUNITY,
    GRID,
    OTHER_GRID,
    Laptop,
    add_worker,
    household,
    join,
    outcomes,
)


@pytest.fixture
def laptop(any_centre: Centre) -> Laptop:
    return join(any_centre, add_worker(any_centre))


def load(centre: Centre, *grids: str, kind: str = "household", **more) -> list[str]:
    """Import one record per grid; return their ids."""
    author = new_id()
    made = written(centre.clock())
    rows = [ImportedRecord(new_id(), kind, grid, household(**more), author, made) for grid in grids]
    with centre.store.writing() as connection:
        import_records(connection, centre.code, rows, author=None, at=centre.clock())
    return [row.record_id for row in rows]


def notice(centre: Centre, area: str) -> str:
    """Let staff issue a notice for an area; return its id."""
    record_id = new_id()
    fields = {
        "title": "停水通知",
        "text": "周三停水",
        "level": "normal",
        "area_code": area,
        "issued_at": written(centre.clock()),
    }
    with centre.store.writing() as connection:
        apply_central_change(
            connection,
            centre.code,
            CentralChange("notice", record_id, "create", fields, new_id(), area),
            centre.clock(),
        )
    return record_id


def test_no_byte_of_a_foreign_grid_leaves(any_centre, laptop):
    mine, _, micro = load(any_centre, GRID, OTHER_GRID, GRID + "01")
    hidden = load(any_centre, OTHER_GRID, COMMUNITY, "990101", remarks="机密")
    answer = laptop.send()
    assert {update["record_id"] for update in answer["updates"]} == {mine, micro}
    text = json.dumps(answer, ensure_ascii=False)
    assert "机密" not in text
    assert not any(record_id in text for record_id in hidden)


def test_community_records_reach_every_grid_below(any_centre, laptop):
    near, far = notice(any_centre, COMMUNITY), notice(any_centre, "990101100008")
    whole, other = notice(any_centre, "990101"), notice(any_centre, OTHER_GRID)
    laptop.send()
    assert {near, whole} <= set(laptop.records)
    assert not {far, other} & set(laptop.records)


def test_pages_follow_each_other_without_gap_or_repeat(any_centre, laptop):
    wanted = load(any_centre, *[GRID, OTHER_GRID] * 25)[::2]
    got: list[str] = []
    pages = 0
    while True:
        answer = laptop.send(laptop.body(want=7))
        got += [update["record_id"] for update in answer["updates"]]
        pages += 1
        if not answer["more"]:
            break
    assert got == wanted
    assert pages == 4
    assert laptop.send()["updates"] == []


def test_a_laptop_given_a_further_grid_gets_what_lies_there_alone(any_centre, laptop):
    mine, theirs = load(any_centre, GRID, OTHER_GRID)
    laptop.send()
    with any_centre.store.writing() as connection:
        connection.execute(
            users.update()
            .where(users.c.user_id == laptop.worker_id)
            .values(scope_codes=[GRID, OTHER_GRID])
        )
    answer = laptop.send()
    assert [update["record_id"] for update in answer["updates"]] == [theirs]
    assert answer["scope"]["grids"] == [GRID, OTHER_GRID]
    assert set(laptop.records) == {mine, theirs}


def test_a_cursor_that_is_not_ours_starts_anew(any_centre, laptop):
    load(any_centre, GRID)
    first = laptop.send()["updates"]
    for cursor in ("MTIuYWJj", "!", laptop.cursor[:-2] + "AA"):
        assert laptop.send(laptop.body(cursor=cursor))["updates"] == first


def test_wanting_nothing_moves_nothing(any_centre, laptop):
    load(any_centre, GRID)
    answer = laptop.send(laptop.body(want=0))
    assert answer["updates"] == []
    assert answer["more"]
    assert len(laptop.send()["updates"]) == 1


def test_a_page_stays_within_a_mebibyte(any_centre, laptop):
    rows = [
        ImportedRecord(
            new_id(), "visit", GRID, {"findings": "字" * 60_000}, new_id(),
            written(any_centre.clock()),
        )
        for _ in range(30)
    ]  # fmt: skip
    with any_centre.store.writing() as connection:
        import_records(connection, any_centre.code, rows, author=None, at=any_centre.clock())
    answer = laptop.send(laptop.body(want=2000))
    assert answer["more"]
    while answer["more"]:
        answer = laptop.send()
    assert len(laptop.records) == 30


def test_a_seen_mark_tells_the_author_once_per_version(any_centre, laptop):
    made = laptop.write("household", "create", household())
    laptop.send()
    viewer = new_id()

    def look() -> bool:
        with any_centre.store.writing() as connection:
            return mark_seen(
                connection, any_centre.code, viewer, made["record_id"], any_centre.clock()
            )

    assert look()
    assert not look()
    (mark,) = laptop.send()["updates"]
    assert mark["kind"] == "seen"
    assert mark["fields"]["target_id"] == made["record_id"]
    assert mark["fields"]["target_version"] == 1
    laptop.write("household", "update", {"size": 5}, made["record_id"])
    assert outcomes(laptop.send()) == ["applied"]
    assert look()
    (mark,) = laptop.send()["updates"]
    assert (mark["version"], mark["fields"]["target_version"]) == (2, 2)


def test_a_record_no_laptop_wrote_gets_no_mark(any_centre):
    (record_id,) = load(any_centre, GRID)
    with any_centre.store.writing() as connection:
        assert not mark_seen(connection, any_centre.code, new_id(), record_id, any_centre.clock())


def test_an_imported_record_can_be_edited_by_a_laptop_that_pulled_it(any_centre, laptop):
    (record_id,) = load(any_centre, GRID)
    laptop.send()
    laptop.write("household", "update", {"size": 7}, record_id, base_version=1)
    assert outcomes(laptop.send()) == ["applied"]
    assert laptop.records[record_id]["fields"]["size"] == 7
