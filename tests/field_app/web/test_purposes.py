"""A form asks what the district collects and says what for; what is not collected can still be
taken away where it stands. Extinguishers that run out are due."""

from __future__ import annotations

import pytest

from field_app.services.coverage import coverage, extinguishers_due
from field_app.services.records import changes_of
from schemas.fields import Declared
from schemas.purposes import is_asked
from tests.field_app.forms import Paper
from tests.field_app.laptops import GRID, Laptop
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import pull_in, rid

DISTRICT_AREA = "01998a00-0000-7000-8001-000000000099"
HOME = rid("household", 1)
SAID = {
    "id_no": {"unused": True},
    "basic": {"purpose": "上门服务", "notice": "2026-9", "basis": "statutory"},
    "care": {"basis": "consent"},
    "reporter": {"unused": True},
}


@pytest.fixture
def at(laptop: Laptop) -> Laptop:
    """A laptop whose district does not collect ID numbers, nor who reported an issue."""
    at = sign_in(laptop)
    pull_in(at.ws, "area", DISTRICT_AREA, {
        "code": "990101", "name": "示例区", "level": "district", "valid_from": "2020-01-01",
        "field_groups": SAID,
    }, area="990101")  # fmt: skip
    return at


def test_what_is_not_collected_is_not_asked(at: Laptop) -> None:
    paper = Paper.open(at.browser, f"/base/households/{HOME}/resident")
    assert not {"id_no"} & paper.names
    assert {"name", "phone", "guardian"} <= paper.names
    assert paper["notice_version"] == "2026-9"
    assert paper["basis"] == "statutory"
    assert "用途：上门服务（法定职责）。" in paper.page.text
    assert paper.page.text.count("用途：") == 1, "it is said where its first field is asked"
    assert not {"reporter", "reporter_phone"} & Paper.open(at.browser, "/issues/new").names


def test_what_is_not_collected_can_be_taken_away_where_it_stands(at: Laptop) -> None:
    person = rid("resident", 1)
    paper = Paper.open(at.browser, f"/records/resident/{person}/edit")
    assert "本区县已不采集，请清空。" in paper.page.text
    paper.fill(id_no="").press()
    assert changes_of(at.ws, person)[0]["fields"] == {"id_no": None}
    assert "id_no" not in Paper.open(at.browser, f"/records/resident/{person}/edit").names


def test_what_is_not_collected_is_not_carried_on_from_the_last_visit(at: Laptop) -> None:
    def begin() -> Paper:
        answer = at.browser.post("/visits/start", {"household_id": HOME})
        return Paper.open(at.browser, answer.location)

    met = {"result": "met", "mode": "door", "purposes": ["daily"], "notice_given": "1"}
    paper = begin().fill(**met, met="林示例")
    paper.put({f"care_checks.{rid('resident', 1)}.state": "well"}).press()
    assert begin()["met"] == "林示例"
    pull_in(at.ws, "area", DISTRICT_AREA, {
        "code": "990101", "name": "示例区", "level": "district", "valid_from": "2020-01-01",
        "field_groups": {"met": {"unused": True}},
    }, area="990101")  # fmt: skip
    assert "met" not in begin().names


def test_care_begins_with_the_districts_legal_basis(at: Laptop) -> None:
    paper = Paper.open(at.browser, f"/base/residents/{rid('resident', 40)}/care")
    assert paper["basis"] == "consent"


def test_without_a_word_of_the_district_everything_is_asked(laptop: Laptop) -> None:
    at = sign_in(laptop)
    paper = Paper.open(at.browser, f"/base/households/{HOME}/resident")
    assert "id_no" in paper.names
    assert "用途：" not in paper.page.text


def test_what_one_page_left_out_does_not_stay_for_the_next(at: Laptop) -> None:
    at.browser.get("/")
    at.desk.lock()
    at.browser.get("/unlock")
    field = Declared("x", "x", group="id_no")
    assert is_asked(field)


