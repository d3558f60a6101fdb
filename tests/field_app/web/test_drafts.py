"""Drafts at the browser: kept while typing, found on the first page, saved once by two windows."""

from __future__ import annotations

import pytest

from field_app.services import drafts
from field_app.services.coverage import SUBJECTS
from field_app.services.records import changes_of, get_view, views
from field_app.services.workspace import CHANGES, DRAFTS
from tests.field_app.forms import Paper
from tests.field_app.laptops import WORKER, Hands, Laptop
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import pull_in, rid

HOME = rid("household", 1)


@pytest.fixture
def at(laptop: Laptop) -> Laptop:
    """A laptop with the small grid, its worker signed in at a browser."""
    return sign_in(laptop)


def shop(at: Laptop) -> Paper:
    """A half-filled form of a new shop."""
    return Paper.open(at.browser, "/records/shop/new").fill(name="新店", kind="retail")


def window(paper: Paper) -> Paper:
    """The same draft in a second window."""
    return Paper.open(paper.browser, f"/drafts/{paper.draft_id}")


def test_typing_is_answered_with_the_clock(at: Laptop) -> None:
    answer = shop(at).keep()
    assert (answer.status_code, answer.json) == (200, {"revision": 1, "words": "草稿已保存 08:41"})


def test_a_begun_form_is_gone_on_with_from_the_first_page(at: Laptop) -> None:
    paper = shop(at).fill(staff="三个")
    paper.keep()
    today = at.browser.get("/").text
    assert "没填完的草稿" in today
    assert f'href="/drafts/{paper.draft_id}"' in today
    again = window(paper)
    assert (again["name"], again["staff"], again["kind"]) == ("新店", "三个", "retail")


def test_deleting_is_asked_first(at: Laptop) -> None:
    paper = shop(at)
    paper.keep()
    path = f"/drafts/{paper.draft_id}/discard"
    assert "删除这份草稿？" in at.browser.get(path).text
    assert len(drafts.begun(at.ws)) == 1
    assert at.browser.post(path).location == "/"
    assert drafts.begun(at.ws) == []
    assert at.browser.get(f"/drafts/{paper.draft_id}").location == "/"


@pytest.mark.parametrize("when", [("0001-01-01", "07:00"), ("9999-12-31", "23:59")])
@pytest.mark.parametrize(
    ("start", "name", "day"),
    [("/visits/start", "visited_at", "care_checks"), ("/patrols/start", "started_at", None),
     ("/services/new", "requested_at", None), ("/issues/new", "happened_at", None)],
)  # fmt: skip
def test_a_time_at_an_end_of_the_calendar_is_refused_and_its_draft_opens(
    at: Laptop, start: str, name: str, day: str | None, when: tuple[str, str]
) -> None:
    path = start
    if start != "/issues/new":
        path = at.browser.post(start, {"household_id": HOME, "result": "nobody"}).location
    paper = Paper.open(at.browser, path)
    paper.values.setlist(name, list(when))
    asked = [one for one in paper.names if one.endswith(".next_on")]
    assert len(asked) == (1 if day else 0)
    for care in asked:
        paper.put({care: when[0]})
    assert paper.keep().status_code == 200
    answer = window(paper).press()
    assert answer.status_code == 422
    assert f'href="#f-{name}"' in answer.text
    assert "年份不对，请核对。" in answer.text
    assert window(paper).values.getlist(name) == list(when)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_at_an_end_of_the_calendar_breaks_no_page(at: Laptop, day: str) -> None:
    resident = rid("resident", 20)
    paper = Paper.open(at.browser, f"/base/residents/{resident}/care")
    paper.fill(since=day, risk="key", cats="alone", basis="statutory", keeper_id=WORKER)
    assert paper.press().status_code == 302
    begun = at.browser.post("/visits/start", {"household_id": HOME})
    visit = Paper.open(at.browser, begun.location)
    (check,) = [one for one in visit.names if one.endswith(".next_on")]
    visit.put({check: day, check.replace("next_on", "state"): "well"})
    visit.fill(result="met", met="林示例", notice_given="1", mode="door").press()
    assert views(at.ws, "visit")
    subjects = [f"/coverage?of={one}&show=all" for one in SUBJECTS]
    for page in ("/", "/visits", *subjects, "/base"):
        assert at.browser.get(page).status_code == 200


