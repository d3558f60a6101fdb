"""Finding a door by room, name, pinyin, initials and phone; and what happens when things change."""

from __future__ import annotations

import time

import pytest

from field_app.services import find
from field_app.services.records import save_record
from field_app.services.workspace import Workspace, put_all
from tests.field_app.laptops import GRID, Laptop
from tests.field_app.small_grid import fill, name_of, pull_in, pulled, rid


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """A worker who holds the small grid."""
    fill(laptop.ws.db)
    return laptop.ws


def titles(ws: Workspace, query: str) -> list[str]:
    return [hit.title for hit in find.find_doors(ws, query).hits]


@pytest.mark.parametrize(
    "query",
    ["1-1-201", "1 1 201", "1—1—201", "１－１－２０１", "幸福 1 1 201",
     "1号楼1单元201室", "xfl1-1-201", "林示例", "linshili", "lsl", "单雄信", "shanxiongxin", "sxx",
     "阿卜杜拉·买买提", "阿卜杜拉买买提",
     "阿卜杜拉•买买提", "阿卜杜拉.买买提", "买买提", "5677", "13800015677", "H0001", "林示例 201"],
)  # fmt: skip
def test_the_first_household_is_found(ws: Workspace, query: str) -> None:
    assert titles(ws, query)[0] == "幸福里 1-1-201"


@pytest.mark.parametrize(
    ("query", "name"),
    [("𠮷田", "𠮷田靖"), ("吉田靖", "𠮷田靖"), ("jitian", "𠮷田靖"), ("jtj", "𠮷田靖"),
     ("𠮷", "𠮷田靖"), ("吉", "𠮷田靖"), ("㛃", "欧阳㛃"), ("阿卜杜拉・买买提", "阿卜杜拉·买买提"),
     ("阿卜杜拉‧买买提", "阿卜杜拉·买买提"), ("欧\u200b阳", "欧阳㛃"), ("ouyang", "欧阳㛃"),
     ("zengxiaoxian", "曾小贤"), ("zxx", "曾小贤")],
)  # fmt: skip
def test_rare_names_and_surnames_read_otherwise_are_found(
    ws: Workspace, query: str, name: str
) -> None:
    hit = find.find_doors(ws, query).hits[0]
    assert hit.matched == (name,)
    assert name in hit.people


@pytest.mark.parametrize(
    "query", ["林视力", "linsili", "lingshili", "ninshini", "幸福 林示丽", "林视力 201", "善雄信"]
)
def test_what_only_sounds_so_is_found_when_nothing_is_written_so(ws: Workspace, query: str) -> None:
    found = find.find_doors(ws, query)
    assert found.by_sound
    assert found.hits[0].title == "幸福里 1-1-201"
    assert not find.find_doors(ws, "林示例").by_sound


@pytest.mark.parametrize("query", ["林视力 999", "9999", "vv", "完全没有"])
def test_what_does_not_even_sound_so_is_not_found(ws: Workspace, query: str) -> None:
    assert titles(ws, query) == []


def test_a_room_number_alone_finds_it_in_every_building(ws: Workspace) -> None:
    assert titles(ws, "201") == ["幸福里 1-1-201", "幸福里 2-1-201", "幸福里 3-1-201"]
    assert titles(ws, "幸福 2 201") == ["幸福里 2-1-201"]


def test_a_lane_is_found_by_its_door(ws: Workspace) -> None:
    assert titles(ws, "柳巷3号") == ["柳巷平房区 柳巷3号"]
    assert titles(ws, "lx 3") == ["柳巷平房区 柳巷3号"]


def test_shops_are_found_by_name_keeper_and_phone(ws: Workspace) -> None:
    for query in ("烧饼", "laoli", "李炊", "13900001111"):
        assert [hit.kind for hit in find.find_doors(ws, query).hits] == ["shop"]


