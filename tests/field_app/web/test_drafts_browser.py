"""Forms in a real browser: filled by keyboard alone, kept while typing, found after a restart."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from field_app.services import drafts
from field_app.services.records import views
from field_app.services.workspace import DRAFTS
from tests.field_app.laptops import PASSPHRASE, WORKER, Laptop, save_issue
from tests.field_app.signed_in import sign_in
from tests.field_app.small_grid import pull_in, rid
from tests.pictures import picture

Open = Callable[..., Page]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """A laptop's program on a port of its own, as a person starts and stops it."""

    def __init__(self, laptop: Laptop) -> None:
        self.laptop = laptop
        self.address = f"http://127.0.0.1:{laptop.settings.port}"
        self._server: Any = None

    def start(self) -> None:
        """Serve the laptop's pages."""
        self._server = make_server("127.0.0.1", self.laptop.settings.port, self.laptop.app,
                                   threaded=True)  # fmt: skip
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None


@pytest.fixture
def running(open_laptop: Callable[..., Laptop]) -> Iterator[Running]:
    """A running laptop with the small grid."""
    laptop = open_laptop(port=free_port())
    laptop.settle()
    sign_in(laptop)
    program = Running(laptop)
    program.start()
    yield program
    program.stop()


def unlock(page: Page, program: Running, path: str = "/") -> None:
    """Open a page of the laptop and type the passphrase."""
    page.goto(program.address + path)
    page.get_by_label("口令").fill(PASSPHRASE)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).not_to_have_text("解锁")
    page.wait_for_load_state()  # keys are answered by scripts that run once the page is there


def tab_to(page: Page, what: str, presses: int = 60) -> None:
    """Press Tab until the focused control's label, name or text contains ``what``."""
    told = ""
    for _ in range(presses):
        page.keyboard.press("Tab")
        told = page.evaluate(
            """() => { const at = document.activeElement;
                const label = at.labels && at.labels.length ? at.labels[0].textContent : "";
                const group = at.closest("fieldset");
                const legend = group ? group.querySelector("legend").textContent : "";
                return [at.name, at.id, at.textContent, label, legend].join("|"); }"""
        )
        if what in told:
            return
    pytest.fail(f"no way by Tab to {what}; last at {told}")


def test_a_visit_is_found_filled_in_and_saved_by_keyboard_alone(
    running: Running, browser_page: Open
) -> None:
    page = browser_page()
    unlock(page, running, "/visits")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("lsl")
    expect(page.locator("#found")).to_contain_text("幸福里 1-1-201")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-step]").first).to_be_focused()
    tab_to(page, "走访", 2)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("走访 · 幸福里 1-1-201")
    tab_to(page, "result")
    page.keyboard.press("Space")
    tab_to(page, "mode")
    page.keyboard.press("Space")
    tab_to(page, "f-met")
    page.keyboard.type("林示例")
    tab_to(page, "care_checks")
    page.keyboard.press("Space")
    tab_to(page, "f-findings")
    page.keyboard.type("血压偏高")
    tab_to(page, "notice_given")
    page.keyboard.press("Space")
    tab_to(page, "保存走访")
    page.keyboard.press("Enter")
    expect(page.locator("#flashes")).to_contain_text("已保存在本机")
    (visit,) = views(running.laptop.ws, "visit")
    assert visit["fields"]["findings"] == "血压偏高"
    assert visit["fields"]["care_checks"] == {rid("resident", 1): {"state": "well"}}


def test_enter_in_a_line_keeps_the_draft_and_does_not_send_the_form(
    running: Running, browser_page: Open
) -> None:
    page = browser_page()
    unlock(page, running, "/records/shop/new")
    page.locator("#f-name").fill("新店")
    page.locator("#f-name").press("Enter")
    expect(page.locator("#draft-status")).to_have_text("草稿已保存 08:41")
    expect(page.locator(".problem")).to_have_count(0)


