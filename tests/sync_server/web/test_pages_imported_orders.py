"""Work orders of a hotline on the import page: each row an issue, known again, never changed by a
file, taken back until somebody has handled it."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask

from sync_server.store.case_tables import cases
from sync_server.store.tables import records
from tests.sync_server.registers import workbook
from tests.sync_server.web.staff import GRID, NEXT_DOOR_GRID, Town, load, sign_in
from tests.sync_server.web.test_pages_imports import columns_of, post, upload, work

LIFT, FACILITY = "3号楼电梯停了两天", "公共设施"
HEADS = [
    "工单编号", "受理时间", "来电人", "联系电话", "所在小区", "所属网格", "诉求内容", "诉求类型",
    "事发地址",
]  # fmt: skip
ROWS = [
    HEADS,
    ["SZ-001", "2026-09-28 10:20", "赵样本", "10000004321", "幸福里", None, LIFT, FACILITY, None],
    ["SZ-002", "2026-09-29 09:00", None, None, None, GRID, "楼下油烟呛人", "噪声油烟", "东门外"],
    ["SZ-003", "2026-09-29 09:30", None, None, "没有的里", None, "路灯不亮", FACILITY, "东门外"],
    ["SZ-004", "2026-09-29 09:40", None, None, None, NEXT_DOOR_GRID, "路灯不亮", FACILITY, "东"],
    ["SZ-001", "2026-09-28 10:20", None, None, "幸福里", None, "再说一次", FACILITY, None],
]  # fmt: skip


def bring_in(town: Town, app: Flask, rows: list[list[str | None]]) -> tuple[str, str]:
    """Import rows of the mayor's line as the community; return the address and the page."""
    client = sign_in(app, "community")
    address = upload(client, workbook(("工单", rows)), "市长热线.xlsx").headers["Location"]
    work(town)
    form = columns_of(client.get(address).text)
    assert form["kind"] == "issue"
    assert form["fixed-source"] == "mayor_line"
    post(client, f"{address}/columns", **form)
    work(town)
    post(client, f"{address}/run")
    work(town)
    return address, client.get(address).text


def issues(town: Town) -> dict[str, sa.RowMapping]:
    """Return the issues of the mayor's line by their number there."""
    with town.centre.store.reading() as connection:
        rows = connection.execute(
            sa.select(records, cases.c.state)
            .join(cases, cases.c.issue_id == records.c.record_id)
            .where(cases.c.source == "mayor_line")
        )
        return {row["fields"]["source_no"]: row for row in rows.mappings()}


def test_rows_become_issues_of_their_grids_that_wait_for_the_community(
    town: Town, app: Flask
) -> None:
    _, page = bring_in(town, app, ROWS)
    assert "没有找到小区“没有的里”" in page
    found = issues(town)
    assert set(found) == {"SZ-001", "SZ-002"}
    first = found["SZ-001"]
    assert first["fields"]["compound_id"] == town.here.ids["compound"]
    assert {one["grid"] for one in found.values()} == {GRID}
    assert {one["state"] for one in found.values()} == {"10"}
    said = {name: first["fields"][name] for name in ("title", "place", "category", "level")}
    assert said == {"title": LIFT, "place": "幸福里", "category": "FAC", "level": "2"}
    queue = sign_in(app, "community").get("/issues?tab=accept&source=mayor_line").text
    assert "共 2 件" in queue
    assert "10000004321" not in sign_in(app, "community").get(f"/issues/{first['record_id']}").text
    came = {one["record_id"]: one for one in town.here.laptop.send()["updates"]}
    assert came[first["record_id"]]["fields"]["at_centre"] is True


def test_a_file_that_comes_again_makes_and_changes_nothing(town: Town, app: Flask) -> None:
    bring_in(town, app, ROWS[:3])
    before = {no: one["version"] for no, one in issues(town).items()}
    again = [HEADS, [*ROWS[1][:6], "电梯还是停着", "物业管理", None], ROWS[2]]
    bring_in(town, app, again)
    assert {no: one["version"] for no, one in issues(town).items()} == before


def test_an_import_is_taken_back_but_for_what_was_handled(town: Town, app: Flask) -> None:
    address, _ = bring_in(town, app, ROWS[:3])
    found, client = issues(town), sign_in(app, "community")
    taken = found["SZ-002"]["record_id"]
    said = {"issue_id": taken, "action": "accept", "at": "2026-09-30T12:00:00+08:00", "level": "2"}
    load(town.centre, town.people["community"].user_id, "issue_step", GRID, said)
    post(client, f"{address}/undo")
    work(town)
    assert {no: one["state"] for no, one in issues(town).items()} == {
        "SZ-001": "90", "SZ-002": "10",
    }  # fmt: skip
    assert "共 1 件" in client.get("/issues?tab=open&source=mayor_line").text
