"""Coverage at the centre: lists and drawing by subject and area, the map file in parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from io import BytesIO

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from openpyxl import load_workbook
from werkzeug.test import TestResponse

from schemas.codes import code_list
from schemas.coverage import limits_of
from sync_server.app import app_of
from sync_server.services.accounts import add_user, get_user, hash_password
from sync_server.services.centre import open_centre
from sync_server.services.closed_months import freeze_due
from sync_server.settings import Settings
from sync_server.store.tables import audit, conflicts, users
from tests.sync_server.services.field_place import Place, build
from tests.sync_server.web.staff import PASSWORD, post, sign_in
from tests.sync_server.world import (
    COMMUNITY,
    DISTRICT,
    GRID,
    NOON,
    OTHER_GRID,
    StillClock,
    join,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Two grids with ten days of field work."""
    folder = tmp_path_factory.mktemp("coverage")
    settings = Settings(folder, district=DISTRICT, sign_ins_per_minute=10_000, testing=True)
    centre = open_centre(settings, StillClock())
    found = build(centre)
    with centre.store.writing() as connection:
        connection.execute(users.update().values(password_hash=hash_password(PASSWORD)))
    yield found
    centre.store.close()


@pytest.fixture
def client(place: Place) -> FlaskClient:
    return sign_in(app_of(place.centre), "community")


def counts(page: str) -> list[int]:
    """Return how many are overdue, due and in time."""
    found = re.findall(r'aria-hidden="true"></span>[^<]+</span><strong>(\d+)</strong>', page)
    return [int(one) for one in found]


def test_households_people_and_points_are_listed_by_what_they_ask(client: FlaskClient) -> None:
    page = client.get("/coverage?of=household").text
    # Home 4 is vacant; somebody of home 2 was met, and home 3 by telephone.
    assert counts(page) == [1, 0, 3]
    assert "幸福里 1-1-102" not in page
    assert "幸福里 1-1-105" in page
    page = client.get("/coverage").text
    assert counts(page) == [1, 1, 1]
    assert "幸福里 1-1-102" in page
    assert "林示例" not in page
    page = client.get("/coverage?of=point&show=all").text
    assert counts(page) == [2, 0, 0]
    assert "2026-09-26" in page


def test_the_drawing_needs_no_script_and_no_style(client: FlaskClient, place: Place) -> None:
    answer = client.get("/coverage?of=household")
    page = answer.text
    assert page.count('class="spot') == 2
    assert page.count('class="area"') == 2
    assert "第三网格" in page
    assert not re.search(r"\sstyle=", page)
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    narrowed = client.get(f"/coverage?of=household&show=all&at={place.ids['building 2']}").text
    assert "幸福里 1-1-105" in narrowed
    assert "幸福里 1-1-101" not in narrowed


def test_an_area_narrows_it_and_another_is_not_there(client: FlaskClient) -> None:
    assert counts(client.get(f"/coverage?of=household&area={OTHER_GRID}").text) == [1, 0, 0]
    assert counts(client.get(f"/coverage?of=household&area={GRID}").text) == [0, 0, 3]
    assert client.get("/coverage?area=990101100008").status_code == 404


def test_a_map_file_is_given_in_parts_and_named_only_when_it_is_there(
    client: FlaskClient, place: Place
) -> None:
    assert client.get("/coverage/basemap.pmtiles").status_code == 404
    assert "leaflet" not in client.get("/coverage").text
    place.centre.settings.base_map.write_bytes(b"PMTiles\x03" + bytes(range(200)))
    part = client.get("/coverage/basemap.pmtiles", headers={"Range": "bytes=0-6"})
    assert (part.status_code, part.data) == (206, b"PMTiles")
    # The demo's positions are of no earth, so no map is laid below them.
    assert "leaflet" not in client.get("/coverage").text
    nobody = app_of(place.centre).test_client().get("/coverage/basemap.pmtiles")
    assert nobody.status_code == 302