def test_a_kept_draft_stays_on_its_page(at: Laptop) -> None:
    answer = shop(at).press("keep")
    assert answer.location.startswith("/records/draft/")
    assert views(at.ws, "shop", name="新店") == []


def test_two_windows_with_the_same_content_save_once(at: Laptop) -> None:
    first = shop(at).fill(address="北街1号")
    first.keep()
    second = window(first)
    assert second.press().status_code == 302
    answer = first.press()
    assert answer.location == f"/records/shop/{first.draft_id}"
    assert "没有重复保存" in at.browser.get(answer.location).text
    assert len(at.ws.table(CHANGES)) == 1


def test_two_windows_with_other_content_make_one_record_and_a_correction(at: Laptop) -> None:
    first = shop(at).fill(address="北街1号")
    first.keep()
    second = window(first)
    second.fill(staff="2").press()
    answer = first.fill(staff="5").press()
    correction = Paper.open(at.browser, answer.location)
    assert "再按保存即作为更正" in correction.page.text
    assert correction["staff"] == "5"
    assert correction.press().status_code == 302
    assert [one["action"] for one in changes_of(at.ws, first.draft_id)] == ["create", "update"]
    assert len(views(at.ws, "shop", name="新店")) == 1


def test_an_older_window_is_told_and_chooses(at: Laptop) -> None:
    first = shop(at)
    first.keep()
    second = window(first)
    second.fill(name="第二个窗口").keep()
    late = first.fill(name="第一个窗口").keep()
    assert late.status_code == 409
    assert "另一个窗口在08:41改过这份草稿" in late.json["words"]  # type: ignore[index]
    answer = first.press()
    assert answer.status_code == 409
    refused = Paper(at.browser, answer)
    assert refused["name"] == "第一个窗口"
    for again in (refused.press(), refused.press("keep"), refused.fill(staff="5").keep()):
        assert again.status_code == 409
        assert window(first)["name"] == "第二个窗口"
    refused = Paper(at.browser, refused.press())
    assert (refused["name"], refused["staff"]) == ("第一个窗口", "5")
    refused.values["_force"] = "1"
    assert refused.fill(address="北街1号").press().status_code == 302
    assert views(at.ws, "shop", name="第一个窗口")


def test_the_page_of_a_refused_form_goes_on_keeping(at: Laptop) -> None:
    answer = shop(at).press()
    assert answer.status_code == 422
    again = Paper(at.browser, answer).fill(address="北街1号")
    assert again.keep().status_code == 200
    assert again.press().status_code == 302


def test_a_late_word_of_a_saved_or_deleted_form_is_told_and_makes_no_ghost(at: Laptop) -> None:
    paper = shop(at).fill(address="北街1号")
    paper.press()
    assert paper.keep().status_code == 410
    other = shop(at)
    other.keep()
    at.browser.post(f"/drafts/{other.draft_id}/discard")
    answer = other.keep()
    assert answer.status_code == 410
    assert "已在另一个窗口删除" in answer.json["words"]  # type: ignore[index]
    assert drafts.begun(at.ws) == []
    assert other.fill(address="北街2号").press().status_code == 302


def test_a_saved_form_opened_again_leads_to_its_record(at: Laptop) -> None:
    paper = shop(at).fill(address="北街1号")
    paper.press()
    assert at.browser.get(paper.action).location == f"/records/shop/{paper.draft_id}"


def test_a_field_changed_at_the_centre_meanwhile_is_asked_again(at: Laptop) -> None:
    paper = Paper.open(at.browser, f"/records/household/{HOME}/edit").fill(phone="13911112222")
    fields = get_view(at.ws, "household", HOME)["fields"]  # type: ignore[index]
    pull_in(at.ws, "household", HOME, {**fields, "phone": "13700000000"}, version=2)
    answer = paper.press()
    assert answer.status_code == 422
    assert "填写期间此项已有新的内容" in answer.text
    assert Paper(at.browser, answer).press().status_code == 302
    assert changes_of(at.ws, HOME)[0]["fields"] == {"phone": "13911112222"}


