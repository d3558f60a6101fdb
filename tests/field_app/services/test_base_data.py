"""Browsing: places down to the door, lists with a search, a record with its story."""

from __future__ import annotations

import pytest

from field_app.services import base_data, places
from field_app.services.compounds import compound_file
from field_app.services.records import save_record
from field_app.services.workspace import CHANGES, Workspace
from schemas.catalogue import extended, kind_of
from tests.field_app.laptops import Laptop
from tests.field_app.small_grid import COLLEAGUE, fill, pull_in, rid
from tests.schemas.samples import Pet


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """A worker who holds the small grid."""
    fill(laptop.ws.db)
    return laptop.ws


def test_compounds_tell_what_of_them_lies_in_the_own_grids(ws: Workspace) -> None:
    pull_in(ws, "compound", rid("compound", 3), {"name": "别的网格的小区"}, "990101100009")
    found = [(one.name, one.buildings, one.rooms, one.households) for one in places.compounds(ws)]
    assert found == [("柳巷平房区", 2, 16, 6), ("幸福里", 3, 24, 24), ("别的网格的小区", 0, 0, 0)]


def test_the_list_of_compounds_begins_with_those_of_the_own_grids(ws: Workspace) -> None:
    foreign = {"code": "XQ-0001", "name": "安居里"}
    pull_in(ws, "compound", rid("compound", 3), foreign, "990101100009")
    found = base_data.listing(ws, kind_of("compound"))
    assert [view["fields"]["name"] for view, _ in found.rows] == ["幸福里", "柳巷平房区", "安居里"]


def test_buildings_and_doors_come_in_natural_order(ws: Workspace) -> None:
    pull_in(ws, "building", rid("building", 10), {"compound_id": rid("compound", 1), "no": "10"})
    compound = compound_file(ws, rid("compound", 1))
    assert compound is not None
    names = [one.name for one in compound.buildings]
    assert names == ["1", "2", "3", "10"]
    file = places.building_file(ws, rid("building", 1))
    assert file is not None
    assert [door.label for door in file.doors][:3] == ["1-1-201", "1-1-301", "1-1-401"]
    ((home, people),) = file.doors[0].households
    assert home["fields"]["code"] == "H0001"
    assert people == ("林示例", "单雄信", "阿卜杜拉·买买提")
    assert places.building_file(ws, rid("building", 999)) is None


def test_a_list_is_searched_by_pinyin_and_by_what_the_record_is_called(ws: Workspace) -> None:
    residents, households = kind_of("resident"), kind_of("household")
    assert base_data.listing(ws, residents, "lsl").total == 1
    assert base_data.listing(ws, households, "幸福里1-1-201").total == 1
    assert base_data.listing(ws, households, "没有").total == 0


def test_a_list_is_cut_into_pages(ws: Workspace) -> None:
    first = base_data.listing(ws, kind_of("resident"))
    last = base_data.listing(ws, kind_of("resident"), page=99)
    assert (first.total, first.pages, len(first.rows)) == (80, 2, 50)
    assert (last.page, len(last.rows)) == (2, 30)


def test_id_numbers_are_masked_until_asked_for_and_the_rest_is_shown(ws: Workspace) -> None:
    detail = base_data.detail(ws, kind_of("resident"), rid("resident", 1))
    assert detail is not None
    lines = {line.shown.name: line for line in detail.lines}
    assert lines["name"].shown.text == "林示例"
    assert lines["id_no"].shown.text == "990101********001*"
    assert lines["id_no"].secret == "99010119510412001X"


def test_a_record_shows_doubts_links_parts_and_the_workers_own_changes(ws: Workspace) -> None:
    home = rid("household", 1)
    save_record(ws, "household", "update", {"phone": "12345"}, record_id=home)
    detail = base_data.detail(ws, kind_of("household"), home)
    assert detail is not None
    lines = {line.shown.name: line for line in detail.lines}
    assert [doubt.code for doubt in lines["phone"].doubts] == ["odd_phone"]
    assert [link.title for link in lines["room_id"].links] == ["幸福里 1-1-201"]
    parts = {kind.info.name: [one.title for one in crumbs] for kind, crumbs in detail.parts}
    assert parts["resident"] == ["阿卜杜拉·买买提", "林示例", "单雄信"]
    (story,) = detail.story
    assert (story.item.state, story.lines) == ("local", (("联系电话", "12345"),))


