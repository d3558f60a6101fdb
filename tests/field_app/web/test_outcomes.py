"""The worker reads what became of his values, what staff ask, and answers, on the pages."""

from __future__ import annotations

import re

import pytest

from field_app.services.corrections import confirm, open_corrections
from field_app.services.notices import read_notice
from field_app.services.records import changes_of, get_view, new_id, save_record, views
from field_app.services.workspace import CHANGES
from schemas.catalogue import kind_of
from tests.field_app.desks import OTHER_PHONE, PHONE
from tests.field_app.forms import Paper
from tests.field_app.laptops import HOUSEHOLD, ISSUE, NEXT_GRID, OTHER_WORKER
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import pull_in, rid

AT = "2026-09-30T08:40:00+08:00"
WRITTEN = {
    "patrol": {"slot": "morning", "started_at": AT, "ended_at": AT,
               "covered_ids": [rid("compound", 1)],
               "items": {"environment": {"result": "ok"}}},
    "visit": {"visited_at": AT, "household_id": rid("household", 1), "purposes": ["daily"],
              "mode": "door", "result": "met", "notice_given": True, "met": "王某"},
    "issue": ISSUE,
    "issue_step": {"issue_id": rid("issue", 1), "action": "note", "at": AT, "text": "已看过"},
}  # fmt: skip


@pytest.fixture
def disputed(disputed):
    """The second of the two laptops, unlocked in its browser, the household and its own change."""
    _, laptop, record_id, _, mine = disputed
    laptop.browser.unlock(worker_id=laptop.ws.worker_id)
    return laptop, record_id, mine


