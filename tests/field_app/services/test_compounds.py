"""The compound file on the laptop, what three kinds of workers may write, care and its interval."""

from __future__ import annotations

from dataclasses import replace

import pytest

from field_app.services import base_data, care, drafts, find
from field_app.services.compounds import compound_file
from field_app.services.drafts import MAIN, Typed
from field_app.services.records import get_view, save_record
from field_app.services.workspace import Workspace
from schemas.catalogue import kind_of
from tests.field_app.laptops import GRID, ISSUE, Laptop
from tests.field_app.small_grid import COMMUNITY, fill, pull_in, rid

CONTACTS = {
    "b": {"role": "safety", "name": "王样本", "phone": "13900002222"},
    "a": {"role": "secretary", "name": "阿卜杜拉·买买提"},
}


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """A worker who holds the small grid."""
    fill(laptop.ws.db)
    return laptop.ws


def become(ws: Workspace, kind: str) -> None:
    """Let the centre have said what kind of worker this is."""
    ws.keep_setting("identity", **replace(ws.identity, worker_kind=kind).document())


def test_the_file_tells_what_the_laptop_holds_of_a_compound(ws: Workspace) -> None:
    before = get_view(ws, "compound", rid("compound", 1))
    assert before is not None
    more = {"contacts": CONTACTS, "linked": {"leader": {"name": "李区长"}}, "cctv": False,
            "guard": False, "tag": "hard", "overlap": "crossing",
            "tags": {"a": {"tag": "demo", "since": "2026-01-01"},
                     "b": {"tag": "hard", "since": "2026-03-01"}}}  # fmt: skip
    pull_in(ws, "compound", rid("compound", 1), {**before["fields"], **more}, COMMUNITY, version=2)
    building = get_view(ws, "building", rid("building", 1))
    assert building is not None
    heads = {"head": "张楼长", "entrance_heads": {"1": {"head": "李单元长"}}}
    pull_in(ws, "building", rid("building", 1), {**building["fields"], **heads}, version=2)
    members = {"m1": {"name": "林书记", "post": "书记", "source": "community"},
               "m2": {"name": "离任", "until": "2020-01-01"}}  # fmt: skip
    group = {"name": "幸福里党支部", "org_kind": "branch", "members": members}
    ids = {"compound_ids": [rid("compound", 1)]}
    assert save_record(ws, "org", "create", group | ids, grid=COMMUNITY).saved
    at_home = {**ISSUE, "building_id": rid("building", 2)}
    assert save_record(ws, "issue", "create", at_home).saved
    file = compound_file(ws, rid("compound", 1))
    assert file is not None
    assert (file.rooms, file.households, file.people, len(file.buildings)) == (24, 24, 68, 3)
    assert file.three_none
    assert file.overlap == "交叉"
    assert [(words, one.since, one.until) for words, one in file.tags] == [
        ("攻坚", "2026-03-01", ""), ("示范", "2026-01-01", "2026-03-01"),
    ]  # fmt: skip
    assert [(one.role, one.name, one.place) for one in file.roles] == [
        ("支部书记", "阿卜杜拉·买买提", ""), ("安全员", "王样本", ""), ("楼栋长", "张楼长", "1"),
        ("单元长", "李单元长", "1-1"),
    ]  # fmt: skip
    assert [(one.role, one.name) for one in file.linked] == [("联系领导", "李区长")]
    ((group_shown),) = file.groups
    assert [(one.name, source) for one, source in group_shown.members] == [("林书记", "社区工作者")]
    assert (file.issues_open, file.issues_total, file.care) == (1, 1, 6)
    assert compound_file(ws, rid("compound", 9)) is None


