"""Joining with a code: a store of one's own, a recovery key written down, a lost answer."""

from __future__ import annotations

import errno
import json
import re
import time

import pytest
import responses

from field_app.services.known_centre import remember_centre
from field_app.services.preferences import move_server
from field_app.services.records import unsent_count
from tests.field_app.centres import answers, lost_reply
from tests.field_app.laptops import CENTRE, PASSPHRASE, save_issue


def form(code, **more):
    return {
        "server_url": CENTRE, "code": code, "device_name": "3号机", "passphrase": PASSPHRASE,
        "repeated": PASSPHRASE, **more,
    }  # fmt: skip


def wait(laptop):
    """Let the round that joining starts come to its end."""
    while laptop.desk.rounds.running:
        time.sleep(0.005)


def test_a_code_makes_a_store_shows_the_key_once_and_pulls(open_laptop, line):
    laptop = open_laptop()
    answer = laptop.browser.post("/join", form(line.code(line.worker())))
    assert answer.location == "/recovery"
    page = laptop.browser.get("/recovery").text
    key = re.search(r'id="recovery-key">([^<]+)<', page)[1]
    groups = key.split("-")
    assert len(groups) == 8
    wrong = laptop.browser.post("/recovery", {"group1": groups[1], "group4": "WXYZ"})
    assert wrong.status_code == 422
    assert key in wrong.text
    right = laptop.browser.post("/recovery", {"group1": groups[1].lower(), "group4": groups[4]})
    assert right.location == "/sync"
    assert laptop.browser.get("/recovery").location == "/settings"
    assert key not in laptop.browser.get("/settings").text
    wait(laptop)
    assert laptop.ws.setting("cursor")["cursor"]
    assert laptop.ws.identity.device_name == "3号机"
    laptop.desk.lock()
    laptop.desk.unlock_with_recovery(laptop.desk.workers()[0].worker_id, key, "another passphrase")


def test_who_joins_in_english_goes_on_in_english(open_laptop, line):
    laptop = open_laptop()
    laptop.browser.post("/language", {"lang": "en", "next": "/join"}, seen="/join")
    laptop.browser.post("/join", form(line.code(line.worker())))
    wait(laptop)
    assert '<html lang="en">' in laptop.browser.get("/recovery").text
    laptop.browser.client.delete_cookie("gridrounds_field_lang", domain="127.0.0.1")
    assert '<html lang="en">' in laptop.browser.get("/sync").text


