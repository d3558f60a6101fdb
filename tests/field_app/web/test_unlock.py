"""Unlocking, locking by hand and by itself, and the way in for who forgot the passphrase."""

from __future__ import annotations

import errno
import re

import pytest

from field_app.app import create_app
from field_app.services.records import unsent_count, views
from field_app.store.errors import StoreFull
from tests.field_app.laptops import OTHER_WORKER, PASSPHRASE, WORKER, save_issue


def locked(laptop, path="/outbox"):
    answer = laptop.browser.get(path)
    return answer.status_code == 302 and answer.location.startswith("/unlock")


def test_without_a_worker_the_join_page_comes_first(open_laptop):
    laptop = open_laptop()
    assert laptop.browser.get("/").location == "/join"
    assert laptop.browser.get("/unlock").location == "/join"


def test_everything_but_the_doors_is_closed_while_locked(laptop):
    laptop.desk.lock()
    shown = {
        "join.show",
        "unlock.show",
        "unlock.forgotten",
        "health.healthz",
        "session.left",
        "static",
    }
    for rule in laptop.app.url_map.iter_rules():
        if "GET" not in rule.methods or rule.endpoint in shown:
            continue
        path = str(rule)
        for argument in rule.arguments:
            path = path.replace(f"<{argument}>", "x").replace(f"<int:{argument}>", "1")
            path = path.replace(f"<uuid:{argument}>", WORKER)
        path = re.sub(r"<any\((\w+)[^>]*>", r"\1", path)
        assert locked(laptop, path), path


def test_health_answers_while_locked_and_says_nothing_of_anybody(laptop):
    laptop.desk.lock()
    assert laptop.browser.get("/healthz").json == {
        "status": "ok", "app": "field_app", "version": "0.1.0", "locked": True,
    }  # fmt: skip


def test_the_passphrase_opens_and_leads_back_to_the_page_asked_for(laptop):
    laptop.desk.lock()
    asked = laptop.browser.get("/outbox?show=unsent")
    assert asked.location == "/unlock?next=/outbox?show%3Dunsent"
    answer = laptop.browser.post(
        "/unlock",
        {"worker_id": WORKER, "passphrase": PASSPHRASE, "next": "/outbox?show=unsent"},
    )
    assert answer.location == "/outbox?show=unsent"
    assert laptop.browser.get("/outbox").status_code == 200


def test_after_unlocking_nobody_is_sent_off_the_program(laptop):
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"):
        laptop.desk.lock()
        data = {"worker_id": WORKER, "passphrase": PASSPHRASE, "next": target}
        assert laptop.browser.post("/unlock", data).location == "/"


def test_a_wrong_passphrase_opens_nothing_and_is_slowed(laptop, hands):
    laptop.desk.lock()
    answers = [laptop.browser.unlock("wrong passphrase") for _ in range(3)]
    assert [one.status_code for one in answers] == [403, 403, 403]
    assert "口令不正确，请再试" in answers[0].text
    assert "2秒后可以再试" in answers[2].text
    answer = laptop.browser.unlock()
    assert answer.status_code == 429
    assert "请等2秒再试" in answer.text
    assert laptop.desk.present() is None
    hands.passes(5)
    assert laptop.browser.unlock().status_code == 302


def test_a_passphrase_is_never_shown_again(laptop):
    laptop.desk.lock()
    assert "wrong passphrase" not in laptop.browser.unlock("wrong passphrase").text


def test_the_lock_button_locks_every_window(laptop):
    laptop.browser.unlock()
    other = laptop.app.test_client()
    other.set_cookie("x", "y")
    answer = laptop.browser.post("/lock", seen="/outbox")
    assert answer.location == "/unlock"
    assert locked(laptop)
    assert laptop.desk.present() is None


def test_an_unused_laptop_locks_by_itself(laptop, hands):
    laptop.browser.unlock()
    hands.passes(599)
    assert laptop.browser.get("/outbox").status_code == 200
    hands.passes(601)
    assert locked(laptop)
    assert laptop.desk.present() is None


def test_what_a_page_asks_by_itself_keeps_nothing_open(laptop, hands):
    laptop.browser.unlock()
    for _ in range(4):
        hands.passes(200)
        answer = laptop.browser.get("/session", headers={"X-Passive": "1"})
    assert answer.json == {"seconds_left": 0}
    assert locked(laptop)


def test_saying_that_somebody_is_here_keeps_it_open(laptop, hands):
    laptop.browser.unlock()
    token = laptop.browser.token("/outbox")
    for _ in range(4):
        hands.passes(500)
        headers = {"X-CSRFToken": token}
        laptop.browser.client.post("/session/keep", base_url=laptop.browser.base, headers=headers)
    assert laptop.browser.get("/outbox").status_code == 200


