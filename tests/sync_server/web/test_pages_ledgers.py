"""Ledgers and lists as spreadsheets: own columns, masked by right, written down, no formulas."""

from __future__ import annotations

import io
import re

import openpyxl
import sqlalchemy as sa
from flask import Flask

from sync_server.services.ids import new_id
from sync_server.services.ledgers import DEFAULTS, default_rows
from sync_server.services.merging import Wanted, merge_within
from sync_server.store.tables import audit, records
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
from tests.sync_server.world import resident

HOUSEHOLDS, RESIDENTS = (default_rows("990101")[n]["ledger_id"] for n in (0, 1))
CARE = default_rows("990101")[3]["ledger_id"]
PARTY = default_rows("990101")[2]["ledger_id"]
RENTED, HAZARDS = (default_rows("990101")[n]["ledger_id"] for n in (4, 6))


def sheets_of(answer) -> dict[str, list[list]]:
    assert answer.status_code == 200, answer.text
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    return {
        sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)]
        for sheet in book.worksheets
    }


def test_a_district_begins_with_eight_ledgers(quiet_town: Town, quiet_app: Flask) -> None:
    page = sign_in(quiet_app, "community").get("/ledgers").text
    assert len(DEFAULTS) == 8
    assert all(name in page for name, _ in DEFAULTS)
    assert "加一本台账" not in page
    assert "加一本台账" in sign_in(quiet_app, "district").get("/ledgers").text


def test_a_ledger_shows_facts_of_other_records_masked_and_nothing_of_next_door(
    quiet_town: Town, quiet_app: Flask
) -> None:
    client = sign_in(quiet_app, "community")
    page = client.get(f"/ledgers/{RESIDENTS}").text
    assert "幸福里" in page
    assert "林**" in page
    assert "林示例" not in page
    assert "隔壁" not in page
    found = sheets_of(post(client, f"/ledgers/{RESIDENTS}/export"))
    heads, *rows = found["居民"]
    row = dict(zip(heads, rows[0], strict=True))
    assert row["小区·名称"] == "幸福里"
    assert row["房屋·房号"] == "502"
    assert row["身份证号"] == "990101********001*"
    assert "隔壁" not in str(found)
    every = {one["ledger_id"] for one in default_rows("990101")}
    for ledger in every:
        assert "隔壁" not in client.get(f"/ledgers/{ledger}").text
        assert "隔壁" not in str(sheets_of(post(client, f"/ledgers/{ledger}/export")))


def test_the_ledger_of_people_in_care_says_where_care_has_ended(town: Town, app: Flask) -> None:
    said = {"resident_id": town.here.ids["resident"], "cats": ["alone"], "risk": "high"}
    author = town.here.worker.user_id
    load(town.centre, author, "care", GRID, {**said, "since": "2026-01-01", "until": "2026-06-30"})
    client = sign_in(app, "community")
    assert "2026-06-30" in client.get(f"/ledgers/{CARE}").text
    [(heads, *rows)] = sheets_of(post(client, f"/ledgers/{CARE}/export")).values()
    assert "2026-06-30" in [row[heads.index("终止日期")] for row in rows]


def test_filters_of_a_ledger_hold_on_the_page_and_in_the_sheet(town: Town, app: Flask) -> None:
    author = town.here.worker.user_id
    base = {"building_id": town.here.ids["building"], "label": "3-1-601"}
    load(town.centre, author, "room", GRID, {**base, "no": "601", "state": "rent"})
    other = {**base, "no": "602", "label": "3-1-602", "state": "owner", "hazards": "软管老化"}
    load(town.centre, author, "room", GRID, other)
    client = sign_in(app, "community")
    page = client.get(f"/ledgers/{RENTED}").text
    assert "601" in page
    assert "602" not in page
    assert "3-1-602" in client.get(f"/ledgers/{HAZARDS}").text
    assert "3-1-601" not in client.get(f"/ledgers/{HAZARDS}").text
    assert set(sheets_of(post(client, f"/ledgers/{HAZARDS}/export"))) == {"房屋", "事件"}
    # A flag: households that are a Party-member centre, of which there is none.
    centre = f"/ledgers/{PARTY}?part=1"
    assert "没有符合条件的记录" in client.get(centre).text
    home = {"code": "H-9", "room_id": town.here.ids["room"], "kind": "family", "centre": True}
    load(town.centre, author, "household", GRID, home)
    assert "H-9" in client.get(centre).text


