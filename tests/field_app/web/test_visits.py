"""走访 at the browser, without scripts: find, carry on, check, change, report, save once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from field_app.services import drafts
from field_app.services.records import changes_of, get_view, save_record, views
from field_app.services.today import care_due
from field_app.services.workspace import CHANGES
from schemas.care_contact import alarm_id
from tests.field_app.forms import Paper
from tests.field_app.laptops import GRID, Laptop
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import rid

HOME, LIN = rid("household", 1), rid("resident", 1)
MET = {"result": "met", "mode": "door", "notice_given": "1"}
WELL = {f"care_checks.{LIN}.state": "well"}


@pytest.fixture
def at(laptop: Laptop) -> Laptop:
    """A laptop with the small grid, its worker signed in at a browser."""
    return sign_in(laptop)


def begin(at: Laptop, **data: str) -> Paper:
    data = data or {"household_id": HOME}
    return Paper.open(at.browser, at.browser.post("/visits/start", data).location)


def test_a_household_is_found_and_visited(at: Laptop) -> None:
    page = at.browser.get("/visits?q=lsl").text
    assert "幸福里 1-1-201" in page
    assert "<mark>林示例</mark>" in page
    paper = begin(at)
    assert "林示例" in paper.page.text
    assert paper.values.getlist("purposes") == ["", "care"]
    answer = paper.fill(**MET, met="林示例").put({f"care_checks.{LIN}.state": "well"}).press()
    (visit,) = views(at.ws, "visit")
    assert answer.location == "/visits"
    assert f'href="/records/visit/{visit["record_id"]}"' in at.browser.get("/visits").text
    assert visit["fields"]["care_checks"] == {LIN: {"state": "well"}}
    shown = at.browser.get(f"/base/households/{HOME}").text
    assert "见到本人" in shown
    assert "状况良好" in shown


def test_nobody_at_home_is_one_button_and_save(at: Laptop) -> None:
    paper = begin(at, household_id=HOME, result="nobody")
    assert "没有见到人时" in paper.page.text
    assert paper.press().status_code == 302
    assert views(at.ws, "visit")[0]["fields"]["result"] == "nobody"


def test_last_values_are_carried_on_and_shown_beside_the_controls(at: Laptop) -> None:
    begin(at).fill(**MET, findings="血压偏高").put(WELL | {"safety.gas.state": "problem"}).press()
    paper = begin(at)
    assert paper["mode"] == "door"
    assert paper["findings"] == ""
    assert "上次: 血压偏高" in paper.page.text
    assert "上次: 有隐患" in paper.page.text
    assert 'aria-describedby="f-findings-last"' in paper.page.text
    assert "上次: 入户" not in paper.page.text


def test_how_somebody_in_care_is_has_to_be_said_where_they_were_met(at: Laptop) -> None:
    answer = begin(at).fill(**MET, findings="血压偏高").press()
    assert answer.status_code == 422
    assert f'href="#f-care_checks-{LIN}-state-0"' in answer.text
    assert "关怀随访 · 林示例 · 状态" in answer.text
    assert "必须填写" in answer.text
    assert views(at.ws, "visit") == []
    again = Paper(at.browser, answer)
    assert again["findings"] == "血压偏高"
    assert again.put({f"care_checks.{LIN}.state": "not_reached"}).press().status_code == 302


def test_everything_that_changed_is_saved_with_the_visit(at: Laptop) -> None:
    paper = begin(at).fill(**MET, findings="厨房软管开裂").put(WELL)
    paper = paper.press_on("issue")
    assert paper["issue:text"] == "厨房软管开裂"
    assert paper["issue:place"] == "幸福里 1-1-201"
    paper = paper.put({"issue:category": "UTL", "issue:title": "软管老化", "issue:level": "2"})
    paper = paper.press_on("household").put({"household:phone": "13911112222"})
    paper = paper.press_on("resident")
    (name,) = [one for one in paper.names if one.endswith(":name")]
    tenant = name.removesuffix("name")
    paper.put({name: "周租客", tenant + "sex": "2", tenant + "birth": "1995-03",
               tenant + "relation": "99", tenant + "reside": "tenant",
               tenant + "basis": "statutory"})  # fmt: skip
    paper = paper.press_on(f"moved:{rid('resident', 3)}")
    assert len(at.ws.table(CHANGES)) == 0
    answer = paper.press()
    assert answer.status_code == 302, answer.text
    assert len(at.ws.table(CHANGES)) == 5
    (issue,) = views(at.ws, "issue")
    assert views(at.ws, "visit")[0]["fields"]["issue_ids"] == [issue["record_id"]]
    assert changes_of(at.ws, HOME)[0]["fields"] == {"phone": "13911112222"}
    assert views(at.ws, "resident", name="周租客")[0]["fields"]["household_id"] == HOME
    assert "阿卜杜拉" in at.browser.get(f"/base/households/{HOME}").text


def test_a_part_that_is_wrong_is_named_above_the_form(at: Laptop) -> None:
    paper = begin(at).fill(**MET).put(WELL).press_on("issue")
    answer = paper.press()
    assert answer.status_code == 422
    assert 'href="#f-issue-title"' in answer.text
    assert views(at.ws, "visit") == []
    again = Paper(at.browser, answer).press_on("take_back:issue:")
    assert again.press().status_code == 302
    assert len(at.ws.table(CHANGES)) == 1


def test_opinions_are_added_and_taken_out_one_by_one(at: Laptop) -> None:
    paper = begin(at).fill(**MET).put(WELL).press_on("add:opinions")
    (text,) = [name for name in paper.names if name.startswith("opinions.") and "text" in name]
    key = text.split(".")[1]
    paper = paper.put({text: "路灯不亮", f"opinions.{key}.category": "facility"})
    paper = paper.press_on("add:opinions")
    others = {name.split(".")[1] for name in paper.names if name.startswith("opinions.")} - {key}
    paper = paper.press_on(f"drop:opinions.{others.pop()}")
    assert paper[text] == "路灯不亮"
    paper.press()
    assert views(at.ws, "visit")[0]["fields"]["opinions"] == {
        key: {"category": "facility", "text": "路灯不亮"}
    }


def test_a_doubt_leads_to_the_record_instead_of_the_next_door(at: Laptop) -> None:
    paper = begin(at).fill(**MET).put(WELL).press_on("household").put({"household:phone": "123"})
    answer = paper.press()
    assert answer.location == f"/base/households/{HOME}"
    assert "电话号码不常见，请再核对。" in at.browser.get(answer.location).text


def test_materials_are_counted_and_nonsense_is_refused_where_it_stands(at: Laptop) -> None:
    paper = begin(at).fill(**MET).put(WELL | {"materials.law.qty": "两份"})
    answer = paper.press()
    assert 'href="#f-materials-law-qty"' in answer.text
    Paper(at.browser, answer).put({"materials.law.qty": "２"}).press()
    assert views(at.ws, "visit")[0]["fields"]["materials"] == {"law": {"qty": 2}}


def test_what_nobody_has_to_fill_in_carries_no_star(at: Laptop) -> None:
    page = begin(at).page.text
    starred = re.findall(r'<(?:label|legend)[^>]*>([^<]+)<span class="must"', page)
    assert {"结果", "状态"} <= set(starred)
    assert not {"数量", "情况"} & set(starred)


def test_a_shop_is_visited(at: Laptop) -> None:
    paper = begin(at, shop_id=rid("shop", 1))
    assert "moved:" not in paper.page.text
    assert paper.fill(**MET).press().status_code == 302
    view = views(at.ws, "visit")[0]
    assert view["fields"]["shop_id"] == rid("shop", 1)
    assert "老李烧饼铺" in at.browser.get(f"/records/visit/{view['record_id']}").text


def test_an_unknown_door_starts_nothing(at: Laptop) -> None:
    assert at.browser.post("/visits/start", {"household_id": "x"}).status_code == 404
    assert at.browser.post("/visits/start", {}).status_code == 404
    assert drafts.begun(at.ws) == []


def test_the_household_may_leave_the_laptop_while_a_visit_is_open(at: Laptop) -> None:
    paper = begin(at).fill(**MET)
    paper.keep()
    at.ws.table("household").remove(doc_ids=[HOME])
    assert Paper.open(at.browser, f"/drafts/{paper.draft_id}").press().status_code == 302
    assert get_view(at.ws, "visit", paper.draft_id) is not None


def test_the_second_miss_warns_reports_and_says_whom_to_call(at: Laptop) -> None:
    contact = {"contact": "侄子林甲 13700009999"}
    save_record(at.ws, "care", "update", contact, record_id=rid("care", 1))
    missed = {f"care_checks.{LIN}.state": "not_reached"}
    answer = begin(at, household_id=HOME, result="nobody").put(missed).press()
    assert answer.location == "/visits"
    at.hands.wall += timedelta(days=1)
    paper = begin(at, household_id=HOME, result="nobody")
    assert "没有见到。" in paper.page.text
    assert "侄子林甲 13700009999" in paper.page.text
    answer = paper.put(missed).press()
    shown = at.browser.get(answer.location).text
    assert "请立即联系紧急联系人" in shown
    assert "侄子林甲 13700009999" in shown
    (issue,) = views(at.ws, "issue")
    link = f'href="/issues/{issue["record_id"]}"'
    assert link in shown
    first = at.browser.get("/").text
    assert link in first
    assert "侄子林甲 13700009999" in first
    assert "修改" in at.browser.get(f"/issues/{issue['record_id']}").text
    assert at.browser.get(f"/visits/{rid('visit', 99)}/alarm").status_code == 404


def test_a_doubt_does_not_keep_the_worker_from_whom_to_call(at: Laptop) -> None:
    missed = {f"care_checks.{LIN}.state": "not_reached"}
    begin(at, household_id=HOME, result="nobody").put(missed).press()
    at.hands.wall += timedelta(days=1)
    paper = begin(at, household_id=HOME, result="nobody").put(missed).press_on("household")
    answer = paper.put({"household:phone": "123"}).press()
    assert answer.location.endswith("/alarm")
    page = at.browser.get(answer.location).text
    assert "处理完急事后请打开记录再核对" in page
    assert '<form method="post" action="/sync"' in page  # the centre can be told from here


def test_a_form_that_says_not_reached_again_warns_louder(at: Laptop) -> None:
    missed = {f"care_checks.{LIN}.state": "not_reached"}
    begin(at, household_id=HOME, result="nobody").put(missed).press()
    at.hands.wall += timedelta(days=1)
    paper = begin(at, household_id=HOME, result="nobody").put(missed)
    answer = paper.press("keep")
    assert "请先打电话、问邻居" in at.browser.get(answer.location).text


def unchecked(at: Laptop) -> None:
    """A visit that says nothing of the person in care: of an earlier version of the program."""
    said = {"household_id": HOME, "visited_at": "2026-09-30T08:41:00+08:00", "purposes": ["daily"],
            "mode": "door", "result": "met", "notice_given": True}  # fmt: skip
    assert save_record(at.ws, "visit", "create", said, grid=GRID).saved


def correct(at: Laptop) -> Paper:
    """The form of a correction of the one visit."""
    (visit,) = views(at.ws, "visit")
    return Paper.open(at.browser, f"/records/visit/{visit['record_id']}/edit")


def test_a_check_forgotten_on_a_visit_is_filed_under_the_person_by_a_correction(at: Laptop) -> None:
    unchecked(at)
    paper = correct(at)
    assert "林示例" in paper.page.text
    assert 'value="add:care_checks"' not in paper.page.text
    paper.put({f"care_checks.{LIN}.state": "abnormal", f"care_checks.{LIN}.change": "不认人"})
    assert paper.press().status_code == 302
    (visit,) = views(at.ws, "visit")
    assert visit["fields"]["care_checks"] == {LIN: {"state": "abnormal", "change": "不认人"}}
    (due,) = [one for one in care_due(at.ws) if one.again_by]
    assert (due.resident_id, due.change) == (LIN, "不认人")


def test_a_check_is_corrected_under_the_name_of_the_person_and_can_be_taken_out(at: Laptop) -> None:
    begin(at).fill(**MET).put({f"care_checks.{LIN}.state": "well"}).press()
    save_record(at.ws, "care", "update", {"until": "2026-09-01"}, record_id=rid("care", 1))
    paper = correct(at)
    assert 'aria-label="林示例"' in paper.page.text
    paper = paper.press_on(f"drop:care_checks.{LIN}")
    assert paper.press().status_code == 302
    assert not views(at.ws, "visit")[0]["fields"].get("care_checks")


def test_checks_filed_under_nobody_stay_to_be_taken_out(at: Laptop) -> None:
    unchecked(at)
    (visit,) = views(at.ws, "visit")
    stray = {rid("visit", 99): {"state": "abnormal"}}
    save_record(at.ws, "visit", "update", {"care_checks": stray}, record_id=visit["record_id"])
    paper = correct(at).press_on(f"drop:care_checks.{rid('visit', 99)}")
    paper.put({f"care_checks.{LIN}.state": "abnormal"}).press()
    assert views(at.ws, "visit")[0]["fields"]["care_checks"] == {LIN: {"state": "abnormal"}}


def test_the_correction_of_a_visit_to_nobody_in_care_asks_no_check(at: Laptop) -> None:
    begin(at, household_id=rid("household", 30)).fill(**MET).press()
    paper = correct(at)
    assert "关怀随访" not in paper.page.text
    assert "行动问题" not in paper.page.text
    other = paper.fill(household_id=HOME, findings="是另一户").press("keep")
    assert "林示例" in at.browser.get(other.location).text


def test_help_found_by_a_correction_is_asked_for_once(at: Laptop) -> None:
    unchecked(at)
    help_needed = {f"care_checks.{LIN}.state": "need_help", f"care_checks.{LIN}.action": "请代买药"}
    answer = correct(at).put(help_needed).press()
    assert "已登记服务单" in at.browser.get(answer.location).text
    (request,), (visit,) = views(at.ws, "service"), views(at.ws, "visit")
    said = request["fields"]
    assert (said["words"], said["resident_id"], said["household_id"]) == ("请代买药", LIN, HOME)
    assert visit["fields"]["service_ids"] == [request["record_id"]]
    save_record(at.ws, "service", "void", {"reason": "办完"}, record_id=request["record_id"])
    correct(at).fill(findings="又问了一次").press()
    assert views(at.ws, "service") == []


def test_a_second_miss_found_by_a_correction_says_whom_to_call(at: Laptop) -> None:
    missed = {f"care_checks.{LIN}.state": "not_reached"}
    begin(at, household_id=HOME, result="nobody").put(missed).press()
    at.hands.wall += timedelta(days=1)
    paper = begin(at).fill(**MET).put({f"care_checks.{LIN}.state": "well"})
    visit_id = paper.draft_id
    issue = {"issue:category": "UTL", "issue:title": "软管老化", "issue:level": "2"}
    paper.press_on("issue").put(issue | {"issue:text": "厨房软管开裂"}).press()
    (other,) = views(at.ws, "issue")
    paper = Paper.open(at.browser, f"/records/visit/{visit_id}/edit").put(missed)
    answer = paper.press()
    assert answer.location == f"/visits/{visit_id}/alarm"
    assert "请立即联系紧急联系人" in at.browser.get(answer.location).text
    visit = get_view(at.ws, "visit", visit_id)
    raised = [one for one in views(at.ws, "issue") if one["fields"]["category"] == "CARE"]
    assert visit is not None
    assert visit["fields"]["issue_ids"] == [other["record_id"], raised[0]["record_id"]]


def found_between(at: Laptop) -> tuple[str, str]:
    """Let somebody be missed, found and missed again; return the last two visits."""
    missed = {f"care_checks.{LIN}.state": "not_reached"}
    begin(at, household_id=HOME, result="nobody").put(missed).press()
    at.hands.wall += timedelta(days=1)
    found = begin(at).fill(**MET).put({f"care_checks.{LIN}.state": "well"})
    found.press()
    at.hands.wall += timedelta(days=1)
    last = begin(at, household_id=HOME, result="nobody").put(missed)
    last.press()
    assert views(at.ws, "issue") == []
    return found.draft_id, last.draft_id


def test_voiding_the_visit_between_two_misses_says_whom_to_call(at: Laptop) -> None:
    contact = {"contact": "侄子林甲 13700009999"}
    save_record(at.ws, "care", "update", contact, record_id=rid("care", 1))
    found, last = found_between(at)
    answer = at.browser.post(f"/records/visit/{found}/void", {"reason": "走错门"})
    assert answer.location == f"/visits/{last}/alarm"
    shown = at.browser.get(answer.location).text
    assert "侄子林甲 13700009999" in shown
    assert "已作废" in shown
    assert "侄子林甲 13700009999" in at.browser.get("/").text


def test_correcting_the_visit_between_two_misses_says_whom_to_call(at: Laptop) -> None:
    found, last = found_between(at)
    paper = Paper.open(at.browser, f"/records/visit/{found}/edit")
    answer = paper.fill(visited_at="2026-09-29T10:00", late_reason="补录").press()
    assert answer.location == f"/visits/{last}/alarm"
    assert "请立即联系紧急联系人" in at.browser.get(answer.location).text
    (issue,), visit = views(at.ws, "issue"), get_view(at.ws, "visit", found)
    assert issue["record_id"] == alarm_id(last, LIN)
    assert visit is not None
    assert not visit["fields"].get("issue_ids")


STILL_OPEN = "林示例的紧急事件仍未办结，不随走访的更正或作废撤销"


def missed_twice(at: Laptop) -> tuple[str, str, str]:
    """Let somebody be missed twice in a row; return both visits and the issue raised."""
    missed = {f"care_checks.{LIN}.state": "not_reached"}
    first = begin(at, household_id=HOME, result="nobody").put(missed)
    first.press()
    at.hands.wall += timedelta(days=1)
    second = begin(at, household_id=HOME, result="nobody").put(missed)
    answer = second.press()
    assert "走访已保存" not in at.browser.get(answer.location).text
    (issue,) = views(at.ws, "issue")
    return first.draft_id, second.draft_id, issue["record_id"]


@pytest.mark.parametrize("which", [0, 1])
def test_voiding_a_miss_says_what_becomes_of_its_alarm(at: Laptop, which: int) -> None:
    *both, issue_id = missed_twice(at)
    answer = at.browser.post(f"/records/visit/{both[which]}/void", {"reason": "走错门"})
    shown = at.browser.get(answer.location).text
    assert STILL_OPEN in shown
    assert f'<a class="alert-link" href="/issues/{issue_id}">' in shown
    assert [one["record_id"] for one in views(at.ws, "issue")] == [issue_id]


def test_correcting_a_miss_says_what_becomes_of_its_alarm(at: Laptop) -> None:
    _first, second, issue_id = missed_twice(at)
    paper = Paper.open(at.browser, f"/records/visit/{second}/edit").fill(findings="门口有报纸")
    assert STILL_OPEN not in at.browser.get(paper.press().location).text  # missed all the same
    paper = Paper.open(at.browser, f"/records/visit/{second}/edit")
    answer = paper.fill(result="met").put({f"care_checks.{LIN}.state": "well"}).press()
    shown = at.browser.get(answer.location).text
    assert STILL_OPEN in shown
    assert f'href="/issues/{issue_id}"' in shown
    # Once it is over there is nothing to tell.
    save_record(at.ws, "issue", "void", {"reason": "误报"}, record_id=issue_id)
    answer = at.browser.post(f"/records/visit/{second}/void", {"reason": "走错门"})
    assert STILL_OPEN not in at.browser.get(answer.location).text


@pytest.mark.parametrize(
    ("contact", "phone", "words"),
    [("侄子 13700009999", "", "请立即联系紧急联系人: <strong>侄子 13700009999</strong>"),
     ("", "13700000001", "没有填紧急联系人。 请立即打本人或家庭电话: <strong>13700000001"),
     ("", "", "没有填紧急联系人，也没有本人或家庭的电话，请立即上门核实。")],
)  # fmt: skip
def test_an_alarm_says_whom_to_call_or_to_go_there(
    at: Laptop, contact: str, phone: str, words: str
) -> None:
    for kind, name, said in (
        ("care", "contact", contact), ("resident", "phone", phone), ("household", "phone", ""),
    ):  # fmt: skip
        save_record(at.ws, kind, "update", {name: said or None}, record_id=rid(kind, 1))
    missed_twice(at)
    shown = " ".join(at.browser.get("/").text.split())
    assert words in shown