def test_what_was_typed_before_the_script_had_come_is_kept_too(
    running: Running, browser_page: Open
) -> None:
    page = browser_page(expected_errors=("net::ERR_FAILED",))
    unlock(page, running)
    page.route("**/forms.js", lambda route: route.abort())
    page.goto(running.address + "/records/shop/new")
    page.locator("#f-name").fill("新店")
    page.unroute("**/forms.js")
    page.add_script_tag(url="/static/forms.js?late")
    expect(page.locator("#draft-status")).to_have_text("草稿已保存 08:41")


def test_what_was_typed_is_there_after_the_program_was_started_again(
    running: Running, browser_page: Open, open_laptop: Callable[..., Laptop]
) -> None:
    page = browser_page(expected_errors=("net::ERR_",))
    unlock(page, running, "/records/shop/new")
    page.locator("#f-name").press_sequentially("半张表")
    expect(page.locator("#draft-status")).to_have_text("草稿已保存 08:41")
    running.stop()
    page.locator("#f-address").fill("建设路9号")
    expect(page.locator("#draft-status")).to_contain_text("自动保存没有成功")
    page.close()
    running.laptop.close()
    again = open_laptop(port=running.laptop.settings.port)
    program = Running(again)
    program.start()
    try:
        page = browser_page()
        unlock(page, program)
        page.get_by_role("link", name="继续填写 商铺 半张表").click()
        expect(page.locator("#f-name")).to_have_value("半张表")
        page.close()  # before its program: a page that is still loading would complain
    finally:
        program.stop()


def test_two_windows_are_told_of_each_other(running: Running, browser_page: Open) -> None:
    first = browser_page(expected_errors=("409", "410"))
    unlock(first, running, "/records/shop/new")
    first.locator("#f-name").fill("甲")
    first.locator("#f-name").blur()
    expect(first.locator("#draft-status")).to_have_text("草稿已保存 08:41")
    second = first.context.new_page()
    second.goto(first.url)
    expect(second.locator("#f-name")).to_have_value("甲")
    second.locator("#f-name").fill("乙")
    second.locator("#f-name").blur()
    expect(second.locator("#draft-status")).to_have_text("草稿已保存 08:41")
    first.locator("#f-address").fill("建设路9号")
    first.locator("#f-address").blur()
    expect(first.locator("#draft-status")).to_contain_text("另一个窗口在08:41改过这份草稿")
    first.locator("#save").click()
    expect(first.get_by_label("以这个窗口的内容为准")).to_be_visible()  # the page is the answer
    first.locator("#f-staff").fill("5")
    first.locator("#f-staff").blur()
    expect(first.locator("#draft-status")).to_contain_text("另一个窗口在08:41改过这份草稿")
    first.get_by_label("以这个窗口的内容为准").check()  # after typing: keeping begins again
    expect(first.locator("#draft-status")).to_have_text("草稿已保存 08:41")
    expect(first.locator("#summary")).to_have_count(0)  # what comes later is asked about anew
    second.locator("#f-address").fill("北街1号")
    second.locator("#f-kind").select_option("retail")
    second.locator("#save").click()
    second.get_by_label("以这个窗口的内容为准").check()
    second.locator("#save").click()
    expect(second.locator("#flashes")).to_contain_text("已保存在本机")
    first.locator("#f-kind").select_option("retail")
    first.locator("#save").click()
    expect(first.locator("#flashes")).to_contain_text("再按保存即作为更正")
    expect(first.locator("#f-name")).to_have_value("甲")
    assert [view["fields"]["name"] for view in views(running.laptop.ws, "shop")][1:] == ["乙"]


