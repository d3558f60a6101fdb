"""Saving: what the worker enters becomes a view, a sealed change and a moved stream, or nothing."""

from __future__ import annotations

import pytest

from field_app.services import streams
from field_app.services.records import (
    Entry,
    changes_of,
    children,
    get_view,
    new_id,
    save_record,
    save_records,
    unsent_count,
    views,
)
from field_app.services.titles import lookup, title_of
from field_app.services.workspace import CHANGES, Workspace
from field_app.store.errors import StoreFull
from schemas.seal import ZEROS, change_hash
from tests.field_app.laptops import GRID, HOUSEHOLD, ISSUE, NEXT_GRID, WORKER, Laptop, save_issue


def codes(saved):
    return [(one.pointer, one.problem.code) for one in saved.problems]


def household(ws, **more):
    saved = save_record(ws, "household", "create", HOUSEHOLD | more)
    assert saved.saved, saved.problems
    return saved


def test_a_created_record_is_seen_at_once_and_counts_as_unsent(ws):
    saved = save_issue(ws)
    view = get_view(ws, "issue", saved.record_id)
    assert view["fields"]["title"] == "楼道堆物"
    assert (view["state"], view["version"], view["grid"]) == ("local", None, GRID)
    assert (view["author"], view["made_at"]) == (WORKER, "2026-09-30T08:41:00+08:00")
    assert unsent_count(ws) == 1


def test_changes_are_numbered_without_a_gap_and_chained(ws):
    first = save_issue(ws)
    save_record(ws, "issue", "update", {"title": "楼道堆满杂物"}, record_id=first.record_id)
    save_issue(ws)
    changes = [dict(one) for one in ws.table(CHANGES)]
    assert [one["seq"] for one in changes] == [1, 2, 3]
    assert [one["prev"] for one in changes] == [ZEROS, changes[0]["hash"], changes[1]["hash"]]
    own = {"stream", "acked", "settled", "outcome", "receipt"}
    for one in changes:
        wire = {name: value for name, value in one.items() if name not in own}
        assert change_hash(wire) == one["hash"]
    assert streams.head(ws).seq == 3


def test_an_update_says_only_what_differs(ws):
    saved = save_issue(ws)
    again = save_record(
        ws, "issue", "update", {**ISSUE, "title": "堆满杂物"}, record_id=saved.record_id
    )
    assert changes_of(ws, saved.record_id)[-1]["fields"] == {"title": "堆满杂物"}
    assert again.change_id == changes_of(ws, saved.record_id)[-1]["change_id"]


@pytest.mark.parametrize("values", [{}, {"title": "楼道堆物"}, {"title": " 楼道堆物 "}])
def test_an_update_that_changes_nothing_makes_no_change(ws, values):
    saved = save_issue(ws)
    again = save_record(ws, "issue", "update", values, record_id=saved.record_id)
    assert again.saved
    assert again.change_id is None
    assert unsent_count(ws) == 1


def test_creating_a_record_twice_makes_one(ws):
    first = save_issue(ws)
    second = save_record(ws, "issue", "create", ISSUE, record_id=first.record_id)
    assert second.saved
    assert second.change_id is None
    assert len(views(ws, "issue")) == 1


def test_creating_a_record_twice_with_other_words_changes_the_one(ws):
    first = save_issue(ws)
    second = save_record(
        ws, "issue", "create", {**ISSUE, "title": "另一个标题"}, record_id=first.record_id
    )
    assert second.saved
    assert [one["action"] for one in changes_of(ws, first.record_id)] == ["create", "update"]
    assert [one["fields"]["title"] for one in views(ws, "issue")] == ["另一个标题"]


