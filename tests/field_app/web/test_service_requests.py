"""服务单 at the browser: taken at the door, on a visit, claimed, done, rated."""

from __future__ import annotations

import pytest

from field_app.services import service_requests
from field_app.services.records import views
from tests.field_app.forms import Paper
from tests.field_app.laptops import GRID, WORKER, Laptop
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import COLLEAGUE, pull_in, rid

HOME = rid("household", 1)
WELL = {f"care_checks.{rid('resident', 1)}.state": "well"}
REQUEST = {"item": "repair", "words": "客厅灯不亮"}


@pytest.fixture
def at(laptop: Laptop) -> Laptop:
    """A laptop with the small grid, its worker signed in at a browser."""
    return sign_in(laptop)


def begin(at: Laptop, **data: str) -> Paper:
    return Paper.open(at.browser, at.browser.post("/services/new", data).location)


def step(at: Laptop, service: str, action: str) -> str:
    answer = at.browser.post(f"/services/{service}/step", {"action": action})
    assert answer.status_code == 302
    return str(answer.location)


def waiting(at: Laptop, taker: str | None = None) -> str:
    """A request of the desk that waits to be taken on, by ``taker`` when it was assigned."""
    fields = {
        "requested_at": "2026-09-30T08:00:00+08:00", "kind": "wish", "item": "other",
        "words": "想要一副老花镜", "applicant": "王样本", "channel": "wish_tree",
    }  # fmt: skip
    service = rid("service", 1)
    pull_in(at.ws, "service", service, fields)
    common = {"service_id": service, "role": "community", "central": True}
    pull_in(at.ws, "service_step", rid("service_step", 1), {
        **common, "action": "accept", "after": [service], "at": "2026-09-30T08:30:00+08:00",
    })  # fmt: skip
    if taker:
        pull_in(at.ws, "service_step", rid("service_step", 2), {
            **common, "action": "assign", "taker_id": taker, "after": [rid("service_step", 1)],
            "at": "2026-09-30T08:31:00+08:00",
        })  # fmt: skip
    return service


def test_a_request_at_the_door_is_done_and_rated_without_a_network(at: Laptop) -> None:
    assert "登记需求" in at.browser.get("/").text
    assert "登记需求" in at.browser.get(f"/base/households/{HOME}").text
    paper = begin(at, household_id=HOME)
    assert paper["applicant"] == "林示例"
    assert "金额" in paper.page.text
    answer = paper.fill(**REQUEST).press()
    page = at.browser.get(answer.location).text
    assert "办理中" in page
    assert "响应 达标" in page
    assert "修理电器 · 林示例" in at.browser.get("/").text
    (service,) = (view["record_id"] for view in views(at.ws, "service"))
    paper = Paper.open(at.browser, step(at, service, "solve"))
    assert paper["person_times"] == "1"
    assert "必须填写" in paper.fill(person_times="").press().text
    answer = paper.fill(person_times="2", text="换了灯管").press()
    assert answer.location == f"/services/{service}"
    paper = Paper.open(at.browser, step(at, service, "rate"))
    assert "5 很满意" in paper.page.text
    assert "必须填写" in paper.press().text
    paper.fill(rating="5").press()
    page = at.browser.get(f"/services/{service}").text
    for words in ("已评单", "2人次", "评价 5 分", "方案 无须", "换了灯管"):
        assert words in page
    assert "手上没有服务单" in at.browser.get("/").text
    assert "修理电器 · 林示例" in at.browser.get("/services?state=rated").text
    assert "修理电器 · 林示例" not in at.browser.get("/services?state=doing").text


def test_a_request_may_be_handed_to_the_community_instead(at: Laptop) -> None:
    answer = begin(at).fill(**REQUEST, applicant="王样本").press("save:hand_over")
    page = at.browser.get(answer.location).text
    assert "待受理" in page
    assert views(at.ws, "service_step") == []


def test_a_wish_is_claimed_from_the_list_once(at: Laptop) -> None:
    service = waiting(at)
    assert "有1单可以认领" in at.browser.get("/").text
    assert "认领" in at.browser.get("/services").text
    assert step(at, service, "claim") == f"/services/{service}"
    page = at.browser.get(f"/services/{service}").text
    assert "接单人 林示例" in page
    step(at, service, "claim")
    assert "情况已有变化" in at.browser.get(f"/services/{service}").text
    assert len(views(at.ws, "service_step")) == 2


def test_what_was_given_to_somebody_else_is_not_offered(at: Laptop) -> None:
    service = waiting(at, COLLEAGUE)
    page = at.browser.get(f"/services/{service}").text
    assert 'value="note"' in page
    for action in ("claim", "solve", "release", "rate"):
        assert f'value="{action}"' not in page
        assert step(at, service, action) == f"/services/{service}"
    assert len(views(at.ws, "service_step")) == 2


def test_what_was_assigned_to_the_worker_stands_on_his_first_page(at: Laptop) -> None:
    waiting(at, WORKER)
    assert "其他 · 王样本" in at.browser.get("/").text
    assert "接单" in at.browser.get("/services").text


def test_a_visit_takes_a_request_along_and_links_it(at: Laptop) -> None:
    paper = Paper.open(
        at.browser, at.browser.post("/visits/start", {"household_id": HOME}).location
    )
    paper = paper.fill(result="met", mode="door", notice_given="1", findings="灯坏了").put(WELL)
    paper = paper.press_on("service")
    assert paper["service:words"] == "灯坏了"
    assert paper["service:applicant"] == "林示例"
    paper.put({"service:item": "repair", "service:kind": "order"}).press()
    (visit,), (service,) = views(at.ws, "visit"), views(at.ws, "service")
    assert visit["fields"]["service_ids"] == [service["record_id"]]
    assert service["fields"]["visit_id"] == visit["record_id"]
    assert service["fields"]["requested_at"] == visit["fields"]["visited_at"]
    found = service_requests.standing(at.ws, service["record_id"])
    assert found is not None
    assert (found.case.state, found.case.taker_id) == ("doing", WORKER)


def test_a_request_on_a_visit_can_be_handed_over_or_taken_out_again(at: Laptop) -> None:
    paper = Paper.open(
        at.browser, at.browser.post("/visits/start", {"household_id": HOME}).location
    )
    paper = paper.fill(result="met", mode="door", notice_given="1").put(WELL)
    paper = paper.press_on("service").press_on("take_back:service:")
    assert "service:words" not in paper.names
    paper = paper.press_on("service:hand_over")
    paper.put({"service:item": "repair", "service:words": "修灯"}).press()
    assert len(views(at.ws, "service")) == 1
    assert views(at.ws, "service_step") == []
    assert views(at.ws, "service")[0]["grid"] == GRID


def test_an_unknown_request_is_no_page(at: Laptop) -> None:
    assert at.browser.get(f"/services/{rid('service', 9)}").status_code == 404
    answer = at.browser.post(f"/services/{rid('service', 9)}/step", {"action": "claim"})
    assert answer.status_code == 404
    assert at.browser.post("/services/new", {"household_id": "x"}).status_code == 404
