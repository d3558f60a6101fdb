"""The sync page starts a round, shows how far it is, and speaks plainly when it ends early."""

from __future__ import annotations

import json
import re
import threading
import time

import pytest
from flask_babel import force_locale

from field_app.services.workspace import PHOTO_BYTES
from field_app.web.widgets import size_words
from tests.field_app.centres import answers
from tests.field_app.laptops import OTHER_WORKER, PASSPHRASE, save_issue


def until_over(laptop):
    while laptop.desk.rounds.running:
        time.sleep(0.005)


def at_page(laptop, path="/sync"):
    laptop.browser.unlock(worker_id=laptop.ws.worker_id)
    return laptop.browser.get(path)


def test_before_any_round_the_page_says_so(laptop):
    page = at_page(laptop)
    assert "还没有同步过" in page.text
    assert "还没有与服务器对过时" in page.text


def test_the_button_starts_a_round_and_the_page_shows_its_end(joined):
    laptop = joined()
    save_issue(laptop.ws)
    at_page(laptop)
    answer = laptop.browser.post("/sync", seen="/sync")
    assert answer.location == "/sync"
    until_over(laptop)
    page = laptop.browser.get("/sync").text
    assert 'data-stage="done" data-running="0" data-confirmed="1" data-total="1"' in page
    assert "同步完成" in page
    assert "已确认 1 / 共 1 条" in page
    assert "hx-get" not in page


@pytest.mark.parametrize(
    ("count", "lang", "words"),
    [(620, "zh", "620字节"), (620, "en", "620 B"), (1240, "zh", "1.2 kB"), (0, "zh", "0字节")],
)
def test_few_bytes_are_written_in_the_language_of_the_page(laptop, count, lang, words):
    with laptop.browser.client.application.test_request_context(), force_locale(lang):
        assert size_words(count) == words


def test_the_speed_of_a_round_has_no_english_unit_in_chinese(joined):
    laptop = joined()
    save_issue(laptop.ws)
    at_page(laptop)
    laptop.browser.post("/sync", seen="/sync")
    until_over(laptop)
    page = laptop.browser.get("/sync").text
    assert "上行" in page
    assert not re.search(r"\d Bytes?", page)


def test_after_a_restart_the_page_still_knows_the_last_round(joined):
    laptop = joined()
    save_issue(laptop.ws)
    laptop.sync()
    worker_id = laptop.ws.worker_id
    laptop.desk.lock()
    laptop.desk.unlock(worker_id, PASSPHRASE)
    page = at_page(laptop).text
    assert "已确认 1 / 共 1 条" in page
    assert "还没有同步过" not in page


def test_one_workers_round_is_not_shown_to_the_next(joined):
    laptop = joined()
    save_issue(laptop.ws)
    laptop.sync()
    laptop.settle(OTHER_WORKER)
    assert "还没有同步过" in at_page(laptop).text


def test_while_a_round_runs_the_page_polls_and_shows_no_success(joined, line):
    laptop = joined()
    save_issue(laptop.ws)
    at_page(laptop)
    reached, go_on = threading.Event(), threading.Event()

    def held_up(carry):
        reached.set()
        go_on.wait(10)
        return carry()

    line.faults.append(held_up)
    laptop.browser.post("/sync", seen="/sync")
    assert reached.wait(10)
    page = laptop.browser.get("/sync/progress").text
    assert 'data-stage="sending" data-running="1" data-confirmed="0" data-total="1"' in page
    assert 'hx-get="/sync/progress"' in page
    assert "data-passive" in page
    assert "同步完成" not in page
    second = laptop.browser.post("/sync", seen="/sync", follow_redirects=True)
    assert "正在同步，请稍候" in second.text
    go_on.set()
    until_over(laptop)
    assert "hx-get" not in laptop.browser.get("/sync/progress").text
    assert line.paths.count("/sync") == 1


def test_a_round_that_failed_is_said_in_plain_words_and_kept(joined, line):
    laptop = joined()
    save_issue(laptop.ws)
    at_page(laptop)
    line.faults.append(answers(200, "<html>", Content_Type="text/html"))
    laptop.browser.post("/sync", seen="/sync")
    until_over(laptop)
    page = laptop.browser.get("/sync").text
    assert 'data-stage="failed"' in page
    assert "可能需要先登录上网认证页面" in page
    assert "没有得到服务器确认的记录仍在本机" in page
    assert "同步完成" not in page
    laptop.browser.post("/language", {"lang": "en", "next": "/sync"}, seen="/sync")
    assert "the network may ask you to sign in" in laptop.browser.get("/sync").text


def test_a_pull_that_takes_much_away_waits_for_a_yes(joined, line):
    laptop = joined()
    ids = [save_issue(laptop.ws).record_id for _ in range(10)]
    laptop.sync()

    def takes_away(carry):
        status, headers, body = carry()
        reply = json.loads(body)
        reply["updates"] += [{"record_id": one, "gone": True} for one in ids]
        return status, headers, json.dumps(reply)

    at_page(laptop)
    line.faults.append(takes_away)
    laptop.browser.post("/sync", seen="/sync")
    until_over(laptop)
    page = laptop.browser.get("/sync").text
    assert "移除10条记录（共10条）" in page
    assert 'name="agreed" value="1"' in page
    line.faults.append(takes_away)
    laptop.browser.post("/sync", {"agreed": "1"}, seen="/sync")
    until_over(laptop)
    assert 'data-stage="done"' in laptop.browser.get("/sync").text