def test_what_is_wrong_is_named_and_nothing_is_saved(ws):
    values = {**ISSUE, "title": "", "people": "许多", "colour": "red"}
    saved = save_record(ws, "issue", "create", {name: v for name, v in values.items() if v})
    assert not saved.saved
    assert sorted(codes(saved)) == [
        ("/colour", "unknown_field"), ("/people", "not_whole"), ("/title", "required"),
    ]  # fmt: skip
    assert (unsent_count(ws), views(ws, "issue"), streams.head(ws).seq) == (0, [], 0)


def test_a_required_field_cannot_be_emptied(ws):
    saved = save_issue(ws)
    emptied = save_record(ws, "issue", "update", {"title": None}, record_id=saved.record_id)
    assert codes(emptied) == [("/title", "required")]


def test_rules_over_the_whole_record_are_asked_on_an_update(ws):
    saved = save_issue(ws)
    wrong = save_record(ws, "issue", "update", {"self_handled": True}, record_id=saved.record_id)
    assert codes(wrong) == [("/level", "self_handled_level")]


def test_doubtful_values_are_saved_unless_the_page_asks_first(ws):
    doubtful = HOUSEHOLD | {"phone": "12345"}
    asked = save_record(ws, "household", "create", doubtful, warn_ok=False)
    assert not asked.saved
    assert [one.problem.code for one in asked.doubts] == ["odd_phone"]
    saved = save_record(ws, "household", "create", doubtful)
    assert saved.saved
    assert [one.problem.code for one in saved.doubts] == ["odd_phone"]


def test_a_void_hides_the_record_and_says_why(ws):
    saved = save_issue(ws)
    void = save_record(ws, "issue", "void", {"reason": " 重复上报 "}, record_id=saved.record_id)
    assert void.saved
    assert views(ws, "issue") == []
    assert [one["record_id"] for one in views(ws, "issue", voided=True)] == [saved.record_id]
    assert changes_of(ws, saved.record_id)[-1]["fields"] == {"reason": "重复上报"}


def test_a_void_without_a_reason_is_refused(ws):
    saved = save_issue(ws)
    assert codes(save_record(ws, "issue", "void", {}, record_id=saved.record_id)) == [
        ("/reason", "reason_required")
    ]


def test_a_reason_to_void_that_is_too_long_is_called_so(ws):
    saved = save_issue(ws)
    told = save_record(ws, "issue", "void", {"reason": "长" * 501}, record_id=saved.record_id)
    assert codes(told) == [("/reason", "too_long")]


def test_voiding_twice_is_voiding_once(ws):
    saved = save_issue(ws)
    for _ in range(2):
        assert save_record(ws, "issue", "void", {"reason": "重复"}, record_id=saved.record_id).saved
    assert unsent_count(ws) == 2


def test_a_voided_record_is_not_edited(ws):
    saved = save_issue(ws)
    save_record(ws, "issue", "void", {"reason": "重复"}, record_id=saved.record_id)
    late = save_record(ws, "issue", "update", {"title": "x"}, record_id=saved.record_id)
    assert codes(late) == [("", "record_voided")]


@pytest.mark.parametrize(
    ("kind", "action"), [("area", "create"), ("notice", "create"), ("compound", "create"),
                         ("issue_step", "update"), ("room", "void")],
)  # fmt: skip
def test_actions_a_laptop_may_not_take_are_refused(ws, kind, action):
    saved = save_record(ws, kind, action, {"reason": "x"}, record_id=new_id())
    assert codes(saved) == [("", "not_allowed")]


def test_an_unknown_record_is_not_edited(ws):
    saved = save_record(ws, "issue", "update", {"title": "x"}, record_id=new_id())
    assert codes(saved) == [("", "not_allowed")]


def test_only_its_author_edits_a_field_record(laptop: Laptop):
    saved = save_issue(laptop.ws)
    view = get_view(laptop.ws, "issue", saved.record_id)
    laptop.ws.put("issue", saved.record_id, view | {"author": new_id()})
    edit = save_record(laptop.ws, "issue", "update", {"title": "x"}, record_id=saved.record_id)
    assert codes(edit) == [("", "wrong_author")]


