"""What personal data are collected for: the page, who may change it, and what follows for
registers, extracts and forms; the card of a grid."""

from __future__ import annotations

import io
import re

import openpyxl
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from sync_server.services.ids import new_id
from sync_server.store.tables import audit, records
from tests.sync_server.registers import workbook
from tests.sync_server.web.staff import (
    COMMUNITY,
    GRID,
    NEXT_DOOR,
    Town,
    load,
    post,
    sign_in,
    token,
)
from tests.sync_server.web.test_pages_imports import columns_of, upload, work


def version_of(client: FlaskClient) -> str:
    found = re.search(r'name="version" value="(\d+)"', client.get("/purposes/change").text)
    assert found
    return found[1]


def say(client: FlaskClient, **said: str):
    """Set purposes; ``__`` stands for a dot."""
    form = {name.replace("__", "."): text for name, text in said.items()}
    form |= {"version": version_of(client), "csrf_token": token(client)}
    return client.post("/purposes/change", data=form)


def test_everybody_reads_what_is_collected_and_the_district_alone_says_it(
    town: Town, app: Flask
) -> None:
    district = sign_in(app, "district")
    assert "区分同名的人" in district.get("/purposes").text
    assert say(district, id_no__unused="1", phone__purpose="只用于回访").status_code == 303
    page = sign_in(app, "leader").get("/purposes").text
    assert "只用于回访" in page
    assert "区分同名的人" in page, "what it was for is still said"
    assert page.count("不采集</span>") == 1
    assert re.search(r"\d+ 条记录里还有", page)
    assert "/purposes/change" not in page
    assert "for: " not in sign_in(app, "leader", "en").get("/purposes").text
    with town.centre.store.reading() as connection:
        rows = connection.execute(sa.select(audit.c.detail).where(audit.c.action == "purposes"))
        assert [row.detail for row in rows] == [{"groups": ["id_no", "phone"], "unused": ["id_no"]}]
    assert "只用于回访" in district.get("/purposes/change").text
    told = sign_in(app, "admin").get("/audit").text
    assert "定信息用途" in told
    assert "身份证号" in told


def test_what_cannot_be_kept_is_said_and_nothing_is_lost(town: Town, app: Flask) -> None:
    district = sign_in(app, "district")
    answer = say(district, phone__purpose="长" * 201, shop__purpose="安全检查")
    assert answer.status_code == 422
    assert "还没有保存" in answer.text
    assert "长" * 201 in answer.text
    assert 'value="安全检查"' in answer.text
    assert "长" * 201 not in district.get("/purposes").text
    refused = say(district, phone__basis="nonsense")
    assert refused.status_code == 422


def test_what_has_to_be_there_cannot_be_left_out(town: Town, app: Flask) -> None:
    district = sign_in(app, "district")
    assert 'name="basic.unused"' not in district.get("/purposes/change").text
    assert say(district, basic__unused="1").status_code == 303
    assert "不采集</span>" not in district.get("/purposes").text


def test_laptops_get_it_on_the_districts_record(town: Town, app: Flask) -> None:
    say(sign_in(app, "district"), id_no__unused="1", basic__notice="2026-9")
    laptop = town.here.laptop
    assert laptop is not None
    laptop.send()
    (area,) = [one for one in laptop.records.values() if one["fields"].get("level") == "district"]
    assert area["fields"]["field_groups"] == {"basic": {"notice": "2026-9"},
                                              "id_no": {"unused": True}}  # fmt: skip


def test_a_register_brings_nothing_of_what_is_not_collected(town: Town, app: Flask) -> None:
    client = sign_in(app, "community")
    rows = [["小区", "楼号", "房号", "户主", "姓名", "性别", "出生日期", "身份证", "关系", "手机"],
            ["幸福里", "8", "801", "赵样本", "赵样本", "男", "1970-05", "990101197005010019",
             "户主", "10000004321"]]  # fmt: skip
    address = upload(client, workbook(("居民", rows))).headers["Location"]
    work(town)
    assert columns_of(client.get(address).text)["column-7"] == "id_no"
    say(sign_in(app, "district"), id_no__unused="1")
    page = client.get(address).text
    assert "本区县不采集，文件里有也不导入：身份证号" in page
    form = columns_of(page)
    assert form["column-7"] == ""
    # Somebody who had the page open before still posts the column: it is not read.
    said = form | {"area": GRID, "column-7": "id_no", "csrf_token": token(client)}
    client.post(f"{address}/columns", data=said)
    work(town)
    client.post(f"{address}/run", data={"csrf_token": token(client)})
    work(town)
    with town.centre.store.reading() as connection:
        (fields,) = connection.scalars(
            sa.select(records.c.fields).where(records.c.fields["name"].as_string() == "赵样本",
                                              records.c.kind == "resident")
        )  # fmt: skip
    assert fields["phone"] == "10000004321"
    assert "id_no" not in fields
    sheet = openpyxl.load_workbook(io.BytesIO(client.get("/imports/template/resident").data))
    heads = [cell.value for cell in sheet.worksheets[0][1]]
    assert "姓名" in heads
    assert "身份证号" not in heads


def test_a_building_form_leaves_out_heads_that_are_not_collected(town: Town, app: Flask) -> None:
    client, compound = sign_in(app, "community"), town.here.ids["compound"]
    address = f"/places/building/new?parent={compound}"
    assert 'name="head"' in client.get(address).text
    say(sign_in(app, "district"), local__unused="1")
    page = client.get(address).text
    assert 'name="head"' not in page
    assert "entrance_heads." not in page


@pytest.fixture
def card(town: Town) -> str:
    """A grid with everything its card shows but the phone to call; its branch's id."""
    author = town.people["district"].user_id
    branch = load(town.centre, author, "org", COMMUNITY,
                  {"name": "东关第三网格党支部", "org_kind": "branch"})  # fmt: skip
    load(town.centre, author, "org", COMMUNITY, {"name": "业委会甲", "org_kind": "owners"})
    return branch


def test_the_card_of_a_grid_is_filled_in_and_printed(town: Town, app: Flask, card: str) -> None:
    client = sign_in(app, "community")
    before = client.get(f"/areas/{GRID}/card").text
    assert "还没有填：" in before
    assert "公示电话" in before
    page = client.get(f"/areas/{GRID}/change").text
    assert "东关第三网格党支部" in page
    assert "业委会甲" not in page
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version
    said = {"version": version[1], "name": "第三网格", "valid_from": "2025-01-01",
            "boundary_text": "东至河", "notice_phone": "0000-1234567",
            "supervision_phone": "0000-7654321", "org_id": card}  # fmt: skip
    assert post(client, f"/areas/{GRID}/change", **said).status_code in (200, 303)
    shown = client.get(f"/areas/{GRID}/card").text
    for words in ("第三网格", "东至河", "0000-1234567", "0000-7654321", "东关第三网格党支部"):
        assert words in shown
    assert town.here.worker is not None
    assert town.here.worker.name in shown
    assert f"/areas/{GRID}/card" in client.get(f"/areas/{GRID}").text
    assert "第三网格" in client.get(f"/areas/{COMMUNITY}/card").text
    assert client.get(f"/areas/{NEXT_DOOR}/card").status_code == 404
    assert sign_in(app, "district").get("/areas/990101/card").status_code == 404
    stranger = said | {"org_id": new_id(), "version": str(int(version[1]) + 1)}
    assert post(client, f"/areas/{GRID}/change", **stranger).status_code == 404
