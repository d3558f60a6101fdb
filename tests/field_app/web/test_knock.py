"""敲门行动, 材料 and 覆盖 at the browser, without scripts: from the doors to the next one."""

from __future__ import annotations

import pytest

from field_app.services.records import get_view, views
from tests.field_app.forms import Paper
from tests.field_app.laptops import GRID, Laptop
from tests.field_app.services.test_knock import CAMPAIGN, QUESTION, SAYS
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import COMMUNITY, pull_in, rid

DOOR = {"household_id": rid("household", 1), "campaign_id": CAMPAIGN}
WELL = {f"care_checks.{rid('resident', 1)}.state": "well"}


@pytest.fixture
def at(laptop: Laptop) -> Laptop:
    """A worker signed in, in whose grid a campaign runs."""
    signed = sign_in(laptop)
    pull_in(signed.ws, "campaign", CAMPAIGN, SAYS, COMMUNITY)
    return signed


def test_a_door_is_one_tap_from_the_list_and_saving_leads_to_the_next(at: Laptop) -> None:
    assert "还有30户要敲" in at.browser.get("/").text
    assert "还有30户要敲" in at.browser.get("/visits").text
    page = at.browser.get(f"/knock/{CAMPAIGN}/doors").text
    assert page.count('name="result" value="met"') == 8
    start = at.browser.post("/visits/start", {**DOOR, "result": "met"})
    paper = Paper.open(at.browser, start.location)
    assert "秋季防诈骗敲门行动" in paper.page.text
    assert "家里有人在外地工作吗" in paper.page.text
    assert paper["materials.fraud.qty"] == "2"
    paper.put({f"answers.{QUESTION}.text": "有", "notice_given": "1"} | WELL)
    answer = paper.press()
    here = f"/knock/{CAMPAIGN}/doors?building={rid('building', 1)}#doors"
    assert answer.location == here
    (visit,) = views(at.ws, "visit")
    assert visit["fields"]["campaign_id"] == CAMPAIGN
    left = at.browser.get(here.partition("#")[0]).text
    assert "还有29户要敲" in left
    assert left.count('name="result" value="met"') == 7
    assert "完成 1 / 30" in at.browser.get("/knock").text


def test_an_answer_forgotten_on_a_visit_is_filed_under_its_question(at: Laptop) -> None:
    paper = Paper.open(at.browser, at.browser.post("/visits/start", DOOR).location)
    paper.fill(result="met", mode="door", notice_given="1").put(WELL).press()
    (visit,) = views(at.ws, "visit")
    paper = Paper.open(at.browser, f"/records/visit/{visit['record_id']}/edit")
    assert "家里有人在外地工作吗" in paper.page.text
    paper.put({f"answers.{QUESTION}.text": "没有"}).press()
    assert views(at.ws, "visit")[0]["fields"]["answers"] == {QUESTION: {"text": "没有"}}


def test_a_visit_begun_elsewhere_is_counted_by_a_button(at: Laptop) -> None:
    start = at.browser.post("/visits/start", {"household_id": rid("household", 2)})
    paper = Paper.open(at.browser, start.location)
    paper = paper.fill(result="met", mode="door", notice_given="1")
    paper.put({f"care_checks.{rid('resident', 4)}.state": "well"})
    paper = paper.press_on(f"campaign:{CAMPAIGN}")
    assert "计入敲门行动" in paper.page.text
    paper = paper.press_on("as_planned")
    assert paper["materials.fraud.qty"] == "2"
    assert paper.press().status_code == 302
    assert views(at.ws, "visit")[0]["fields"]["campaign_id"] == CAMPAIGN


def test_leaflets_are_recorded_and_what_is_left_is_shown(at: Laptop) -> None:
    address = "/records/material_move/new?move=received"
    paper = Paper.open(at.browser, at.browser.get(address).location)
    paper.fill(material="fraud", move="received", qty="40").press()
    page = at.browser.get("/materials").text
    assert "<strong>40</strong>" in page
    assert "剩余是负数" not in page
    gone = Paper.open(at.browser, at.browser.get("/records/material_move/new").location)
    gone.fill(material="law", move="lost", qty="3").press()
    page = at.browser.get("/materials").text
    assert ">-3</strong>" in page
    assert "剩余是负数" in page
    assert 'href="/visits" aria-current="page"' in page


def test_coverage_begins_with_what_presses_most(at: Laptop) -> None:
    def begins(of: str) -> str:
        pills = at.browser.get(f"/coverage?of={of}").text.partition("nav-pills marks")[2]
        return pills.partition(' active"')[2].partition("</a>")[0].partition("</span>")[2]

    assert begins("care").startswith("超期")
    for number in range(1, 7):
        view = dict(get_view(at.ws, "care", rid("care", number)) or {})
        later = view["fields"] | {"since": "2026-09-29", "visit_every_days": 3}
        pull_in(at.ws, "care", rid("care", number), later)
    assert begins("care").startswith("快到期")


def test_coverage_lists_who_is_due_and_draws_what_has_a_position(at: Laptop) -> None:
    page = at.browser.get("/coverage?of=household").text
    assert "没有见到过" in page
    assert "画不出图" in page
    for number, (lat, lon) in enumerate([(39_001_000, 112_001_000), (39_002_000, 112_003_000)], 1):
        said = {"compound_id": rid("compound", 1), "no": str(number),
                "location": {"lat": lat, "lon": lon, "crs": "local-demo"}}  # fmt: skip
        pull_in(at.ws, "building", rid("building", number), said, GRID, version=2)
    page = at.browser.get("/coverage?of=household").text
    assert page.count('class="spot mark-overdue"') == 2
    assert "<polygon" in page
    assert "style=" not in page
    place = rid("building", 2)
    narrowed = at.browser.get(f"/coverage?of=household&show=all&at={place}").text
    assert narrowed.count('name="household_id"') == 8
    assert at.browser.get("/coverage?of=point").text.count("没有巡查过") == 2
    assert "关怀" in at.browser.get("/coverage").text


@pytest.mark.parametrize("address", ["/knock/nothing", "/knock/nothing/doors"])
def test_an_unknown_campaign_is_not_found(at: Laptop, address: str) -> None:
    assert at.browser.get(address).status_code == 404
    answer = at.browser.post("/visits/start", {**DOOR, "campaign_id": "nothing"})
    assert answer.status_code == 404
