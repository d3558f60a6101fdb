"""The pages of the working calendar and the time limits."""

from __future__ import annotations

import re
from datetime import date

from flask import Flask

from sync_server.domain.deadlines import Limit
from sync_server.domain.time_limits import Clockwork
from sync_server.services.time_limits import load_clockwork
from tests.sync_server.web.staff import Town, post, sign_in

ENV_2 = "/limits/rule?clock=handle&category=ENV&level=2"


def clockwork(town: Town) -> Clockwork:
    with town.centre.store.reading() as connection:
        return load_clockwork(connection, town.centre.code)


def cell(page: str, day: str) -> str:
    """Return the cell of a day on the year's page."""
    found = re.search(rf'<td class="([^"]*)">\s*<a href="/calendar/{day}"(.*?)</td>', page, re.S)
    assert found, day
    return found[1] + found[2]


def test_the_year_shows_holidays_and_adjusted_days(quiet_town: Town, quiet_app: Flask) -> None:
    page = sign_in(quiet_app, "community").get("/calendar?year=2026").text
    assert page.count('class="month"') == 12
    assert "off turned" in cell(page, "2026-10-01")
    assert "国庆节" in cell(page, "2026-10-01")
    assert "on turned" in cell(page, "2026-10-10")
    assert "turned" not in cell(page, "2026-10-09")
    assert "尚未公布" not in page
    assert "修改工作时间" not in page
    assert "08:30–12:00、14:00–17:30" in page


def test_this_year_is_shown_when_none_is_asked_for(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "leader")
    for address in ("/calendar", "/calendar?year=x", "/calendar?year=²²²²"):
        assert "<small>2026</small>" in client.get(address).text


def test_a_year_that_is_not_published_says_so(quiet_town: Town, quiet_app: Flask) -> None:
    page = sign_in(quiet_app, "community").get("/calendar?year=2099").text
    assert "2099 年的节假日安排尚未公布" in page


def test_days_that_are_none_are_not_found(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "district")
    for address in ("/calendar/2026-02-30", "/calendar/x", "/calendar/1950-01-01",
                    "/calendar?year=1950", "/calendar?year=9999"):  # fmt: skip
        assert client.get(address).status_code == 404, address
    assert post(client, "/calendar/1950-01-01", working="1").status_code == 404


def test_a_day_is_decided_shown_and_given_back(town: Town, app: Flask) -> None:
    client = sign_in(app, "district")
    form = {"working": "0", "note": "<区运动会>"}
    answer = post(client, "/calendar/2026-10-08", **form)
    assert answer.headers["Location"] == "/calendar?year=2026"
    page = client.get("/calendar?year=2026").text
    assert "own" in cell(page, "2026-10-08")
    assert "&lt;区运动会&gt;" in page
    assert "职员district" in page
    assert not clockwork(town).calendar.works(date(2026, 10, 8))
    reader = sign_in(app, "community").get("/calendar/2026-10-08").text
    assert "&lt;区运动会&gt;" in reader
    assert '<form method="post" action="/calendar' not in reader
    again = post(client, "/calendar/2026-10-08", **form)
    assert "没有变化" in client.get(again.headers["Location"]).text
    post(client, "/calendar/2026-10-08", reset="1")
    assert clockwork(town).calendar.works(date(2026, 10, 8))


def test_what_was_typed_of_a_day_comes_back_when_it_is_refused(town: Town, app: Flask) -> None:
    client = sign_in(app, "district")
    answer = post(client, "/calendar/2026-10-08", note="还没想好")
    assert answer.status_code == 422
    assert "还没想好" in answer.text
    long = "长" * 201
    answer = post(client, "/calendar/2026-10-08", working="0", note=long)
    assert answer.status_code == 422
    assert long in answer.text
    assert re.search(r'value="0" checked', answer.text)


def test_hours_are_set_and_refused_with_what_was_typed(town: Town, app: Flask) -> None:
    client = sign_in(app, "district")
    assert 'value="14:00"' in client.get("/working-hours").text
    wrong = post(client, "/working-hours", start1="09:00", end1="08:00")
    assert wrong.status_code == 422
    assert 'value="09:00"' in wrong.text
    post(client, "/working-hours", start1="09:00", end1="17:00")
    page = client.get("/calendar").text
    assert "09:00–17:00" in page
    assert "都从受理时起算" in page  # the box was left empty
    assert not clockwork(town).desk_hours


def test_a_limit_is_changed_marked_and_reset(town: Town, app: Flask) -> None:
    client = sign_in(app, "district")
    assert "当日24:00前" in client.get(ENV_2).text
    wrong = post(client, ENV_2, amount="两", unit="working_days")
    assert wrong.status_code == 422
    assert 'value="两"' in wrong.text
    assert post(client, ENV_2, amount="2", unit="working_days").status_code == 303
    page = client.get("/limits").text
    assert "<strong>2个工作日</strong>" in page
    assert page.count("已改") == 1
    assert clockwork(town).limit("handle", "ENV", "2") == Limit(2, "working_days")
    post(client, ENV_2, reset="1")
    assert "已改" not in client.get("/limits").text
    assert clockwork(town).limit("handle", "ENV", "2") == Limit(1, "same_day")


def test_a_rule_is_added_and_deleted(town: Town, app: Flask) -> None:
    client = sign_in(app, "district")
    typed = {"clock": "handle", "category": "NOI", "amount": "5", "unit": "working_days"}
    assert post(client, "/limits/new", **{**typed, "clock": ""}).status_code == 422
    wrong = post(client, "/limits/new", **{**typed, "amount": "0"})
    assert wrong.status_code == 422
    assert 'value="NOI" selected' in wrong.text
    assert post(client, "/limits/new", **typed).status_code == 303
    assert "本区县自加" in client.get("/limits").text
    address = "/limits/rule?clock=handle&category=NOI"
    assert "删去这一条" in client.get(address).text
    post(client, address, reset="1")
    assert client.get(address).status_code == 404


def test_readers_see_the_limits_without_changing_them(quiet_town: Town, quiet_app: Flask) -> None:
    page = sign_in(quiet_app, "leader").get("/limits").text
    assert "15个工作日" in page
    assert "/limits/rule" not in page
    assert "/limits/new" not in page


def test_the_audit_says_it_in_words(town: Town, app: Flask) -> None:
    district = sign_in(app, "district")
    post(district, ENV_2, amount="2", unit="working_days")
    post(district, "/calendar/2026-10-08", working="0")
    page = sign_in(app, "admin").get("/audit").text
    assert "处置（受理后） · 环境卫生 · 二级（社区）" in page
    assert "个工作日" in page
    assert "定工作日或休息日" in page
    assert "2026-10-08" in page