def test_party_members_are_listed_one_a_row_from_party_organisations(
    town: Town, app: Flask
) -> None:
    author, client = town.here.worker.user_id, sign_in(app, "community")
    members = {"a": {"name": "林示例", "post": "书记", "phone": PHONE}, "b": {"name": "王样本"}}
    load(town.centre, author, "org", GRID,
         {"name": "幸福里党支部", "org_kind": "branch", "members": members})  # fmt: skip
    owners = {"name": "业委会", "org_kind": "owners", "members": {"c": {"name": "李业主"}}}
    load(town.centre, author, "org", GRID, owners)
    load(town.centre, author, "org", GRID, {"name": "空支部", "org_kind": "group"})
    page = client.get(f"/ledgers/{PARTY}").text
    assert "共 2 条" in page
    assert "林**" in page
    assert "书记" in page
    assert "李" not in page.partition("<tbody>")[2].partition("</tbody>")[0]
    [heads, *rows] = sheets_of(post(client, f"/ledgers/{PARTY}/export"))["组织"]
    assert heads[:3] == ["成员·姓名", "成员·职务", "成员·电话"]
    assert [row[:2] for row in rows] == [["林**", "书记"], ["王**", None]]
    # The filter over several kinds outlives a change of the ledger's name.
    district = sign_in(app, "district")
    edit = district.get(f"/ledgers/{PARTY}/edit").text
    chosen = re.search(r'value="(committee\|[^"]+)" selected', edit)
    assert chosen is not None
    form = {"name": "党员册", "part": "0", "use-members.name": "1", "filter-org_kind": chosen[1]}
    assert post(district, f"/ledgers/{PARTY}/edit", **form).status_code == 303
    [heads, *rows] = sheets_of(post(client, f"/ledgers/{PARTY}/export"))["组织"]
    assert (heads, len(rows)) == (["成员·姓名"], 2)


def test_who_hangs_under_a_merged_household_is_listed_where_it_went(town: Town, app: Flask) -> None:
    author, here = town.here.worker.user_id, town.here.ids
    base = {"building_id": here["building"], "state": "owner"}
    rooms = [
        load(town.centre, author, "room", GRID, {**base, "no": no, "label": f"3-1-{no}"})
        for no in ("101", "102")
    ]
    double, stays = (
        load(town.centre, author, "household", GRID, {"code": code, "room_id": room,
                                                      "kind": "family"})
        for code, room in zip(("H-B", "H-A"), rooms, strict=True)
    )  # fmt: skip
    load(town.centre, author, "resident", GRID, resident(name="程示例", household_id=double))
    with town.centre.store.writing() as connection:
        wanted = Wanted(double, stays, {}, (1, 1))
        merge_within(connection, town.people["community"], wanted, town.centre.clock())
    client = sign_in(app, "community")
    page = client.get(f"/ledgers/{RESIDENTS}").text
    assert "H-A" in page
    assert "H-B" not in page
    heads, *rows = sheets_of(post(client, f"/ledgers/{RESIDENTS}/export"))["居民"]
    [row] = [
        one for cells in rows if (one := dict(zip(heads, cells, strict=True)))["姓名"] == "程**"
    ]
    assert (row["房屋·房号"], row["家庭户·户号"]) == ("102", "H-A")


def test_a_page_of_entries_counts_them_all_however_many_records_hold_them(
    town: Town, app: Flask
) -> None:
    author, client = town.here.worker.user_id, sign_in(app, "community")
    members = {"a": {"name": "甲样本"}, "b": {"name": "乙样本"}}
    said = {"name": "支部", "org_kind": "branch", "members": members}
    [first] = load_many(town.centre, author, "org", GRID, [said])
    with town.centre.store.writing() as connection:
        query = sa.select(records).where(records.c.record_id == first)
        row = dict(connection.execute(query).mappings().one())
        more = [
            {**row, "record_id": new_id(), "change_no": row["change_no"] + n}
            for n in range(1, 5_021)
        ]
        connection.execute(sa.insert(records), more)
    page = client.get(f"/ledgers/{PARTY}?page=201").text
    assert "共 10,042 条" in page
    assert page.count("甲**") + page.count("乙**") == 42