def test_a_clock_far_off_is_pointed_out(joined, line):
    laptop = joined()

    def ahead(carry):
        status, headers, body = carry()
        reply = json.loads(body) | {"server_time": "2026-09-30T09:00:00+08:00"}
        return status, headers, json.dumps(reply)

    line.faults.append(ahead)
    laptop.sync()
    page = at_page(laptop).text
    assert "相差1140秒" in page
    assert "请校准本机时钟" in page


def test_a_device_the_centre_does_not_know_is_led_to_joining_again(joined):
    laptop = joined()
    laptop.ws.keep_setting("identity", state="bad_token")
    assert 'href="/join">用新的加入码重新加入' in at_page(laptop).text


def test_a_revoked_device_is_told_so_on_every_visit(joined):
    laptop = joined()
    laptop.ws.keep_setting("identity", state="revoked")
    assert "本终端已停用" in at_page(laptop).text


def test_the_page_says_that_both_accounts_agree(joined):
    laptop = joined()
    assert "还没有与服务器对过账" in at_page(laptop).text
    save_issue(laptop.ws)
    laptop.sync()
    page = at_page(laptop).text
    assert "与服务器的账一致（2026-09-30 08:41核对）" in page
    assert '<a href="/receipts/1">' in page
    assert '<a href="/receipts/day/2026-09-30">' in page


def test_a_difference_is_shown_in_words(joined):
    laptop = joined()
    laptop.ws.keep_setting("account", at="2026-09-30T08:41:00+08:00", notes=[], differences=[
        {"code": "day_missing", "day": "2026-09-29", "mine": 12, "theirs": 11}])  # fmt: skip
    page = at_page(laptop).text
    assert "2026-09-29：本机有12条已确认，服务器只有11条。" in page
    assert "没有自动改动任何内容" in page
    assert "一致" not in page


def test_how_much_crosses_the_line_is_shown_and_served_as_numbers(joined):
    laptop = joined()
    save_issue(laptop.ws)
    laptop.sync()
    assert "上行" in at_page(laptop).text
    told = laptop.browser.get("/sync/progress.json").json
    assert (told["stage"], told["running"], told["confirmed"]) == ("done", False, 1)
    assert told["up_bytes"] > 0
    assert told["left_s"] is None


def test_receipts_are_pages_to_print(joined):
    laptop = joined()
    save_issue(laptop.ws)
    laptop.sync()
    for path, name in (
        ("/receipts/1", "同步回执 1"),
        ("/receipts/day/2026-09-30", "2026-09-30 回执"),
    ):
        page = at_page(laptop, path)
        assert page.status_code == 200
        assert f'<h1 class="h3">{name}</h1>' in page.text
        assert '<td class="text-end" id="made">1</td>' in page.text
        assert "校验码" in page.text
    for path in ("/receipts/99", "/receipts/day/someday", "/receipts/day/2026-13-40"):
        assert laptop.browser.get(path).status_code == 404


@pytest.mark.parametrize("here", [True, False])
def test_the_administrator_is_asked_about_a_lost_photo_that_is_not_here_either(laptop, here):
    """One that is here waits again, and the next round sends it."""
    known = {"photo_id": "p", "sha256": "ab", "bytes": 1, "arrived": not here, "refused": None}
    laptop.ws.put(PHOTO_BYTES, "p", known)
    lost = {"code": "photo_missing", "mine": 1, "theirs": 0}
    laptop.ws.keep_setting("account", at="2026-09-30T08:41:00+08:00", notes=[],
                           differences=[lost], photos_lost=["ab"])  # fmt: skip
    page = at_page(laptop).text
    assert "服务器却没有" in page
    assert ("请把这一页告诉管理员" in page) is not here


def test_a_round_cut_short_is_told_in_the_history(joined, line):
    laptop = joined()
    save_issue(laptop.ws)
    worker_id = laptop.ws.worker_id

    def killed(carry):
        raise KeyboardInterrupt  # as when the process is gone: nothing of the round runs any more

    line.faults.append(killed)
    with pytest.raises(KeyboardInterrupt):
        laptop.sync()
    laptop.desk.lock()
    laptop.desk.unlock(worker_id, PASSPHRASE)
    page = at_page(laptop).text
    assert 'data-stage="interrupted"' in page
    assert "上次同步被中断" in page
    told = page.partition('id="history"')[2]
    assert re.search(r"2026-09-30 08:41</td>\s*<td[^>]*>被中断</td>", told)
    assert "没有做完。记录没有丢失，已确认的仍然有效" in told
    assert told.count("被中断") == 1
    assert "—" in told
    laptop.browser.post("/language", {"lang": "en", "next": "/sync"}, seen="/sync")
    told = laptop.browser.get("/sync").text.partition('id="history"')[2]
    assert "Cut short" in told
    assert "What was confirmed stays confirmed" in told
