"""What a browser keeps of its own accord, unencrypted: the addresses and names of pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from field_app.services.records import save_record, views
from tests.field_app.laptops import Laptop
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import rid
from tests.field_app.web.test_drafts_browser import Running, running, unlock

Open = Callable[..., Page]
__all__ = ["running"]
NAME = "林示例"


def tab(laptop: Laptop, path: str) -> str:
    """Return the name of a page as its tab shows it."""
    found = re.search(r"<title>([^<]*)</title>", laptop.browser.get(path).text)
    assert found
    return found[1]


def test_the_name_of_a_page_tells_no_persons_name(laptop: Laptop) -> None:
    at = sign_in(laptop)
    resident = next(one for one in views(at.ws, "resident") if one["fields"]["name"] == NAME)
    path = f"/records/resident/{resident['record_id']}"
    assert NAME in at.browser.get(path).text
    assert tab(at, path) == "林** · 网格巡访"
    said = {"requested_at": "2026-09-30T08:40:00+08:00", "kind": "proxy", "item": "medicine",
            "words": "取药", "applicant": NAME, "channel": "door"}  # fmt: skip
    saved = save_record(at.ws, "service", "create", said)
    path = f"/services/{saved.record_id}"
    assert NAME in at.browser.get(path).text
    assert NAME not in tab(at, path)
    assert tab(at, f"/records/household/{rid('household', 1)}") == "幸福里 1-1-201 · 网格巡访"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", "#found .door"),
        ("/visits", "#found .door"),
        ("/base", "#found .door"),
        ("/records/resident/", "#rows td a"),
    ],
)
def test_what_is_looked_for_stays_out_of_the_address(
    running: Running, browser_page: Open, path: str, found: str
) -> None:
    page = browser_page()
    unlock(page, running, path)
    before = urlsplit(page.url).path
    for press in (lambda: page.keyboard.press("Enter"), page.locator("[role=search] button").click):
        page.goto(running.address + path)
        page.locator("#q").fill(NAME)
        press()
        expect(page.locator(found).first).to_be_visible()
        expect(page.locator("#found, #rows")).to_contain_text(NAME)
        assert page.url == running.address + before
