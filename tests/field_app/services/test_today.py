"""The first page: what is due, what came back, what lies half done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from field_app.services import drafts, issues, patrols
from field_app.services.coverage import coverage
from field_app.services.drafts import MAIN, Typed, edit_part, new_part, open_draft
from field_app.services.households import care_of
from field_app.services.notices import notices_today
from field_app.services.records import get_view, save_record
from field_app.services.today import care_due, draft_line, room_of, today
from field_app.services.workspace import Workspace
from tests.field_app.laptops import GRID, NEXT_GRID, WORKER, Hands, Laptop, save_issue
from tests.field_app.small_grid import fill, pull_in, rid


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """A worker who holds the small grid."""
    fill(laptop.ws.db)
    return laptop.ws


def test_the_day_is_shown_with_its_slots_and_yesterdays_gaps(ws: Workspace) -> None:
    page = today(ws)
    assert page.day == "2026-09-30"
    assert [slot.state for slot in page.slots] == ["ahead"] * 3
    assert [slot.day for slot in page.missed] == ["2026-09-29"] * 3
    assert (page.unsent, page.last_round, page.clock_offset_s) == (0, None, None)


def test_care_due_is_ordered_with_the_longest_overdue_first(ws: Workspace, hands: Hands) -> None:
    assert [(one.risk, one.days) for one in care_due(ws)] == [("high", -3), ("high", -3)]
    hands.passes(20 * 24 * 3600)
    due = care_due(ws)
    assert [(one.risk, one.due) for one in due] == [
        ("high", "2026-09-27"), ("high", "2026-09-27"),
        ("key", "2026-10-20"), ("key", "2026-10-20"),
    ]  # fmt: skip
    assert due[0].where == "幸福里 1-1-301"


def test_nobody_is_due_who_moved_or_whose_care_is_over(ws: Workspace) -> None:
    first, second = care_due(ws)
    save_record(ws, "resident", "update", {"moved_out_at": "2026-09-29"},
                record_id=first.resident_id)  # fmt: skip
    cares = {"until": "2026-09-29"}
    save_record(ws, "care", "update", cares, record_id=rid("care", 3))
    save_record(ws, "care", "update", cares, record_id=rid("care", 6))
    assert care_due(ws) == []
    assert second.name


def test_the_last_visit_that_reached_a_person_counts_whatever_came_first(ws: Workspace) -> None:
    person, home = rid("resident", 7), rid("household", 3)
    for number, (day, state) in enumerate(
        [("2026-09-29", "not_reached"), ("2026-09-25", "well"), ("2026-09-21", "well")], 1
    ):
        pull_in(ws, "visit", rid("visit", number), {
            "visited_at": f"{day}T09:00:00+08:00", "household_id": home, "result": "met",
            "care_checks": {person: {"state": state}},
        })  # fmt: skip
    due = {one.resident_id: one.due for one in care_due(ws)}
    assert due[person] == "2026-10-02"


def test_nobody_is_due_whose_entry_was_voided(ws: Workspace) -> None:
    first, second = care_due(ws)
    void = {"reason": "登记错误"}
    assert save_record(ws, "resident", "void", void, record_id=first.resident_id).saved
    assert [one.resident_id for one in care_due(ws)] == [second.resident_id]


def test_of_one_day_the_visit_that_checked_the_person_tells(ws: Workspace) -> None:
    person, home = rid("resident", 7), rid("household", 3)
    for number, (at, said) in enumerate(
        [("2026-09-29T09", {"care_checks": {person: {"state": "abnormal"}}}), ("2026-09-29T19", {})]
    ):
        pull_in(ws, "visit", rid("visit", number), {
            "visited_at": f"{at}:00:00+08:00", "household_id": home, "result": "met", **said,
        })  # fmt: skip
    (due,) = [one for one in care_due(ws) if one.resident_id == person]
    assert (due.due, due.again_by) == ("2026-09-30", "2026-09-30T09:00:00+08:00")


def test_who_lives_in_a_merged_household_is_due_at_the_one_left(ws: Workspace) -> None:
    first, _ = care_due(ws)
    assert first.household_id
    said = dict(get_view(ws, "household", first.household_id) or {})["fields"]
    pull_in(ws, "household", first.household_id, said, version=2, merged_into=rid("household", 9))
    found = next(one for one in care_due(ws) if one.resident_id == first.resident_id)
    assert found.household_id == rid("household", 9)


@pytest.mark.parametrize("order", [(8, 9), (9, 8)])
@pytest.mark.parametrize("merged", [False, True])
def test_of_two_care_records_the_stricter_one_decides_whichever_came_last(
    ws: Workspace, order: tuple[int, int], merged: bool
) -> None:
    person, other, home = rid("resident", 20), rid("resident", 21), rid("household", 7)
    visited = {"visited_at": "2026-09-28T09:00:00+08:00", "household_id": home, "result": "met",
               "care_checks": {person: {"state": "need_help"}}}  # fmt: skip
    pull_in(ws, "visit", rid("visit", 1), visited)
    for number, (risk, days) in zip(order, (("high", 7), ("general", 90)), strict=True):
        of = other if merged and risk == "general" else person
        pull_in(ws, "care", rid("care", number), {
            "resident_id": of, "cats": ["alone"], "risk": risk, "visit_every_days": days,
            "keeper_id": WORKER, "since": "2026-09-20", "basis": "statutory",
        })  # fmt: skip
    if merged:
        gone = dict(get_view(ws, "resident", other) or {})["fields"]
        pull_in(ws, "resident", other, gone, merged_into=person)
    (line,) = (one for one in care_due(ws) if one.resident_id == person)
    assert (line.risk, line.due) == ("high", "2026-10-05")
    care = care_of(ws, person)
    assert care is not None
    assert care["fields"]["risk"] == "high"


@pytest.mark.parametrize("people", [(20, 26, 29), (29, 26, 20), (26, 29, 20)])
def test_of_those_due_on_one_day_the_riskiest_come_first(
    ws: Workspace, people: tuple[int, int, int]
) -> None:
    since = {"high": ("2026-09-23", 7), "key": ("2026-08-31", 30), "general": ("2026-07-02", 90)}
    for number, person, (risk, (day, days)) in zip((7, 8, 9), people, since.items(), strict=True):
        pull_in(ws, "care", rid("care", number), {
            "resident_id": rid("resident", person), "cats": ["alone"], "risk": risk,
            "visit_every_days": days, "keeper_id": WORKER, "since": day, "basis": "statutory",
        })  # fmt: skip
    due = [one for one in care_due(ws) if one.due == "2026-09-30"]
    assert [one.resident_id for one in due] == [rid("resident", one) for one in people]


def test_a_check_of_a_person_merged_since_counts_for_the_one_left(ws: Workspace) -> None:
    person, other, home = rid("resident", 7), rid("resident", 8), rid("household", 3)
    care = dict(get_view(ws, "care", rid("care", 3)) or {})["fields"]
    pull_in(ws, "care", rid("care", 3), {**care, "resident_id": other})
    pull_in(ws, "resident", other, dict(get_view(ws, "resident", other) or {})["fields"],
            merged_into=person)  # fmt: skip
    pull_in(ws, "visit", rid("visit", 1), {
        "visited_at": "2026-09-29T09:00:00+08:00", "household_id": home, "result": "met",
        "care_checks": {other: {"state": "abnormal", "change": "不能起身"}},
    })  # fmt: skip
    (line,) = (one for one in care_due(ws) if one.resident_id == person)
    assert (line.due, line.again_by) == ("2026-09-30", "2026-09-30T09:00:00+08:00")


@pytest.mark.parametrize(
    ("day", "offset_s", "due"),
    [
        ("2026-09-30T23:59", 0, "2026-10-07"),
        ("2026-10-01T00:00", 0, "2026-10-06"),
        ("2027-09-30T09:00", 0, "2026-10-06"),
        ("2026-10-01T23:59", 24 * 3600, "2026-10-08"),  # the laptop's clock is a day behind
        ("2026-09-30T23:59", -366 * 24 * 3600, "2026-10-07"),  # or was put right since
    ],
)
def test_a_contact_dated_ahead_keeps_nobody_off_the_list(
    ws: Workspace, day: str, offset_s: int, due: str
) -> None:
    ws.keep_setting("identity", clock_offset_s=offset_s)
    person, home = rid("resident", 7), rid("household", 3)
    for number, at in enumerate(("2026-09-29T09:00", day), 1):
        pull_in(ws, "visit", rid("visit", number), {
            "visited_at": f"{at}:00+08:00", "household_id": home, "result": "met",
            "care_checks": {person: {"state": "well"}},
        })  # fmt: skip
    found = {one.resident_id: one.due for one in care_due(ws, timedelta(days=90))}
    assert found[person] == due


def test_what_is_dated_ahead_covers_nothing_yet(ws: Workspace) -> None:
    before = [coverage(ws, subject).counts for subject in ("household", "point")]
    pull_in(ws, "visit", rid("visit", 1), {
        "visited_at": "2027-09-29T09:00:00+08:00", "household_id": rid("household", 3),
        "result": "met",
    })  # fmt: skip
    pull_in(ws, "patrol", rid("patrol", 1), {
        "started_at": "2027-09-29T09:00:00+08:00", "covered_ids": [rid("compound", 1)],
    })  # fmt: skip
    assert [coverage(ws, subject).counts for subject in ("household", "point")] == before


def test_a_patrol_covers_a_compound_in_the_grid_it_went_through_alone(ws: Workspace) -> None:
    ws.keep_setting("identity", **replace(ws.identity, grids=(GRID, NEXT_GRID)).document())
    pull_in(ws, "area", rid("area", 2), {"code": NEXT_GRID, "name": "第四网格", "level": "grid"},
            NEXT_GRID)  # fmt: skip
    building = {"compound_id": rid("compound", 1), "no": "9"}
    pull_in(ws, "building", rid("building", 9), building, NEXT_GRID)
    pull_in(ws, "patrol", rid("patrol", 1), {
        "started_at": "2026-09-30T08:00:00+08:00", "covered_ids": [rid("compound", 1)],
    })  # fmt: skip
    found = coverage(ws, "point", "all")
    assert sorted((one.record_id, one.note, one.mark) for one in found.items) == [
        (rid("compound", 1), "东关社区第三网格", "ok"), (rid("compound", 1), "第四网格", "overdue"),
        (rid("compound", 2), "东关社区第三网格", "overdue"),
    ]  # fmt: skip
    assert found.counts == {"overdue": 2, "due": 0, "ok": 1}


def test_a_household_in_a_merged_room_is_covered_where_the_room_left_lies(ws: Workspace) -> None:
    before = coverage(ws, "household", "all")
    room = get_view(ws, "room", rid("room", 8))
    assert room is not None
    pull_in(ws, "room", rid("room", 8), room["fields"], version=2, merged_into=rid("room", 1))
    found = coverage(ws, "household", "all")
    assert [one.building_id for one in found.items] == [one.building_id for one in before.items]
    vacant = {**(get_view(ws, "room", rid("room", 1)) or {})["fields"], "state": "vacant"}
    pull_in(ws, "room", rid("room", 1), vacant, version=2)
    assert len(coverage(ws, "household", "all").items) == len(found.items) - 2


def test_drafts_are_named_by_what_was_typed(ws: Workspace) -> None:
    shop = open_draft(ws, "record", {MAIN: new_part("shop")})
    drafts.keep(ws, shop, Typed({MAIN: {"name": ["新店"]}}))
    home = rid("household", 1)
    edit = open_draft(ws, "record", {MAIN: edit_part(ws, "household", home)})
    drafts.keep(ws, edit, Typed({MAIN: {"phone": ["1"]}}))
    note = issues.start_step(ws, save_issue(ws).record_id, "note")
    drafts.keep(ws, note, Typed({MAIN: {"text": ["半句"]}}))
    patrol = patrols.start(ws)
    odd = open_draft(ws, "record", {MAIN: new_part("patrol")})
    drafts.keep(ws, odd, Typed({MAIN: {"started_at": ["?"], "covered_ids": ["x"]}}))
    untitled = open_draft(ws, "issue", {MAIN: new_part("issue")})
    drafts.keep(ws, untitled, Typed({MAIN: {"text": ["消防通道被占\n" + "很" * 40]}}))
    lines = {line.draft["draft_id"]: (line.title, line.is_edit) for line in today(ws).drafts}
    assert lines[shop] == ("新店", False)
    assert lines[edit] == ("幸福里 1-1-201", True)
    assert lines[note] == ("楼道堆物", False)
    assert lines[patrol] == ("2026-09-30 08:41 早巡", False)
    assert lines[odd] == ("?", False)
    assert lines[untitled] == ("消防通道被占 " + "很" * 17 + "…", False)


def test_a_draft_of_a_kind_no_longer_known_is_still_listed(ws: Workspace) -> None:
    draft_id = open_draft(ws, "record", {MAIN: new_part("shop")})
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    draft["parts"][MAIN]["kind"] = "retired_kind"
    assert draft_line(ws, draft).title == ""


def test_notices_hold_until_their_day_with_important_ones_first(ws: Workspace) -> None:
    pull_in(ws, "notice", rid("notice", 3), {
        "title": "新通知", "level": "normal", "issued_at": "2026-09-29T08:00:00+08:00",
    })  # fmt: skip
    assert [one["fields"]["title"] for one in notices_today(ws)] == [
        "国庆期间加强防火巡查",
        "新通知",
    ]


def test_a_clock_far_off_is_called_doubtful(ws: Workspace) -> None:
    ws.keep_setting("identity", clock_offset_s=-601)
    assert today(ws).clock_doubtful
    ws.keep_setting("identity", clock_offset_s=40)
    assert not today(ws).clock_doubtful


def test_the_room_on_the_disk_is_told(tmp_path: Path) -> None:
    room = room_of(tmp_path, [tmp_path / "store-2026-09-29.db"])
    assert room.free_mb > 0
    assert room.last_copy == "2026-09-29"
    assert room_of(tmp_path, []).last_copy is None