@pytest.mark.parametrize("area", ["", GRID])
def test_visits_and_overdue_people_lead_to_what_was_counted(
    client: FlaskClient, place: Place, area: str
) -> None:
    page = client.get(f"/statistics/field?since=2026-09-21&until=2026-09-30&area={area}").text
    links = re.findall(r'href="(/records/visit\?[^"]*)">([\d,]+)</a>', page)
    assert any("f.result=met" in link for link, _ in links)
    for link, count in links:
        found = client.get(unescape(link)).text
        assert re.search(rf"共 {count} 条", found), (link, count)
    late = re.search(r'href="(/coverage\?[^"]*)">(?:<[^>]*>)?(\d+)<', page)
    assert late
    assert counts(client.get(unescape(late[1])).text)[0] == int(late[2])


@pytest.mark.parametrize("area", ["", GRID])
@pytest.mark.parametrize("until", ["2026-09-30", "2026-09-29"])
def test_coverage_care_late_entries_and_ratings_lead_to_what_was_counted(
    client: FlaskClient, area: str, until: str
) -> None:
    page = client.get(f"/statistics/field?since=2026-09-21&until={until}&area={area}").text
    links = re.findall(
        r'href="(/statistics/field/households\?[^"]*figure=(\w+)[^"]*)">(\d+)<', page
    )
    expected = {"homes", "homes_met", "care_homes", "care_in_time", "care_late", "care_reached"}
    assert expected <= {figure for _, figure, _ in links}
    for link, figure, count in links:
        found = client.get(unescape(link)).text
        assert f"共 {count} 户" in found, (link, count)
        assert found.count('<th scope="row"') == int(count)
        assert "林示例" not in found
        assert ("关怀探访率：" if figure.startswith("care") else "走访覆盖率：") in found
    links = re.findall(r'href="(/records/\w+\?figure=(\w+)[^"]*)">(\d+)</a>', page)
    assert {"late", "rated", "satisfied", "met"} <= {figure for _, figure, _ in links}
    for link, _, count in links:
        assert f"共 {count} 条" in client.get(unescape(link)).text, (link, count)


def test_a_list_of_late_visits_is_exported_as_it_stands(client: FlaskClient, place: Place) -> None:
    asked = {"figure": "satisfied", "since": "2026-09-21", "until": "2026-09-30"}
    page = client.get("/records/visit", query_string=asked).text
    assert "评价 4 分及以上的" in page
    assert '<input type="hidden" name="figure" value="satisfied">' in page
    written = post(client, "/records/visit/export", **asked).text
    assert place.ids["visit 1"] in written
    assert place.ids["visit 2"] not in written
    with place.centre.store.reading() as connection:
        rows = connection.execute(sa.select(audit.c.detail).order_by(audit.c.audit_id)).scalars()
        assert list(rows)[-1]["filters"]["figure"] == "satisfied"
    assert "评价" not in client.get("/records/household?figure=satisfied").text.split("results")[1]


def test_a_printed_list_of_people_in_care_leaves_out_names_and_small_numbers(place: Place) -> None:
    client = sign_in(app_of(place.centre), "district")
    page = client.get("/statistics/field/households?figure=care_late").text
    assert "名单不印出" in page
    assert '<span class="on-paper">少于 5</span>' in page
    assert "名单不印出" not in client.get("/statistics/field/households?figure=homes").text
    wrong = client.get("/statistics/field/households?since=2026-09-30&until=2026-09-01")
    assert wrong.status_code == 422
    community = sign_in(app_of(place.centre), "community")
    assert community.get("/statistics/field/households?area=990101100008").status_code == 404
    assert "名单不印出" not in community.get("/statistics/field/households?figure=care_late").text