def test_entries_stand_one_by_one_and_lead_to_their_records(ws: Workspace) -> None:
    issue, person = rid("issue", 1), rid("resident", 1)
    pull_in(ws, "issue", issue, {"title": "飞线充电"})
    pull_in(ws, "patrol", rid("patrol", 1), {"items": {
        "ebike": {"result": "problem_reported", "note": "三楼", "issue_id": issue},
        "environment": {"result": "ok"},
    }})  # fmt: skip
    pull_in(ws, "visit", rid("visit", 1), {"care_checks": {person: {"state": "well"}}})
    patrol = base_data.detail(ws, kind_of("patrol"), rid("patrol", 1))
    visit = base_data.detail(ws, kind_of("visit"), rid("visit", 1))
    assert patrol is not None
    assert visit is not None
    first, second = patrol.lines[0].entries
    assert (first.title, first.text) == ("卫生垃圾", "正常")
    assert (second.title, second.text) == ("电动车飞线充电", "已上报 · 三楼")
    assert [link.record_id for link in second.links] == [issue]
    assert [(one.title, one.text) for one in visit.lines[0].entries] == [("林示例", "状况良好")]


def test_a_refused_change_tells_why(ws: Workspace) -> None:
    home = rid("household", 1)
    change_id = save_record(ws, "household", "update", {"phone": "1"}, record_id=home).change_id
    assert change_id is not None
    told = {"problem": [{"pointer": "/phone", "code": "too_long", "zh": "太长。", "en": "Long."}]}
    change = dict(ws.table(CHANGES).get(doc_id=change_id))
    ws.put(CHANGES, change_id,
           {**change, "acked": True, "outcome": "quarantined", "receipt": told})  # fmt: skip
    detail = base_data.detail(ws, kind_of("household"), home)
    assert detail is not None
    (reason,) = detail.story[0].item.reasons
    assert (reason.field, reason.words) == ("联系电话", "太长。")


def test_what_may_be_changed_follows_from_the_kind_and_the_author(ws: Workspace) -> None:
    pull_in(ws, "visit", rid("visit", 1), {"result": "met"}, author=COLLEAGUE)
    assert base_data.may_change(ws, "household", rid("household", 1))
    assert not base_data.may_change(ws, "visit", rid("visit", 1))
    assert not base_data.may_change(ws, "area", rid("area", 1))
    save_record(ws, "household", "void", {"reason": "重复"}, record_id=rid("household", 1))
    assert not base_data.may_change(ws, "household", rid("household", 1))


def test_a_made_up_kind_is_listed_and_shown_and_marks_are_not(ws: Workspace) -> None:
    assert base_data.find_kind("seen") is None
    assert base_data.find_kind("no_such_kind") is None
    with extended(Pet):
        saved = save_record(ws, "pet", "create", {
            "nickname": "阿黄", "species": "2", "feedings": {"k1": {"note": "两餐"}},
        })  # fmt: skip
        assert saved.saved
        assert ("pet", 1) in [(kind.info.name, n) for kind, n in base_data.kind_counts(ws)]
        assert base_data.listing(ws, Pet, "ahuang").total == 1
        detail = base_data.detail(ws, Pet, saved.record_id)
        assert detail is not None
        assert (detail.title, [line.shown.text for line in detail.lines]) == (
            "阿黄", ["阿黄", "女", "两餐"],
        )  # fmt: skip


def test_a_record_names_what_it_lies_under(ws: Workspace) -> None:
    person = base_data.detail(ws, kind_of("resident"), rid("resident", 2))
    assert person is not None
    assert person.under is not None
    assert (person.under.kind, person.under.title) == ("household", "幸福里 1-1-201")
    compound = base_data.detail(ws, kind_of("compound"), rid("compound", 1))
    assert compound is not None
    assert compound.under is None


def test_a_photo_leads_to_its_owner_in_words(ws: Workspace) -> None:
    owner = rid("household", 1)
    pull_in(ws, "photo", rid("visit", 900), {
        "owner_type": "household", "owner_id": owner, "use": "scene", "sha256": "0" * 64,
        "bytes": 9,
    })  # fmt: skip
    photo = base_data.detail(ws, kind_of("photo"), rid("visit", 900))
    assert photo is not None
    assert photo.under is not None
    assert photo.under.record_id == owner
    lines = {line.shown.name: line for line in photo.lines}
    assert lines["owner_type"].shown.text == "家庭户"
    assert [link.record_id for link in lines["owner_id"].links] == [owner]
