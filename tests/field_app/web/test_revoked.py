"""The pages of a revoked laptop: said everywhere, what to do, and the end only when all is safe."""

from __future__ import annotations

import pytest

from sync_server.services.devices import revoke_device
from tests.field_app.laptops import save_issue
from tests.sync_server.world import DISTRICT

WORDS = {"words": "销毁本机数据"}


@pytest.fixture
def laptop(joined, line):
    """A laptop with one confirmed issue that has just learnt that it was revoked."""
    laptop = joined()
    save_issue(laptop.ws)
    laptop.sync()
    with line.centre.store.writing() as connection:
        revoke_device(connection, DISTRICT, laptop.ws.identity.device_id, laptop.hands(), by=None)
    laptop.sync()
    laptop.browser.unlock(worker_id=laptop.ws.worker_id)
    return laptop


@pytest.mark.parametrize("path", ["/", "/sync", "/outbox", "/issues", "/settings", "/visits"])
def test_every_page_says_so_and_where_to_go(laptop, path):
    page = laptop.browser.get(path).text
    assert page.count('id="revoked"') == 1
    assert '<a class="alert-link" href="/revoked">' in page


def test_a_laptop_in_use_has_no_such_words(joined):
    laptop = joined()
    laptop.browser.unlock(worker_id=laptop.ws.worker_id)
    assert 'id="revoked"' not in laptop.browser.get("/").text
    page = laptop.browser.get("/revoked").text
    assert "本终端没有停用" in page
    assert 'name="words"' not in page
    assert laptop.browser.post("/revoked/destroy", WORDS, seen="/sync").status_code == 422
    assert laptop.desk.present() is not None


def test_with_unsent_work_the_page_offers_the_relay_and_no_end(laptop):
    save_issue(laptop.ws)
    page = laptop.browser.get("/revoked").text
    assert "还有1条记录、0张照片没有确认到达服务器" in page
    assert 'name="words"' not in page
    answer = laptop.browser.post("/revoked/destroy", WORDS, seen="/revoked")
    assert answer.status_code == 422
    assert "不能销毁" in answer.text


def test_the_centre_can_be_asked_what_has_arrived(laptop, line):
    before = line.paths.count("/sync/account")
    answer = laptop.browser.post("/revoked/ask", seen="/revoked")
    assert answer.location == "/revoked"
    assert line.paths.count("/sync/account") == before + 1


def test_wrong_words_destroy_nothing_and_are_kept(laptop):
    answer = laptop.browser.post("/revoked/destroy", {"words": "好的"}, seen="/revoked")
    assert answer.status_code == 422
    assert 'value="好的"' in answer.text
    assert "没有销毁任何内容" in answer.text
    assert laptop.desk.present() is not None


def test_the_right_words_end_it(laptop):
    answer = laptop.browser.post("/revoked/destroy", WORDS, seen="/revoked")
    assert answer.status_code == 302
    page = laptop.browser.get("/", follow_redirects=True).text
    assert "本机数据已销毁" in page
    assert laptop.desk.workers() == []