def test_the_area_page_tells_its_registers_from_what_the_statistics_count(
    client: FlaskClient,
) -> None:
    page = client.get(f"/areas/{GRID}").text
    seen = on_paper(page)
    assert "家庭户 4 其中有人住的 3 户" in seen
    assert "居民 3 其中没有迁出的 3" in seen
    assert "关怀对象 3 今天在册的 3 户、3 人" in seen
    assert "走访覆盖率的分母是其中有人住的户" in seen
    links = re.findall(r'href="(/statistics/field/households\?[^"]*)">(\d+)<', page)
    assert len(links) == 2
    for link, count in links:
        assert f"共 {count} 户" in client.get(unescape(link)).text
    (link,) = re.findall(r'href="(/records/resident\?figure=present[^"]*)"', page)
    listed = client.get(unescape(link)).text
    assert "共 3 条" in listed
    assert "只列：没有迁出的" in listed
    figures = client.get(f"/statistics/field?since=2026-09-01&until=2026-09-30&area={GRID}")
    assert "÷ 3 " in on_paper(figures.text)
    assert "走访覆盖率只算有人住的" in client.get("/areas").text


def test_people_overdue_on_a_day_gone_by_lead_to_no_list_of_today(client: FlaskClient) -> None:
    assert (
        "/coverage?of=care"
        not in client.get("/statistics/field?since=2026-09-21&until=2026-09-29").text
    )
    assert (
        "/coverage?of=care"
        not in client.get("/statistics/field?since=2026-09-21&until=2026-09-30&phone=0").text
    )


def test_statistics_campaigns_and_stock_say_what_was_counted(
    client: FlaskClient, place: Place
) -> None:
    page = client.get("/statistics/field?since=2026-09-21&until=2026-09-30").text
    assert "<strong>15.2%</strong><small>5 ÷ 33</small>" in page
    assert page.count("<dt>") == 7
    assert "补录巡查 2 条（全部 7 ）、走访 0 条（全部 5 ）" in on_paper(page)
    assert f"记为{code_list('CARE_STATE').text('well', 'zh')}、需要帮助" in page
    assert "没有终端同步过" in page
    assert client.get("/statistics/field?since=2026-09-30&until=2026-09-01").status_code == 422
    page = client.get(f"/campaigns/{place.ids['campaign']}?state=nobody").text
    assert "<strong>25.0%</strong><small>1 ÷ 4</small>" in page
    assert "幸福里 1-1-103" in page
    assert "<strong>48</strong>" in client.get("/materials").text
    assert "补种树" in client.get("/opinions?category=green").text


def on_paper(page: str) -> str:
    """Return what stands on a page that is printed, in one line."""
    page = re.sub(r'<(\w+) class="on-screen">.*?</\1>', "", page[page.index("<main") :])
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


@pytest.mark.parametrize(("role", "outside"), [("community", False), ("district", True)])
def test_few_people_in_care_are_not_told_on_paper_that_leaves_the_community(
    place: Place, role: str, outside: bool
) -> None:
    client = sign_in(app_of(place.centre), role)
    period = "since=2026-09-21&until=2026-09-30"
    figures = client.get(f"/statistics/field?{period}").text
    assert re.search(r">2</a> ÷ <a [^>]*>3<", figures)  # the screen shows what it always did
    assert (
        "关怀探访率 — 少于 5 ÷ 少于 5 超期 少于 5 户、 少于 5 人" in on_paper(figures)
    ) == outside
    assert ("关怀探访率 66.7% 2 ÷ 3" in on_paper(figures)) != outside
    assert ("名单不印出。" in figures) == outside
    assert "巡查完成率 15.2% 5 ÷ 33" in on_paper(figures)  # no figure of care
    coverage = client.get("/coverage").text
    both = r'<span class="on-screen">(\d+)</span><span class="on-paper">少于 5</span>'
    assert counts(re.sub(both, r"\1", coverage)) == [1, 1, 1]
    assert on_paper(coverage).count("少于 5") == (4 if outside else 0)  # three, and why
    assert "少于 5" not in client.get("/coverage?of=household").text
    assert ("关怀对象 少于 5" in on_paper(client.get(f"/areas/{GRID}").text)) == outside


