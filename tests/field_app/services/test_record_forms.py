"""Boxes from declarations: any kind, any widget, values and refusals in place."""

from __future__ import annotations

import pytest

from field_app.services.choices import offer
from field_app.services.record_forms import Box, Sheet, boxes, new_values, problems_by_control
from field_app.services.records import save_record
from field_app.services.workspace import Workspace, put_all
from schemas.catalogue import extended, kind_of, kinds
from schemas.check import FieldProblem
from schemas.messages import Problem
from tests.field_app.laptops import GRID, WORKER, Laptop
from tests.field_app.small_grid import fill, pulled, rid
from tests.schemas.samples import Pet


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """A worker who holds the small grid."""
    fill(laptop.ws.db)
    return laptop.ws


def box_of(ws: Workspace, kind: str, name: str, texts: list[str] | None = None) -> Box:
    sheet = Sheet(kind_of(kind), {name: texts} if texts else {})
    return next(box for box in boxes(ws, sheet) if box.name == name)


def test_every_widget_of_every_kind_is_drawn(ws: Workspace) -> None:
    drawn = {
        box.widget
        for kind in kinds()
        if kind.info.laptop & {"create", "update"}
        for box in boxes(ws, Sheet(kind, {}))
    }
    assert drawn == {
        "line", "paragraph", "phone", "whole", "flag", "day", "month", "moment", "radios", "menu",
        "codes", "ref", "checks", "keyed", "location",
    }  # fmt: skip


def test_short_code_lists_are_radios_and_long_ones_a_menu(ws: Workspace) -> None:
    assert box_of(ws, "issue", "level").widget == "radios"
    assert box_of(ws, "issue", "category").widget == "menu"


def test_a_code_the_list_no_longer_offers_stays_chosen(ws: Workspace) -> None:
    box = box_of(ws, "shop", "kind", ["night_market"])
    assert [one.text for one in box.choices if one.chosen] == ["未知（night_market）"]


def test_a_flag_is_yes_no_or_unset(ws: Workspace) -> None:
    assert [one.chosen for one in box_of(ws, "shop", "gas").choices] == [False, False]
    assert [one.chosen for one in box_of(ws, "shop", "gas", ["0"]).choices] == [False, True]


def test_refusals_stand_at_their_controls_in_the_workers_language(ws: Workspace) -> None:
    problems = [
        FieldProblem("/nickname", Problem("required")),
        FieldProblem("/feedings/add/k1/note", Problem("too_long", max=5)),
        FieldProblem("", Problem("out_of_area")),
    ]
    said = problems_by_control(Pet, problems, "en")
    assert said["nickname"] == ["This must be filled in."]
    assert said[""] == ["Outside the grids you are responsible for."]
    sheet = Sheet(Pet, {"feedings.k1.note": ["很长很长"]}, problems=said)
    drawn = {box.name: box for box in boxes(ws, sheet)}
    (row,) = drawn["feedings"].rows
    assert row.boxes[0].problems == ("At most 5 characters.",)
    assert row.boxes[0].text == "很长很长"
    assert drawn["feedings"].faulty


def test_a_reference_with_many_choices_is_narrowed_by_typing(ws: Workspace) -> None:
    people = {
        rid("resident", n): pulled("resident", rid("resident", n), {"name": f"甲{n}"}, GRID)
        for n in range(100, 160)
    }
    put_all(ws.db, "resident", people)
    few = Sheet(kind_of("household"), {}, finds={"head_id": "lsl"})
    box = next(one for one in boxes(ws, few) if one.name == "head_id")
    assert [one.text for one in box.choices] == ["林示例"]
    all_of_them = box_of(ws, "household", "head_id", [rid("resident", 2)])
    assert all_of_them.choices[0] == (rid("resident", 2), "单雄信", True)
    assert (len(all_of_them.choices), all_of_them.left) == (41, 99)


def test_a_chosen_record_this_laptop_does_not_hold_stays_chosen(ws: Workspace) -> None:
    (first, *_rest) = offer(ws, "room", ["01998a00-0000-7000-8000-00000000ffff"]).choices
    assert (first.text, first.chosen) == ("…00ffff", True)
    assert offer(ws, "no_such_kind").choices == ()


def test_who_is_in_charge_is_the_worker_and_fellow_walkers_are_not_asked(ws: Workspace) -> None:
    assert new_values(ws, kind_of("care")) == {"keeper_id": WORKER}
    names = [box.name for box in boxes(ws, Sheet(kind_of("patrol"), {}))]
    assert "with_ids" not in names


def test_a_new_record_carries_the_workers_last_values_on(ws: Workspace) -> None:
    values = {
        "slot": "1", "started_at": "2026-09-30T08:00:00+08:00", "weather": "rain",
        "ended_at": "2026-09-30T08:30:00+08:00", "covered_ids": [rid("compound", 1)],
        "items": {"green": {"result": "ok"}},
    }  # fmt: skip
    assert save_record(ws, "patrol", "create", values).saved
    assert new_values(ws, kind_of("patrol")) == {
        "weather": "rain", "started_at": "2026-09-30T08:41:00+08:00",
    }  # fmt: skip


def test_what_the_last_record_said_stands_beside_each_control(ws: Workspace) -> None:
    last = {"met": "林示例", "purposes": ["care"], "safety": {"gas": {"state": "problem"}}}
    drawn = {box.name: box for box in boxes(ws, Sheet(kind_of("visit"), {}, last=last))}
    assert drawn["met"].last == "林示例"
    assert drawn["purposes"].last == "关怀探访"
    assert drawn["safety"].rows[0].boxes[0].last == "有隐患"


def test_a_made_up_kind_needs_nothing_more(ws: Workspace) -> None:
    with extended(Pet):
        drawn = boxes(ws, Sheet(Pet, {"nickname": ["阿黄"]}, spare={"feedings": ["k1"]}))
        assert [box.name for box in drawn] == ["nickname", "species", "age", "owner", "feedings"]
        assert drawn[4].rows[0].boxes[0].name == "feedings.k1.note"
