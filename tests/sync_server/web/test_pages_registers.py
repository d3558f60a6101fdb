"""The pages of coverage and of punctual sync: every number leads to as long a list, areas narrow
both, files say what the pages say and are written down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from werkzeug.test import TestResponse

from sync_server.app import app_of
from sync_server.services.centre import open_centre
from sync_server.settings import Settings
from sync_server.store.tables import audit, devices
from tests.quick import lay_out
from tests.sync_server.web.staff import Town, build, load, post, sign_in
from tests.sync_server.world import COMMUNITY, DISTRICT, GRID, NOON, StillClock

NEXT_DOOR = "990101100008"
STREET = DISTRICT + "100"
PERIOD = "since=2026-09-01&until=2026-09-30"
Rows = list[tuple[object, ...]]


def compound(name: str, area: str = COMMUNITY, **more: object) -> dict[str, object]:
    return {"code": name, "name": name, "kind": "compound", "address": "路1号",
            "community_code": area, "property_mode": "company", "guard": False, "barrier": False,
            "cctv": False, "self_gov": "owners", **more}  # fmt: skip


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, migrated_file: object) -> Iterator[Town]:
    """The town with more compounds, organisations, and work that came late."""
    folder = tmp_path_factory.mktemp("registers")
    lay_out(migrated_file, folder)  # type: ignore[arg-type]
    settings = Settings(data=folder, district=DISTRICT, sign_ins_per_minute=10_000, testing=True)
    centre = open_centre(settings, StillClock())
    town = build(centre)
    worker = town.here.worker
    assert worker is not None
    said = {"code": STREET, "name": "东街道", "level": "street", "valid_from": "2026-01-01"}
    load(centre, worker.user_id, "area", STREET, said)
    for name, more in (
        ("甲", {"eligible": True, "org_form": "own", "overlap": "equal", "type_ty4": "old"}),
        ("乙", {"eligible": True, "self_gov": "none", "type_ty4": "unit"}),
        ("丙", {"property_mode": "none", "self_gov": "self_manage", "kind": "bungalow"}),
    ):
        load(centre, worker.user_id, "compound", COMMUNITY, compound(name, **more))
    load(centre, worker.user_id, "compound", NEXT_DOOR, compound("隔壁新村", NEXT_DOOR))
    branch = {"name": "第一支部", "org_kind": "branch", "compound_ids": [town.here.ids["compound"]]}
    load(centre, worker.user_id, "org", COMMUNITY, branch)
    _late_work(town)
    yield town
    centre.store.close()


def _late_work(town: Town) -> None:
    laptop = town.here.laptop
    assert laptop is not None
    for day in ("2026-09-28", "2026-09-20"):
        visit = {"visited_at": f"{day}T10:00:00+08:00", "household_id": town.here.ids["household"],
                 "purposes": ["daily"], "mode": "door", "result": "nobody",
                 "notice_given": True}  # fmt: skip
        laptop.write("visit", "create", visit, grid=GRID)
    laptop.send()
    with town.centre.store.writing() as connection:
        silent = sa.update(devices).where(devices.c.device_id == laptop.device_id)
        connection.execute(silent.values(last_sync_at=NOON.replace(day=22)))


@pytest.fixture(scope="module")
def busy_app(busy: Town) -> Flask:
    return app_of(busy.centre)


@pytest.fixture
def client(busy_app: Flask) -> FlaskClient:
    return sign_in(busy_app, "district")


def links(page: str, to: str) -> list[tuple[str, int]]:
    """Return every number that leads to an address."""
    found = re.findall(rf'<a href="({to}[^"]*)">([\d,]+)</a>', page)
    return [(unescape(address), int(count.replace(",", ""))) for address, count in found]


def figure(page: str, label: str) -> str:
    found = re.search(rf'label">{re.escape(label)}</span>(.*?)</span></li>', page)
    assert found, label
    return re.sub(r"<[^>]+>", " ", found[1])


def lines(page: str) -> int:
    body = re.search(r"<tbody>(.*?)</tbody>", page, re.DOTALL)
    return body[1].count("<tr>") if body else 0


def test_coverage_is_shown_with_what_was_divided(client: FlaskClient) -> None:
    page = client.get("/statistics/registers").text
    assert figure(page, "党组织覆盖率").split() == ["33.3%", "2", "÷", "6", "还缺", "4"]
    assert figure(page, "重合占比").split() == ["50.0%", "1", "÷", "2"]
    assert figure(page, "业委会覆盖率（占全部）").split()[0] == "33.3%"
    assert figure(page, "业委会覆盖率（占符合条件）").split() == [
        "50.0%", "1", "÷", "2", "还缺", "1",
    ]  # fmt: skip
    assert figure(page, "无物业小区自管会率").split() == ["33.3%", "1", "÷", "3"]
    assert "目标 10%" in figure(page, "示范小区占比")
    assert page.count("<dt>") == 10
    assert "2026-09-30 的登记现状" in page
    assert "数据截至" in page


@pytest.mark.parametrize("asked", ["", f"?area={COMMUNITY}", f"?area={STREET}&kind=compound"])
def test_every_number_leads_to_as_many_lines(client: FlaskClient, asked: str) -> None:
    page = client.get(f"/statistics/registers{asked}").text
    found = links(page, "/statistics/registers/list")
    named = {parse_qs(urlsplit(one).query)["what"][0] for one, _ in found}
    assert {"all", "org", "no_org", "owners", "eligible_without",
            "type_ty4=old", "level=grid", "compounds", "orgs", "org=branch"} <= named  # fmt: skip
    for address, count in found:
        assert lines(client.get(address).text) == count, address
    for address, count in links(page, "/records/building"):
        assert f"共 {count} 条" in client.get(address).text, address


def test_compounds_lead_to_their_files_and_areas_to_their_pages(client: FlaskClient) -> None:
    page = client.get("/statistics/registers/list?what=org").text
    assert (
        len(re.findall(r'<th scope="row" class="name"><a href="/compounds/[^"]+/file">', page)) == 2
    )
    assert (
        f'href="/areas/{GRID}"' in client.get("/statistics/registers/list?what=level%3Dgrid").text
    )
    assert "/records/org/" in client.get("/statistics/registers/list?what=orgs").text


def test_nothing_of_another_area_is_counted_or_named(busy_app: Flask, client: FlaskClient) -> None:
    mine = sign_in(busy_app, "community")
    page = mine.get("/statistics/registers").text
    assert figure(page, "党组织覆盖率").split()[1:4] == ["2", "÷", "4"]
    for address in ("/statistics/registers", "/statistics/registers/list?what=all",
                    "/statistics/timeliness"):  # fmt: skip
        assert "隔壁" not in mine.get(address).text
        assert (
            mine.get(f"{address}{'&' if '?' in address else '?'}area={NEXT_DOOR}").status_code
            == 404
        )
    assert "隔壁" in client.get("/statistics/registers/list?what=all").text
    assert client.get("/statistics/registers/list?what=area").status_code == 404
    assert client.get("/statistics/registers/list").status_code == 404


def sheets(answer: TestResponse) -> dict[str, Rows]:
    assert answer.status_code == 200
    book = load_workbook(BytesIO(answer.data), read_only=True)
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}


def test_the_file_says_what_the_page_says_and_is_written_down(
    client: FlaskClient, busy: Town
) -> None:
    found = sheets(post(client, "/statistics/registers/export"))
    assert list(found) == ["覆盖率", "分类", "各级数量", "说明"]
    assert (DISTRICT + "100", "东街道", "街道", "党组织覆盖率", 2, 6, "33.3%") in found["覆盖率"]
    assert any(row[3:5] == ("类型（四类）", "老旧型") and row[5] == 1 for row in found["分类"])
    assert (COMMUNITY, "区域009", "社区", "党支部", 1) in found["各级数量"]
    assert any(row[0] == "业委会覆盖率（占符合条件）" for row in found["说明"])
    listed = sheets(post(client, "/statistics/registers/export", what="org", area=COMMUNITY))
    assert [len(rows) for rows in listed.values()] == [3]
    with busy.centre.store.reading() as connection:
        noted = connection.scalars(
            sa.select(audit.c.detail).where(audit.c.target == "registers").order_by(audit.c.at)
        ).all()
    assert {"filters": {"figure": "org", "area": COMMUNITY}, "rows": 2, "format": "xlsx"} in noted
    leader = sign_in(app_of(busy.centre), "leader")
    assert sheets(post(leader, "/statistics/registers/export"))["覆盖率"][1][1] == "合计"
    assert client.get("/statistics/registers/export").status_code == 302


def test_late_work_is_listed_and_every_number_leads_to_it(client: FlaskClient) -> None:
    page = client.get(f"/statistics/timeliness?{PERIOD}").text
    whole = figure(page, "同步及时率").split()
    assert whole[-2] == "2"
    found = links(page, "/statistics/timeliness/records")
    assert len(found) > 6
    for address, count in found:
        answer = client.get(address).text
        tabs = re.findall(r"<li><a [^>]*>[^<]+ (\d+)</a></li>", answer)
        one_kind = "kind=" in address
        assert lines(answer) == count or (not one_kind and sum(map(int, tabs)) == count), address
    late = client.get(f"/statistics/timeliness/records?kind=visit&{PERIOD}").text
    assert lines(late) == 2
    assert "林示例" not in late
    assert client.get("/statistics/timeliness?since=2026-09-30&until=2026-09-01").status_code == 422


def test_silent_laptops_are_named_and_lead_to_their_page(client: FlaskClient, busy: Town) -> None:
    page = client.get(f"/statistics/timeliness?{PERIOD}&area={COMMUNITY}").text
    assert "网格员w1" in page
    assert "隔壁网格员" not in page
    address = unescape(re.findall(r'href="(/devices\?silent=7[^"]*)"', page)[0])
    listed = client.get(address).text
    assert "共 1 台" in listed
    assert "区域009" in listed
    assert client.get(f"/devices?silent=7&area={NEXT_DOOR}").text.count("网格员w1") == 0


def test_punctual_sync_stands_in_the_file_of_figures(client: FlaskClient) -> None:
    asked = {"since": "2026-09-01", "until": "2026-09-30"}
    rows = next(iter(sheets(post(client, "/statistics/export", **asked)).values()))
    (here,) = [row for row in rows if row[0] == GRID and row[3] == "同步及时率"]
    assert here[5] - here[4] == 2  # type: ignore[operator]


def test_the_pages_belong_to_statistics(client: FlaskClient) -> None:
    for address in ("/statistics/registers", "/statistics/timeliness"):
        tabs = client.get(address).text
        for other in ("/statistics?", "/statistics/field", "/statistics/timeliness",
                      "/statistics/registers"):  # fmt: skip
            assert f'href="{other.rstrip("?")}' in tabs


def test_what_came_late_goes_out_masked_and_is_written_down(
    client: FlaskClient, busy: Town
) -> None:
    asked = {"since": "2026-09-01", "until": "2026-09-30", "kind": "visit", "area": COMMUNITY}
    (rows,) = sheets(post(client, "/statistics/timeliness/export", **asked)).values()
    assert [row[4] for row in rows[1:]] == ["2026-09-28 10:00", "2026-09-20 10:00"]
    assert rows[1][6:] == ("2026-09-30 12:00", 50)
    assert not any("林示例" in str(cell) for row in rows for cell in row)
    with busy.centre.store.reading() as connection:
        noted = connection.scalars(
            sa.select(audit.c.detail).where(audit.c.target == "timeliness")
        ).one()
    assert (noted["kind"], noted["rows"], noted["masked"]) == ("visit", 2, True)
    elsewhere = asked | {"area": NEXT_DOOR}
    assert post(client, "/statistics/timeliness/export", **elsewhere).status_code == 200
    mine = sign_in(app_of(busy.centre), "community")
    assert post(mine, "/statistics/timeliness/export", **elsewhere).status_code == 404
    wrong = asked | {"since": "soon"}
    assert post(client, "/statistics/timeliness/export", **wrong).status_code == 422