def test_a_worker_of_several_grids_says_which(open_laptop):
    laptop = open_laptop()
    laptop.settle(grids=(GRID, NEXT_GRID))
    assert codes(save_record(laptop.ws, "issue", "create", ISSUE)) == [("", "grid_required")]
    saved = save_record(laptop.ws, "issue", "create", ISSUE, grid=NEXT_GRID)
    assert get_view(laptop.ws, "issue", saved.record_id)["grid"] == NEXT_GRID


def test_a_refused_record_that_is_edited_stays_in_its_grid(open_laptop):
    laptop = open_laptop()
    laptop.settle(grids=(GRID, NEXT_GRID))
    made = save_record(laptop.ws, "issue", "create", ISSUE, grid=NEXT_GRID)
    change = laptop.ws.table(CHANGES).get(doc_id=made.change_id)
    refused = {"acked": True, "outcome": "quarantined", "receipt": {}}
    laptop.ws.put(CHANGES, made.change_id, change | refused)
    edit = save_record(laptop.ws, "issue", "update", {"title": "改后"}, record_id=made.record_id)
    assert codes(edit) == []
    again = changes_of(laptop.ws, made.record_id)[-1]
    assert (again["action"], again["grid"]) == ("create", NEXT_GRID)
    assert again["corrects"] == made.change_id


def test_a_child_lies_in_its_parents_grid(open_laptop):
    laptop = open_laptop()
    laptop.settle(grids=(GRID, NEXT_GRID))
    parent = save_record(laptop.ws, "issue", "create", ISSUE, grid=NEXT_GRID)
    step = {"issue_id": parent.record_id, "action": "resolve", "at": ISSUE["happened_at"]}
    saved = save_record(laptop.ws, "issue_step", "step", step)
    assert get_view(laptop.ws, "issue_step", saved.record_id)["grid"] == NEXT_GRID


def test_a_foreign_grid_is_refused(ws):
    assert codes(save_record(ws, "issue", "create", ISSUE, grid="990101100009099")) == [
        ("", "out_of_area")
    ]


def test_steps_are_appended_and_listed_under_their_issue(ws):
    issue = save_issue(ws)
    step = {"issue_id": issue.record_id, "action": "resolve", "at": ISSUE["happened_at"]}
    first = save_record(ws, "issue_step", "step", step)
    again = save_record(ws, "issue_step", "step", step, record_id=first.record_id)
    assert again.saved
    assert again.change_id is None
    other = save_record(
        ws, "issue_step", "step", step | {"text": "已清理"}, record_id=first.record_id
    )
    assert codes(other) == [("", "already_exists")]
    listed = children(ws, "issue_step", "issue_id", issue.record_id)
    assert [one["record_id"] for one in listed] == [first.record_id]


def test_several_entries_are_saved_together(ws):
    issue_id = new_id()
    saved = save_records(
        ws,
        [
            Entry("issue", "create", ISSUE, issue_id),
            Entry("issue_step", "step", {"issue_id": issue_id, "action": "resolve",
                                         "at": ISSUE["happened_at"]}),
        ],
    )  # fmt: skip
    assert [one.saved for one in saved] == [True, True]
    assert unsent_count(ws) == 2


def test_of_several_entries_none_is_saved_when_one_is_wrong(ws):
    saved = save_records(
        ws,
        [Entry("issue", "create", ISSUE), Entry("issue", "create", {**ISSUE, "level": None})],
    )
    assert [one.saved for one in saved] == [False, False]
    assert saved[0].problems == []
    assert codes(saved[1]) == [("/level", "required")]
    assert (unsent_count(ws), views(ws, "issue"), streams.head(ws).seq) == (0, [], 0)


