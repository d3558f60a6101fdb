"""A worker's day in a real browser, by keyboard, to the merged record on the staff's screen."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
from playwright.sync_api import BrowserContext, Page, Response, expect

from tests.journeys.forks import Forked, ForkedLaptop, zygote
from tests.journeys.keyboard import Keyboard
from tests.journeys.people import CHARGING, MET, GridWorker
from tests.journeys.programs import PASSPHRASE, ServedCentre, ServedLaptop
from tests.journeys.untranslated import data_of, untranslated
from tests.journeys.world import GRID, NAME, PERSONA

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.xdist_group("browser")]

Open = Callable[..., Page]


def join(page: Page, laptop: str, centre: str, code: str) -> None:
    """Join by code and write down the recovery key, by keyboard."""
    page.goto(laptop)
    expect(page).to_have_url(re.compile("/join"))
    keys = Keyboard(page)
    keys.write(page.locator("#server_url"), centre)
    keys.write(page.locator("#code"), code.lower().replace("-", " "))
    keys.write(page.locator("#device_name"), "三号机")
    keys.write(page.locator("#passphrase"), PASSPHRASE)
    keys.write(page.locator("#repeated"), PASSPHRASE)
    page.keyboard.press("Enter")
    groups = page.locator("#recovery-key").inner_text().split("-")
    assert len(groups) == 8
    for place in (1, 4):
        keys.write(page.locator(f"#group{place}"), groups[place].lower())
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/sync$"))


def synced(page: Page) -> None:
    expect(page.locator("#progress")).to_have_attribute("data-stage", "done", timeout=60_000)


def saved(page: Page) -> None:
    expect(page.locator("#flashes")).to_contain_text("已保存在本机")


def patrol(page: Page, keys: Keyboard) -> None:
    """Walk a patrol: one thing wrong, reported on the spot; the rest is in order."""
    keys.press(page.get_by_role("button", name="开始巡查"))
    expect(page.get_by_role("heading", level=1)).to_have_text("巡查检查表")
    first = page.locator("[data-check-row]").first
    keys.go(first.locator("input[type=radio]").first)
    page.keyboard.press("1")  # in order; the next item has the focus
    expect(first.locator("input[type=radio]").first).to_be_checked()
    keys.press(page.locator('button[value="report:ebike"]'))
    prefix = "issue-ebike:"
    for name in ("text", "place"):
        keys.write(page.locator(f'[name="{prefix}{name}"]'), CHARGING[name])
    for name in ("level", "urgency"):
        keys.choose(prefix + name, CHARGING[name])
    keys.press(page.get_by_role("button", name="填好了，回到检查表"))
    keys.press(page.get_by_role("button", name="其余全部正常"))
    expect(page.locator("[data-checklist] [data-left]")).to_have_text(re.compile("都已查"))
    keys.write(page.locator('[name="summary"]'), "一处已上报。")
    keys.press(page.get_by_role("button", name="完成巡查"))
    saved(page)


def visit(page: Page, keys: Keyboard, centre_of_page: str) -> str:
    """Find a door by its room number, visit it, and return the household's address."""
    page.goto(f"{centre_of_page}/visits")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("502")
    expect(page.locator("#found .door").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#found .door").first).to_be_focused()
    household = page.locator("#found .door").first.get_attribute("href")
    assert household
    keys.press(page.locator("#found form button").first)
    expect(page.locator("#sheet")).to_be_visible()
    for name, value in MET.items():
        keys.choose(name, str(value))
    keys.write(page.locator('[name="findings"]'), "一切都好。")
    keys.press(page.get_by_role("button", name="保存走访"))
    saved(page)
    return household


def change_phone(page: Page, keys: Keyboard, address: str) -> None:
    page.goto(address)
    keys.press(page.locator('a[href*="/records/household/"][href$="/edit"]'))
    keys.write(page.locator('[name="phone"]'), "13800001111")
    keys.press(page.locator("#save"))
    saved(page)


def sign_in(page: Page, centre: ServedCentre) -> None:
    page.goto(centre.address)
    keys = Keyboard(page)
    keys.write(page.locator('[name="no"]'), "demo-community")
    keys.write(page.locator('[name="password"]'), centre.world.password("demo-community"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page).to_have_url(f"{centre.address}/")


def test_a_day_from_joining_to_the_merged_record(
    centre: ServedCentre, tmp_path: Path, browser_page: Open
) -> None:
    with ServedLaptop(tmp_path) as laptop:
        laptop.start()
        page = browser_page(expected_errors=("404",))
        desk = browser_page(expected_errors=("404",), accept_downloads=True)
        try:
            a_day(page, desk, laptop, centre)
        finally:
            page.context.close()


def a_day(page: Page, desk: Page, laptop: ServedLaptop, centre: ServedCentre) -> None:
    join(page, laptop.address, centre.address, centre.join_code(PERSONA))
    synced(page)
    page.goto(laptop.address)
    keys = Keyboard(page)
    patrol(page, keys)
    household = visit(page, keys, laptop.address)
    change_phone(page, keys, laptop.address + household)

    page.goto(f"{laptop.address}/outbox")
    rows = page.locator("li[data-change]")
    expect(rows).to_have_count(4)
    expect(page.locator('li[data-change][data-state="local"]')).to_have_count(4)
    keys.press(page.get_by_role("button", name="立即同步"))
    synced(page)
    expect(page.locator("#progress")).to_contain_text("已确认 4 / 共 4 条")
    page.goto(f"{laptop.address}/outbox")
    expect(rows.locator(".state", has_text="已入库")).to_have_count(4)

    record_id = household.rpartition("/")[2]
    at_the_centre(desk, centre, record_id)

    # Somebody opened it: the next sync tells its author.
    page.goto(f"{laptop.address}/sync")
    keys.press(page.locator("#sync-start"))
    synced(page)
    page.goto(f"{laptop.address}/outbox")
    expect(rows.locator(".state", has_text="已查看")).to_have_count(1)

    check_english(page, desk, laptop, centre, household)


def at_the_centre(desk: Page, centre: ServedCentre, record_id: str) -> None:
    """From signing in to the record with all its versions, and the list as a file."""
    sign_in(desk, centre)
    desk.get_by_role("link", name="上传", exact=True).first.click()
    line = desk.locator("tbody.group", has_text=NAME)
    expect(line).to_contain_text("三号机")
    desk.locator('a[href^="/uploads/"]').first.click()
    with desk.expect_response(re.compile("/seen$")):
        desk.locator(f'a[href="/records/household/{record_id}"]').first.click()
    expect(desk.get_by_role("heading", name=re.compile("全部版本"))).to_be_visible()
    versions = desk.locator("table.history tbody tr")
    assert versions.count() >= 2
    expect(versions.first).to_contain_text(NAME)
    expect(versions.first).to_contain_text("138****1111")
    expect(versions.last).to_contain_text("新建")

    desk.goto(f"{centre.address}/records/household?area={GRID}")
    desk.locator("details.export summary").click()
    with desk.expect_download() as download:
        desk.get_by_role("button", name="导出 CSV").click()
    content = Path(download.value.path()).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    table = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    changed = [row for row in table if record_id in row]
    assert len(changed) == 1
    assert "138****1111" in changed[0]
    assert "13800001111" not in content.decode()
    assert len(table) > 20


def check_english(
    page: Page, desk: Page, laptop: ServedLaptop, centre: ServedCentre, household: str
) -> None:
    """Switched to English, no page of either program says anything in Chinese but data."""
    data = data_of(centre.books)
    assert "上报事件" in untranslated(page, laptop.address, data)  # it would be noticed
    english(page, laptop.address)
    pages = ["/", "/patrols", "/visits", "/visits?q=502", "/issues", "/issues/new", "/base"]
    pages += [household, "/outbox", "/sync", "/relay", "/settings", "/records/resident/"]
    pages += ["/nowhere"]
    pages += [f"/records/household/{household.rpartition('/')[2]}/edit"]
    found = {path: untranslated(page, laptop.address + path, data) for path in pages}

    english(desk, centre.address)
    pages = ["/", "/uploads", "/conflicts", "/waiting/quarantined", "/waiting/held", "/devices"]
    pages += ["/records/household", f"/records/household/{household.rpartition('/')[2]}"]
    pages += ["/records/issue", "/records/patrol", "/notices", "/join-codes", "/relay", "/nowhere"]
    pages += [str(desk.locator('a[href^="/uploads/"]').first.get_attribute("href"))]
    found |= {path + " ": untranslated(desk, centre.address + path, data) for path in pages}
    assert {path: texts for path, texts in found.items() if texts} == {}


def english(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


# A crash ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def _forks() -> Iterator[None]:
    """Let laptops start at once."""
    with zygote() as Forked.zygote:
        yield


@pytest.fixture
def laptop(_forks: None, centre: ServedCentre, tmp_path: Path) -> Iterator[ForkedLaptop]:
    """A laptop on which the worker has joined, and which can be killed."""
    with ForkedLaptop(tmp_path) as laptop:
        laptop.start()
        GridWorker(laptop).move_in(centre.address, centre.join_code(PERSONA))
        yield laptop


def unlocked(page: Page, laptop: ForkedLaptop) -> Page:
    """Unlock by keyboard."""
    page.goto(laptop.address)
    expect(page.locator("#passphrase")).to_be_focused()
    page.keyboard.insert_text(PASSPHRASE)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{laptop.address}/")
    return page


def begin_visit(page: Page, laptop: ForkedLaptop) -> None:
    page.goto(f"{laptop.address}/visits?q=502")
    page.locator("#found form button").first.click()
    expect(page.locator("#sheet")).to_be_visible()


def keeps(answer: Response, text: str) -> bool:
    """Whether an answer is to a draft that held this text."""
    sent = unquote_plus(answer.request.post_data or "")
    return "/drafts/" in answer.url and text in sent


TYPE_ONE_MORE = """() => {
  const line = document.querySelector('[name="met"]');
  line.value = '王';
  line.dispatchEvent(new Event('input', { bubbles: true }));
  return document.getElementById('draft-status').textContent;
}"""
"""Type, and read the status line before anything can have been kept."""


def test_a_half_typed_form_is_back_after_a_crash(laptop: ForkedLaptop, browser_page: Open) -> None:
    page = unlocked(browser_page(), laptop)
    begin_visit(page, laptop)
    page.locator('[name="mode"][value="door"]').check()
    with page.expect_response(lambda answer: keeps(answer, "老人说夜里")):
        page.locator('[name="findings"]').press_sequentially("老人说夜里", delay=5)
    expect(page.locator("#draft-status")).to_contain_text("草稿已保存")
    assert page.evaluate(TYPE_ONE_MORE) == "正在保存草稿…"  # not what was kept before
    page.context.close()
    laptop.kill()
    laptop.start()

    page = unlocked(browser_page(), laptop)
    waiting = page.locator("section", has=page.locator("#open-drafts"))
    expect(waiting).to_contain_text("走访")
    waiting.get_by_role("link", name="继续填写").click()
    expect(page.locator('[name="findings"]')).to_have_value("老人说夜里")
    expect(page.locator('[name="mode"][value="door"]')).to_be_checked()
    page.locator('[name="result"][value="met"]').check()
    page.locator('[name="notice_given"][value="1"]').check()
    page.locator("#save").click()
    saved(page)
    page.goto(laptop.address)
    expect(page.locator("#open-drafts")).to_have_count(0)
    page.context.close()


def test_two_windows_on_one_draft_make_one_record(laptop: ForkedLaptop, browser_page: Open) -> None:
    page = unlocked(browser_page(expected_errors=("409", "410")), laptop)
    begin_visit(page, laptop)
    page.locator('[name="mode"][value="door"]').check()
    page.locator('[name="result"][value="met"]').check()
    page.locator('[name="notice_given"][value="1"]').check()
    expect(page.locator("#draft-status")).to_contain_text("草稿已保存")
    context: BrowserContext = page.context
    other = context.new_page()
    other.goto(page.url)
    expect(other.locator('[name="result"][value="met"]')).to_be_checked()
    # Both press the button before either sees an answer.
    press = "document.getElementById('save').click()"
    with page.expect_navigation(), other.expect_navigation():
        page.evaluate(press)
        other.evaluate(press)
    page.goto(f"{laptop.address}/outbox")
    expect(page.locator("li[data-change]")).to_have_count(1)
    other.goto(f"{laptop.address}/visits")
    expect(other.locator("section[aria-labelledby=mine] tbody tr").first).to_contain_text("仅本机")
    context.close()