@pytest.mark.parametrize("query", ["", "   ", "-", "·", "没有这个人", "9-9-999", "林示例 502"])
def test_what_fits_nobody_finds_nothing(ws: Workspace, query: str) -> None:
    assert find.find_doors(ws, query).total == 0


def test_more_than_fit_on_a_page_are_counted(ws: Workspace) -> None:
    found = find.find_doors(ws, "幸福", limit=5)
    assert (len(found.hits), found.total) == (5, 24)


def test_a_saved_change_is_found_at_once(ws: Workspace) -> None:
    assert titles(ws, "新租户") == []
    resident = {
        "name": "新租户", "sex": "1", "birth": "1990-01", "relation": "99",
        "household_id": rid("household", 7), "reside": "tenant", "notice_version": "1",
        "notice_at": "2026-09-30T08:00:00+08:00", "basis": "statutory",
    }  # fmt: skip
    saved = save_record(ws, "resident", "create", resident)
    assert saved.saved
    assert titles(ws, "新租户") == ["幸福里 1-1-501"]
    save_record(ws, "resident", "update", {"household_id": rid("household", 8)},
                record_id=saved.record_id)  # fmt: skip
    assert titles(ws, "xzh") == ["幸福里 1-2-502"]
    save_record(ws, "resident", "update", {"moved_out_at": "2026-09-30"}, record_id=saved.record_id)
    assert titles(ws, "新租户") == []


def test_new_phones_names_of_places_and_voided_households_are_noticed(ws: Workspace) -> None:
    find.warm(ws)
    save_record(ws, "household", "update", {"phone": "13612349876"}, record_id=rid("household", 2))
    assert titles(ws, "9876") == ["幸福里 1-2-202"]
    save_record(ws, "room", "update", {"label": "1-2-999"}, record_id=rid("room", 2))
    assert titles(ws, "1-2-999") == ["幸福里 1-2-999"]
    save_record(ws, "compound", "update", {"name": "安居园"}, record_id=rid("compound", 1))
    assert titles(ws, "ajy 2 999") == ["安居园 1-2-999"]
    save_record(ws, "household", "void", {"reason": "重复"}, record_id=rid("household", 2))
    assert titles(ws, "9876") == []


def test_what_a_pull_brought_is_found(ws: Workspace) -> None:
    find.warm(ws)
    fields = {"name": "拉来的人", "household_id": rid("household", 3)}
    pull_in(ws, "resident", rid("resident", 900), fields)
    assert titles(ws, "lldr") == ["幸福里 1-1-301"]


def test_a_thousand_households_are_searched_quickly(ws: Workspace) -> None:
    rooms, homes, people = {}, {}, {}
    for number in range(100, 1100):
        room, home = rid("room", number), rid("household", number)
        label = f"{number % 9 + 1}-{number % 3 + 1}-{number}"
        fields = {"building_id": rid("building", 1), "label": label}
        rooms[room] = pulled("room", room, fields, GRID)
        homes[home] = pulled("household", home, {"code": f"X{number}", "room_id": room}, GRID)
        for member in range(3):
            person = rid("resident", number * 3 + member)
            fields = {"name": name_of(number * 3 + member), "household_id": home}
            people[person] = pulled("resident", person, fields, GRID)
    for kind, documents in (("room", rooms), ("household", homes), ("resident", people)):
        put_all(ws.db, kind, documents)
    assert find.warm(ws) == 1031
    started = time.perf_counter()
    for query in ("1-1-201", "wwf", "5677", "幸福 301", "单雄信"):
        find.find_doors(ws, query)
    assert (time.perf_counter() - started) / 5 < 0.05


def test_what_doors_have_in_common_is_held_once(ws: Workspace) -> None:
    held: dict[object, object] = {}
    find.warm(ws)
    for door in find._doors(ws):
        people = [part for name, forms in door.people for part in (name, *forms)]
        for part in (*door.numbers, *door.places, *door.order, *people):
            assert held.setdefault(part, part) is part
