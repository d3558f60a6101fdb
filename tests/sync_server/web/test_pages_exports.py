"""Exports: the same records as the list, masked, safe to open in a spreadsheet, written down."""

from __future__ import annotations

import csv
import io
import json
import os
import re

import openpyxl
import pytest
import sqlalchemy as sa
from flask import Flask

from sync_server.services import listing, workbooks
from sync_server.services.exports import safe
from sync_server.store.tables import audit
from tests.sync_server.web.staff import (
    GRID,
    ID_NUMBER,
    PHONE,
    Town,
    load,
    load_many,
    post,
    sign_in,
)
from tests.sync_server.world import issue, resident


def rows_of(answer) -> list[list[str]]:
    assert answer.data.startswith("\ufeff".encode())
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def noted(town: Town) -> list:
    with town.centre.store.reading() as connection:
        return list(connection.execute(sa.select(audit).where(audit.c.action == "export")))


def test_an_export_holds_every_field_of_the_list_masked(town: Town, app: Flask) -> None:
    answer = post(sign_in(app, "community"), "/records/resident/export")
    heads, row = rows_of(answer)
    found = dict(zip(heads, row, strict=True))
    assert found["姓名"] == "林**"
    assert found["电话"] == "100****1234"
    assert found["身份证号"] == "990101********001*"
    assert found["所属户"] == "幸福里 3-1-502"
    assert found["性别"] == "男"
    assert found["区域代码"] == GRID
    assert found["填报人"] == "网格员w1"
    assert found["发生时间"] == "2026-09-30 12:00:00"
    assert found["记录号"] == town.here.ids["resident"]
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="resident.csv"; filename*=UTF-8')
    assert answer.mimetype == "text/csv"


def test_an_export_follows_the_filters_and_the_order_of_the_list(town: Town, app: Flask) -> None:
    author = town.here.worker.user_id
    for name, sex in (("王样本", "2"), ("张演示", "2"), ("李说明", "1")):
        load(town.centre, author, "resident", GRID, resident(name=name, sex=sex))
    client = sign_in(app, "community")
    found = rows_of(post(client, "/records/resident/export", **{"f.sex": "2", "sort": "relation"}))
    assert sorted(row[0] for row in found[1:]) == ["张**", "王**"]
    found = rows_of(post(client, "/records/resident/export", q="lsm"))
    assert [row[0] for row in found[1:]] == ["李**"]


def test_an_export_of_nothing_is_a_header(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "community")
    assert len(rows_of(post(client, "/records/shop/export"))) == 1


def test_heads_are_in_the_language_of_the_page(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "community", "en")
    [heads, row] = rows_of(post(client, "/records/household/export"))
    assert heads[:3] == ["Household no.", "Room", "Household kind"]
    assert heads[-8:] == ["Record id", "Area code", "Area", "Entered by", "Happened at",
                          "Received", "Version", "State"]  # fmt: skip
    assert row[-1] == "Conflict"