def test_nothing_is_kept_without_the_forms_token_or_while_locked(at: Laptop) -> None:
    paper = shop(at)
    del paper.values["csrf_token"]
    assert paper.keep().status_code == 400
    other = shop(at)
    at.desk.lock()
    assert other.keep().status_code == 302
    at.browser.unlock()
    assert drafts.begun(at.ws) == []


def test_a_draft_of_one_page_is_not_filled_in_on_another(at: Laptop) -> None:
    paper = shop(at)
    paper.keep()
    assert at.browser.get(f"/patrols/draft/{paper.draft_id}").location == "/"


def test_odd_posts_are_answered_and_keep_the_draft_readable(at: Laptop) -> None:
    paper = shop(at)
    paper.values["_revision"] = "9" * 40
    paper.values.setlist("stranger:field", ["x"])
    paper.values.setlist("feedings..note", ["x"])
    assert paper.keep().status_code == 200
    assert paper.press("nonsense:x").status_code == 302
    assert window(paper)["name"] == "新店"


def test_drafts_are_gone_after_their_time_but_begun_ones_never(at: Laptop, hands: Hands) -> None:
    shop(at).keep()
    Paper.open(at.browser, "/records/shop/new")
    for _ in range(2):
        hands.passes(8 * 24 * 3600)
        at.browser.unlock()
        Paper.open(at.browser, "/records/shop/new")
    found = [(one["revision"], one["state"]) for one in at.ws.table(DRAFTS)]
    assert found == [(1, "open"), (0, "deleted"), (0, "open")]


REPORT = {"category": "ENV", "title": "垃圾未清", "text": "三天没有清运", "place": "北门",
          "urgency": "normal", "level": "2"}  # fmt: skip


@pytest.mark.parametrize("kept", [True, False])
def test_a_form_left_open_overnight_is_kept_and_saved(at: Laptop, hands: Hands, kept: bool) -> None:
    evening = Paper.open(at.browser, "/issues/new")
    hands.passes(13 * 3600)
    at.browser.unlock()
    Paper.open(at.browser, "/records/shop/new")  # the next form puts old ones away
    evening.values["csrf_token"] = Paper.open(at.browser, "/records/shop/new")["csrf_token"]
    evening.put(dict(REPORT))
    if kept:
        assert evening.keep().status_code == 200
        assert [one["draft_id"] for one in drafts.begun(at.ws)] == [evening.draft_id]
    assert evening.press().status_code == 302
    assert views(at.ws, "issue", title="垃圾未清")


@pytest.mark.parametrize("act", ["keep", "add:contacts"])
def test_a_button_of_a_form_deleted_elsewhere_loses_nothing(at: Laptop, act: str) -> None:
    paper = Paper.open(at.browser, f"/records/compound/{rid('compound', 1)}/edit")
    paper.fill(name="新村").keep()
    at.browser.post(f"/drafts/{paper.draft_id}/discard")
    paper.values["_revision"] = "1"
    again = paper.fill(address="北街1号").press_on(act)
    assert (again["name"], again["address"]) == ("新村", "北街1号")
    assert len(drafts.begun(at.ws)) == 1


def test_a_deleted_form_is_saved_days_later_by_the_window_it_stands_open_in(
    at: Laptop, hands: Hands
) -> None:
    paper = shop(at).fill(address="北街1号")
    paper.keep()
    at.browser.post(f"/drafts/{paper.draft_id}/discard")
    hands.passes(3 * 24 * 3600)
    at.browser.unlock()
    paper.values["csrf_token"] = shop(at)["csrf_token"]
    paper.values["_revision"] = "1"
    assert paper.press().status_code == 302
    assert views(at.ws, "shop", name="新店")