def test_correcting_a_refused_update_leaves_the_other_entries_alone(ws):
    visit = {
        "visited_at": ISSUE["happened_at"], "household_id": new_id(), "purposes": ["routine"],
        "mode": "door", "result": "met", "notice_given": True,
        "safety": {"wiring": {"state": "ok"}},
    }  # fmt: skip
    made = save_record(ws, "visit", "create", visit)
    gas = {"wiring": {"state": "ok"}, "gas_hose": {"state": "bad"}}
    edit = save_record(ws, "visit", "update", {"safety": gas}, record_id=made.record_id)
    for change_id, outcome in ((made.change_id, "applied"), (edit.change_id, "quarantined")):
        change = ws.table(CHANGES).get(doc_id=change_id)
        ws.put(CHANGES, change_id, change | {"acked": True, "outcome": outcome, "receipt": {}})
    fixed = save_record(ws, "visit", "update", {"findings": "已更换"}, record_id=made.record_id,
                        corrects=edit.change_id)  # fmt: skip
    change = changes_of(ws, made.record_id)[-1]
    assert change["change_id"] == fixed.change_id
    assert change["corrects"] == edit.change_id
    assert change["fields"] == {"safety": {"add": {"gas_hose": {"state": "bad"}}},
                                "findings": "已更换"}  # fmt: skip
    assert get_view(ws, "visit", made.record_id)["fields"]["safety"] == gas


def test_a_full_disk_saves_nothing_and_says_so(laptop: Laptop, monkeypatch):
    def refuse(changes):
        raise StoreFull

    save_issue(laptop.ws)
    monkeypatch.setattr(laptop.ws.db.storage.rows, "commit", refuse)
    with pytest.raises(StoreFull):
        save_issue(laptop.ws)
    assert len(views(laptop.ws, "issue")) == unsent_count(laptop.ws) == streams.head(laptop.ws).seq


def test_too_much_text_is_refused_before_it_is_sealed(ws):
    values = {**HOUSEHOLD, "remarks": "字" * 201}
    assert codes(save_record(ws, "household", "create", values)) == [("/remarks", "too_long")]
    entries = {new_id(): {"category": "green", "text": "字" * 500} for _ in range(60)}
    visit = {
        "visited_at": ISSUE["happened_at"], "household_id": new_id(), "purposes": ["routine"],
        "mode": "door", "result": "met", "met": "王某", "notice_given": True, "opinions": entries,
    }  # fmt: skip
    assert codes(save_record(ws, "visit", "create", visit)) == [("", "too_large")]


@pytest.mark.parametrize("odd", [["a"], {"a": "b"}, "text"])
def test_a_misshapen_list_is_named(ws, odd):
    assert ("/opinions", "not_an_object") in codes(
        save_record(ws, "visit", "create", {"opinions": odd})
    )


def test_rare_characters_come_back_as_they_were_typed(ws):
    saved = save_issue(ws, title="𠮷·阿卜杜拉", reporter="欧阳㛃")
    assert get_view(ws, "issue", saved.record_id)["fields"]["title"] == "𠮷·阿卜杜拉"


def test_records_are_found_by_any_field(ws):
    one, two = household(ws), household(ws, code="H0002")
    assert [v["record_id"] for v in views(ws, "household", code="H0002")] == [two.record_id]
    found = children(ws, "household", "room_id", HOUSEHOLD["room_id"])
    assert [v["record_id"] for v in found] == [one.record_id, two.record_id]
    assert len(children(ws, "household", "kind", "family")) == 2


def test_records_and_users_are_called_by_name(ws: Workspace):
    saved = save_issue(ws)
    assert title_of(ws, "issue", saved.record_id, "zh") == "楼道堆物"
    assert title_of(ws, "issue", new_id(), "zh") == ""
    ws.keep_setting("people", **{new_id(): "王同事"})
    name = lookup(ws, "zh")
    assert name("issue", saved.record_id) == "楼道堆物"
    assert name("user", WORKER) == "林示例"
    assert name("user", next(iter(ws.setting("people")))) == "王同事"
    assert name("user", new_id()) is None
    assert name("nothing", saved.record_id) is None
