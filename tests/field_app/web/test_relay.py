"""中转文件 at the browser: what is written, what the receipt brings, and what is told when not."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from field_app.services import relay
from field_app.services.photos import attach, waiting
from field_app.services.records import unsent_count
from sync_server.services import relay as centre_relay
from tests.field_app.centres import CentreLine
from tests.field_app.laptops import Laptop, save_issue
from tests.field_app.signed_in import COMPILED
from tests.pictures import picture


@pytest.fixture
def at(joined: Callable[..., Laptop]) -> Laptop:
    """A laptop that has joined, its worker signed in at a browser."""
    laptop = joined()
    laptop.app.jinja_env.bytecode_cache = COMPILED
    worker_id = laptop.ws.worker_id
    laptop.browser.unlock(worker_id=worker_id)
    return laptop


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a stick that the program finds by itself."""
    folder = tmp_path / "stick"
    folder.mkdir()
    monkeypatch.setattr(relay, "sticks", lambda: [folder])
    return folder


def hand_in(line: CentreLine, file: Path) -> Path:
    receipt = file.with_suffix(".gridreceipt")
    with open(file, "rb") as content, open(receipt, "wb") as out:
        centre_relay.take_in(line.centre, content, out, line.hands())
    return receipt


def post(at: Laptop, address: str, **form: Any) -> TestResponse:
    return at.browser.post(address, form, seen="/relay")


def test_the_stick_is_offered_written_and_read_in(at, line, stick):
    record = save_issue(at.ws).record_id
    attach(at.ws, "issue", record, picture(), "scene")
    page = at.browser.get("/relay").text
    assert f'value="{stick}"' in page
    assert "要带走：2条记录，1张照片。" in page
    answer = post(at, "/relay/write", folder=str(stick))
    assert answer.status_code == 200
    assert "已写好并读回核对，可以拔出U盘" in answer.text
    assert "还没有读入" in answer.text
    [file] = stick.iterdir()
    assert unsent_count(at.ws) == 2
    assert len(waiting(at.ws)) == 1
    receipt = hand_in(line, file)
    page = at.browser.get("/relay").text
    assert receipt.name in page
    answer = post(at, "/relay/take", path=str(receipt))
    assert "确认2条记录、1张照片，收到2条更新" in answer.text
    assert "已读入 2026-09-30" in answer.text
    assert "读入U盘上的回执" not in answer.text
    assert unsent_count(at.ws) == 0
    assert waiting(at.ws) == []
    with line.centre.store.reading() as connection:
        assert len(connection.exec_driver_sql("SELECT * FROM photo_files").all()) == 1
    assert at.sync().stage == "done"


def test_a_browser_may_carry_both(at, line, tmp_path):
    save_issue(at.ws)
    answer = post(at, "/relay/fetch")
    name = re.search(r"filename=(\S+)", answer.headers["Content-Disposition"])[1]
    assert name.startswith("gridrounds-")
    assert name.endswith(".gridbatch")
    file = tmp_path / name
    file.write_bytes(answer.data)
    receipt = hand_in(line, file)
    given = (io.BytesIO(receipt.read_bytes()), receipt.name)
    assert "确认1条记录" in post(at, "/relay/take", file=given).text
    again = post(at, "/relay/take", file=(io.BytesIO(receipt.read_bytes()), receipt.name))
    assert again.status_code == 422
    assert "已经在2026-09-30" in again.text


def test_only_a_folder_is_written_into_and_no_file_is_ever_replaced(at, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_issue(at.ws)
    mine, key = tmp_path / "名册.xlsx", next(at.folder.rglob("key.json"))
    mine.write_bytes(b"mine")
    before = key.read_bytes()
    for typed in (str(mine), str(key), "E盘", str(tmp_path / "巡查"), "."):
        answer = post(at, "/relay/write", folder=typed)
        assert answer.status_code == 422, typed
        assert "这个文件夹不存在或不能写入" in answer.text
    assert (mine.read_bytes(), key.read_bytes()) == (b"mine", before)
    assert not list(tmp_path.glob("*巡查*")) + list(tmp_path.glob("E盘*"))
    assert relay.written_files(at.ws) == []


def test_what_goes_wrong_is_told_and_what_was_typed_stays(at, tmp_path):
    save_issue(at.ws)
    nowhere = str(tmp_path / "nowhere" / "else")
    answer = post(at, "/relay/write", folder=nowhere)
    assert answer.status_code == 422
    assert "这个文件夹不存在或不能写入" in answer.text
    assert f'value="{nowhere}"' in answer.text
    assert "请填写U盘的文件夹" in post(at, "/relay/write", folder=" ").text
    assert "请先选择回执文件" in post(at, "/relay/take").text
    assert "这个文件读不了" in post(at, "/relay/take", path=nowhere).text
    wrong = (io.BytesIO(b"hello"), "a.gridreceipt")
    assert "这不是网格巡访的回执" in post(at, "/relay/take", file=wrong).text
    assert unsent_count(at.ws) == 1
    assert relay.written_files(at.ws) == []


@pytest.mark.parametrize("name", ["/" + "长" * 300, "/stick\0"])
def test_what_is_no_name_of_a_folder_is_told_like_a_folder_that_is_not_there(at, name):
    answer = post(at, "/relay/write", folder=name)
    assert answer.status_code == 422
    assert "这个文件夹不存在或不能写入" in answer.text
    assert "这个文件读不了" in post(at, "/relay/take", path=name).text


def test_a_locked_laptop_writes_nothing(at, stick):
    at.desk.lock()
    assert post(at, "/relay/write", folder=str(stick)).status_code == 302
    assert list(stick.iterdir()) == []


def test_the_sync_page_leads_here(at):
    assert 'href="/relay"' in at.browser.get("/sync").text
