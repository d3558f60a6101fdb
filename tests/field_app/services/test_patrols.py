"""A patrol from start to finish, issues on the spot, the three slots of a day."""

from __future__ import annotations

import pytest

from field_app.services import drafts, patrols
from field_app.services.drafts import MAIN, Draft, DraftGone, Finished, Typed
from field_app.services.records import get_view, save_record, views
from field_app.services.workspace import CHANGES, Workspace
from tests.field_app.laptops import GRID, Hands, Laptop
from tests.field_app.small_grid import fill, rid

ISSUE = {
    "category": ["FIRE"], "title": ["电动车飞线充电"], "text": ["三楼窗外飞线"], "place": ["3号楼"],
    "level": ["2"], "urgency": ["normal"], "happened_at": ["2026-09-30", "08:40"],
}  # fmt: skip


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """A worker who holds the small grid."""
    fill(laptop.ws.db)
    return laptop.ws


def draft_of(ws: Workspace, draft_id: str) -> Draft:
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    return draft


def as_typed(ws: Workspace, draft_id: str, **more: dict[str, list[str]]) -> Typed:
    """What a window sends that shows the draft as it is, with some texts replaced."""
    draft = draft_of(ws, draft_id)
    texts = {prefix: dict(part["texts"]) for prefix, part in draft["parts"].items()}
    for prefix, changed in more.items():
        texts.setdefault(MAIN if prefix == "main" else prefix, {}).update(changed)
    return Typed(texts, draft["revision"], "a")


def walk(ws: Workspace, slot: str | None = None, day: str | None = None) -> tuple[str, Finished]:
    draft_id = patrols.start(ws, slot=slot, day=day)
    patrols.all_in_order(ws, draft_id, as_typed(ws, draft_id))
    return draft_id, patrols.finish_patrol(ws, draft_id, as_typed(ws, draft_id))


def test_a_patrol_starts_now_in_the_slot_of_the_hour_over_the_grids_compounds(
    ws: Workspace,
) -> None:
    draft = draft_of(ws, patrols.start(ws))
    texts = draft["parts"][MAIN]["texts"]
    assert texts["slot"] == ["1"]
    assert texts["started_at"] == ["2026-09-30T08:41"]
    assert texts["covered_ids"] == [rid("compound", 1), rid("compound", 2)]
    assert drafts.begun(ws) == [draft]


def test_everything_unset_is_put_in_order_at_once(ws: Workspace) -> None:
    draft_id = patrols.start(ws)
    typed = as_typed(ws, draft_id, main={"items.ebike.result": ["problem_fixed"]})
    texts = patrols.all_in_order(ws, draft_id, typed)["parts"][MAIN]["texts"]
    assert texts["items.ebike.result"] == ["problem_fixed"]
    assert texts["items.green.result"] == ["ok"]
    assert patrols.unanswered(texts) == []


def test_a_finished_patrol_ends_now_and_counts_for_its_slot(ws: Workspace, hands: Hands) -> None:
    draft_id = patrols.start(ws)
    hands.passes(38 * 60)
    patrols.all_in_order(ws, draft_id, as_typed(ws, draft_id))
    assert patrols.finish_patrol(ws, draft_id, as_typed(ws, draft_id)).saved
    view = get_view(ws, "patrol", draft_id)
    assert view is not None
    assert view["fields"]["ended_at"] == "2026-09-30T09:19:00+08:00"
    assert len(view["fields"]["items"]) == 15
    states = [(slot.slot, slot.state) for slot in patrols.slots_of(ws, "2026-09-30")]
    assert states == [("1", "done"), ("2", "ahead"), ("3", "ahead")]


def test_an_issue_on_the_spot_is_linked_both_ways_in_one_commit(ws: Workspace) -> None:
    draft_id = patrols.start(ws)
    note = {"items.ebike.note": ["窗外飞线"]}
    draft = patrols.report(ws, draft_id, as_typed(ws, draft_id, main=note), "ebike")
    begun = draft["parts"]["issue-ebike:"]
    assert begun["texts"]["category"] == ["FIRE"]
    assert begun["texts"]["text"] == ["窗外飞线"]
    patrols.all_in_order(ws, draft_id, as_typed(ws, draft_id, **{"issue-ebike:": ISSUE}))
    assert len(ws.table(CHANGES)) == 0
    assert patrols.finish_patrol(ws, draft_id, as_typed(ws, draft_id)).saved
    (issue,) = views(ws, "issue")
    patrol = get_view(ws, "patrol", draft_id)
    assert patrol is not None
    assert patrol["fields"]["items"]["ebike"] == {
        "result": "problem_reported", "note": "窗外飞线", "issue_id": issue["record_id"],
    }  # fmt: skip
    fields = issue["fields"]
    assert (fields["source"], fields["source_id"], fields["source_item"]) == (
        "patrol", draft_id, "ebike",
    )  # fmt: skip
    assert issue["grid"] == GRID