def test_a_page_that_was_locked_meanwhile_loses_nothing(
    running: Running, browser_page: Open
) -> None:
    page = browser_page(expected_errors=("400",))
    unlock(page, running, "/records/shop/new")
    page.locator("#f-name").fill("新店")
    expect(page.locator("#draft-status")).to_have_text("草稿已保存 08:41")
    running.laptop.desk.lock()
    page.locator("#f-address").fill("建设路9号")
    page.locator("#save").click()  # at once: sent to the locked program it would be gone
    expect(page.locator("#draft-status")).to_contain_text("已锁定")
    expect(page.get_by_role("link", name="在新窗口解锁")).to_be_focused()
    expect(page.locator("#f-address")).to_have_value("建设路9号")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="在新窗口解锁").click()
    opened.value.get_by_label("口令").fill(PASSPHRASE)
    opened.value.keyboard.press("Enter")
    expect(opened.value.locator("h1")).not_to_have_text("解锁")
    with page.expect_response(lambda answer: "/drafts/" in answer.url and answer.ok):
        page.locator("#f-staff").fill("3")
    expect(page.locator("#draft-status")).to_have_text("草稿已保存 08:41")
    (draft,) = drafts.begun(running.laptop.ws)
    texts = draft["parts"][""]["texts"]
    assert (texts["address"], texts["staff"]) == (["建设路9号"], ["3"])
    page.locator("#f-kind").select_option("retail")
    page.locator("#save").click()
    expect(page.locator("#flashes")).to_contain_text("已保存在本机")


@pytest.mark.parametrize("saved", [False, True])
def test_a_late_window_that_was_locked_meanwhile_loses_nothing(
    running: Running, browser_page: Open, saved: bool
) -> None:
    page = browser_page(expected_errors=("400", "409", "410"))
    unlock(page, running, "/records/shop/new")
    (stored,) = running.laptop.ws.table(DRAFTS)
    page.locator("#f-name").fill("甲店")
    expect(page.locator("#draft-status")).to_have_text("草稿已保存 08:41")
    other = {"name": ["乙店"], "kind": ["retail"], "address": ["北街1号"]}
    typed = drafts.Typed({drafts.MAIN: other}, revision=1, tab="other")
    (drafts.finish if saved else drafts.keep)(running.laptop.ws, stored["draft_id"], typed)
    page.locator("#f-kind").select_option("retail")
    page.locator("#f-address").fill("建设路9号")
    told = "按“保存”可作为更正" if saved else "暂停自动保存"
    expect(page.locator("#draft-status")).to_contain_text(told)
    running.laptop.desk.lock()
    page.locator("#save").click()
    expect(page.locator("#draft-status")).to_contain_text("已锁定")
    expect(page.locator("#f-address")).to_have_value("建设路9号")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="在新窗口解锁").click()
    opened.value.get_by_label("口令").fill(PASSPHRASE)
    opened.value.keyboard.press("Enter")
    expect(opened.value.locator("h1")).not_to_have_text("解锁")
    page.locator("#save").click()
    if saved:
        expect(page.locator("#flashes")).to_contain_text("再按保存即作为更正")
    else:
        expect(page.get_by_label("以这个窗口的内容为准")).to_be_visible()
    expect(page.locator("#f-address")).to_have_value("建设路9号")


def test_a_long_form_that_is_left_is_kept_at_once(running: Running, browser_page: Open) -> None:
    page = browser_page()
    issue = save_issue(running.laptop.ws).record_id
    unlock(page, running, f"/issues/{issue}")
    page.get_by_role("button", name="补充说明").first.click()
    page.wait_for_load_state()
    page.evaluate(
        """() => {
            const line = document.getElementById("draft-status");
            window.told = [];
            new MutationObserver(() => window.told.push(line.textContent))
                .observe(line, { childList: true });
            const field = document.getElementById("f-text");
            field.value = "长".repeat(8000);
            field.dispatchEvent(new Event("input", { bubbles: true }));
            window.dispatchEvent(new PageTransitionEvent("pagehide")); }"""
    )
    expect(page.locator("#draft-status")).to_have_text("草稿已保存 08:41")
    assert not [words for words in page.evaluate("window.told") if "没有成功" in words]