def test_the_worker_picker_knows_the_name(open_laptop, line):
    laptop = open_laptop()
    laptop.browser.post("/join", form(line.code(line.worker())))
    wait(laptop)
    laptop.desk.lock()
    assert "张w1" in laptop.browser.get("/unlock").text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"repeated": "another one"}, "两次输入的口令不一致"),
        ({"passphrase": "short", "repeated": "short"}, "口令至少8个字符"),
        ({"server_url": "http://grid.example.cn"}, "没有加密"),
        ({"server_url": "ftp://x"}, "服务器地址不正确"),
        ({"server_url": "https://user:pw@x/"}, "服务器地址不正确"),
        ({"code": "  "}, "加入码不正确"),
        ({"code": "AAAA-BBBB-CCCC"}, "加入码不正确"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(open_laptop, line, change, words):
    laptop = open_laptop()
    typed = form(line.code(line.worker())) | change
    answer = laptop.browser.post("/join", typed)
    assert answer.status_code == 422
    assert words in answer.text
    assert typed["code"] in answer.text
    assert "3号机" in answer.text
    assert PASSPHRASE not in answer.text
    assert laptop.desk.workers() == []


def test_an_unreachable_centre_is_said_to_be_one(open_laptop):
    laptop = open_laptop()
    answer = laptop.browser.post("/join", form("ABCD-EFGH", server_url="http://127.0.0.1:9"))
    assert answer.status_code == 422
    assert "请核对服务器地址" in answer.text
    assert "记录都在本机" not in answer.text  # there are none
    address = answer.text.partition('id="server_url"')[2].partition(">")[0]
    assert 'aria-invalid="true"' in address


def test_a_captive_portal_is_not_joined(open_laptop, line):
    laptop = open_laptop()
    code = line.code(line.worker())
    for fault in (
        answers(200, "<html>", Content_Type="text/html"),
        answers(201, '{"device_id": "x"}', Content_Type="application/json"),
        answers(302, "", Location="http://login.example"),
    ):
        line.faults.append(fault)
        assert "不是来自网格巡访服务器" in laptop.browser.post("/join", form(code)).text
    assert laptop.desk.workers() == []
    assert laptop.browser.post("/join", form(code)).location == "/recovery"
    wait(laptop)


def test_a_garbled_answer_is_no_stranger_and_the_code_stays_good(open_laptop, line):
    laptop = open_laptop()
    code = line.code(line.worker())
    line.faults.append(
        answers(201, "no gzip", Content_Type="application/json", Content_Encoding="gzip")
    )
    answer = laptop.browser.post("/join", form(code))
    assert "在路上变了样" in answer.text
    assert "记录都在本机" not in answer.text
    assert laptop.browser.post("/join", form(code)).location == "/recovery"
    wait(laptop)


def test_a_lost_answer_is_harmless_even_after_a_restart(open_laptop, line):
    laptop = open_laptop()
    code = line.code(line.worker())
    line.faults.append(lost_reply)
    assert "连不上这个地址" in laptop.browser.post("/join", form(code)).text
    again = open_laptop()
    other = form(f" {code.lower()} ", passphrase="another one", repeated="another one")
    assert again.browser.post("/join", other).location == "/recovery"
    wait(again)
    again.desk.lock()
    assert not (again.folder / "joining.json").exists()


def test_a_used_code_is_refused_with_a_way_out(open_laptop, line):
    first, second = open_laptop("first"), open_laptop("second")
    code = line.code(line.worker())
    first.browser.post("/join", form(code))
    wait(first)
    answer = second.browser.post("/join", form(code))
    assert "加入码已经用过" in answer.text
    assert second.desk.workers() == []


def test_what_joining_leaves_on_disk_holds_no_secret(open_laptop, line):
    laptop = open_laptop()
    code = line.code(line.worker())
    line.faults.append(lost_reply)
    laptop.browser.post("/join", form(code))
    kept = json.loads((laptop.folder / "joining.json").read_bytes())
    assert list(kept) == ["salt"]
    laptop.browser.post("/join", form(code))
    wait(laptop)
    identity = laptop.ws.identity
    laptop.desk.lock()
    for path in laptop.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for secret in (identity.token, identity.private_key, code, PASSPHRASE):
                assert secret.encode() not in content, path


def test_broken_off_before_the_key_was_shown_a_new_one_is_made(open_laptop, line, monkeypatch):
    laptop = open_laptop()
    code = line.code(line.worker())
    from field_app.services import joining

    def broken(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(joining, "_move_in", broken)
        with pytest.raises(KeyboardInterrupt):
            laptop.browser.post("/join", form(code))
    again = open_laptop()
    assert len(again.desk.workers()) == 1
    assert again.browser.post("/join", form(code)).location == "/recovery"
    wait(again)


def test_a_second_worker_joins_beside_the_first(open_laptop, line):
    laptop = open_laptop()
    laptop.browser.post("/join", form(line.code(line.worker())))
    wait(laptop)
    save_issue(laptop.ws)
    first = laptop.ws.worker_id
    laptop.browser.post("/join", form(line.code(line.worker("w2"))))
    wait(laptop)
    assert laptop.ws.worker_id != first
    assert unsent_count(laptop.ws) == 0
    laptop.desk.unlock(first, PASSPHRASE)
    assert unsent_count(laptop.ws) == 1


def test_the_next_worker_is_offered_the_address_and_nothing_else(open_laptop, line):
    laptop = open_laptop()
    code = line.code(line.worker())
    laptop.browser.post("/join", form(code, allow_http="1"))
    wait(laptop)
    identity = laptop.ws.identity
    laptop.desk.lock()
    page = laptop.browser.get("/join").text
    assert f'value="{CENTRE}"' in page
    assert 'name="allow_http" value="1" checked' in page
    assert 'value="3号机"' not in page
    kept = json.loads((laptop.folder / "centre.json").read_bytes())
    assert kept == {"server_url": CENTRE, "allow_http": True}
    assert identity.worker_name not in page


def test_an_address_the_worker_changed_is_offered_from_his_next_unlocking_on(laptop):
    move_server(laptop.ws, "https://new.example.cn", allow_http=False)
    laptop.desk.unlock(laptop.ws.worker_id, PASSPHRASE)
    laptop.desk.lock()
    assert 'value="https://new.example.cn"' in laptop.browser.get("/join").text


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{}", b'{"server_url": 7}', b"\xff\xfe", b'{"server_url": "javascript:x"}',
        b'{"server_url": "http://far.example", "allow_http": 1}',
    ],
)  # fmt: skip
def test_a_spoilt_note_of_the_address_offers_none(open_laptop, content):
    laptop = open_laptop()
    (laptop.folder / "centre.json").write_bytes(content)
    assert 'id="server_url" name="server_url" inputmode="url" required value=""' in (
        laptop.browser.get("/join").text
    )


def test_the_address_the_program_was_started_with_goes_first(open_laptop):
    laptop = open_laptop(server_url="https://given.example.cn")
    remember_centre(laptop.folder, "http://old.example.cn", allow_http=True)
    page = laptop.browser.get("/join").text
    assert 'value="https://given.example.cn"' in page
    assert 'name="allow_http" value="1">' in page


def test_a_disk_that_refuses_the_address_refuses_no_joining(open_laptop, line, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("field_app.services.known_centre.write_atomically", full)
    laptop = open_laptop()
    assert laptop.browser.post("/join", form(line.code(line.worker()))).location == "/recovery"
    wait(laptop)


def test_joining_again_with_another_passphrase_says_how(open_laptop, line):
    laptop = open_laptop()
    worker = line.worker()
    laptop.browser.post("/join", form(line.code(worker)))
    wait(laptop)
    laptop.desk.lock()
    other = form(line.code(worker), passphrase="quite different", repeated="quite different")
    answer = laptop.browser.post("/join", other)
    assert answer.status_code == 409
    assert "请填原来的口令再试一次" in answer.text
    other |= {"passphrase": PASSPHRASE, "repeated": PASSPHRASE}
    assert laptop.browser.post("/join", other).location == "/sync"
    wait(laptop)


@responses.activate
def test_too_many_tries_are_told_with_the_wait(open_laptop):
    responses.post(
        CENTRE + "/api/v1/devices", status=429, headers={"Retry-After": "60"},
        json={"code": "rate_limited"}, content_type="application/problem+json",
    )  # fmt: skip
    answer = open_laptop().browser.post("/join", form("ABCD-EFGH"))
    assert "请等60秒再试" in answer.text
