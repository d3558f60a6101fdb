"""Issues that reach a desk of the centre: entered there, seen on the laptop, counted by source."""

from __future__ import annotations

import io
import re
from html import unescape
from typing import Any

import openpyxl
import pytest
from flask import Flask

from sync_server.services.ids import new_id
from sync_server.store import records_read
from tests.sync_server.web.staff import NEXT_DOOR_GRID, Town, load, post, sign_in
from tests.sync_server.world import GRID

SAID = {
    "source": "mayor_line", "source_no": "12345-001", "happened_at": "2026-09-30T09:30",
    "category": "PROP", "title": "物业收费", "text": "多收了一个月", "level": "2",
    "urgency": "normal", "place": "3号楼", "area": GRID,
}  # fmt: skip


def enter(app: Flask, role: str, **said: str) -> tuple[Any, str]:
    """Enter an issue as somebody of a role; return the answer and the issue's id."""
    record_id = new_id()
    answer = post(sign_in(app, role), "/issues/new", record_id=record_id, **SAID | said)
    return answer, record_id


def test_what_the_community_enters_is_accepted_and_reaches_the_laptop(
    town: Town, app: Flask
) -> None:
    answer, record_id = enter(app, "community", reporter="王样本", reporter_phone="10000003333")
    assert answer.headers["Location"] == f"/issues/{record_id}"
    page = sign_in(app, "community").get(f"/issues/{record_id}").text
    for words in ("已受理", "市长热线", "12345-001", "990101-2026-000001", "王**"):
        assert words in page
    assert "10000003333" not in page
    reply = town.here.laptop.send()
    came = {one["record_id"]: one for one in reply["updates"]}
    assert came[record_id]["fields"]["at_centre"] is True
    assert any(one["fields"].get("issue_id") == record_id for one in came.values())


def test_what_street_and_district_enter_waits_for_the_community_which_cannot_return_it(
    town: Town, app: Flask
) -> None:
    for role in ("street", "district"):
        _, record_id = enter(app, role, source_no=role)
        desk = sign_in(app, "community")
        page = desk.get(f"/issues/{record_id}").text
        assert "已上报" in page
        assert f"/issues/{record_id}/do/accept" in page
        assert f"/issues/{record_id}/do/return" not in page
        assert "没有填报人可退" in desk.get(f"/issues/{record_id}/do/return").text


def test_a_compound_in_one_grid_says_the_grid(town: Town, app: Flask) -> None:
    compound = town.here.ids["compound"]
    answer, record_id = enter(app, "community", area="", compound=compound)
    assert answer.status_code == 303
    with town.centre.store.reading() as connection:
        row = records_read.get(connection, town.centre.code, record_id)
    assert row is not None
    assert (row["grid"], row["fields"]["compound_id"]) == (GRID, compound)
    second = {"compound_id": compound, "no": "4"}
    load(town.centre, town.people["district"].user_id, "building", GRID[:-1] + "9", second)
    answer, _ = enter(app, "community", area="", compound=compound, source_no="2")
    assert (answer.status_code, "跨几个网格" in answer.text) == (422, True)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"area": ""}, "请选择您辖区内的网格"),
        ({"area": GRID[:12]}, "请选择您辖区内的网格"),
        ({"area": NEXT_DOOR_GRID}, "请选择您辖区内的网格"),
        ({"happened_at": "2026-12-24T09:00"}, "不能晚于现在"),
        ({"title": ""}, "还没有保存"),
        ({"source": ""}, "还没有保存"),
    ],
)
def test_what_is_wrong_comes_back_with_what_was_typed(
    town: Town, app: Flask, said: dict[str, str], words: str
) -> None:
    answer, record_id = enter(app, "community", **said)
    assert answer.status_code == 422
    assert words in answer.text
    assert "多收了一个月" in answer.text
    assert sign_in(app, "community").get(f"/issues/{record_id}").status_code == 404


def test_a_compound_next_door_is_not_known(town: Town, app: Flask) -> None:
    answer, _ = enter(app, "community", compound=town.there.ids["compound"])
    assert answer.status_code == 422


def test_a_number_of_a_source_is_entered_once_and_a_form_sent_twice_too(
    town: Town, app: Flask
) -> None:
    desk, record_id = sign_in(app, "community"), new_id()
    for _ in range(2):
        assert post(desk, "/issues/new", record_id=record_id, **SAID).status_code == 303
    answer, _ = enter(app, "community")
    assert answer.status_code == 422
    assert "已经登记过：990101-2026-000001 物业收费" in answer.text
    assert enter(app, "community", source="supervision")[0].status_code == 303
    assert "共 2 件" in desk.get("/issues?tab=all&q=12345-001").text


def test_sources_and_ways_of_handling_are_counted_and_lead_to_their_issues(
    town: Town, app: Flask
) -> None:
    enter(app, "community")
    enter(app, "community", source="petition", source_no="x")
    enter(app, "community", source_no="y", happened_at="2025-09-30T09:30")
    client = sign_in(app, "district")
    page = client.get("/statistics?since=2026-09-01&until=2026-09-30").text
    table = page[page.index('id="sources"') : page.index('id="modes"')]
    row = re.search(r'<th scope="row">市长热线</th>(.*?)</tr>', table, re.S)
    assert row is not None
    cells = re.findall(r'<td class="num">(.*?)</td>', row[1], re.S)
    numbers = [re.sub("<[^>]+>", "", one).strip() for one in cells]
    assert numbers == ["1", "0", "1", "0", "—", "1", "+0.0%"]
    links = re.findall(r'href="(/issues\?[^"]*source=[^"]*)">(\d+)</a>', table)
    assert len(links) >= 4
    for link, count in links:
        assert f"共 {count} 件" in client.get(unescape(link)).text, link
    only = client.get("/statistics?since=2026-09-01&until=2026-09-30&source=petition").text
    assert "只统计来源为“信访”的事件" in only
    assert "市长热线</th>" not in only
    assert "source=petition" in only


def test_compounds_lead_to_their_issues_and_go_into_a_workbook(town: Town, app: Flask) -> None:
    compound = town.here.ids["compound"]
    enter(app, "community", compound=compound)
    client = sign_in(app, "street")
    address = "/statistics/compounds?since=2026-09-01&until=2026-09-30"
    page = client.get(address).text
    links = re.findall(rf'href="(/issues\?[^"]*compound={compound}[^"]*)">(\d+)</a>', page)
    assert {re.search("figure=([a-z]+)", link)[1] for link, _ in links} == {  # type: ignore[index]
        "valid", "unresolved", "complaints",
    }  # fmt: skip
    for link, count in links:
        assert f"共 {count} 件" in client.get(unescape(link)).text, link
    filed = client.get(f"/compounds/{compound}/file").text
    assert "今年有效事件" in filed
    assert f"figure=complaints&amp;compound={compound}" in filed
    said = {"since": "2026-09-01", "until": "2026-09-30", "area": "", "tag": ""}
    answer = post(client, "/statistics/compounds/export", **said)
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    rows = list(book["小区统计"].iter_rows(values_only=True))
    mine = next(row for row in rows if row[0] == "幸福里")
    assert mine[3:6] == (1, 1, 1)
    assert [row[0] for row in book["说明"].iter_rows(values_only=True)][1:3] == ["时间", "区域"]
    assert "导出" in sign_in(app, "admin").get("/audit").text
    assert post(client, "/statistics/compounds/export", since="x").status_code == 422