def cells(answer: TestResponse) -> dict[tuple[str, str], tuple[object, ...]]:
    """Return the rows of a file of figures by area and indicator."""
    assert answer.status_code == 200, answer.text
    sheet = load_workbook(BytesIO(answer.data)).worksheets[0]
    return {(row[0], row[3]): row[4:] for row in sheet.iter_rows(min_row=2, values_only=True)}


def test_a_closed_month_stands_beside_what_is_counted_today(place: Place) -> None:
    after = replace(place.centre, clock=lambda: NOON + timedelta(days=6))
    september = {"since": "2026-09-01", "until": "2026-09-30"}
    client = sign_in(app_of(after), "community")
    address = f"/statistics/field?since={september['since']}&until={september['until']}"
    assert "的统计已于" not in client.get(address).text
    assert freeze_due(after.store, DISTRICT, after.clock()) == 1
    page = client.get(address).text
    assert "2026-09 的统计已于 2026-10-06 12:00 封存" in page
    assert '<small class="frozen">封存 66.7% · <span class="division">2 ÷ 3</span></small>' in page
    assert "有出入</span>" not in page
    place.visit("after closing", 29, "home 5", "nobody")
    place.load()
    page = client.get(address).text
    assert page.count("有出入</span>") == 1  # late entries are a share of one visit more
    assert "的统计已于" not in client.get(address.replace("09-30", "09-29")).text
    for other in ("/statistics", "/services/figures"):
        assert "2026-09 的统计已于" in client.get(f"{other}?{address.split('?')[1]}").text
    found = cells(post(client, "/statistics/export", **september, inside="1"))
    assert found[COMMUNITY, "补录率"] == (2, 13, "15.4%", 2, 12, "16.7%", "有出入")
    assert found[COMMUNITY, "关怀探访率"] == (2, 3, "66.7%", 2, 3, "66.7%", None)


@pytest.mark.parametrize("role", ["community", "district"])
def test_a_file_of_figures_tells_no_few_people_in_care(place: Place, role: str) -> None:
    client = sign_in(app_of(place.centre), role)
    asked = {"since": "2026-09-10", "until": "2026-09-30"}
    found = cells(post(client, "/statistics/export", **asked, area=COMMUNITY))
    for area in (COMMUNITY, GRID):
        assert found[area, "关怀探访率"] == ("少于 5", "少于 5", "—")
    assert found[OTHER_GRID, "关怀探访率"] == (0, 0, None)
    assert found[COMMUNITY, "走访覆盖率"][1] == 4
    whole = cells(post(client, "/statistics/export", **asked, inside="1"))
    inside = (2, 3, "66.7%") if role == "community" else ("少于 5", "少于 5", "—")
    assert whole[COMMUNITY, "关怀探访率"] == inside
    with place.centre.store.reading() as connection:
        noted = connection.scalars(
            sa.select(audit.c.detail)
            .where(audit.c.action == "export", audit.c.target == "statistics")
            .order_by(audit.c.audit_id.desc())
        ).first()
    assert noted is not None
    assert noted["few_hidden"] == (role == "district")
    for wrong, status in (({"until": "2026-01-01"}, 422), ({"until": "x"}, 422),
                          ({"area": "990199"}, 404)):  # fmt: skip
        assert post(client, "/statistics/export", **(asked | wrong)).status_code == status