def test_a_locked_fragment_sends_the_whole_page_to_the_door(laptop):
    laptop.browser.unlock()
    laptop.desk.lock()
    answer = laptop.browser.get("/sync/progress", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/unlock")


def test_a_session_of_an_earlier_start_opens_nothing(laptop):
    answer = laptop.browser.unlock()
    cookie = answer.headers.getlist("Set-Cookie")[0].split(";")[0].partition("=")
    again = create_app(laptop.settings, laptop.desk).test_client()
    again.set_cookie(cookie[0], cookie[2], domain="127.0.0.1")
    assert again.get("/outbox", base_url=laptop.browser.base).status_code == 302


def test_another_workers_sign_in_leaves_the_firsts_unsent_work_alone(laptop):
    saved = save_issue(laptop.ws)
    laptop.desk.lock()
    laptop.settle(OTHER_WORKER)
    assert views(laptop.ws, "issue") == []
    save_issue(laptop.ws, title="别人的")
    page = laptop.browser
    laptop.desk.lock()
    shown = page.get("/unlock").text
    assert WORKER in shown
    assert OTHER_WORKER in shown
    page.unlock()
    assert [one["record_id"] for one in views(laptop.ws, "issue")] == [saved.record_id]
    assert unsent_count(laptop.ws) == 1


def test_one_workers_passphrase_is_not_the_others(laptop):
    laptop.settle(OTHER_WORKER)
    laptop.desk.vault.change_passphrase(OTHER_WORKER, PASSPHRASE, "quite another one")
    laptop.desk.lock()
    assert laptop.browser.unlock(PASSPHRASE, OTHER_WORKER).status_code == 403
    assert laptop.browser.unlock("quite another one", OTHER_WORKER).status_code == 302


def test_forgetting_the_passphrase_is_survivable_with_the_recovery_key(open_laptop):
    laptop = open_laptop()
    key = laptop.settle()
    save_issue(laptop.ws)
    laptop.desk.lock()
    answer = laptop.browser.post(
        "/unlock/recovery",
        {"worker_id": WORKER, "recovery_key": key.lower(), "passphrase": "a new passphrase",
         "repeated": "a new passphrase"},
    )  # fmt: skip
    assert answer.status_code == 302
    assert "口令已换成新的，旧的不能再用。恢复码没有变" in laptop.browser.get("/").text
    assert unsent_count(laptop.ws) == 1
    laptop.desk.lock()
    assert laptop.browser.unlock(PASSPHRASE).status_code == 403
    assert laptop.browser.unlock("a new passphrase").status_code == 302


def test_a_mistyped_recovery_key_is_said_to_be_one(laptop):
    laptop.desk.lock()
    data = {"worker_id": WORKER, "recovery_key": "ABCD-1234", "passphrase": "a new passphrase",
            "repeated": "a new passphrase"}  # fmt: skip
    answer = laptop.browser.post("/unlock/recovery", data)
    assert answer.status_code == 422
    assert "恢复码输入有误" in answer.text
    data["repeated"] = "something else"
    assert "两次输入的口令不一致" in laptop.browser.post("/unlock/recovery", data).text


def test_a_worker_whose_joining_broke_off_is_led_back_to_it(open_laptop):
    laptop = open_laptop()
    store, _ = laptop.desk.vault.create(WORKER, "林示例", PASSPHRASE)
    store.close()
    assert laptop.browser.unlock().location == "/"
    assert laptop.browser.get("/").location == "/join"
    assert laptop.browser.get("/join").status_code == 200


def test_an_unknown_worker_is_named(laptop):
    laptop.desk.lock()
    answer = laptop.browser.unlock(PASSPHRASE, "nobody")
    assert answer.status_code == 404
    assert "本机没有这位网格员的数据" in answer.text


def test_a_damaged_store_is_said_to_be_damaged_and_left_alone(laptop):
    save_issue(laptop.ws)
    laptop.desk.lock()
    store = next(laptop.folder.glob("workers/*/store.db"))
    spoilt = bytearray(store.read_bytes())
    spoilt[5000:5100] = bytes(100)
    store.write_bytes(spoilt)
    answer = laptop.browser.unlock()
    assert answer.status_code == 500
    assert "数据文件已损坏" in answer.text
    assert store.read_bytes() == bytes(spoilt)


@pytest.mark.parametrize("full", [StoreFull("disk"), OSError(errno.ENOSPC, "full")])
def test_a_full_disk_says_what_to_free_and_that_nothing_is_lost(laptop, monkeypatch, full):
    laptop.desk.lock()

    def refuse(*args, **named):
        raise full

    with monkeypatch.context() as patch:
        patch.setattr(laptop.desk.vault, "unlock", refuse)
        answer = laptop.browser.post("/unlock", {"worker_id": WORKER, "passphrase": PASSPHRASE})
    assert answer.status_code == 507
    for words in ("磁盘已满", "没有丢失", "清空回收站", str(laptop.folder)):
        assert words in answer.text
    assert "这次没有保存" not in answer.text
    again = laptop.browser.post("/unlock", {"worker_id": WORKER, "passphrase": PASSPHRASE})
    assert again.status_code == 302


def test_a_form_sent_while_locked_is_gone_on_with_after_unlocking(laptop):
    laptop.browser.unlock()
    path = laptop.browser.get("/issues/new").location
    laptop.desk.lock()
    asked = laptop.browser.post(path, {"_act": "save"}, seen="/unlock")
    assert asked.location == f"/unlock?next={path}"
    assert "刚才按的没有执行" in laptop.browser.get(asked.location).text
