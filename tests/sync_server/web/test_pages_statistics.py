"""The statistics page: figures of a fortieth of World B's year, narrowed by period and area."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from sync_server.app import app_of
from sync_server.services.accounts import hash_password
from sync_server.services.centre import open_centre, reopened
from sync_server.services.demo_year import build_year
from sync_server.services.issue_figures import OF_UNITS, PARTS
from sync_server.settings import Settings
from sync_server.store.tables import users
from tests.sync_server.web.staff import PASSWORD, Town, sign_in
from tests.sync_server.world import NOON, StillClock

pytestmark = pytest.mark.xdist_group("year")  # one year for all of them

YEAR = "/statistics?since=2025-01-01&until=2025-12-31"


@pytest.fixture(scope="module")
def year_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A centre with the fortieth of the year whose street and district staff sign in."""
    folder = tmp_path_factory.mktemp("statistics")
    centre = open_centre(Settings(folder, district="990102", testing=True), StillClock())
    build_year(centre.store, part=60, now=NOON)
    with centre.store.writing() as connection:
        connection.execute(
            sa.update(users)
            .where(users.c.no.like("demo-%"))
            .values(password_hash=hash_password(PASSWORD))
        )
    yield app_of(reopened(centre))
    centre.store.close()


@pytest.fixture
def client(year_app: Flask) -> FlaskClient:
    return sign_in(year_app, "demo-district")


def figure(page: str, label: str) -> tuple[str, str]:
    """Return a figure and the small print under it."""
    found = re.search(rf'label">{label}</span><strong>(.*?)</strong><small>(.*?)</small>', page)
    assert found, label
    return plain(found[1]), plain(found[2])


def plain(html: str) -> str:
    """Return the words without the links around them."""
    return re.sub(r"<[^>]+>", "", html)


def test_the_year_shows_its_rate_with_what_was_divided(client: FlaskClient) -> None:
    page = client.get(YEAR).text
    assert figure(page, "有效事件")[0] == "199"
    rate, division = figure(page, "处置率")
    resolved, valid = division.split(" ÷ ")
    assert (valid, rate) == ("199", f"{100 * int(resolved) / 199:.1f}%")
    assert "并案 5，作废 1" in plain(page)
    assert page.count("<dt>") == 18
    assert "没有终端同步过" in page
    row = r'>2025-(\d\d)</a></th>\s*<td class="num"><a [^>]*>(\d+)'
    months = re.findall(row, page)
    assert [month for month, _ in months] == [f"{no:02d}" for no in range(1, 13)]
    assert sum(int(count) for _, count in months) == 199


def test_a_period_and_an_area_narrow_the_figures(client: FlaskClient) -> None:
    march = figure(client.get("/statistics?since=2025-03-01&until=2025-03-31").text, "有效事件")
    assert march[0] == "17"
    somewhere = client.get(f"{YEAR}&area=990102001001").text
    count = int(figure(somewhere, "有效事件")[0])
    assert 0 < count < 199
    assert 'value="990102001001" selected' in somewhere


def test_nothing_in_a_period_is_said_and_not_divided(client: FlaskClient) -> None:
    page = client.get("/statistics?since=2024-01-01&until=2024-02-01").text
    assert "这段时间没有有效事件" in page


@pytest.mark.parametrize("asked", ["since=2025-02-01&until=2025-01-01", "since=2020-01-01"])
def test_a_period_that_is_none_is_said_plainly(client: FlaskClient, asked: str) -> None:
    answer = client.get(f"/statistics?{asked}")
    assert answer.status_code == 422
    assert "时段的结束不能早于开始" in answer.text


def test_an_area_outside_ones_own_shows_nothing(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "community")
    assert figure(client.get("/statistics").text, "有效事件")[0] == "1"
    assert "没有有效事件" in client.get("/statistics?area=990101100008").text


def test_every_figure_leads_to_the_issues_that_make_it(client: FlaskClient) -> None:
    page = client.get(f"{YEAR}&area=990102001").text
    links = re.findall(r'href="(/issues\?figure=[^"]*)">([\d,]+)</a>', page)
    named = {parse_qs(urlsplit(unescape(link)).query)["figure"][0] for link, _ in links}
    assert named >= {"valid", "resolved", "closed", "judged", "on_time", "level_1", "in_street"}
    of_units = {one for name in OF_UNITS for one in PARTS[name]}
    assert of_units <= named
    for link, count in links:
        answer = client.get(unescape(link)).text
        figure = parse_qs(urlsplit(unescape(link)).query)["figure"][0]
        if figure not in of_units:
            assert f"共 {count} 件" in answer, (link, count)
    assert "统计中的“" in answer


def test_a_figure_divided_is_the_count_of_its_list(client: FlaskClient) -> None:
    page = client.get(f"{YEAR}&area=990102001").text
    for name, (part, whole) in PARTS.items():
        if name == "in_compound":
            continue  # the year has none: nothing to lead to
        for figure_ in (part, whole):
            assert f"/issues?figure={figure_}&amp;since=2025-01-01" in page, name


@pytest.mark.parametrize("asked", ["figure=nothing", "since=2025-13-01", "until=soon"])
def test_a_figure_or_day_there_is_not_narrows_nothing(client: FlaskClient, asked: str) -> None:
    everything = re.search(r"共 ([\d,]+) 件", client.get("/issues?tab=all").text)
    asked_for = re.search(r"共 ([\d,]+) 件", client.get(f"/issues?tab=all&{asked}").text)
    assert everything
    assert asked_for
    assert everything[1] == asked_for[1]


def test_a_grids_issues_lead_to_the_issues_counted(client: FlaskClient) -> None:
    period = "since=2025-03-01&until=2025-03-31"
    page = client.get(f"/statistics/field?{period}&area=990102001").text
    links = re.findall(r'href="(/issues\?[^"]*)">([\d,]+)</a>', page)
    assert any("figure=self_handled" in link for link, _ in links)
    assert any("tab=all" in link for link, _ in links)
    for link, count in links:
        assert f"共 {count} 件" in client.get(unescape(link)).text, (link, count)
