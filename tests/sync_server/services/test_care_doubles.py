"""Two care records of one person: staff are shown both and make one; an undo parts them again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.catalogue import kind_of
from sync_server.services import care_doubles, duplicate_desk
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.centre import open_centre
from sync_server.services.duplicates import search_duplicates
from sync_server.services.merging import Wanted, merge_records, undo_merge
from sync_server.services.moves import move_record
from sync_server.settings import Settings
from sync_server.store import care_doubles as store_doubles
from sync_server.store.tables import records
from tests.sync_server.services.desks import stored
from tests.sync_server.web.staff import NEXT_DOOR_GRID, Town, build, load
from tests.sync_server.world import DISTRICT, GRID, StillClock, resident


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("care")
    centre = open_centre(Settings(folder, district=DISTRICT, testing=True), StillClock())
    yield build(centre)
    centre.store.close()


@pytest.fixture
def two(town: Town) -> tuple[str, str, str, str]:
    """Two residents who are one, each with a care record: ids of both, and of both records."""
    here, centre = town.here, town.centre
    assert here.worker is not None
    author = here.worker.user_id
    people = [
        load(centre, author, "resident", GRID,
             resident(name=f"重复{n}", household_id=here.ids["household"]))
        for n in range(2)
    ]  # fmt: skip
    care = [
        load(centre, author, "care", GRID, care_of(one, author, needs=needs, risk=risk))
        for one, needs, risk in zip(people, ("送药", "陪诊"), ("high", "key"), strict=True)
    ]
    return people[0], people[1], care[0], care[1]


def care_of(resident_id: str, keeper: str, **said: Any) -> dict[str, Any]:
    return {"resident_id": resident_id, "cats": ["alone"], "risk": "high", "visit_every_days": 7,
            "keeper_id": keeper, "since": "2026-01-01", "basis": "consent"} | said  # fmt: skip


def merge(town: Town, merged: str, survivor: str, **picks: Any) -> str:
    rows = stored(town.centre, merged), stored(town.centre, survivor)
    wanted = Wanted(merged, survivor, picks, (rows[0].version, rows[1].version))
    return merge_records(town.centre.store, town.people["community"], wanted, town.centre.clock())


def waiting(town: Town, resident_id: str) -> Any:
    with town.centre.store.reading() as connection:
        return care_doubles.waiting_for(connection, DISTRICT, resident_id)


def test_both_care_records_of_people_who_become_one_are_put_before_staff(town, two):
    old, new, first, second = two
    with town.centre.store.reading() as connection:
        page = duplicate_desk.open_pair(connection, town.people["community"], old, new, "zh")
    assert page.both_cared_for
    assert waiting(town, new) is None
    merge(town, old, new)
    assert waiting(town, new) == tuple(sorted((first, second)))
    with town.centre.store.reading() as connection:
        queue = duplicate_desk.open_queue(
            connection, town.people["community"], "care", "open", 1, "zh"
        )
        page = duplicate_desk.open_pair(connection, town.people["community"], first, second, "zh")
    assert [line.why for line in queue.lines] == ["同一居民有两份关怀记录"]
    assert page.may_merge
    assert {row.path for row in page.rows if row.choice} >= {"needs", "risk"}


def test_care_records_become_one_and_an_undo_of_the_people_gives_both_back(town, two):
    old, new, first, second = two
    made = merge(town, old, new)
    merge(town, first, second, needs="merged", risk="merged")
    assert stored(town.centre, second).fields["needs"] == "送药"
    assert stored(town.centre, first).merged_into == second
    assert waiting(town, new) is None
    undo_merge(town.centre.store, town.people["community"], made, "", town.centre.clock())
    for care, person, needs, risk in ((first, old, "送药", "high"), (second, new, "陪诊", "key")):
        row = stored(town.centre, care)
        assert (row.merged_into, row.parent_id, row.voided) == (None, person, False)
        assert (row.fields["needs"], row.fields["risk"]) == (needs, risk)
    assert waiting(town, new) is None
    merge(town, old, new)  # once more: both have to be looked at once more
    assert waiting(town, new) is not None


def test_an_undo_before_they_were_made_one_leaves_nothing_waiting(town, two):
    old, new, _, _ = two
    made = merge(town, old, new)
    undo_merge(town.centre.store, town.people["community"], made, "", town.centre.clock())
    assert waiting(town, new) is None
    assert waiting(town, old) is None


def test_a_second_care_record_that_comes_later_is_found_by_the_minute(town, two):
    old, new, first, second = two
    centre = town.centre
    with centre.store.writing() as connection:
        change = CentralChange("care", first, "void", {"reason": "重填"}, town.here.worker.user_id,
                               base_version=1, by_rule=True)  # fmt: skip
        apply_central_change(connection, DISTRICT, change, centre.clock())
    merge(town, old, new)
    assert waiting(town, new) is None
    author = town.here.worker.user_id
    late = load(centre, author, "care", GRID, care_of(old, author))
    with centre.store.writing() as connection:  # as the exchange lists what names a merged record
        connection.execute(
            sa.update(records).where(records.c.record_id == late).values(parent_id=new)
        )
    search_duplicates(centre.store, DISTRICT, centre.clock())
    assert waiting(town, new) == tuple(sorted((second, late)))
    end_on(town, late, "2026-02-01")
    search_duplicates(centre.store, DISTRICT, centre.clock())
    assert waiting(town, new) is None, "an ended one is no double"


def test_one_that_will_end_is_a_double_and_what_was_set_apart_stays_so(town, two):
    old, new, first, second = two
    centre = town.centre
    end_on(town, first, "2027-01-01")
    merge(town, old, new)
    search_duplicates(centre.store, DISTRICT, centre.clock())
    pair = tuple(sorted((first, second)))
    assert waiting(town, new) == pair
    duplicate_desk.set_apart(
        centre.store, town.people["community"], *pair, "两种服务", centre.clock()
    )
    for _ in range(2):
        search_duplicates(centre.store, DISTRICT, centre.clock())
        assert waiting(town, new) is None
        with centre.store.reading() as connection:
            assert store_doubles.pairs_of_kind(connection, DISTRICT, "care")[pair] == "apart"
        end_on(town, first, "2026-02-01")  # ended or not: what staff said of the two is kept


def test_a_pair_follows_its_records_into_another_grid(town, two):
    old, new, first, second = two
    merge(town, old, new)
    pair, centre, staff = tuple(sorted((first, second))), town.centre, town.people["district"]

    def areas() -> list[str]:
        with centre.store.reading() as connection:
            return sorted({*store_doubles.areas_of_kind(connection, DISTRICT, "care")[pair]})

    search_duplicates(centre.store, DISTRICT, centre.clock())
    assert areas() == [GRID]
    with centre.store.writing() as connection:
        for one in (first, second):
            move_record(
                connection, staff, kind_of("care").info, one, NEXT_DOOR_GRID, centre.clock()
            )
    search_duplicates(centre.store, DISTRICT, centre.clock())
    assert areas() == [NEXT_DOOR_GRID]
    with centre.store.reading() as connection:
        page = duplicate_desk.open_queue(
            connection, town.people["neighbour"], "care", "open", 1, "zh"
        )
    assert len(page.lines) == 1


def end_on(town: Town, care_id: str, day: str) -> None:
    change = CentralChange(
        "care", care_id, "update", {"until": day}, town.here.worker.user_id,
        base_version=stored(town.centre, care_id).version, by_rule=True,
    )  # fmt: skip
    with town.centre.store.writing() as connection:
        apply_central_change(connection, DISTRICT, change, town.centre.clock())