def test_the_file_counts_what_names_merged_records_and_everybody_in_care_once(
    ws: Workspace,
) -> None:
    compound = rid("compound", 1)
    before = compound_file(ws, compound)
    assert before is not None
    for kind, fields in (
        ("room", {"building_id": rid("building", 1), "no": "201", "state": "owner"}),
        ("household", {"code": "H0001", "room_id": rid("room", 1), "kind": "family"}),
    ):
        pull_in(ws, kind, rid(kind, 1), fields, version=2, merged_into=rid(kind, 2))
    cared = get_view(ws, "care", rid("care", 1))
    assert cared is not None
    pull_in(ws, "care", rid("care", 7), cared["fields"] | {"risk": "high", "visit_every_days": 7})
    pull_in(ws, "visit", rid("visit", 1), {
        "visited_at": "2026-09-29T10:00:00+08:00", "household_id": rid("household", 1),
    })  # fmt: skip
    file = compound_file(ws, compound)
    assert file is not None
    assert (file.rooms, file.households) == (before.rooms - 1, before.households - 1)
    assert (file.people, file.people_in) == (before.people, before.people_in)
    assert (before.care_by_risk[0][1], file.care_by_risk[0][1]) == (2, 3)
    assert (file.care, before.care) == (6, 6)
    assert [one.home for one in file.visits] == ["幸福里 1-2-202"]


def test_part_time_and_auxiliary_workers_may_write_less(ws: Workspace) -> None:
    home, person = rid("household", 1), rid("resident", 1)
    view = get_view(ws, "household", home)
    assert view is not None

    def saved(kind: str, action: str, values: dict, **more: str) -> bool:
        return save_record(ws, kind, action, values, **more).saved  # type: ignore[arg-type]

    become(ws, "part")
    assert saved("household", "update", {"size": 4}, record_id=home)
    assert not saved("household", "void", {"reason": "重复登记"}, record_id=home)
    assert not saved("care", "update", {"visit_every_days": 3}, record_id=rid("care", 1))
    become(ws, "aux")
    refused = save_record(ws, "resident", "update", {"phone": "13800001111"}, record_id=person)
    assert [one.problem.code for one in refused.problems] == ["not_your_kind"]
    assert not base_data.may(ws, kind_of("household"), "update", view)
    assert not base_data.may(ws, kind_of("shop"), "create")
    assert saved("issue", "create", ISSUE, grid=GRID)
    become(ws, "full")
    assert base_data.may(ws, kind_of("household"), "update", view)
    assert saved("household", "void", {"reason": "重复登记"}, record_id=home)


def test_care_without_an_interval_gets_that_of_its_risk(ws: Workspace) -> None:
    person = rid("resident", 2)
    part = drafts.new_part("care", values=care.new_care(ws, person), grid=GRID)
    draft_id = drafts.open_draft(ws, "record", {MAIN: part})
    texts = part["texts"] | {"risk": ["key"], "cats": ["aged80"], "basis": ["consent"]}
    done = care.finish_record(ws, draft_id, Typed({MAIN: texts}))
    assert done.saved, done.problems
    view = get_view(ws, "care", part["record_id"])
    assert view is not None
    fields = view["fields"]
    assert (fields["visit_every_days"], fields["keeper_id"]) == (30, ws.worker_id)
    assert fields["since"] == "2026-09-30"


def test_id_numbers_are_checked_and_the_width_of_their_x_does_not_matter(ws: Workspace) -> None:
    person = rid("resident", 5)
    for typed in ("99010119520229008Ｘ", "99010119520229008x"):
        assert save_record(ws, "resident", "update", {"id_no": typed}, record_id=person).saved
        view = get_view(ws, "resident", person)
        assert view is not None
        assert view["fields"]["id_no"] == "99010119520229008X"
        assert save_record(ws, "resident", "update", {"id_no": None}, record_id=person).saved
    for typed in ("990101198001010015", "990101198002300013", "99010119800101001"):
        refused = save_record(ws, "resident", "update", {"id_no": typed}, record_id=person)
        assert [one.problem.code for one in refused.problems] == ["bad_id_no"]
    child = {"birth": "2015-07"}
    refused = save_record(ws, "resident", "update", child, record_id=person)
    assert [one.pointer for one in refused.problems] == ["/guardian"]
    assert save_record(ws, "resident", "update", child | {"guardian": "林示例"},
                       record_id=person).saved  # fmt: skip


def test_whoever_moves_is_found_where_he_moved_to(ws: Workspace) -> None:
    name, away = "𠮷田靖", {"household_id": rid("household", 29), "moved_in_at": "2026-09-30"}
    before = find.find_doors(ws, name).hits
    assert save_record(ws, "resident", "update", away, record_id=rid("resident", 4)).saved
    (after,) = find.find_doors(ws, name).hits
    assert [one.record_id for one in before] == [rid("household", 2)]
    assert after.record_id == rid("household", 29)