def test_extinguishers_that_run_out_are_due(laptop: Laptop) -> None:
    at = sign_in(laptop)
    days = ("2026-09-29", "2026-09-30", "2026-10-30", "2026-10-31")
    for number, until in enumerate(days, 2):
        pull_in(at.ws, "shop", rid("shop", number), {
            "name": f"铺子{number}", "kind": "retail", "address": f"建设路{number}号",
            "extinguisher_until": until, "room_id": rid("room", number),
        }, area=GRID)  # fmt: skip
    assert extinguishers_due(at.ws) == {"overdue": 1, "due": 2, "ok": 1}
    found = coverage(at.ws, "shop", "all")
    assert [(one.title, one.mark, one.last) for one in found.items] == [
        ("铺子2", "overdue", "2026-09-29"), ("铺子3", "due", "2026-09-30"),
        ("铺子4", "due", "2026-10-30"), ("铺子5", "ok", "2026-10-31"),
    ]  # fmt: skip
    today = at.browser.get("/").text
    assert "已过期1家" in today
    assert "30天内到期2家" in today
    page = at.browser.get("/coverage?of=shop").text
    assert "铺子2" in page
    assert "有效期至 2026-09-29" in page
    assert f"/records/shop/{rid('shop', 2)}/edit" in page
    paper = Paper.open(at.browser, f"/records/shop/{rid('shop', 2)}/edit")
    paper.fill(extinguisher_until="2027-09-30").press()
    assert extinguishers_due(at.ws) == {"overdue": 0, "due": 2, "ok": 2}
    assert "已过期" not in at.browser.get("/").text


def test_a_code_the_district_does_not_use_is_not_offered(laptop: Laptop) -> None:
    at = sign_in(laptop)
    path = f"/records/shop/{rid('shop', 1)}/edit"
    assert "美容美发" in at.browser.get(path, follow_redirects=True).text
    pull_in(at.ws, "area", DISTRICT_AREA, {
        "code": "990101", "name": "示例区", "level": "district", "valid_from": "2020-01-01",
        "code_settings": {
            f"SHOP_KIND.{code}": {"code": f"SHOP_KIND.{code}", "unused": True}
            for code in ("beauty", "catering")
        },
    }, area="990101")  # fmt: skip
    page = at.browser.get(path, follow_redirects=True).text
    assert "美容美发" not in page
    assert "餐饮" in page, "what stands keeps its words"
    assert "餐饮" in at.browser.get("/records/shop/").text


def test_a_household_says_which_consents_nobody_noted(laptop: Laptop) -> None:
    at = sign_in(laptop)
    page = at.browser.get(f"/base/households/{HOME}").text
    assert "没有监护人同意的记录" not in page
    member = {"sex": "1", "relation": "20", "reside": "registered", "household_id": HOME,
              "notice_version": "2026-1", "notice_at": "2026-01-01T08:00:00+08:00",
              "basis": "consent"}  # fmt: skip
    child = rid("resident", 900)
    pull_in(at.ws, "resident", child, member | {
        "name": "林小样", "birth": "2020-05", "guardian": "林示例",
    }, area=GRID)  # fmt: skip
    pull_in(at.ws, "care", rid("care", 900), {
        "resident_id": child, "cats": ["child"], "risk": "key", "visit_every_days": 30,
        "keeper_id": at.ws.worker_id, "since": "2026-01-01", "basis": "consent",
    }, area=GRID)  # fmt: skip
    page = at.browser.get(f"/base/households/{HOME}").text
    assert page.count("没有监护人同意的记录") == page.count("没有同意关怀的记录") == 1
    paper = Paper.open(at.browser, f"/records/resident/{child}/edit").press_on("add:consents")
    (key,) = {name.split(".")[1] for name in paper.names if name.startswith("consents.")}
    said = {"on": "2026-09-30", "by": "guardian", "scope": ["basic", "care"], "how": "verbal"}
    paper.put({f"consents.{key}.{name}": value for name, value in said.items()}).press()
    page = at.browser.get(f"/base/households/{HOME}").text
    assert "没有监护人同意的记录" not in page
    assert "没有同意关怀的记录" not in page
