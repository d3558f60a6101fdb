"""What staff decide and ask reaches the worker it is about, and his answer reaches them."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta

import pytest

from field_app.services.corrections import confirm, corrections_about, open_corrections
from field_app.services.drafts import (
    MAIN,
    Typed,
    discard,
    edit_part,
    find,
    finish,
    new_part,
    open_draft,
)
from field_app.services.find import find_doors
from field_app.services.likely import likely_same
from field_app.services.outbox import (
    detail,
    note_conflict,
    open_conflicts,
    outbox,
    unread_decisions,
    withdraw,
)
from field_app.services.receiving import prune
from field_app.services.records import get_view, new_id, save_record, views
from field_app.services.workspace import CHANGES, CONFLICTS
from tests.field_app.desks import OTHER_PHONE, THIRD, edit, line_worker, refused_issue, told
from tests.field_app.laptops import GRID, ISSUE, NEXT_GRID, save_issue

SHOP = {"name": "好运来小卖部", "kind": "retail", "address": "建设路9号"}


LONG_AGO = 100 * 86_400
"""Seconds after which nobody is excused any more for not having been told."""


def phone_of(laptop, record_id):
    return get_view(laptop.ws, "household", record_id)["fields"]["phone"]


def test_both_workers_learn_what_was_decided_and_by_whom(disputed, staff):
    first, second, record_id, mine, theirs = disputed
    assert told(second, theirs) == ("conflict", [""], [])
    staff.decide(record_id, "other", words="电话核实过")
    for laptop in (first, second):
        laptop.sync()
        assert phone_of(laptop, record_id) == OTHER_PHONE
    words = [("王社区", "电话核实过")]
    assert told(second, theirs) == ("stored", ["采用了您填的"], words)
    assert unread_decisions(second.ws) == []
    assert told(first, mine) == ("stored", ["没有采用您填的，以现有的为准"], words)
    (unread,) = unread_decisions(first.ws)
    assert [(pair.mine, pair.theirs) for pair in unread.pairs] == [("139****1111", "139****2222")]
    note_conflict(first.ws, mine)
    first.sync()
    assert unread_decisions(first.ws) == []


def test_a_decision_made_anew_changes_what_is_shown(disputed, staff, hands):
    first, second, record_id, mine, theirs = disputed
    staff.decide(record_id, "stand")
    second.sync()
    assert told(second, theirs)[:2] == ("declined", ["没有采用您填的，以现有的为准"])
    hands.passes(60)
    staff.decide(record_id, "other")
    for laptop in (first, second):
        laptop.sync()
    assert told(second, theirs)[:2] == ("stored", ["采用了您填的"])
    assert told(first, mine)[1] == ["没有采用您填的，以现有的为准"]


def test_a_third_value_is_told_to_both(disputed, staff):
    first, second, record_id, mine, theirs = disputed
    staff.decide(record_id, "write", value=THIRD)
    for laptop, change_id in ((first, mine), (second, theirs)):
        laptop.sync()
        assert told(laptop, change_id)[1] == ["另定了新的内容"]
        (one,) = unread_decisions(laptop.ws)
        assert one.pairs[0].theirs == "139****3333"


def test_a_refused_change_let_in_is_stored(joined, staff):
    laptop = joined()
    saved = refused_issue(laptop)
    staff.release(saved.change_id)
    laptop.sync()
    found = detail(laptop.ws, saved.change_id).item
    assert (found.state, [one.outcome for one in found.rulings]) == ("stored", ["放行入库"])


def test_what_exactly_became_of_a_change_let_in_is_asked_for(disputed, staff, hands, line):
    first, second, record_id, _, _ = disputed
    worker = line_worker(line, second)
    staff.reassign(worker, NEXT_GRID)
    hands.passes(LONG_AGO)
    second.ws.keep_setting("identity", grids=[GRID])
    change_id = edit(second, record_id, size=4)
    second.sync()
    assert detail(second.ws, change_id).item.state == "refused"
    hands.passes(60)
    edit(first, record_id, size=9)
    first.sync()
    staff.release(change_id)
    second.sync()
    second.sync()
    told = second.ws.table(CHANGES).get(doc_id=change_id)
    assert told["receipt"]["outcome"] == told["outcome"] == "merged"


def test_a_refused_change_not_taken_says_why_and_keeps_what_was_written(joined, staff):
    laptop = joined()
    saved = refused_issue(laptop)
    staff.dismiss(saved.change_id, "不在本社区")
    laptop.sync()
    found = detail(laptop.ws, saved.change_id)
    assert (found.item.state, found.item.rulings[0].words) == ("declined", "不在本社区")
    assert "楼道堆物" in [line.text for line in found.lines]
    assert [one.change_id for one in unread_decisions(laptop.ws)] == [saved.change_id]
    assert get_view(laptop.ws, "issue", saved.record_id) is None


def test_what_is_asked_about_a_refused_change_is_answered_by_correcting_it(joined, staff, line):
    laptop = joined()
    saved = refused_issue(laptop)
    staff.send_back(saved.change_id, "请改到您的网格", title="写清楼层")
    laptop.sync()
    (asked,) = open_corrections(laptop.ws)
    assert (asked.words, asked.by, asked.corrects) == (
        "请改到您的网格", "王社区", saved.change_id,
    )  # fmt: skip
    assert [(one.label, one.words) for one in asked.marks] == [("标题", "写清楼层")]
    fixed = save_record(laptop.ws, "issue", "update", {"title": "三楼堆物"},
                        record_id=saved.record_id, grid=GRID, corrects=saved.change_id)  # fmt: skip
    assert fixed.change_id
    assert open_corrections(laptop.ws) == []
    laptop.sync()
    (closed,) = corrections_about(laptop.ws, saved.record_id)
    assert not closed.open


def test_withdrawing_answers_what_was_asked(joined, staff):
    laptop = joined()
    saved = refused_issue(laptop)
    staff.send_back(saved.change_id, "请改")
    laptop.sync()
    assert withdraw(laptop.ws, saved.change_id)
    assert open_corrections(laptop.ws) == []
    laptop.sync()
    (told,) = views(laptop.ws, "correction")
    assert (told["fields"]["answer"], told["fields"]["closed"]) == ("withdrawn", True)
    assert told["state"] == "stored"


def refused_home(laptop, line):
    """Save a home the centre refuses, and what waits for it there; return both changes."""
    laptop.ws.keep_setting("identity", grids=[NEXT_GRID])
    values = {"code": "H0009", "room_id": new_id(), "kind": "family"}
    home = save_record(laptop.ws, "household", "create", values, grid=NEXT_GRID)
    laptop.ws.keep_setting("identity", grids=[GRID, NEXT_GRID])
    change_id = edit(laptop, home.record_id, size=4)
    assert laptop.sync().outcomes == {"quarantined": 1, "held": 1}
    return home, change_id


def state_of(laptop, change_id):
    return detail(laptop.ws, change_id).item.state


def asks(line):
    """Return about which changes the last exchange asked."""
    body, packed = line.last_request.body, line.last_request.headers.get("Content-Encoding")
    said = json.loads(gzip.decompress(body) if packed == "gzip" else body)
    return said.get("held", [])


def test_what_waited_for_a_record_that_is_not_taken_is_not_taken_either(joined, staff, line):
    laptop = joined()
    home, change_id = refused_home(laptop, line)
    staff.dismiss(home.change_id, "不在本辖区")
    laptop.sync()
    assert asks(line) == [change_id]
    found = detail(laptop.ws, change_id).item
    assert (found.state, [one.words for one in found.rulings]) == ("declined", ["不在本辖区"])
    assert state_of(laptop, home.change_id) == "declined"
    assert get_view(laptop.ws, "household", home.record_id) is None
    laptop.sync()
    assert asks(line) == []


def test_what_waits_for_a_record_that_is_withdrawn_is_withdrawn_too(joined, staff, line):
    laptop = joined()
    home, change_id = refused_home(laptop, line)
    assert withdraw(laptop.ws, home.change_id)
    assert (state_of(laptop, home.change_id), state_of(laptop, change_id)) == ("withdrawn",) * 2
    laptop.sync()
    assert asks(line) == [change_id]  # staff may let it in all the same
    assert state_of(laptop, change_id) == "withdrawn"
    staff.dismiss(home.change_id, "好的")
    laptop.sync()
    laptop.sync()
    assert asks(line) == []


def test_a_step_of_an_issue_that_is_withdrawn_is_no_record(joined, line):
    laptop = joined()
    laptop.ws.keep_setting("identity", grids=[NEXT_GRID])
    made = save_issue(laptop.ws)
    laptop.ws.keep_setting("identity", grids=[GRID, NEXT_GRID])
    said = {"issue_id": made.record_id, "action": "note", "at": ISSUE["happened_at"], "text": "记"}
    step = save_record(laptop.ws, "issue_step", "step", said)
    assert laptop.sync().outcomes == {"quarantined": 1, "held": 1}
    assert withdraw(laptop.ws, made.change_id)
    assert state_of(laptop, step.change_id) == "withdrawn"
    assert get_view(laptop.ws, "issue_step", step.record_id) is None


def test_about_more_than_a_request_holds_the_centre_is_asked_in_turn(joined, line, monkeypatch):
    laptop = joined()
    _, change_id = refused_home(laptop, line)
    every = {change_id}
    for _ in range(4):
        every.add(refused_home(laptop, line)[1])
    monkeypatch.setattr("field_app.services.batch.MAX_HELD", 2)
    found = set()
    for _ in range(3):
        laptop.sync()
        assert len(asks(line)) == 2
        found |= set(asks(line))
    assert found == every


def asked_of(disputed, staff, line):
    """Ask the second worker which phone number is right."""
    _, second, record_id, _, _ = disputed
    staff.decide(record_id, "ask", asked_of=second.ws.worker_id, words="哪个电话对？")
    second.sync()
    (asked,) = open_corrections(second.ws)
    return second, record_id, asked


def test_a_question_is_answered_by_confirming_what_stands(disputed, staff, line):
    second, record_id, asked = asked_of(disputed, staff, line)
    before = get_view(second.ws, "household", record_id)
    assert staff.answers(record_id) == [("", "")]
    saved = confirm(second.ws, asked.correction_id, "打过电话")
    assert saved is not None
    assert saved.saved
    assert get_view(second.ws, "household", record_id) == before
    assert open_corrections(second.ws) == []
    assert second.sync().outcomes == {"applied": 1}
    (told,) = corrections_about(second.ws, record_id)
    assert (told.answer, told.reply) == ("现值无误", "打过电话")
    assert staff.answers(record_id) == [("现值无误", "打过电话")]
    assert confirm(second.ws, asked.correction_id) is None


def test_a_question_is_answered_by_changing_the_record(disputed, staff, line):
    second, record_id, asked = asked_of(disputed, staff, line)
    edit(second, record_id, remarks="门口有狗")
    assert len(open_corrections(second.ws)) == (0 if not asked.marks else 1)
    edit(second, record_id, phone=THIRD)
    assert open_corrections(second.ws) == []
    second.sync()
    (told,) = corrections_about(second.ws, record_id)
    assert (told.open, told.answer) == (False, "已修改")


def test_nobody_else_answers_what_one_worker_is_asked(disputed, staff, line):
    _, _, asked = asked_of(disputed, staff, line)
    first = disputed[0]
    first.sync()
    assert open_corrections(first.ws) == []
    said = {"closed": True, "answer": "confirmed"}
    barred = save_record(first.ws, "correction", "update", said, record_id=asked.correction_id)
    assert [one.problem.code for one in barred.problems] == ["not_allowed"]


def test_the_outbox_is_filtered_by_state(disputed, staff):
    _, second, record_id, _, theirs = disputed
    staff.decide(record_id, "stand")
    second.sync()
    waiting = edit(second, record_id, size=3)
    assert [one.change_id for one in outbox(second.ws, state="declined")] == [theirs]
    assert [one.change_id for one in outbox(second.ws, state="local")] == [waiting]
    assert outbox(second.ws, state="refused") == []


@pytest.mark.parametrize("search", ["door", "likely"])
def test_what_was_withdrawn_is_found_by_no_index_any_more(joined, search):
    laptop = joined()
    laptop.ws.keep_setting("identity", grids=[NEXT_GRID])
    saved = save_record(laptop.ws, "shop", "create", SHOP, grid=NEXT_GRID)
    laptop.sync()

    def found():
        if search == "door":
            return [one.record_id for one in find_doors(laptop.ws, "好运来").hits]
        return [one.record_id for one in likely_same(laptop.ws, "shop", SHOP)]

    assert found() == [saved.record_id]
    assert withdraw(laptop.ws, saved.change_id)
    assert found() == []


# Leaving and coming back ------------------------------------------------------------------------


def test_a_record_leaves_with_its_words_and_comes_back_whole(joined, line, staff):
    worker = line.worker("w2")
    laptop = joined("laptop", worker)
    saved = save_record(laptop.ws, "shop", "create", SHOP)
    laptop.sync()
    before = get_view(laptop.ws, "shop", saved.record_id)
    assert find_doors(laptop.ws, "好运来").total == 1
    staff.reassign(worker, NEXT_GRID)
    told = laptop.sync()
    assert (told.gone, told.staying) == (1, 0)
    assert views(laptop.ws, "shop") == []
    assert find_doors(laptop.ws, "好运来").total == 0
    found = detail(laptop.ws, saved.change_id)
    assert (found.item.hidden, found.lines, found.item.state) == (True, (), "stored")
    assert "好运来" not in found.item.title
    staff.reassign(worker, GRID)
    laptop.sync()
    assert get_view(laptop.ws, "shop", saved.record_id) == before
    assert not detail(laptop.ws, saved.change_id).item.hidden


def test_a_record_with_an_open_conflict_stays_until_the_worker_lets_go(disputed, line, staff):
    _, second, record_id, _, theirs = disputed
    staff.reassign(line_worker(line, second), NEXT_GRID)
    told = second.sync()
    assert (told.gone, told.staying) == (1, 1)
    assert get_view(second.ws, "household", record_id)["state"] == "conflict"
    assert note_conflict(second.ws, theirs)
    assert get_view(second.ws, "household", record_id) is None
    assert OTHER_PHONE not in str(second.ws.table(CONFLICTS).get(doc_id=theirs))
    assert open_conflicts(second.ws) == []


def test_unsent_work_on_what_left_is_sent_and_then_goes(joined, line, staff, hands):
    worker = line.worker("w2")
    laptop = joined("laptop", worker)
    saved = save_issue(laptop.ws)
    laptop.sync()
    hands.passes(60)
    late = save_record(laptop.ws, "issue", "update", {"title": "走之前改的"},
                       record_id=saved.record_id)  # fmt: skip
    made = save_issue(laptop.ws, title="走之前新报的")
    hands.passes(60)
    staff.reassign(worker, NEXT_GRID)
    told = laptop.sync()
    assert told.stage == "done"
    assert views(laptop.ws, "issue") == []
    for change_id in (late.change_id, made.change_id):
        change = laptop.ws.table(CHANGES).get(doc_id=change_id)
        assert (change["outcome"], change["settled"]) == ("applied", True)


def test_of_what_left_only_open_drafts_stay_and_say_why_they_cannot_be_saved(joined, line, staff):
    worker = line.worker("w2")
    laptop = joined("laptop", worker)
    saved = save_issue(laptop.ws)
    laptop.sync()
    part = edit_part(laptop.ws, "issue", saved.record_id)
    draft_id = open_draft(laptop.ws, "record", {MAIN: part}, kept=True)
    untouched = open_draft(laptop.ws, "record", {MAIN: part})
    deleted = open_draft(laptop.ws, "record", {MAIN: part}, kept=True)
    note = {MAIN: new_part("notice"), "issue:": part}
    beside = open_draft(laptop.ws, "record", note, kept=True)
    for one in (deleted, beside):
        discard(laptop.ws, one)
    done = open_draft(laptop.ws, "record", {MAIN: part}, kept=True)

    def fill(draft):
        draft["parts"][MAIN]["texts"] = part["texts"] | {"people": ["3"]}

    assert finish(laptop.ws, done, Typed({MAIN: part["texts"]}, revision=1), fill).saved
    assert find(laptop.ws, done)["filled"][MAIN]
    laptop.sync()
    staff.reassign(worker, NEXT_GRID)
    laptop.sync()
    typed = Typed({MAIN: part["texts"] | {"title": ["还没存的"]}}, revision=1)
    outcome = finish(laptop.ws, draft_id, typed)
    assert [one.problem.code for one in outcome.problems[MAIN]] == ["out_of_area"]
    assert find(laptop.ws, draft_id)["parts"][MAIN]["texts"]["title"] == ["还没存的"]
    assert find(laptop.ws, untouched) is None
    assert find(laptop.ws, deleted) is None
    assert list(find(laptop.ws, beside)["parts"]) == [MAIN]
    assert find(laptop.ws, done)["filled"] == {}


def test_a_whole_grid_leaves_only_after_the_worker_agreed(joined, line, staff):
    worker = line.worker("w2")
    laptop = joined("laptop", worker)
    for _ in range(12):
        save_issue(laptop.ws)
    laptop.sync()
    staff.reassign(worker, NEXT_GRID)
    told = laptop.sync()
    assert (told.error, told.facts) == ("scope_shrinks", {"gone": 12, "total": 12})
    assert len(views(laptop.ws, "issue")) == 12
    told = laptop.sync(agreed=True)
    assert (told.stage, told.gone) == ("done", 12)
    assert views(laptop.ws, "issue") == []
    assert laptop.sync().gone == 0


def test_a_restored_centre_is_believed_until_it_decides_again(disputed, staff, line):
    _, second, record_id, _, theirs = disputed
    staff.decide(record_id, "stand")
    second.sync()
    note_conflict(second.ws, theirs)
    second.ws.keep_setting("cursor", server_epoch="another", cursor=None)
    second.sync()
    found = detail(second.ws, theirs).item
    assert (found.state, found.noted, len(found.rulings)) == ("declined", True, 1)


def test_confirmed_changes_take_their_conflicts_with_them(disputed, staff, hands):
    _, second, record_id, _, theirs = disputed
    staff.decide(record_id, "stand")
    second.sync()
    hands.wall += timedelta(days=91)
    assert prune(second.ws) == 0  # he has not taken note of it
    note_conflict(second.ws, theirs)
    assert prune(second.ws) == 1
    assert second.ws.table(CONFLICTS).get(doc_id=theirs) is None


def test_what_is_undecided_is_kept_however_old_and_so_is_its_record(disputed, staff, hands, line):
    _, second, record_id, _, theirs = disputed
    staff.reassign(line_worker(line, second), NEXT_GRID)
    second.sync(agreed=True)
    hands.wall += timedelta(days=91)
    assert prune(second.ws) == 0
    second.sync()
    assert [one.change_id for one in open_conflicts(second.ws)] == [theirs]
    staff.decide(record_id, "other")
    second.sync()
    assert get_view(second.ws, "household", record_id) is None  # nothing of it stays behind
    assert second.ws.table(CHANGES).get(doc_id=theirs) is None
