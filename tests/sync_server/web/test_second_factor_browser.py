"""A second factor in a browser: set up from one's account, asked for, and the form that waits."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.sync_server.web.staff import PASSWORD, Town
from tests.sync_server.world import StillClock


def give_password(page: Page, address: str, no: str) -> None:
    page.goto(f"{address}/sign-in")
    page.fill('[name="no"]', no)
    page.fill('[name="password"]', PASSWORD)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("viewport", ["laptop", "phone"])
def test_a_second_factor_from_the_account_page_to_an_export_that_asks_again(
    app: Flask,
    town: Town,
    clock: StillClock,
    live_server: Callable[[Any], str],
    browser_page: Callable[..., Page],
    viewport: str,
) -> None:
    address = live_server(app)
    page = browser_page(viewport, expected_errors=("403", "422"), accept_downloads=True)
    give_password(page, address, "community")
    page.get_by_role("link", name="修改密码").click()
    page.get_by_role("link", name="查看和设置").click()
    expect(page.get_by_role("button", name="开始设置")).to_be_visible()
    page.get_by_role("button", name="开始设置").click()

    picture = page.get_by_role("img", name="二维码，内容是下面的密钥")
    expect(picture).to_be_visible()
    assert picture.evaluate("one => one.complete && one.naturalWidth > 100")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    phone = pyotp.TOTP(page.locator("#secret").inner_text().replace(" ", ""))
    expect(page.locator("#code")).to_be_focused()
    page.keyboard.type("999999")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("验证码不对")
    page.keyboard.type(phone.at(clock.now))
    page.keyboard.press("Enter")
    expect(page.locator(".recovery-codes li")).to_have_count(10)
    page.get_by_role("link", name="抄好了，继续").click()
    expect(page).to_have_url(f"{address}/")

    page.context.clear_cookies()
    give_password(page, address, "community")
    expect(page.locator("h1")).to_have_text("第二重验证")
    clock.now += timedelta(minutes=1)
    expect(page.locator("#code")).to_be_focused()
    page.keyboard.type(phone.at(clock.now))
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{address}/")

    page.goto(f"{address}/records/resident")
    page.locator("details.export summary").click()
    clock.now += timedelta(minutes=11)
    page.check("#unmask")
    page.fill("#export-reason", "核对户口登记")
    page.get_by_role("button", name="导出 XLSX").click()
    expect(page.locator("h1")).to_have_text("确认是您本人")
    page.keyboard.type(phone.at(clock.now))
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("还没有提交")
    expect(page.locator("#export-reason")).to_have_value("核对户口登记")
    expect(page.locator("#unmask")).to_be_checked()
    with page.expect_download() as download:
        page.get_by_role("button", name="导出 XLSX").click()
    assert re.search(r"\.xlsx$", download.value.suggested_filename)