def test_the_checklist_is_gone_through_with_one_key_an_item(
    running: Running, browser_page: Open
) -> None:
    page = browser_page()
    unlock(page, running)
    page.get_by_role("button", name="开始巡查").click()
    page.locator("[data-check-row] input[type=radio]").first.focus()
    for key in "1112":
        page.keyboard.press(key)
    expect(page.locator("[data-left]")).to_have_text("还有11项未查")
    page.get_by_role("button", name="其余全部正常").click()
    expect(page.locator("[data-left]")).to_have_text("都已查")
    expect(page.locator("#draft-status")).to_have_text("草稿已保存 08:41")
    page.locator("#save").click()
    expect(page.locator("#flashes")).to_contain_text("已保存在本机")
    (patrol,) = views(running.laptop.ws, "patrol")
    results = [one["result"] for one in patrol["fields"]["items"].values()]
    assert (results.count("ok"), results.count("problem_fixed")) == (14, 1)


@pytest.mark.parametrize("viewport", ["laptop", "phone"])
def test_a_form_sent_while_a_draft_is_on_its_way_is_saved_once(
    running: Running, browser_page: Open, viewport: str
) -> None:
    page = browser_page(viewport)
    unlock(page, running, "/records/shop/new")
    page.locator("#f-name").fill("快手店")
    page.locator("#f-kind").select_option("retail")
    page.locator("#f-address").fill("建设路9号")
    page.locator("#save").click()  # leaving the line starts keeping the draft in the same moment
    expect(page.locator("#flashes")).to_contain_text("已保存在本机")
    assert drafts.begun(running.laptop.ws) == []
    assert len(views(running.laptop.ws, "shop", name="快手店")) == 1


def test_a_reference_is_narrowed_while_typing(running: Running, browser_page: Open) -> None:
    page = browser_page()
    unlock(page, running, f"/records/household/{rid('household', 1)}/edit")
    page.locator("#f-head_id-find").fill("sxx")
    expect(page.locator("#f-head_id option")).to_have_count(2)
    page.locator("#f-head_id-find").press("ArrowDown")
    page.keyboard.press("End")
    page.locator("#save").click()
    expect(page.locator("main")).to_contain_text("单雄信")


@pytest.mark.parametrize("viewport", ["laptop", "phone"])
def test_no_page_is_wider_than_its_window(
    running: Running, browser_page: Open, viewport: str
) -> None:
    page = browser_page(viewport)
    unlock(page, running)
    for path in ("/", "/patrols", "/visits?q=201", "/issues", "/base", "/issues/new",
                 f"/base/households/{rid('household', 1)}", "/records/resident/",
                 f"/records/compound/{rid('compound', 1)}/edit"):  # fmt: skip
        page.goto(running.address + path)
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, path


def test_assigned_work_is_resolved_without_a_network_with_a_photo(
    running: Running, browser_page: Open, tmp_path: Path
) -> None:
    ws = running.laptop.ws
    issue = save_issue(ws, category="ENV").record_id
    for number, action, more in ((1, "accept", {"level": "2"}), (2, "handle", {})):
        fields = {"issue_id": issue, "action": action, "at": "2026-09-30T08:40:00+08:00",
                  "assignee_id": WORKER, "central": True, "role": "community",
                  "after": [rid("issue_step", 1) if number == 2 else issue]}  # fmt: skip
        pull_in(ws, "issue_step", rid("issue_step", number), {**fields, **more})
    after_work = tmp_path / "after.jpg"
    after_work.write_bytes(picture())
    page = browser_page(expected_errors=("422",))
    unlock(page, running)
    page.locator("section", has=page.locator("#my-issues")).get_by_role("link").first.click()
    page.get_by_role("button", name="处置完成").click()
    page.get_by_label("意见").fill("已清走")
    page.locator("#save").click()
    expect(page.locator("main")).to_contain_text("没有处置后照片的原因")
    expect(page.get_by_label("意见")).to_have_value("已清走")
    page.get_by_label("处置后", exact=True).set_input_files(after_work)
    page.locator("#save").click()
    expect(page.locator("#flashes")).to_contain_text("已加1张照片")
    expect(page.locator(".timeline img")).to_have_count(1)
    (photo,) = views(ws, "photo")
    assert photo["fields"]["use"] == "after"
    assert views(ws, "issue_step")[-1]["fields"]["to_state"] == "50"
