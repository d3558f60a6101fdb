"""The staff's lists on a phone: nothing runs out of sight without a sign of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.sync_server.web.privacy_pages import request_in
from tests.sync_server.web.staff import PASSWORD, Town

HIDDEN = """[...document.querySelectorAll('.scroll')]
    .filter(one => one.scrollWidth > one.clientWidth).length"""
STACKED = ("/", "/conflicts", "/conflicts?state=decided", "/issues?tab=open", "/records/visit",
           "/records/resident", "/records/issue", "/devices", "/uploads", "/privacy",
           "/privacy/find?q=lsl")  # fmt: skip


@pytest.fixture
def phone(
    app: Flask, town: Town, live_server: Callable[[Any], str], browser_page: Callable[..., Page]
) -> Callable[[str], Page]:
    """Open an address on the phone of an administrator."""
    request_in(town.here, "access")
    page, address = browser_page("phone"), live_server(app)
    page.goto(f"{address}/sign-in")
    page.fill('[name="no"]', "admin")
    page.fill('[name="password"]', PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).not_to_have_text("登录")

    def visit(place: str) -> Page:
        page.goto(address + place)
        return page

    return visit


def test_lists_stand_below_each_other(phone: Callable[[str], Page]) -> None:
    for place in STACKED:
        page = phone(place)
        assert page.locator("table.stack").count() > 0, place
        assert page.evaluate(HIDDEN) == 0, place
    button = phone("/conflicts").get_by_role("link", name="裁决").first.bounding_box()
    assert button is not None
    assert button["x"] + button["width"] <= 390
    due = phone("/issues?tab=open").locator("td[data-label=时限]").first
    assert due.evaluate("one => getComputedStyle(one, '::before').content") == '"时限 "'


def test_tables_of_figures_show_that_they_go_on_and_keep_their_first_column(
    phone: Callable[[str], Page],
) -> None:
    page = phone("/statistics/field")
    grids = page.locator(".scroll", has=page.get_by_text("空白日", exact=True))
    assert grids.evaluate("one => one.scrollWidth > one.clientWidth")
    assert "gradient" in grids.evaluate("one => getComputedStyle(one).backgroundImage")
    cell = grids.locator("td.num").first
    assert cell.evaluate("one => getComputedStyle(one).backgroundColor") == "rgba(0, 0, 0, 0)"
    grids.evaluate("one => one.scrollLeft = 300")
    name = grids.locator("tbody th").first.bounding_box()
    assert name is not None
    assert name["x"] >= 0


def test_a_linked_count_stays_in_the_line_of_its_figure(phone: Callable[[str], Page]) -> None:
    count = phone("/statistics").locator(".figure .plain a").first
    assert count.evaluate("one => getComputedStyle(one).display") == "inline"
    tile = phone("/").locator(".figure > a").first
    assert tile.evaluate("one => getComputedStyle(one).display") == "flex"