def test_a_campaign_is_made_changed_and_keeps_its_questions_answers(
    client: FlaskClient, place: Place
) -> None:
    page = client.get("/campaigns/new").text
    form = dict(re.findall(r'name="(csrf_token|record_id)" value="([^"]*)"', page))
    typed = {
        **form, "name": "冬季敲门", "area_code": GRID, "starts_on": "2026-12-01",
        "ends_on": "2026-11-01", "purpose": "取暖安全", "questions": "用煤炉吗\n\n有报警器吗",
        "materials.safety.qty": "1",
    }  # fmt: skip
    refused = client.post("/campaigns/new", data=typed)
    assert refused.status_code == 422
    assert "用煤炉吗\n\n有报警器吗" in refused.text
    typed["ends_on"] = "2026-12-21"
    for _ in range(2):
        made = client.post("/campaigns/new", data=typed)
        assert made.status_code == 303
    here = made.headers["Location"]
    before = re.findall(r"<tr><th scope=\"row\">(.*?)</th>", client.get(here).text)
    assert {"用煤炉吗", "有报警器吗"} <= set(before)
    page = client.get(f"{here}/change").text
    said = dict(re.findall(r'name="(csrf_token|record_id|version)" value="([^"]*)"', page))
    changed = {**typed, **said, "name": "冬季取暖敲门", "questions": "有报警器吗"}
    assert client.post(f"{here}/change", data=changed).status_code == 303
    assert client.post(f"{here}/change", data=changed).status_code == 409
    shown = client.get(here).text
    assert "冬季取暖敲门" in shown
    assert "用煤炉吗" not in shown


def test_a_district_sets_its_own_limits_and_laptops_get_them(place: Place) -> None:
    app = app_of(place.centre)
    with place.centre.store.writing() as connection:
        boss = add_user(
            connection, DISTRICT, no="d9", name="区县", role="district", scope_codes=(DISTRICT,),
            now=place.centre.clock(),
        )  # fmt: skip
        connection.execute(
            users.update().where(users.c.user_id == boss.user_id)
            .values(password_hash=hash_password(PASSWORD))
        )  # fmt: skip
    district = sign_in(app, "d9")
    assert "覆盖期限" in district.get("/coverage?of=point").text
    refused = post(district, "/coverage/limits", version="0", household="很久", point_due="3")
    assert refused.status_code == 422
    assert 'value="很久"' in refused.text
    assert "提前提醒的天数要少于期限" in post(
        district, "/coverage/limits", version="0", household="20"
    ).text  # fmt: skip
    said = {"household": "300", "point_due": "30", "point_overdue": "60"}
    beyond = post(district, "/coverage/limits", version="0", household="1001")
    assert beyond.status_code == 422
    assert post(district, "/coverage/limits", version="0", **said).status_code == 303
    page = district.get("/coverage?of=point&show=all").text
    assert "30 天没有巡查到为快到期，60 天为超期" in page
    assert counts(page) == [1, 0, 1], "nobody ever went through the other one"
    with place.centre.store.reading() as connection:
        worker = get_user(connection, DISTRICT, place.worker)
    laptop = join(place.centre, worker, key="fa" * 32)
    laptop.send()
    areas = [one["fields"] for one in laptop.records.values() if one["kind"] == "area"]
    (own,) = [one for one in areas if one["code"] == DISTRICT]
    assert limits_of(own).point_overdue == 60
    again = district.get("/coverage/limits").text
    version = re.search(r'name="version" value="(\d+)"', again)
    assert version is not None
    assert 'name="household" value="300"' in again
    # Somebody who looked before did not see it: both are kept.
    seen = {"version": version[1], "point_due": "30", "point_overdue": "60"}
    for days in ("310", "250"):
        assert post(district, "/coverage/limits", household=days, **seen).status_code == 303
    with place.centre.store.reading() as connection:
        beside = list(connection.scalars(sa.select(conflicts.c.path)))
        noted = list(
            connection.scalars(sa.select(audit.c.detail).where(audit.c.action == "coverage_limits"))
        )
    assert beside == ["coverage_limits.household"]
    assert [one.get("household") for one in noted] == [300, 310, 250]
    assert post(district, "/coverage/limits", version=version[1]).status_code == 303
    assert counts(district.get("/coverage?of=point&show=all").text) == [2, 0, 0]