def test_a_district_names_orders_and_chooses_the_columns(town: Town, app: Flask) -> None:
    district = sign_in(app, "district")
    form = {
        "name": "住户登记册", "part": "0", "use-phone": "1", "order-phone": "1",
        "words-phone": "联系方式", "use-code": "1", "order-code": "2", "filter-kind": "family",
    }  # fmt: skip
    assert post(district, f"/ledgers/{HOUSEHOLDS}/edit", **form).status_code == 303
    assert post(district, f"/ledgers/{RESIDENTS}/edit", name="住户登记册").status_code == 422
    client = sign_in(app, "community")
    assert "住户登记册" in client.get("/ledgers").text
    [[*heads], *rows] = sheets_of(post(client, f"/ledgers/{HOUSEHOLDS}/export"))["家庭户"]
    assert heads == ["联系方式", "户号"]
    assert rows[0] == ["100****1234", "H-w1"] or rows[0][1] == "H-w1"
    assert post(client, f"/ledgers/{HOUSEHOLDS}/edit", **form).status_code == 403
    added = post(district, "/ledgers", name="小区册", kind="compound")
    assert "小区册" in client.get(added.headers["Location"].removesuffix("/edit")).text


def test_a_lists_sheet_has_the_districts_columns_and_its_filters(town: Town, app: Flask) -> None:
    district, client = sign_in(app, "district"), sign_in(app, "community")
    form = {"use-name": "1", "order-name": "2", "use-household_id.room_id.label": "1",
            "order-household_id.room_id.label": "1", "words-name": "姓  名"}  # fmt: skip
    assert post(district, "/records/resident/columns", **form).status_code == 303
    found = sheets_of(post(client, "/records/resident/export-xlsx", q="lsl"))["居民"]
    assert found == [["房屋·门牌全称", "姓 名"], ["3-1-502", "林**"]]
    post(district, "/records/resident/columns", usual="1")
    found = sheets_of(post(client, "/records/resident/export-xlsx"))["居民"]
    assert found[0][0] == "姓名"


def test_full_values_need_the_right_and_a_reason_and_every_export_is_written_down(
    town: Town, app: Flask
) -> None:
    client = sign_in(app, "community")
    address = f"/ledgers/{RESIDENTS}/export"
    again = post(client, address, unmask="1", reason=" ", area=GRID)
    assert again.status_code == 422
    assert f'<option value="{GRID}" selected>' in again.text
    assert 'id="export-wrong" role="alert">请写明查看原因' in again.text
    assert post(sign_in(app, "leader"), address, unmask="1", reason="核对").status_code == 403
    [heads, row] = sheets_of(post(client, address, unmask="1", reason="核对名册"))["居民"]
    found = dict(zip(heads, row, strict=True))
    assert (found["姓名"], found["电话"], found["身份证号"]) == ("林示例", PHONE, ID_NUMBER)
    with town.centre.store.reading() as connection:
        [noted] = connection.execute(sa.select(audit).where(audit.c.action == "export")).all()
    assert noted.detail == {"ledger": "居民台账", "area": "", "rows": 1, "masked": False,
                            "format": "xlsx", "reason": "核对名册"}  # fmt: skip


def test_no_cell_of_a_sheet_is_a_formula(town: Town, app: Flask) -> None:
    load(town.centre, town.here.worker.user_id, "shop", GRID,
         {"name": '=HYPERLINK("http://x","y")', "kind": "retail", "address": "+1"})  # fmt: skip
    answer = post(sign_in(app, "community"), "/records/shop/export-xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    assert sheet["A2"].value == '=HYPERLINK("http://x","y")'
    assert sheet["A2"].data_type == "s"
    assert sheet["A2"].hyperlink is None
