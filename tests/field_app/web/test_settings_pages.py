"""Settings: choices, the centre's address, passphrase, recovery key, the store's health."""

from __future__ import annotations

import re

import pytest

from field_app.services.preferences import preferences
from tests.field_app.laptops import PASSPHRASE, WORKER


@pytest.fixture
def page(laptop):
    laptop.browser.unlock()

    def post(path, **data):
        return laptop.browser.post(path, data, seen="/settings")

    return post


def test_the_page_shows_who_and_where(laptop, page):
    text = laptop.browser.get("/settings").text
    for words in ("林示例", "W001", "990101100009003", "测试本", "http://127.0.0.1:8765"):
        assert words in text
    assert "the-token" not in text
    assert "11" * 32 not in text


def test_choices_are_kept_and_survive_locking(laptop, page, hands):
    page("/settings/preferences", lang="en", idle_minutes="30", sync_minutes="0")
    laptop.desk.lock()
    laptop.browser.unlock()
    chosen = preferences(laptop.ws)
    assert (chosen.lang, chosen.idle_minutes, chosen.sync_minutes) == ("en", 30, 0)
    assert "Settings" in laptop.browser.get("/settings").text
    hands.passes(29 * 60)
    assert laptop.browser.get("/settings").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [{"idle_minutes": "0"}, {"idle_minutes": "121"}, {"idle_minutes": "-5"}, {"idle_minutes": ""},
     {"idle_minutes": "５"}, {"sync_minutes": "241"}, {"sync_minutes": "1.5"}, {"lang": "fr"}],
)  # fmt: skip
def test_a_choice_out_of_range_is_refused_and_nothing_kept(laptop, page, wrong):
    values = {"lang": "zh", "idle_minutes": "20", "sync_minutes": "20"} | wrong
    answer = page("/settings/preferences", **values)
    assert answer.status_code == 422
    assert "不在可选范围内" in answer.text
    assert preferences(laptop.ws).idle_minutes == 10


def test_the_centres_address_can_move(laptop, page):
    assert page("/settings/server", server_url="https://new.example.cn/").status_code == 302
    assert laptop.ws.identity.server_url == "https://new.example.cn"
    answer = page("/settings/server", server_url="http://10.0.0.8:8000")
    assert answer.status_code == 422
    assert "没有加密" in answer.text
    assert 'value="http://10.0.0.8:8000"' in answer.text
    page("/settings/server", server_url="http://10.0.0.8:8000", allow_http="1")
    assert laptop.ws.identity.server_url == "http://10.0.0.8:8000"
    assert preferences(laptop.ws).allow_http


def test_the_passphrase_is_replaced(laptop, page):
    new = "another passphrase"
    assert page("/settings/passphrase", old=PASSPHRASE, new=new, repeated=new).status_code == 302
    laptop.desk.lock()
    assert laptop.browser.unlock(PASSPHRASE).status_code == 403
    assert laptop.browser.unlock(new).status_code == 302


def test_the_passphrase_is_not_replaced_without_the_old_one(laptop, page):
    new = "another passphrase"
    answer = page("/settings/passphrase", old="wrong", new=new, repeated=new)
    assert answer.status_code == 403
    assert page("/settings/passphrase", old=PASSPHRASE, new=new, repeated="x").status_code == 422
    assert page("/settings/passphrase", old=PASSPHRASE, new="x", repeated="x").status_code == 422
    laptop.desk.lock()
    assert laptop.browser.unlock(PASSPHRASE).status_code == 302


def test_a_new_recovery_key_voids_the_old_one_and_asks_to_be_confirmed(laptop, page):
    assert page("/settings/recovery", passphrase="wrong").status_code == 403
    assert page("/settings/recovery", passphrase=PASSPHRASE).location == "/recovery"
    for path in ("/settings", "/"):
        due = laptop.browser.get(path).text.partition('id="recovery-due"')[2]
        assert 'href="/recovery"' in due.partition("</p>")[0], path
    shown = laptop.browser.get("/recovery").text
    groups = re.search(r'id="recovery-key">([^<]+)<', shown)[1].split("-")
    laptop.browser.post("/recovery", {"group1": groups[1], "group4": groups[4]}, seen="/recovery")
    for path in ("/settings", "/"):
        assert "recovery-due" not in laptop.browser.get(path).text, path
    laptop.desk.lock()
    laptop.desk.unlock_with_recovery(WORKER, "-".join(groups), "another passphrase")


def test_locking_forgets_a_key_that_was_not_confirmed(laptop, page):
    page("/settings/recovery", passphrase=PASSPHRASE)
    laptop.desk.lock()
    laptop.browser.unlock()
    assert laptop.browser.get("/recovery").location == "/settings"
    for path in ("/settings", "/"):
        due = laptop.browser.get(path).text.partition('id="recovery-due"')[2]
        assert 'href="/settings#s-recovery"' in due.partition("</p>")[0], path


def test_the_store_is_checked_and_copied(laptop, page):
    answer = page("/settings/check")
    assert "完好" in answer.text
    assert "还没有" in answer.text
    assert page("/settings/backup").status_code == 302
    assert "2026-09-30" in page("/settings/check").text
    assert len(laptop.desk.vault.backups(WORKER)) == 1
    page("/settings/backup")
    assert len(laptop.desk.vault.backups(WORKER)) == 1
