"""The staff's pages in a browser: by keyboard, narrow and wide, with what htmx adds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from schemas.catalogue import kinds
from sync_server.services.central import seen_id_of
from sync_server.store import records_read
from tests.sync_server.web.staff import (
    FIRST_PHONE,
    GRID,
    PASSWORD,
    Town,
    household_of,
    load_many,
    refused_of,
)
from tests.sync_server.world import resident

FROM_LAPTOPS = ("/records/visit/", "/records/issue/", "/records/issue_step/", "/records/household/")
"""Records whose author is told that somebody opened them; the others are base data."""


@pytest.fixture
def visit_as(
    app: Flask, town: Town, live_server: Callable[[Any], str], browser_page: Callable[..., Page]
) -> Callable[..., tuple[Page, str]]:
    address = live_server(app)

    def visit(no: str, viewport: str = "laptop", **options: Any) -> tuple[Page, str]:
        page = browser_page(viewport, **options)
        page.goto(f"{address}/sign-in")
        expect(page.locator('[name="no"]')).to_be_focused()
        page.keyboard.type(no)  # the number has the focus
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator("h1")).not_to_have_text("登录")
        return page, address

    return visit


def test_typing_narrows_a_list_without_loading_the_page_anew(
    town: Town, visit_as: Callable[..., tuple[Page, str]]
) -> None:
    people = [resident(name=name) for name in ("王样本", "张演示", "李说明")]
    load_many(town.centre, town.here.worker.user_id, "resident", GRID, people)
    page, address = visit_as("community")
    page.goto(f"{address}/records/resident")
    expect(page.locator("#results [role=status]")).to_have_text("共 4 条")
    page.evaluate("document.body.dataset.kept = 'yes'")
    page.fill("#q", "lsm")
    expect(page.locator("#results [role=status]")).to_contain_text("共 1 条")
    expect(page.locator("#results tbody th")).to_have_text("李**")
    page.fill("#q", "")
    page.select_option("#state", "voided")
    expect(page.locator("#results")).to_contain_text("没有符合条件的记录")
    assert page.evaluate("document.body.dataset.kept") == "yes"
    assert "state=voided" in page.url
    page.go_back()
    page.wait_for_function("!document.body.dataset.kept")  # loaded anew: nothing is kept to show
    expect(page.locator("#results [role=status]")).to_contain_text("共")
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "**" not in kept  # no page with people on it stays in the browser


def test_unmasking_shows_in_place_and_reloading_masks_again(
    town: Town, visit_as: Callable[..., tuple[Page, str]]
) -> None:
    page, address = visit_as("community")
    page.goto(address + household_of(town.here))
    expect(page.locator(".fields")).to_contain_text("100****5555")
    page.get_by_text("显示完整个人信息").press("Enter")
    page.fill("#reason", "核对电话")
    page.keyboard.press("Enter")
    expect(page.locator(".fields")).to_contain_text(FIRST_PHONE)
    expect(page.locator("#record")).to_contain_text("已记入审计")
    assert page.url == address + household_of(town.here)
    page.reload()
    expect(page.locator(".fields")).to_contain_text("100****5555")


def test_a_blank_reason_is_told_in_place_and_a_real_one_can_follow(
    town: Town, visit_as: Callable[..., tuple[Page, str]]
) -> None:
    page, address = visit_as("community", expected_errors=("422",))
    page.goto(address + household_of(town.here))
    page.get_by_text("显示完整个人信息").press("Enter")
    page.fill("#reason", "   ")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("请写明查看原因")
    page.fill("#reason", "核对电话")
    page.keyboard.press("Enter")
    expect(page.locator(".fields")).to_contain_text(FIRST_PHONE)


def test_opening_a_page_tells_the_author_by_itself(
    town: Town, visit_as: Callable[..., tuple[Page, str]]
) -> None:
    page, address = visit_as("community")
    issue_id = town.here.ids["issue"]
    with page.expect_response(lambda answer: answer.url.endswith("/seen")) as seen:
        page.goto(f"{address}/records/issue/{issue_id}")
    assert seen.value.status == 204
    with town.centre.store.reading() as connection:
        assert records_read.get(connection, town.centre.code, seen_id_of(issue_id))


def test_a_list_is_exported_from_its_page(visit_as: Callable[..., tuple[Page, str]]) -> None:
    page, address = visit_as("community")
    page.goto(f"{address}/records/resident?q=lsl")
    page.get_by_text("导出", exact=True).press("Enter")
    with page.expect_download() as download:
        page.get_by_role("button", name="导出 CSV").click()
    assert download.value.suggested_filename == "居民-20260930-1200.csv"
    text = download.value.path().read_text(encoding="utf-8-sig")
    assert "林**" in text


@pytest.mark.parametrize("viewport", ["laptop", "phone"])
def test_no_page_is_wider_than_the_screen_or_complains(
    town: Town, visit_as: Callable[..., tuple[Page, str]], viewport: str
) -> None:
    page, address = visit_as("admin", viewport)
    ids, laptop = town.here.ids, town.here.laptop
    pages = ["/", "/uploads", f"/uploads/{town.here.batch_id}", "/waiting/quarantined", "/devices",
             "/accounts?show=all", f"/accounts/{town.here.laptop.device_id}",
             "/conflicts", f"/devices/{laptop.device_id}", "/join-codes", "/relay", "/notices",
             "/audit", "/notices/new", "/people", "/times", household_of(town.here),
             f"/conflicts/{ids['household']}",
             f"/waiting/quarantined/{refused_of(town.here)['change_id']}"]  # fmt: skip
    pages += [f"/records/{kind.info.name}" for kind in kinds()]
    pages += [f"/records/{name}/{one}" for name, one in ids.items()]
    for one in dict.fromkeys(pages):
        if one.startswith(FROM_LAPTOPS):
            with page.expect_response(lambda answer: answer.url.endswith("/seen")):
                page.goto(address + one)
        else:
            page.goto(address + one)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= page.viewport_size["width"], one


def test_the_menu_of_a_phone_opens_by_keyboard(visit_as: Callable[..., tuple[Page, str]]) -> None:
    page, _ = visit_as("community", "phone")
    page.get_by_text("菜单", exact=True).press("Enter")
    page.get_by_role("link", name="居民", exact=True).click()
    expect(page.locator("h1")).to_have_text("居民")


def test_an_ended_session_leads_a_live_list_to_the_sign_in_page(
    town: Town, visit_as: Callable[..., tuple[Page, str]], clock: Any
) -> None:
    page, address = visit_as("community", expected_errors=("401",))
    page.goto(f"{address}/records/resident")
    clock.passes(minutes=31)
    page.select_option("#state", "voided")
    expect(page.locator("h1")).to_have_text("登录")
    expect(page.locator("main")).to_contain_text("离开超过30分钟")
