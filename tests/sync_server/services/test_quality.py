"""The data-quality report: a small district in which all that is looked for is wrong once, on each
database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from marshmallow import ValidationError

from schemas.catalogue import kind_of
from schemas.clock import written
from schemas.fields import IdNumber
from sync_server.domain.errors import Refusal
from sync_server.domain.quality import CHECKS, plainly_right
from sync_server.services import quality
from sync_server.services.accounts import User
from sync_server.services.centre import Centre, open_centre
from sync_server.services.ids import new_id
from sync_server.services.import_records import ImportedRecord, import_records
from sync_server.settings import Settings
from sync_server.store import quality_read
from sync_server.store.tables import records
from tests.sync_server.world import (
    COMMUNITY,
    DISTRICT,
    GRID,
    OTHER_GRID,
    StillClock,
    add_worker,
    household,
    resident,
)

NEXT_DOOR = "990101100008"
ENDED = f"{COMMUNITY}009"
MANY = 512
"""Households of the large grid (F25)."""


class Town:
    """The district with the names of what is wrong in it."""

    def __init__(self, centre: Centre) -> None:
        self.centre, self.ids = centre, {}
        self.rows: list[tuple[str, str, str, dict[str, Any]]] = []

    def put(self, key: str, sort: str, area: str, **fields: Any) -> str:
        """Add a record."""
        self.ids[key] = new_id()
        self.rows.append((sort, self.ids[key], area, fields))
        return self.ids[key]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def town(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    url = ""
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        server.run_sql("CREATE DATABASE quality")
        url = server.url("quality")
    folder: Path = tmp_path_factory.mktemp("quality")
    centre = open_centre(Settings(folder, url, DISTRICT, testing=True), StillClock())
    town = Town(centre)
    keeper = add_worker(centre, "w1", [GRID])
    _areas(town)
    _places(town)
    _people(town, keeper)
    with centre.store.writing() as connection:
        made = [ImportedRecord(one, kind, area, fields, keeper.user_id, written(centre.clock()))
                for kind, one, area, fields in town.rows]  # fmt: skip
        import_records(connection, centre.code, made, author=None, at=centre.clock())
    yield town
    centre.store.close()


def _areas(town: Town) -> None:
    for code in (COMMUNITY, NEXT_DOOR):
        town.put(
            code, "area", code, code=code, name=code, level="community", valid_from="2025-01-01"
        )
    for code, more in ((GRID, {}), (OTHER_GRID, {}), (f"{NEXT_DOOR}001", {}),
                       (ENDED, {"valid_to": "2026-01-01"})):  # fmt: skip
        town.put(code, "area", code, code=code, name=code, level="grid", valid_from="2025-01-01",
                 **more)  # fmt: skip


def _places(town: Town) -> None:
    common = {"community_code": COMMUNITY, "kind": "compound", "address": "路1号",
              "self_gov": "none", "property_mode": "company", "guard": True, "barrier": True,
              "cctv": True}  # fmt: skip
    large = town.put("large", "compound", COMMUNITY, name="甲", code="1", **common,
                     overlap="compound_larger",
                     households=MANY + 6)  # fmt: skip
    cross = town.put("cross", "compound", COMMUNITY, name="乙", code="2", **common, households=900)
    bare = {"property_mode": "none", "guard": False, "barrier": False, "cctv": False}
    town.put("bare", "compound", COMMUNITY, name="丙", code="3", **common | bare)
    block = town.put("block", "building", GRID, compound_id=large, no="1")
    town.put("cross1", "building", OTHER_GRID, compound_id=cross, no="1")
    town.put("cross2", "building", f"{NEXT_DOOR}001", compound_id=cross, no="2")
    town.put("lost_building", "building", GRID, compound_id=new_id(), no="9")
    town.put("lost_room", "room", GRID, building_id=new_id(), no="1", label="1", state="owner")
    town.put("ended_shop", "shop", ENDED, name="店", kind="retail", address="1号")
    for number in range(MANY - 6):
        room = town.put(f"r{number}", "room", GRID, building_id=block, no=str(number),
                        label=f"1-{number}", state="owner")  # fmt: skip
        home = town.put(f"h{number}", "household", GRID, **household(room_id=room))
        town.put(f"p{number}", "resident", GRID, **resident(household_id=home))


def _people(town: Town, keeper: User) -> None:
    block = town.ids["block"]

    def home(key: str, *, state: str = "owner", **more: Any) -> str:
        room = town.put(f"room_{key}", "room", GRID, building_id=block, no=key, label=key,
                        state=state)  # fmt: skip
        return town.put(key, "household", GRID, **household(room_id=room, **more))

    def person(key: str, house: str, **more: Any) -> str:
        said = resident(household_id=house, **more)
        return town.put(key, "resident", GRID, **{k: v for k, v in said.items() if v is not None})

    town.put("lost_home", "household", GRID, **household(room_id=new_id()))
    person("lost_head", town.ids["lost_home"])
    person("lost_person", new_id())
    person("vacant_head", home("vacant", state="vacant"))
    home("empty")
    person("left_person", home("left"), moved_out_at="2026-01-01")
    two = home("two_heads")
    person("head1", two), person("head2", two)
    person("dorm_person", home("dorm", kind="collective"), relation="99")
    mixed = home("mixed")
    person("head", mixed, id_no="990101195104010013")
    person("child", mixed, relation="20", birth="2015-07")
    person("guarded", mixed, relation="20", birth="2015-07", guardian="林示例")
    by_guardian = {"on": "2026-01-01", "by": "guardian", "scope": ["basic"], "how": "signed"}
    person("agreed", mixed, relation="20", birth="2015-07", guardian="林示例",
           consents={"a": by_guardian})  # fmt: skip
    person("took_back", mixed, relation="20", birth="2015-07", guardian="林示例",
           consents={"a": by_guardian | {"ended": "2026-02-01"}})  # fmt: skip
    person("by_duty", mixed, relation="20", birth="2015-07", guardian="林示例", basis="statutory")
    person("bad_id", mixed, relation="20", id_no="990101198001010015")
    person("other_birth", mixed, relation="20", birth="1980-02", id_no="990101198001010014")
    person("no_notice", mixed, relation="20", basis=None)
    gone = person("gone", mixed, relation="20", moved_out_at="2026-01-01")
    care = {"cats": ["alone"], "risk": "high", "visit_every_days": 7, "since": "2026-01-01",
            "basis": "consent", "keeper_id": keeper.user_id}  # fmt: skip
    town.put("care_gone", "care", GRID, **care | {"resident_id": gone})
    head = town.ids["head"]
    town.put(
        "care_seldom",
        "care",
        GRID,
        **care | {"resident_id": head, "visit_every_days": 30, "basis": "statutory"},
    )
    town.put(
        "care_left",
        "care",
        GRID,
        **care | {"resident_id": head, "keeper_id": new_id(), "basis": "statutory"},
    )
    asked = by_guardian | {"by": "self", "scope": ["basic", "care"]}
    looked_after = person("looked_after", mixed, relation="20", consents={"a": asked})
    town.put("care_agreed", "care", GRID, **care | {"resident_id": looked_after})
    town.put("care_silent", "care", GRID, **care | {"resident_id": head})
    town.put(
        "old_shop",
        "shop",
        GRID,
        name="店",
        kind="retail",
        address="2号",
        extinguisher_until="2026-09-29",
    )
    town.put(
        "good_shop",
        "shop",
        GRID,
        name="店",
        kind="retail",
        address="3号",
        extinguisher_until="2026-09-30",
    )
    town.put(
        DISTRICT,
        "area",
        DISTRICT,
        code=DISTRICT,
        name="区",
        level="district",
        valid_from="2025-01-01",
        field_groups={
            "id_no": {"unused": True},
            "centre": {"unused": True},
            "basic": {"unused": True},
        },
    )
    town.put(
        "old_centre",
        "household",
        GRID,
        **household(
            room_id=town.put(
                "room_centre", "room", GRID, building_id=block, no="c", label="c", state="owner"
            ),
            centre=True,
        ),
    )
    person("centre_head", town.ids["old_centre"], basis="statutory")
    town.put("care_over", "care", GRID, **care | {"resident_id": gone, "until": "2026-02-01"})


def somebody(town: Town, role: str, *scope: str) -> User:
    return User(DISTRICT, new_id(), "s", "李演示", "staff", role, scope, True, False, "")


EXPECTED = {
    "small": {OTHER_GRID, f"{NEXT_DOOR}001"}, "large": {GRID},
    "no_worker": {OTHER_GRID, f"{NEXT_DOOR}001"},
    "no_leader": {GRID, OTHER_GRID, f"{NEXT_DOOR}001"},
    "crossing": {"cross"}, "communities": {"cross"}, "no_buildings": {"bare"},
    "overlap_differs": {"cross", "large"}, "households_differ": {"cross"}, "three_none": {"bare"},
    "building_alone": {"lost_building"}, "room_alone": {"lost_room"},
    "household_alone": {"lost_home"}, "vacant_lived": {"room_vacant"}, "empty": {"empty", "left"},
    "heads": {"two_heads"}, "resident_alone": {"lost_person"}, "guardian": {"child"},
    "id_no": {"bad_id"}, "id_differs": {"other_birth"}, "notice": {"no_notice"},
    "care_nobody": {"care_gone"}, "care_keeper": {"care_left"}, "care_seldom": {"care_seldom"},
    "nowhere": {"ended_shop"}, "extinguisher": {"old_shop"},
    "consent_child": {"child", "guarded", "took_back"}, "consent_gone": {"took_back"},
    "consent_care": {"care_silent"}, "unused": {"head", "bad_id", "other_birth", "old_centre"},
}  # fmt: skip


def test_every_fault_is_found_and_nothing_else(town: Town):
    names = {one: key for key, one in town.ids.items()}
    person = somebody(town, "district", DISTRICT)
    with town.centre.store.reading() as connection:
        report = quality.report(connection, person, town.centre.clock(), "zh")
    found = {one.check.code: {names[line.record_id] for line in one.lines}
             for one in report.results}  # fmt: skip
    assert found == EXPECTED
    assert {one.check.code: one.total for one in report.results} == {
        code: len(names) for code, names in EXPECTED.items()
    }
    assert dict(report.overlap) == {"一致": 1, "小区大于网格": 0, "小区小于网格": 0, "交叉": 1}


def test_a_list_tells_all_of_a_check_inside_the_areas_alone(town: Town):
    here, there = (somebody(town, "community", one) for one in (COMMUNITY, NEXT_DOOR))
    with town.centre.store.reading() as connection:
        now = town.centre.clock()
        mine = quality.list_of(connection, here, "no_worker", 9, now, "zh")
        other = quality.list_of(connection, there, "guardian", 1, now, "zh")
        crossing = quality.list_of(connection, there, "crossing", 1, now, "zh")
        with pytest.raises(Refusal, match="unknown_record"):
            quality.list_of(connection, here, "nonsense", 1, now, "zh")
        with pytest.raises(Refusal, match="not_allowed"):
            quality.report(connection, somebody(town, "company", DISTRICT), now, "zh")
    assert [one.record_id for one in mine.lines] == [town.ids[OTHER_GRID]]
    assert (mine.total, mine.page, other.total, crossing.total) == (1, 1, 0, 1)


def test_the_report_finds_what_the_lists_of_the_checks_find(town: Town):
    now = town.centre.clock()
    scopes = ((DISTRICT,), (COMMUNITY,), (NEXT_DOOR,), (GRID, OTHER_GRID), (OTHER_GRID, ENDED))
    with town.centre.store.reading() as connection:
        for scope in scopes:
            person = somebody(town, "district", *scope)
            told = {
                one.check.code: (one.total, [line.record_id for line in one.lines])
                for one in quality.report(connection, person, now, "zh").results
            }
            for check in CHECKS:
                found = quality.list_of(connection, person, check.code, 1, now, "zh")
                few = [line.record_id for line in found.lines[: quality.FEW]]
                assert told[check.code] == (found.total, few), (scope, check.code)


def test_what_hangs_on_records_of_other_areas_or_on_nothing_is_judged_by_all_of_the_district(
    town: Town,
):
    """A person, a household and a room whose parents lie elsewhere, or that name none at all."""
    person, store = somebody(town, "community", COMMUNITY), town.centre.store
    now = town.centre.clock()
    moved = [town.ids[one] for one in ("mixed", "r7", "h9", "p11")]
    of_mixed = {town.ids[one] for one in ("head", "guarded")}
    bare = [town.ids[one] for one in ("p3", "h4", "r5")]

    def found() -> dict[str, int]:
        with store.reading() as connection:
            results = quality.report(connection, person, now, "zh").results
        return {one.check.code: one.total for one in results}

    def change(ids: list[str], **values: Any) -> None:
        with store.writing() as connection:
            connection.execute(
                records.update()
                .where(records.c.district == DISTRICT, records.c.record_id.in_(ids))
                .values(**values)
            )

    before = found()
    change(moved, grid=f"{NEXT_DOOR}001")
    assert found() == before
    with store.reading() as connection:
        assert not of_mixed & {
            line.record_id
            for line in quality.list_of(connection, person, "resident_alone", 1, now, "zh").lines
        }
    change(moved, grid=GRID)
    parents = {town.ids["p3"]: town.ids["h3"], town.ids["h4"]: town.ids["r4"],
               town.ids["r5"]: town.ids["block"]}  # fmt: skip
    change(bare, parent_id=None)
    alone = ("resident_alone", "household_alone", "room_alone")
    after = found()
    assert {one: after[one] - before[one] for one in alone} == dict.fromkeys(alone, 1)
    for one, parent in parents.items():
        change([one], parent_id=parent)
    assert found() == before


def test_areas_in_use_are_found_one_after_the_other(town: Town):
    kinds, c = ("building", "shop", "unit"), records.c
    shop = town.ids["ended_shop"]
    with town.centre.store.reading() as connection:
        lie_in = sa.select(c.grid).where(c.district == DISTRICT, c.kind.in_(kinds)).distinct()
        every = set(connection.scalars(lie_in))
        assert every == {GRID, OTHER_GRID, f"{NEXT_DOOR}001", ENDED}

        def used(*areas: str) -> set[str]:
            return quality_read.areas_in_use(connection, DISTRICT, kinds, areas)

        assert used(DISTRICT) == every
        assert used(COMMUNITY) == {GRID, OTHER_GRID, ENDED}
        assert used(NEXT_DOOR, OTHER_GRID) == {f"{NEXT_DOOR}001", OTHER_GRID}
        assert used() == used("") == set()
        connection.execute(sa.update(records).where(c.record_id == shop).values(voided=True))
        assert used(DISTRICT) == every - {ENDED}
        connection.rollback()


@pytest.mark.parametrize(
    "number",
    [
        "990101195104010013", "990101198001010014", "99010119800101001x", "990101198002300015",
        "990101198001010015", " 990101195104010013", "９90101195104010013", "99010119510401001３",
        "990101195104010013\n", "99010119510401001", "", "X" * 18, "990101000001010018",
    ],
)  # fmt: skip
def test_a_number_is_judged_quickly_as_its_check_judges_it(number: str) -> None:
    declared = kind_of("resident").declared()["id_no"]
    assert isinstance(declared, IdNumber)
    for last in ("", *"0123456789X"):
        said = number[:17] + last if last and len(number) == 18 else number
        try:
            checked = declared.check(said)
        except ValidationError:
            checked = None
        if plainly_right(said):
            assert checked == said
        else:
            assert checked is None or checked != said


def test_every_check_has_words_and_somebody_who_looks():
    assert {one.code for one in CHECKS} == EXPECTED.keys() == quality._FINDERS.keys()
