"""Service requests at the staff's pages: taken in, given out, seen through, counted."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask

from sync_server.services.ids import new_id
from tests.sync_server.web.staff import COMMUNITY, Town, post, sign_in

REQUEST = {
    "requested_at": "2026-09-30T11:30", "kind": "wish", "item": "other", "words": "想要老花镜",
    "applicant": "王样本", "phone": "10000002222", "channel": "wish_tree", "area": COMMUNITY,
}  # fmt: skip


def test_a_wish_is_taken_in_assigned_done_rated_and_counted(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    record_id = new_id()
    answer = post(client, "/services/new", record_id=record_id, **REQUEST | {"applicant": ""})
    assert answer.status_code == 422
    assert "想要老花镜" in answer.text
    answer = post(client, "/services/new", record_id=record_id, **REQUEST)
    assert answer.headers["Location"] == f"/services/{record_id}"
    page = client.get(f"/services/{record_id}").text
    assert "待接单" in page
    assert "王**" in page
    assert "10000002222" not in page
    assert town.here.worker is not None

    def take(action: str, **said: str) -> int:
        step_id = new_id()
        address = f"/services/{record_id}/step"
        return int(post(client, address, step_id=step_id, action=action, **said).status_code)

    assert take("assign", taker_id=town.people["neighbour"].user_id) == 422
    assert take("assign", taker_id=town.here.worker.user_id) == 303
    assert "已派单" in client.get("/services?state=assigned").text
    assert take("rate", rating="5") == 409
    assert take("solve", result="solved", person_times="2") == 303
    assert take("rate", rating="4", text="很好") == 303
    page = client.get(f"/services/{record_id}").text
    for words in ("已评单", "2 人次", "评价 4 分", "响应 达标", "方案 无须"):
        assert words in page
    page = client.get("/services/figures?since=2026-09-01&until=2026-09-30").text
    assert "100.0 %" in page
    assert "人次：已办结服务单填写的服务人次之和" in page


@pytest.mark.parametrize("area", ["", COMMUNITY])
def test_the_figures_lead_to_the_requests_that_make_them(town: Town, app: Flask, area: str) -> None:
    client = sign_in(app, "community")
    asked = {"2026-09-01": "cancelled", "2026-09-29": "", "2026-09-30": "", "2026-08-31": ""}
    for day, state in asked.items():
        record_id = new_id()
        said = REQUEST | {"requested_at": f"{day}T09:30"}
        assert post(client, "/services/new", record_id=record_id, **said).status_code == 303
        if state:
            address = f"/services/{record_id}/step"
            post(client, address, step_id=new_id(), action="cancel", text="不要了")
    page = client.get(f"/services/figures?since=2026-09-01&until=2026-09-30&area={area}").text
    links = re.findall(r'href="(/services\?[^"]*since[^"]*)">(\d+)</a>', page)
    assert {"state=counted", "state=open", "state=cancelled"} <= {
        link.split("?")[1].split("&")[0] for link, _ in links
    }
    assert any("item=other" in link for link, _ in links)
    for link, count in links:
        found = client.get(unescape(link)).text
        assert f"共 {count} 条" in found, (link, count)
        assert "2026-09-01 至 2026-09-30 提出的" in found


def test_clocks_and_ratings_lead_to_the_requests_that_make_them(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    assert town.here.worker is not None
    taker = {"taker_id": town.here.worker.user_id}
    for rating in ("5", "2"):
        record_id = new_id()
        assert post(client, "/services/new", record_id=record_id, **REQUEST).status_code == 303
        for action, said in (("assign", taker), ("solve", {"result": "solved",
                             "person_times": "1"}), ("rate", {"rating": rating})):  # fmt: skip
            address = f"/services/{record_id}/step"
            post(client, address, step_id=new_id(), action=action, **said)
    post(client, "/services/new", record_id=new_id(), **REQUEST)  # its clocks run
    page = client.get("/services/figures?since=2026-09-01&until=2026-09-30").text
    links = re.findall(r'href="(/services\?[^"]*figure=(\w+)[^"]*)">(\d+)</a>', page)
    assert {
        "respond_met",
        "reply_decided",
        "plan_running",
        "standard_met",
        "rated",
        "satisfied",
    } <= {name for _, name, _ in links}
    for link, name, count in links:
        found = client.get(unescape(link)).text
        assert f"共 {count} 条" in found, (link, count)
        if name == "satisfied":
            assert "评价 4 分及以上" in found
            assert count == "1"


def test_a_step_somebody_overtook_says_so_and_gives_the_words_back(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    service = town.here.ids["service"]
    answer = post(
        client, f"/services/{service}/step", step_id=new_id(), action="reply", text="下午过去"
    )
    assert answer.status_code == 409
    assert "情况刚有变化" in answer.text
    assert "下午过去" in answer.text


def test_a_household_leads_to_a_request_of_its_own(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    household = town.here.ids["household"]
    assert f"household_id={household}" in client.get(f"/records/household/{household}").text
    page = client.get(f"/services/new?household_id={household}").text
    found = re.search(r'name="record_id" value="([^"]+)"', page)
    assert found
    said = {name: text for name, text in REQUEST.items() if name != "area"}
    post(client, "/services/new", record_id=found[1], household_id=household, **said)
    assert "幸福里 3-1-502" in client.get(f"/services/{found[1]}").text
    assert client.get(f"/services/new?household_id={new_id()}").status_code == 404
    other = town.there.ids["household"]
    assert client.get(f"/services/new?household_id={other}").status_code == 404


def test_an_area_outside_ones_own_is_refused(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    answer = post(client, "/services/new", record_id=new_id(), **REQUEST | {"area": "990101100008"})
    assert answer.status_code == 422
    assert client.get("/services?area=990101100008").status_code == 404
    assert client.get("/services/figures?area=990101100008").status_code == 404
