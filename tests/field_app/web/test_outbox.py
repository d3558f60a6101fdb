"""The outbox tells of every change how far it has come, and never more."""

from __future__ import annotations

import re

from field_app.services.records import get_view, new_id, save_record, unsent_count
from tests.field_app.centres import lost_request
from tests.field_app.laptops import HOUSEHOLD, ISSUE, save_issue
from tests.field_app.photo_hands import attach

OTHER_GRID = "990101100009004"


def rows(page):
    return re.findall(r'data-change="([^"]+)" data-state="([^"]+)"', page.text)


def at_page(laptop, path="/outbox"):
    laptop.browser.unlock(worker_id=laptop.ws.worker_id)
    return laptop.browser.get(path)


def refused(laptop):
    """Save a record the centre will send back."""
    laptop.ws.keep_setting("identity", grids=[OTHER_GRID])
    saved = save_record(laptop.ws, "issue", "create", ISSUE, grid=OTHER_GRID)
    laptop.sync()
    return saved


def test_an_empty_outbox_says_so(laptop):
    page = at_page(laptop)
    assert page.status_code == 200
    assert "没有需要显示的记录" in page.text


def test_unsent_changes_are_counted_and_listed_newest_first(laptop):
    first, second = save_issue(laptop.ws), save_issue(laptop.ws, title="第二件")
    page = at_page(laptop)
    assert rows(page) == [(second.change_id, "local"), (first.change_id, "local")]
    assert 'id="unsent-count">2<' in page.text
    assert "仅本机" in page.text
    assert "第二件" in page.text


def test_a_step_is_listed_with_the_issue_it_belongs_to(laptop):
    issue = save_issue(laptop.ws, title="楼道堆物").record_id
    note = {"issue_id": issue, "action": "note", "at": "2026-09-30T08:41:00+08:00",
            "text": "已看过", "after": [issue], "from_state": "10", "to_state": "10"}  # fmt: skip
    saved = save_record(laptop.ws, "issue_step", "step", note)
    assert saved.saved, saved.problems
    assert "流转 2026-09-30 08:41 补充说明 · 楼道堆物<" in at_page(laptop).text
    assert "补充说明 · 楼道堆物<" in at_page(laptop, f"/outbox/{saved.change_id}").text


def test_states_go_forward_with_what_the_centre_confirms(joined):
    laptop = joined()
    saved = save_issue(laptop.ws)
    assert rows(at_page(laptop)) == [(saved.change_id, "local")]
    laptop.sync()
    page = at_page(laptop)
    assert rows(page) == [(saved.change_id, "stored")]
    assert "已入库" in page.text
    laptop.ws.put("seen", new_id(), {"parent_id": saved.record_id,
                                     "fields": {"target_version": 1}})  # fmt: skip
    assert rows(at_page(laptop)) == [(saved.change_id, "seen")]


def test_photos_whose_bytes_wait_are_told_when_their_records_have_arrived(joined, line):
    laptop = joined()
    attach(laptop)
    line.photo_faults.extend([lost_request] * 9)
    assert laptop.sync().error == "unreachable"
    line.photo_faults.clear()
    for path in ("/", "/outbox", "/outbox?show=unsent", "/sync"):
        assert 'id="unsent-photos">照片1张<' in at_page(laptop, path).text, path
    for path in ("/outbox", "/sync"):
        assert "还有1张照片没有传完" in at_page(laptop, path).text, path
    page = at_page(laptop)
    assert {state for _, state in rows(page)} == {"stored"}
    assert page.text.count("照片未传") == 1
    laptop.sync()
    for path in ("/", "/outbox", "/sync"):
        text = at_page(laptop, path).text
        assert "unsent-photos" not in text
        assert "没有传完" not in text
        assert "照片未传" not in text


def test_only_the_unsent_are_listed_when_asked(joined):
    laptop = joined()
    save_issue(laptop.ws)
    laptop.sync()
    waiting = save_issue(laptop.ws)
    assert rows(at_page(laptop, "/outbox?show=unsent")) == [(waiting.change_id, "local")]


def test_old_confirmed_changes_leave_the_list_and_open_ones_stay(joined, hands):
    laptop = joined()
    save_issue(laptop.ws)
    laptop.sync()
    waiting = save_issue(laptop.ws)
    hands.passes(15 * 86400)
    assert rows(at_page(laptop)) == [(waiting.change_id, "local")]


def test_a_refused_change_says_why_and_how_to_go_on(joined):
    laptop = joined()
    saved = refused(laptop)
    page = at_page(laptop)
    assert rows(page) == [(saved.change_id, "refused")]
    assert "不在您负责的网格内" in page.text
    assert f"/records/issue/{saved.record_id}/edit?corrects={saved.change_id}" in page.text
    laptop.browser.post("/language", {"lang": "en", "next": "/outbox"}, seen="/outbox")
    assert "Outside the grids you are responsible for" in laptop.browser.get("/outbox").text


def test_withdrawing_gives_the_change_up_but_not_its_words(joined):
    laptop = joined()
    saved = refused(laptop)
    at_page(laptop)
    answer = laptop.browser.post(f"/outbox/{saved.change_id}/withdraw", seen="/outbox")
    assert answer.location == "/outbox"
    assert get_view(laptop.ws, "issue", saved.record_id) is None
    assert laptop.ws.table("changes").get(doc_id=saved.change_id)["fields"] == ISSUE
    page = laptop.browser.get("/outbox")
    assert rows(page) == [(saved.change_id, "withdrawn")]
    again = laptop.browser.post(f"/outbox/{saved.change_id}/withdraw", seen="/outbox")
    assert again.status_code == 404


def test_an_unsent_change_cannot_be_withdrawn(laptop):
    saved = save_issue(laptop.ws)
    at_page(laptop)
    answer = laptop.browser.post(f"/outbox/{saved.change_id}/withdraw", seen="/outbox")
    assert answer.status_code == 404
    assert unsent_count(laptop.ws) == 1


def test_a_corrected_change_is_shown_as_corrected(joined):
    laptop = joined()
    saved = refused(laptop)
    fixed = save_record(
        laptop.ws, "issue", "update", {}, record_id=saved.record_id, corrects=saved.change_id
    )
    assert fixed.change_id
    assert rows(at_page(laptop)) == [(fixed.change_id, "local"), (saved.change_id, "corrected")]


def test_both_values_of_a_conflict_are_shown_masked_until_noted(joined, line):
    first, second = joined("first"), joined("second", line.worker("w2"))
    record_id = save_record(first.ws, "household", "create", HOUSEHOLD).record_id
    first.sync()
    second.sync()
    save_record(first.ws, "household", "update", {"phone": "13900001111"}, record_id=record_id)
    mine = save_record(second.ws, "household", "update", {"phone": "13900002222"},
                       record_id=record_id)  # fmt: skip
    first.sync()
    second.sync()
    for path in ("/outbox", "/sync"):
        page = at_page(second, path)
        assert "139****2222" in page.text
        assert "139****1111" in page.text
        assert "13900002222" not in page.text
        assert "知道了" in page.text
    second.browser.post(f"/outbox/{mine.change_id}/noted", seen="/outbox")
    assert "知道了" not in second.browser.get("/outbox").text
    missing = second.browser.post(f"/outbox/{new_id()}/noted", seen="/outbox")
    assert missing.status_code == 404
