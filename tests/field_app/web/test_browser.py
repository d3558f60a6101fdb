"""In a real browser: the idle warning, a watched round, and every page without a complaint."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from field_app.services.preferences import choose
from tests.field_app.laptops import PASSPHRASE, save_issue
from tests.field_app.small_grid import fill, rid


@pytest.fixture
def visit(live_server, browser_page):
    """Open a laptop's pages in Chromium and unlock them: ``page, base = visit(laptop)``."""

    def open_(laptop, **options):
        base = live_server(laptop.app)
        laptop.app.config["HOSTS"] = frozenset({base.removeprefix("http://")})
        page = browser_page(**options)
        page.clock.install()
        page.goto(base + "/unlock")
        page.get_by_label("口令").fill(PASSPHRASE)
        page.keyboard.press("Enter")
        page.wait_for_url(base + "/")
        return page, base

    return open_


def test_before_it_locks_the_page_warns_and_can_be_kept_open(laptop, hands, visit):
    choose(laptop.ws, idle_minutes=5)
    page, base = visit(laptop)
    page.goto(base + "/settings")
    warning = page.locator("#idle-warning")
    expect(warning).to_be_hidden()
    hands.passes(250)
    page.clock.fast_forward(250_000)
    expect(warning).to_be_visible()
    page.get_by_role("button", name="继续使用").click()
    expect(warning).to_be_hidden()
    hands.passes(301)
    page.clock.fast_forward(301_000)
    page.wait_for_url(base + "/unlock?next=*")
    assert laptop.desk.present() is None


def test_use_in_another_window_counts(laptop, hands, visit):
    choose(laptop.ws, idle_minutes=5)
    page, base = visit(laptop)
    page.goto(base + "/settings")
    other = page.context.new_page()
    hands.passes(200)
    other.goto(base + "/outbox")
    hands.passes(60)
    page.clock.fast_forward(260_000)
    expect(page.locator("#idle-warning")).to_be_hidden()


def test_a_file_is_printed_once_and_fetched_as_often_as_asked(laptop, visit):
    fill(laptop.ws.db)
    page, base = visit(laptop)
    page.add_init_script("window.printed = 0; window.print = () => { window.printed += 1; };")
    for path in (f"households/{rid('household', 1)}", f"compounds/{rid('compound', 1)}"):
        page.goto(f"{base}/base/{path}")
        page.get_by_role("button", name="打印").click()
        assert page.evaluate("window.printed") == 1
    page.goto(base + "/relay")
    for _again in range(2):
        with page.expect_download():
            page.get_by_role("button", name="改为由浏览器下载").click()
        page.clock.fast_forward(2000)


def test_a_round_is_watched_to_its_end(joined, visit):
    laptop = joined()
    page, base = visit(laptop)
    save_issue(laptop.ws)
    page.goto(base + "/outbox")
    expect(page.locator("#unsent-count")).to_have_text("1")
    page.get_by_role("button", name="立即同步").click()
    deadline = time.monotonic() + 20
    while page.locator("#history ~ div tbody tr").count() == 0:
        assert time.monotonic() < deadline
        page.clock.run_for(1000)
    expect(page.locator("#progress")).to_have_attribute("data-stage", "done")
    expect(page.locator("#progress")).to_contain_text("已确认 1 / 共 1 条")
    expect(page.locator("#unsent-count")).to_have_count(0)


def test_pages_have_one_heading_labels_work_by_keyboard_and_fit(laptop, visit):
    page, base = visit(laptop)
    save_issue(laptop.ws)
    laptop.desk.new_recovery_key(PASSPHRASE)
    laptop.ws.keep_setting("identity", state="revoked")
    receipt = "/receipts/day/2026-09-30"
    for path in ("/outbox", "/sync", receipt, "/revoked", "/relay", "/settings", "/recovery",
                 "/join"):  # fmt: skip
        page.goto(base + path)
        check_structure(page)
        if path == "/join":  # begins where something is to be typed: the address is known
            expect(page.get_by_label("加入码")).to_be_focused()
        else:
            page.keyboard.press("Tab")
            expect(page.locator(".skip")).to_be_focused()
            expect(page.locator(".skip")).to_be_visible()
        check_keyboard(page)
        for size in ({"width": 390, "height": 844}, {"width": 1366, "height": 768}):
            page.set_viewport_size(size)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size["width"], (path, wide)
    page.get_by_role("button", name="English").click()
    page.wait_for_url(base + "/join")
    expect(page.locator("h1")).to_have_text("Join with a code")
    page.get_by_role("button", name="Lock").click()
    page.wait_for_url(base + "/unlock")
    check_structure(page)
    expect(page.get_by_label("Passphrase")).to_be_focused()


def check_structure(page):
    assert page.locator("h1").count() == 1
    assert page.locator("main").count() == 1
    assert page.locator("[style], script:not([src])").count() == 0
    for control in page.locator("main input:not([type=hidden]), main select").all():
        name = control.get_attribute("id")
        assert page.locator(f'label[for="{name}"]').count() == 1, name


def check_keyboard(page):
    """Every control of the page can be reached with the Tab key."""
    reached = set()
    for _ in range(50):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.outerHTML.slice(0, 300)"))
    controls = page.locator("main button, main a[href], main input:not([type=hidden])")
    for html in controls.evaluate_all("all => all.map(one => one.outerHTML.slice(0, 300))"):
        assert html in reached, html


def test_a_members_buttons_are_in_sight_on_a_narrow_window(laptop, visit):
    fill(laptop.ws.db)
    page, base = visit(laptop)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(base + f"/base/households/{rid('household', 1)}")
    for words in ("修改", "换户", "迁出"):
        box = page.locator("#members").locator("xpath=../..").get_by_role("link", name=words).first
        placed = box.bounding_box()
        assert placed is not None
        assert placed["x"] + placed["width"] <= 390, words
    crumb = page.locator(".crumbs a").first.bounding_box()
    assert crumb is not None
    assert crumb["height"] >= 24
