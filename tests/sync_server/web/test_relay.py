"""Relay files by page, API and command: who may, what is told, how much memory it takes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import io
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from schemas.exchange import API, MAX_BODY_BYTES
from schemas.relay.parts import PartWriter
from schemas.relay.sealing import Sealer
from schemas.seal import canonical
from sync_server.app import app_of, create_app
from sync_server.cli.main import run
from sync_server.cli.serving import listen, waitress_for
from sync_server.domain.errors import Refusal
from sync_server.services import relay
from sync_server.services.devices import revoke_device
from sync_server.services.ids import new_id
from sync_server.settings import BODY_LIMIT
from sync_server.store.relay_folder import RelayFolder
from sync_server.store.tables import users
from sync_server.web.large_bodies import USUAL_BYTES
from tests.pictures import picture
from tests.sync_server.relay_files import (
    DEVICE_KEY,
    header_of,
    join_with_key,
    open_receipt,
    relay_file,
)
from tests.sync_server.web.staff import PASSWORD, Town, hire, sign_in, token
from tests.sync_server.world import COMMUNITY, Laptop, add_worker, issue

ROOT = Path(__file__).resolve().parents[3]
LARGE_MB = int(os.environ.get("GRIDROUNDS_RELAY_MB", "64"))
"""How large the file is whose memory is measured; by hand also 2048."""
HEADROOM_MB = 40


@pytest.fixture
def laptop(town: Town) -> Laptop:
    """A laptop of this community with one report that no link has seen."""
    laptop = join_with_key(town.centre, town.here.worker)
    laptop.write("issue", "create", issue())
    return laptop


def hand_in(client: FlaskClient, file: bytes) -> Any:
    form = {"csrf_token": token(client), "file": (io.BytesIO(file), "a.gridbatch")}
    return client.post("/relay", data=form, content_type="multipart/form-data")


def test_the_page_takes_a_file_in_and_gives_the_receipt_out(town, app, laptop):
    client = sign_in(app, "community")
    assert "还没有收到过中转文件" in client.get("/relay").text
    answer = hand_in(client, relay_file(laptop, [laptop.body()]))
    assert answer.status_code == 200, answer.text
    assert "已收入" in answer.text
    assert town.here.worker.name in answer.text
    link = re.search(r'id="receipt" href="([^"]+)"', answer.text)[1]
    receipt = client.get(link)
    assert receipt.headers["Content-Disposition"].endswith(".gridreceipt")
    _, answers = open_receipt(laptop, receipt.data)
    assert answers[0][1]["receipts"][0]["outcome"] == "applied"
    again = hand_in(client, relay_file(laptop, [laptop.body()]))
    assert again.status_code == 200
    assert again.text.count("下载回执") == 3  # the result's and two files'


def test_handing_the_same_file_in_again_is_told(app, laptop):
    client = sign_in(app, "community")
    file = relay_file(laptop, [laptop.body()])
    assert "已经收过" not in hand_in(client, file).text
    assert "已经收过，没有重复入库" in hand_in(client, file).text


def test_a_bad_file_is_refused_in_words_and_leaves_nothing_behind(app, laptop):
    client = sign_in(app, "community")
    good = relay_file(laptop, [laptop.body()])
    stranger = Laptop(laptop.centre, new_id(), "", laptop.worker_id)
    cases = {
        "不完整或内容有改动": good[:-1],
        "不是网格巡访的中转文件": b"hello",
        "这是回执": good.replace(b"GRIDRELAYB", b"GRIDRELAYR", 1),
        "没有在本中心登记": relay_file(stranger, []),
        "写给另一个中心": relay_file(laptop, [], district="990102"),
        "请先选择": None,
    }
    for words, file in cases.items():
        answer = hand_in(client, file) if file else client.post(
            "/relay", data={"csrf_token": token(client)}
        )  # fmt: skip
        assert answer.status_code == 422, words
        assert words in answer.text
        assert "还没有收到过中转文件" in answer.text
    folder = relay.folder_of(laptop.centre).folder
    assert [one for one in folder.rglob("*") if one.is_file()] == []


def test_what_a_revoked_laptop_brought_is_told_to_staff(town, app, laptop):
    with town.centre.store.writing() as connection:
        revoke_device(connection, town.centre.code, laptop.device_id, town.centre.clock(), by=None)
    page = hand_in(sign_in(app, "community"), relay_file(laptop, [laptop.body()])).text
    assert "这台终端已停用" in page


def test_the_files_of_next_door_are_not_listed(town, app):
    theirs = join_with_key(town.centre, town.there.worker)
    client = sign_in(app, "community")
    assert hand_in(client, relay_file(theirs, [theirs.body()])).status_code == 200
    assert "隔壁" not in client.get("/relay").text
    assert "隔壁" in sign_in(app, "neighbour").get("/relay").text


def test_the_api_answers_the_receipt_itself(town, app, laptop):
    client = sign_in(app, "community")
    file = relay_file(laptop, [laptop.body()])
    sent = {"data": file, "content_type": "application/octet-stream"}
    answer = client.post(f"{API}/relay", **sent)
    assert answer.status_code == 200, answer.text
    assert open_receipt(laptop, answer.data)[1][0][1]["receipts"][0]["outcome"] == "applied"
    stranger = app.test_client().post(f"{API}/relay", **sent)
    assert (stranger.status_code, stranger.json["code"]) == (401, "sign_in_needed")
    auditor = sign_in(app, "auditor").post(f"{API}/relay", **sent)
    assert (auditor.status_code, auditor.json["code"]) == (403, "not_allowed")
    given = hire(town, "new", "community", (COMMUNITY,))
    newcomer = sign_in(app, "new")
    with town.centre.store.writing() as connection:
        whose = users.c.user_id == given.user_id
        connection.execute(sa.update(users).where(whose).values(password_given=True))
    refused = newcomer.post(f"{API}/relay", **sent)
    assert (refused.status_code, refused.json["code"]) == (403, "not_allowed")
    as_form = client.post(f"{API}/relay", data={"file": "x"})
    assert (as_form.status_code, as_form.json["code"]) == (415, "wrong_type")
    cut = client.post(f"{API}/relay", **(sent | {"data": file[:-1]}))
    assert (cut.status_code, cut.json["code"]) == (422, "relay_damaged")


def test_a_photo_on_the_stick_is_kept_and_answered_for(app, laptop):
    content = picture()
    sha256 = hashlib.sha256(content).hexdigest()
    photos = [({"sha256": sha256}, content), ({"sha256": "0" * 64}, content), ({}, b"x")]
    answer = sign_in(app, "community").post(
        f"{API}/relay", data=relay_file(laptop, [], photos=photos),
        content_type="application/octet-stream",
    )  # fmt: skip
    _, answers = open_receipt(laptop, answer.data)
    assert [meta.get("refused") for meta, _ in answers] == [
        None,
        "checksum_mismatch",
        "bad_request",
    ]
    assert answers[0][0]["sha256"] == sha256


def test_a_file_beyond_the_cap_is_refused_before_it_is_laid_down(town, laptop):
    small = replace(town.centre, settings=replace(town.centre.settings, relay_bytes=100_000))
    client = sign_in(app_of(small), "community")
    file = relay_file(laptop, [laptop.body()]) + bytes(200_000)
    assert "请管理员在服务器上用命令收入" in hand_in(client, file).text
    answer = client.post(f"{API}/relay", data=file, content_type="application/octet-stream")
    assert (answer.status_code, answer.json["code"]) == (413, "relay_too_large")


class FullDisk(io.BytesIO):
    """A file on a disk that has no room left."""

    def write(self, data: Any, /) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("way", ["page", "api"])
def test_a_disk_too_full_for_the_file_is_told_as_such_and_the_file_comes_again(
    app, laptop, monkeypatch, way
):
    client, file = sign_in(app, "community"), relay_file(laptop, [laptop.body()])

    def give() -> Any:
        if way == "page":
            return hand_in(client, file)
        return client.post(f"{API}/relay", data=file, content_type="application/octet-stream")

    with monkeypatch.context() as patch:
        patch.setattr(RelayFolder, "scratch", lambda folder: FullDisk())
        answer = give()
    if way == "page":
        assert (answer.status_code, "服务器磁盘已满" in answer.text) == (507, True)
    else:
        assert (answer.status_code, answer.get_json()["code"]) == (503, "disk_full")
    assert give().status_code == 200


def test_a_folder_that_takes_nothing_is_no_fault_of_who_asked(app, laptop, monkeypatch):
    client = sign_in(app, "community")

    def refuse(*args: Any, **more: Any) -> None:
        raise Refusal("folder_unusable")

    with monkeypatch.context() as patch:
        patch.setattr(relay, "take_in", refuse)
        answer = hand_in(client, relay_file(laptop, [laptop.body()]))
    assert (answer.status_code, "数据文件夹不能写入" in answer.text) == (500, True)


def test_only_signed_in_staff_may_send_more_than_a_form(town, app):
    limit = app.extensions[BODY_LIMIT]
    client = sign_in(app, "community")
    cookie = client.get_cookie("gridrounds_centre")
    session = f"{cookie.key}={cookie.value}"
    large = town.centre.settings.relay_bytes
    assert limit("/relay", session) == limit(f"{API}/relay", session) == large
    assert limit("/sync", session) == limit("/relay", "") == USUAL_BYTES
    assert limit("/relay", session[:-2]) == limit("/relay", "gridrounds_centre=x") == USUAL_BYTES
    fresh = app.test_client()
    fresh.get("/sign-in")
    cookie = fresh.get_cookie("gridrounds_centre")
    assert limit("/relay", f"{cookie.key}={cookie.value}") == USUAL_BYTES


def test_by_keyboard_and_narrow(
    town: Town, app: Flask, laptop: Laptop, tmp_path: Path,
    live_server: Callable[[Any], str], browser_page: Callable[..., Page],
) -> None:  # fmt: skip
    file = tmp_path / "stick.gridbatch"
    file.write_bytes(relay_file(laptop, [laptop.body()]))
    address = live_server(app)
    page = browser_page("phone")
    page.goto(f"{address}/sign-in")
    page.fill("#no", "community")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).not_to_have_text("登录")
    page.goto(f"{address}/relay")
    page.locator("#file").set_input_files(file)
    page.keyboard.press("Tab")
    page.locator("form.entry button").press("Enter")
    expect(page.locator("#taken")).to_have_text("已收入")
    with page.expect_download() as fetched:
        page.locator("#receipt").press("Enter")
    receipt = Path(fetched.value.path()).read_bytes()
    assert open_receipt(laptop, receipt)[1][0][1]["receipts"][0]["outcome"] == "applied"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def command(centre_folder: Path, *arguments: object) -> int:
    return run(["--data", str(centre_folder), *map(str, arguments)], create_app)


def test_the_command_takes_a_file_in(centre, tmp_path, capsys):
    laptop = join_with_key(centre, add_worker(centre))
    laptop.write("issue", "create", issue())
    file, out = tmp_path / "a.gridbatch", tmp_path / "a.gridreceipt"
    file.write_bytes(relay_file(laptop, [laptop.body()]))
    folder = centre.settings.data
    assert command(folder, "relay", file, "--out", out) == 0
    assert re.search(r"applied +1\b", capsys.readouterr().out)
    header, _ = open_receipt(laptop, out.read_bytes())
    assert header.device_id == laptop.device_id
    assert command(folder, "relay", file, "--out", out) == 1
    assert "不会覆盖" in capsys.readouterr().err
    file.write_bytes(file.read_bytes()[:-1])
    bad = tmp_path / "bad.gridreceipt"
    assert command(folder, "relay", file, "--out", bad) == 1
    assert "不完整或内容有改动" in capsys.readouterr().err
    assert command(folder, "relay", tmp_path / "none", "--out", bad) == 1
    assert "读不了文件" in capsys.readouterr().err
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "a.gridbatch", "a.gridreceipt", "centre",
    ]  # fmt: skip


def write_large(laptop: Laptop, path: Path, megabytes: int) -> None:
    """Write a file of requests that are nearly all padding, each as large as one may be."""
    body = {**laptop.body([]), "want": 0}
    bodies = [{**body, "batch_id": new_id()} for _ in range(megabytes)]
    with open(path, "wb") as out:
        sealer = Sealer(out, "batch", bytes.fromhex(laptop.centre.keys.server_key))
        writer = PartWriter(sealer, header_of(laptop, bodies).document())
        for one in bodies:
            room = MAX_BODY_BYTES - len(canonical({**one, "padding": ""}))
            text = canonical({**one, "padding": "x" * room})
            writer.add("request", {}, len(text), [text])
        writer.sign(DEVICE_KEY)
        sealer.close()


MEASURED = """
import sys
from pathlib import Path
from sync_server.app import create_app
from sync_server.cli.main import run
status = run(sys.argv[1:], create_app)
[peak] = [one for one in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in one]
print(int(peak.split()[1]) / 1024)
sys.exit(status)
"""


def peak_megabytes(*arguments: object) -> float:
    """Run the centre's command line in a process of its own; return the most memory it took.

    The process says so itself: what the system tells its parent counts the parent's memory too.
    """
    line = [sys.executable, "-c", MEASURED, *map(str, arguments)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


@pytest.fixture
def peaks(centre, tmp_path) -> Iterator[Callable[[int], float]]:
    """Measure the memory that taking in a file of so many megabytes costs."""
    laptop = join_with_key(centre, add_worker(centre))

    def measured(megabytes: int) -> float:
        file, out = tmp_path / "large.gridbatch", tmp_path / f"{megabytes}.gridreceipt"
        write_large(laptop, file, megabytes)
        assert file.stat().st_size > megabytes * 1_048_576
        return peak_megabytes("--data", centre.settings.data, "relay", file, "--out", out)

    yield measured
    (tmp_path / "large.gridbatch").unlink(missing_ok=True)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measured on Linux")
def test_memory_does_not_grow_with_the_file(peaks):
    small, large = peaks(1), peaks(LARGE_MB)
    print(f"relay file of 1 MB: {small:.0f} MB of memory, of {LARGE_MB} MB: {large:.0f} MB")
    assert large - small < HEADROOM_MB


@pytest.fixture
def served(app: Flask, town: Town) -> Iterator[str]:
    """The centre as it is served by default."""
    listener = listen("127.0.0.1", 0)
    server = waitress_for(town.centre.settings, app, listener)

    def run_until_closed() -> None:
        with contextlib.suppress(OSError, ValueError):  # its sockets are closed under it
            server.run()

    thread = threading.Thread(target=run_until_closed, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.close()
    thread.join(10)


def test_the_server_reads_large_bodies_of_signed_in_staff_alone(app, served, laptop, town):
    file = relay_file(laptop, [laptop.body()]) + bytes(USUAL_BYTES)  # spoilt by what follows it
    cookie = sign_in(app, "community").get_cookie("gridrounds_centre")
    known = {"Cookie": f"{cookie.key}={cookie.value}"}
    kind = {"Content-Type": "application/octet-stream"}
    answer = requests.post(f"{served}{API}/relay", data=file, headers=known | kind, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (422, "relay_damaged")
    for path, headers in ((f"{API}/relay", kind), ("/sign-in", known | kind)):
        head = headers | {"Content-Length": str(len(file)), "Expect": "100-continue"}
        status, words = refused_unread(served, path, head)
        assert status == 413
        assert f"最多收{USUAL_BYTES // 1_048_576} MB" in words


def refused_unread(address: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """Send the head of a request alone; return how it is answered and in which words."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
    connection.putrequest("POST", path)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    try:
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