def plain(page):
    """The words of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.text.partition("<main")[2]).split())


def refused(laptop):
    """Save a record the centre will send back."""
    laptop.ws.keep_setting("identity", grids=[NEXT_GRID])
    saved = save_record(laptop.ws, "issue", "create", ISSUE, grid=NEXT_GRID)
    laptop.sync()
    laptop.browser.unlock(worker_id=laptop.ws.worker_id)
    return saved


def test_a_decision_against_the_worker_stands_on_today_until_noted(disputed, staff):
    laptop, record_id, change_id = disputed
    browser = laptop.browser
    assert "裁决结果" not in browser.get("/").text
    assert "您填的 服务器现有" in plain(browser.get("/outbox"))
    staff.decide(record_id, "stand", words="电话核实过")
    laptop.sync()
    assert "您填的 另一个值" in plain(browser.get("/outbox"))
    words = plain(browser.get("/"))
    for said in ("退回修改和裁决结果", "没有采用您填的", "王社区", "电话核实过", "139****1111"):
        assert said in words
    assert OTHER_PHONE not in words
    answer = browser.post(f"/outbox/{change_id}/noted", {"from": "today"}, seen="/")
    assert answer.location == "/"
    assert "裁决结果" not in browser.get("/").text
    assert "电话核实过" in plain(browser.get(f"/outbox/{change_id}"))
    assert "电话核实过" in plain(browser.get(f"/base/households/{record_id}"))


def test_the_page_of_a_change_tells_its_state_in_words(disputed, staff):
    laptop, record_id, change_id = disputed
    path = f"/outbox/{change_id}"
    words = plain(laptop.browser.get(path))
    assert "等社区裁决" in words
    assert "139****2222" in words
    staff.decide(record_id, "stand")
    laptop.sync()
    words = plain(laptop.browser.get(path))
    assert "不予采纳" in words
    assert "社区决定不采用" in words
    assert laptop.browser.get(f"/outbox/{new_id()}").status_code == 404


def test_the_list_is_filtered_by_state(disputed, staff):
    laptop, _, change_id = disputed
    page = laptop.browser.get("/outbox")
    assert 'data-state="conflict" data-count="1"' in page.text
    found = laptop.browser.get("/outbox?state=conflict").text
    assert f'data-change="{change_id}"' in found
    assert "data-change" not in laptop.browser.get("/outbox?state=refused").text
    assert f'data-change="{change_id}"' in laptop.browser.get("/outbox?state=nonsense").text


def test_what_staff_mark_stands_at_its_field_until_it_is_corrected(joined, staff):
    laptop = joined()
    saved = refused(laptop)
    staff.send_back(saved.change_id, "请改到您的网格", title="写清楼层")
    laptop.sync()
    browser = laptop.browser
    assert "请改到您的网格" in plain(browser.get("/"))
    edit = f"/records/issue/{saved.record_id}/edit?corrects={saved.change_id}"
    assert edit in browser.get("/outbox").text
    paper = Paper.open(browser, edit)
    assert "请改到您的网格" in plain(paper.page)
    assert re.search(r'id="f-title"[^>]*aria-describedby="f-title-asked"', paper.page.text)
    assert re.search(r'id="f-title-asked" role="note">.*写清楼层', paper.page.text)
    assert 'aria-invalid="true"' not in paper.page.text
    assert paper.fill(title="三楼楼道堆物").press().status_code == 302
    assert open_corrections(laptop.ws) == []
    assert "请改到您的网格" not in plain(browser.get("/"))
    assert "请改到您的网格" in plain(browser.get(f"/issues/{saved.record_id}"))


def test_what_stands_is_confirmed_with_one_button(disputed, staff):
    laptop, record_id, _ = disputed
    staff.decide(record_id, "ask", asked_of=laptop.ws.worker_id, words="哪个电话对？")
    laptop.sync()
    browser = laptop.browser
    (asked,) = open_corrections(laptop.ws)
    before = get_view(laptop.ws, "household", record_id)
    assert "哪个电话对？" in plain(browser.get("/"))
    confirm = f"/outbox/corrections/{asked.correction_id}/confirm"
    answer = browser.post(confirm, {"from": "today", "reply": "打过电话"}, seen="/")
    assert answer.location == "/"
    words = plain(browser.get("/"))
    assert "已答复“现值无误”" in words
    assert "哪个电话对？" not in words
    assert get_view(laptop.ws, "household", record_id) == before
    again = browser.post(confirm, {"from": "today"}, seen="/", follow_redirects=True)
    assert "这一条已经答复过" in again.text
    assert "打过电话" in plain(browser.get(f"/base/households/{record_id}"))
    assert "退回修改 household" not in plain(browser.get("/outbox"))


def test_of_what_left_the_grids_no_value_is_shown(joined, line, staff):
    worker = line.worker("w2")
    laptop = joined("laptop", worker)
    saved = save_record(laptop.ws, "household", "create", HOUSEHOLD | {"phone": PHONE})
    laptop.sync()
    laptop.browser.unlock(worker_id=worker.user_id)
    assert "139****1111" in plain(laptop.browser.get(f"/outbox/{saved.change_id}"))
    staff.reassign(worker, NEXT_GRID)
    laptop.sync()
    words = plain(laptop.browser.get(f"/outbox/{saved.change_id}"))
    assert "已不在您的网格内" in words
    assert "139" not in words
    assert "1条记录已不在您的网格，从本机移出" in plain(laptop.browser.get("/sync"))
    assert laptop.browser.get(f"/base/households/{saved.record_id}").status_code == 404


def test_what_is_said_of_records_is_no_list_of_its_own(laptop):
    laptop.browser.unlock()
    page = laptop.browser.get("/base").text
    assert "/records/household/" in page
    for name in ("decision", "correction", "seen"):
        assert f"/records/{name}/" not in page
        assert laptop.browser.get(f"/records/{name}/").status_code == 404


@pytest.mark.parametrize(
    "kind", ["room", "shop", "household", "resident", "care", "patrol", "visit", "issue",
             "issue_step"],
)  # fmt: skip
def test_whatever_was_refused_is_corrected_on_the_same_road(laptop, kind):
    at = sign_in(laptop)
    ws = at.ws
    fields = WRITTEN.get(kind) or dict(views(ws, kind)[0]["fields"])
    action = "step" if kind == "issue_step" else "create"
    save_record(ws, "issue", "create", ISSUE, record_id=rid("issue", 1))
    saved = save_record(ws, kind, action, fields)
    assert saved.change_id, saved.problems
    change = dict(ws.table(CHANGES).get(doc_id=saved.change_id))
    told = {"acked": True, "outcome": "quarantined", "receipt": {"problem": []}}
    ws.put(CHANGES, saved.change_id, change | told)
    name = next(name for name, one in kind_of(kind).declared().items() if one.ask)
    asked = {
        "target_kind": kind, "target_id": saved.record_id, "change_id": saved.change_id,
        "asked_of": ws.worker_id, "words": "请核对后重新提交", "asked_by": OTHER_WORKER,
        "asked_at": AT,
        "marked": {name: {"words": "这一项不对"}},
    }  # fmt: skip
    pull_in(ws, "correction", new_id(), asked)
    found = re.search(rf'href="(/records/{kind}/[^"]*corrects={saved.change_id})"',
                      at.browser.get("/").text)  # fmt: skip
    assert found
    paper = Paper.open(at.browser, found[1])
    assert "请核对后重新提交" in plain(paper.page)
    assert re.search(r'class="asked"[^>]*>.*这一项不对', paper.page.text)
    assert paper.press().status_code == 302
    again = changes_of(ws, saved.record_id)[-1]
    assert (again["corrects"], again["action"]) == (saved.change_id, action)
    assert open_corrections(ws) == []


def sent_back(ws, saved):
    """Let the centre have refused a change, and staff ask to correct it; return the question."""
    change = dict(ws.table(CHANGES).get(doc_id=saved.change_id))
    told = {"acked": True, "outcome": "quarantined", "receipt": {"problem": []}}
    ws.put(CHANGES, saved.change_id, change | told)
    asked = {
        "target_kind": change["kind"], "target_id": saved.record_id, "change_id": saved.change_id,
        "asked_of": ws.worker_id, "words": "请核对", "asked_by": OTHER_WORKER, "asked_at": AT,
    }  # fmt: skip
    question = new_id()
    pull_in(ws, "correction", question, asked)
    return question


@pytest.mark.parametrize("kind", ["notice_read", "correction", "household"])
def test_only_what_has_a_form_is_offered_to_be_put_right(laptop, kind):
    at = sign_in(laptop)
    ws, browser, home = at.ws, at.browser, rid("household", 1)
    if kind == "notice_read":
        read_notice(ws, rid("notice", 1))
    elif kind == "household":
        save_record(ws, kind, "update", {"size": 5}, record_id=home)
    else:
        asked = {
            "target_kind": "household", "target_id": home, "change_id": new_id(),
            "asked_of": ws.worker_id, "words": "请核对", "asked_by": OTHER_WORKER, "asked_at": AT,
        }  # fmt: skip
        pull_in(ws, kind, rid("issue", 7), asked)
        assert confirm(ws, rid("issue", 7), "核对过")
    (change,) = ws.table(CHANGES)
    told = {"acked": True, "outcome": "quarantined", "receipt": {"problem": []}}
    ws.put(CHANGES, change["change_id"], dict(change) | told)
    detail = f"/outbox/{change['change_id']}"
    for page in ("/outbox", detail):
        shown = browser.get(page).text
        assert ("改正后重新提交" in shown) is (kind == "household")
        assert "撤回不再提交" in shown
    assert ("不能改正，请撤回" in browser.get(detail).text) is (kind != "household")
    assert browser.post(detail + "/withdraw").status_code == 302


def test_voiding_what_the_centre_never_took_withdraws_it(laptop):
    at = sign_in(laptop)
    ws, browser = at.ws, at.browser
    home = {**HOUSEHOLD, "code": "H0999", "room_id": rid("room", 39), "phone": "13900007777"}
    saved = save_record(ws, "household", "create", home)
    path = f"/records/household/{saved.record_id}/void"
    opened_before = Paper.open(browser, path, "void").fill(reason="登记错了")
    question = sent_back(ws, saved)
    assert saved.record_id in browser.get("/find?q=7777").text
    void = Paper.open(browser, path, "void")
    assert "作废就是撤回" in void.page.text
    assert "reason" not in void.names
    answer = opened_before.press()
    assert answer.location == f"/outbox/{saved.change_id}"
    page = plain(browser.get(answer.location))
    for said in ("已撤回。内容仍保留在本机", "H0999"):
        assert said in page
    assert saved.record_id not in browser.get("/find?q=7777").text
    told = get_view(ws, "correction", question)["fields"]
    assert (told["answer"], told["reply"], told["closed"]) == ("withdrawn", "登记错了", True)


def test_a_refused_void_shows_what_staff_ask_where_it_is_put_right(laptop):
    at = sign_in(laptop)
    ws, home = at.ws, rid("household", 1)
    saved = save_record(ws, "household", "void", {"reason": "x"}, record_id=home)
    change = dict(ws.table(CHANGES).get(doc_id=saved.change_id))
    told = {"acked": True, "outcome": "quarantined", "receipt": {"problem": []}}
    ws.put(CHANGES, saved.change_id, change | told)
    asked = {
        "target_kind": "household", "target_id": home, "change_id": saved.change_id,
        "asked_of": ws.worker_id, "words": "请写明原因", "asked_by": OTHER_WORKER, "asked_at": AT,
    }  # fmt: skip
    pull_in(ws, "correction", new_id(), asked)
    path = f"/records/household/{home}/edit?corrects={saved.change_id}"
    void = Paper.open(at.browser, path, "void")
    assert "请写明原因" in plain(void.page)
    assert void.fill(reason="此户重复登记").press().status_code == 302
    assert open_corrections(ws) == []