def test_full_values_need_the_right_and_a_reason(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    refused = post(client, "/records/resident/export", unmask="1", reason=" ")
    assert refused.status_code == 422
    assert post(
        sign_in(app, "leader"), "/records/resident/export", unmask="1", reason="核对名册"
    ).status_code == 403  # fmt: skip
    assert noted(town) == []
    answer = post(client, "/records/resident/export", unmask="1", reason="核对名册")
    heads, row = rows_of(answer)
    found = dict(zip(heads, row, strict=True))
    assert found["姓名"] == "林示例"
    assert found["电话"] == PHONE
    assert found["身份证号"] == f"'{ID_NUMBER}"


@pytest.mark.parametrize("address", ["export", "export-xlsx"])
def test_the_list_comes_back_with_its_filter_when_the_reason_is_missing(
    town: Town, app: Flask, address: str
) -> None:
    client = sign_in(app, "community")
    shown = client.get("/records/resident?q=ls&f.sex=1&sort=name").text
    place = f"/records/resident/{address}"
    assert f'"{place}"' in shown
    hidden = dict(
        re.findall(r'<input type="hidden" name="(q|f\.sex|sort)" value="([^"]*)">', shown)
    )
    answer = post(client, place, unmask="1", reason="核", **hidden)
    assert answer.status_code == 422
    page = answer.text
    assert re.search(r'id="q" name="q" value="ls"', page)
    assert re.search(r'name="f\.sex">.*?value="1" selected', page, re.DOTALL)
    assert '<details class="export" open>' in page
    assert re.search(r'id="unmask"[^>]* checked', page)
    assert re.search(r'id="export-reason" name="reason" value="核"[^>]*aria-invalid="true"', page)
    assert re.search(r'id="export-wrong" role="alert">请写明查看原因', page)
    assert noted(town) == []


def test_every_export_is_written_down_without_what_was_searched(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    post(client, "/records/resident/export", q="林示例", area=GRID)
    post(client, "/records/resident/export", unmask="1", reason="核对名册")
    first, second = noted(town)
    assert first.user_id == town.people["community"].user_id
    assert first.target == "resident"
    assert first.detail == {
        "kind": "resident", "rows": 1, "masked": True, "searched": True, "filters": {"area": GRID}
    }  # fmt: skip
    assert second.detail["masked"] is False
    assert second.detail["reason"] == "核对名册"


@pytest.mark.parametrize(
    "typed",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "＋1", "－1", "＠a", " =1", "　=1",
     "\u200b=1", "'=1", "990101198001010014",
     "0302", "010", "3-1", "12/5", "1-2-3", "3/1/2026", "2E3"],
)  # fmt: skip
def test_no_cell_can_be_taken_for_a_formula_a_shortened_number_or_a_date(typed: str) -> None:
    assert safe(typed) == f"'{typed}"


@pytest.mark.parametrize(
    "typed",
    ["", "林示例", "10000001234", "990101100009003", "3-1-502", "a=1", "0", "2026-09-30", "E3",
     "2026-09-30 12:00:00", "302"],
)  # fmt: skip
def test_a_plain_cell_stays_as_it_is(typed: str) -> None:
    assert safe(typed) == typed


def test_dangerous_text_is_safe_in_the_file_and_numbers_stay_numbers(
    town: Town, app: Flask
) -> None:
    author = town.here.worker.user_id
    load(town.centre, author, "shop", GRID,
         {"name": '=HYPERLINK("http://x","y")', "kind": "retail", "address": '说,"好"\n第二行',
          "keeper": "+林"})  # fmt: skip
    load(town.centre, author, "room", GRID,
         {"building_id": town.here.ids["building"], "no": "1", "label": "地下1", "state": "owner",
          "floor": -2})  # fmt: skip
    client = sign_in(app, "community")
    heads, row = rows_of(post(client, "/records/shop/export"))
    found = dict(zip(heads, row, strict=True))
    assert found["名称"] == '\'=HYPERLINK("http://x","y")'
    assert found["地址"] == '说,"好"\n第二行'
    assert found["负责人"] == "'+*"
    heads, *rows = rows_of(post(client, "/records/room/export", q="地下"))
    assert dict(zip(heads, rows[0], strict=True))["楼层"] == "-2"


def test_a_long_export_comes_in_parts(town: Town, app: Flask) -> None:
    shops = [{"name": f"店{n}", "kind": "retail", "address": "路"} for n in range(1_100)]
    load_many(town.centre, town.here.worker.user_id, "shop", GRID, shops)
    answer = post(sign_in(app, "community"), "/records/shop/export", sort="name")
    assert answer.is_streamed
    rows = rows_of(answer)
    assert len(rows) == 1_101
    assert len({row[0] for row in rows}) == 1_101


def test_reloading_an_export_leads_back_to_the_list(quiet_town: Town, quiet_app: Flask) -> None:
    answer = sign_in(quiet_app, "community").get("/records/resident/export")
    assert answer.headers["Location"] == "/records/resident"


def test_a_workbook_lies_nowhere_under_a_name(town: Town) -> None:
    folder = town.centre.settings.data / "sheets"
    left, begun = folder / "tmpkilled", folder / "tmpbegun"
    for one, old in ((left, True), (begun, False)):
        one.mkdir(parents=True)
        (one / "book.xlsx").write_bytes(b"unmasked")
        for path in (one / "book.xlsx", one):
            os.utime(path, (0, 0)) if old else None
    file, _ = workbooks.list_as_workbook(
        town.centre, town.people["community"], "resident", listing.Asked(), "zh"
    )
    with file:
        assert list(folder.iterdir()) == [begun]
        assert openpyxl.load_workbook(file).worksheets[0].max_row == 2
    assert list(folder.iterdir()) == [begun]


def test_a_list_with_positions_is_a_map_file_as_long_as_the_list(town: Town, app: Flask) -> None:
    spot = {"lat": 39_120_000, "lon": 113_250_000, "crs": "GCJ02"}
    author = town.here.worker.user_id
    placed, nowhere = load_many(
        town.centre, author, "issue", GRID, [issue(location=spot), issue(title="=一件没有坐标的")]
    )
    client = sign_in(app, "community")
    answer = post(client, "/records/issue/export-geojson")
    assert answer.mimetype == "application/geo+json"
    assert 'filename="issue.geojson"' in answer.headers["Content-Disposition"]
    found = {one["id"]: one for one in json.loads(answer.data)["features"]}
    assert len(found) == len(rows_of(post(client, "/records/issue/export"))) - 1
    assert found[placed]["geometry"] == {"type": "Point", "coordinates": [113.25, 39.12]}
    assert found[placed]["properties"]["crs"] == "GCJ02"
    assert found[nowhere]["geometry"] is None
    assert found[nowhere]["properties"]["标题"] == "=一件没有坐标的"
    assert noted(town)[0].detail["format"] == "geojson"
    assert "导出 GeoJSON" in client.get("/records/issue").text


def test_a_list_without_positions_is_no_map_file(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    assert post(client, "/records/resident/export-geojson").status_code == 404
    assert "GeoJSON" not in client.get("/records/resident").text
    assert not noted(town)