def test_a_refused_issue_leaves_the_patrol_unsaved(ws: Workspace) -> None:
    draft_id = patrols.start(ws)
    patrols.report(ws, draft_id, as_typed(ws, draft_id), "ebike")
    patrols.all_in_order(ws, draft_id, as_typed(ws, draft_id))
    finished = patrols.finish_patrol(ws, draft_id, as_typed(ws, draft_id))
    assert not finished.saved
    assert set(finished.problems) == {"issue-ebike:"}
    assert (views(ws, "patrol"), views(ws, "issue"), len(ws.table(CHANGES))) == ([], [], 0)


def test_reporting_twice_keeps_the_one_issue_and_withdrawing_takes_it_out(ws: Workspace) -> None:
    draft_id = patrols.start(ws)
    patrols.report(ws, draft_id, as_typed(ws, draft_id), "ebike")
    first = draft_of(ws, draft_id)["parts"]["issue-ebike:"]["record_id"]
    patrols.report(ws, draft_id, as_typed(ws, draft_id, **{"issue-ebike:": ISSUE}), "ebike")
    part = draft_of(ws, draft_id)["parts"]["issue-ebike:"]
    assert (part["record_id"], part["texts"]["text"]) == (first, ["三楼窗外飞线"])
    draft = patrols.withdraw(ws, draft_id, as_typed(ws, draft_id), "ebike")
    assert set(draft["parts"]) == {MAIN}
    assert draft["parts"][MAIN]["texts"]["items.ebike.result"] == [""]
    with pytest.raises(DraftGone):
        patrols.report(ws, draft_id, as_typed(ws, draft_id), "no_such_item")


def test_a_late_entry_asks_when_it_was_and_why(ws: Workspace) -> None:
    missed = patrols.missing_slots(ws)
    assert [(slot.day, slot.slot) for slot in missed] == [
        ("2026-09-29", slot) for slot in ("1", "2", "3")
    ]
    draft_id, finished = walk(ws, "1", "2026-09-29")
    assert not finished.saved
    codes = {one.pointer: one.problem.code for one in finished.problems[MAIN]}
    assert codes == {"/started_at": "bad_moment", "/ended_at": "required"}
    when = {"started_at": ["2026-09-29T08:30"], "late_reason": ["昨天停电"]}
    finished = patrols.finish_patrol(ws, draft_id, as_typed(ws, draft_id, main=when))
    assert [(one.pointer, one.problem.code) for one in finished.problems[MAIN]] == [
        ("/ended_at", "required")
    ]
    assert draft_of(ws, draft_id)["parts"][MAIN]["texts"]["late_reason"] == ["昨天停电"]
    when = {"started_at": ["2026-09-29T08:30"], "ended_at": ["2026-09-29T09:10"]}
    unexplained = as_typed(ws, draft_id, main=when | {"late_reason": [""]})
    finished = patrols.finish_patrol(ws, draft_id, unexplained)
    assert [one.problem.code for one in finished.problems[MAIN]] == ["late_reason_required"]
    why = {**when, "late_reason": ["停电"]}
    assert patrols.finish_patrol(ws, draft_id, as_typed(ws, draft_id, main=why)).saved
    assert [slot.slot for slot in patrols.missing_slots(ws)] == ["2", "3"]


def test_an_end_before_the_start_is_refused(ws: Workspace) -> None:
    draft_id = patrols.start(ws)
    patrols.all_in_order(ws, draft_id, as_typed(ws, draft_id))
    typed = as_typed(ws, draft_id, main={"ended_at": ["2026-09-30T08:00"]})
    finished = patrols.finish_patrol(ws, draft_id, typed)
    assert [one.problem.code for one in finished.problems[MAIN]] == ["ends_before_start"]


def test_the_next_patrol_takes_over_range_and_a_foreign_grid_is_refused(ws: Workspace) -> None:
    draft_id = patrols.start(ws)
    only = {"covered_ids": [rid("compound", 2)]}
    patrols.all_in_order(ws, draft_id, as_typed(ws, draft_id, main=only))
    patrols.finish_patrol(ws, draft_id, as_typed(ws, draft_id))
    texts = draft_of(ws, patrols.start(ws))["parts"][MAIN]["texts"]
    assert texts["covered_ids"] == [rid("compound", 2)]
    with pytest.raises(DraftGone):
        patrols.start(ws, "990101100009004")


def test_a_begun_patrol_shows_in_its_slot_and_a_voided_one_does_not_count(ws: Workspace) -> None:
    draft_id, _finished = walk(ws)
    save_record(ws, "patrol", "void", {"reason": "录错"}, record_id=draft_id)
    assert patrols.slots_of(ws, "2026-09-30")[0].state == "ahead"
    begun = patrols.start(ws)
    slot = patrols.slots_of(ws, "2026-09-30")[0]
    assert (slot.state, slot.target) == ("doing", begun)
