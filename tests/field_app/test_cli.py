"""The commands: each does its work or ends in one plain sentence and a non-zero exit."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time

import pytest
import requests

from field_app.__main__ import main
from field_app.cli import parser
from field_app.services.records import unsent_count
from tests.field_app.centres import answers
from tests.field_app.laptops import OTHER_WORKER, PASSPHRASE, WORKER, save_issue

HAN = re.compile("[\u3400-\u9fff]")
COMMANDS = ["status", "sync", "backup", "restore", "show-batch", "change-passphrase", "receipt",
            "health"]  # fmt: skip


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run a command on the laptop's data folder; returns exit status, output and errors."""
    monkeypatch.setenv("GRIDROUNDS_PASSPHRASE", PASSPHRASE)

    def run(*arguments, folder="laptop"):
        capsys.readouterr()
        status = main([arguments[0], "--data", str(tmp_path / folder), *arguments[1:]])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def is_plain(err, *words):
    """Whether the errors are one Chinese sentence and its English, nothing else."""
    lines = err.strip().splitlines()
    return (
        len(lines) == 2
        and HAN.search(lines[0])
        and not HAN.search(lines[1].replace("林示例", ""))
        and all(word in err for word in words)
    )


@pytest.mark.parametrize("arguments", [[], *([one] for one in COMMANDS)])
def test_every_command_explains_itself(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert HAN.search(out)
    assert "--data" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_without_a_worker_every_command_says_how_to_begin(command, name):
    status, _, err = command(name, folder="nowhere")
    assert status == 1
    assert is_plain(err, "python -m field_app")


def test_nothing_is_made_by_looking(command, tmp_path):
    command("status", folder="nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_status_counts_the_unsent(command, laptop):
    save_issue(laptop.ws)
    laptop.close()
    status, out, _ = command("status")
    assert status == 0
    assert WORKER in out
    assert "未上传 unsent: 1" in out
    assert "照片未传 photos unsent: 0" in out


def test_sync_sends_everything_and_tells_the_count(command, joined, line):
    laptop = joined()
    for _ in range(3):
        save_issue(laptop.ws)
    worker_id = laptop.ws.worker_id
    laptop.close()
    status, out, err = command("sync")
    assert (status, err) == (0, "")
    assert "done: 3/3" in out
    assert "applied: 3" in out
    laptop.desk.unlock(worker_id, PASSPHRASE)
    assert unsent_count(laptop.ws) == 0


def test_sync_with_an_unreachable_server_says_so_and_keeps_everything(command, open_laptop):
    laptop = open_laptop()
    laptop.settle(server_url="http://127.0.0.1:9")
    save_issue(laptop.ws)
    laptop.close()
    status, _, err = command("sync")
    assert status == 1
    assert "连不上服务器" in err
    assert "1 changes are not confirmed" in err
    laptop.desk.unlock(WORKER, PASSPHRASE)
    assert unsent_count(laptop.ws) == 1


def test_sync_behind_a_captive_portal_fails_in_words(command, joined, line):
    laptop = joined()
    laptop.close()
    line.faults.append(answers(200, "<html>", Content_Type="text/html"))
    status, _, err = command("sync")
    assert status == 1
    assert is_plain(err, "not come from a GridRounds server")


def test_a_batch_can_be_shown_and_posted_by_hand_without_counting_twice(command, joined, line):
    laptop = joined()
    save_issue(laptop.ws)
    worker_id = laptop.ws.worker_id
    laptop.close()
    status, out, err = command("show-batch")
    body = json.loads(out)
    assert status == 0
    assert [one["seq"] for one in body["changes"]] == [1]
    curl = shlex.split(err)
    assert curl[:4] == ["curl", "-sS", "-X", "POST"]
    headers = dict(one.split(": ") for place, one in enumerate(curl) if curl[place - 1] == "-H")
    told = [
        requests.post(curl[4], data=out.encode(), headers=headers, timeout=10).json()
        for _ in range(2)
    ]
    assert [one["receipts"][0]["outcome"] for one in told] == ["applied", "duplicate"]
    laptop.desk.unlock(worker_id, PASSPHRASE)
    assert unsent_count(laptop.ws) == 1
    assert laptop.sync().outcomes == {"duplicate": 1}
    laptop.close()
    status, again, _ = command("show-batch", "--last")
    assert status == 0
    assert json.loads(again)["changes"] == body["changes"]
    assert json.loads(command("show-batch")[1])["changes"] == []


def test_before_anything_was_sent_there_is_no_last_batch(command, laptop):
    laptop.close()
    status, out, err = command("show-batch", "--last")
    assert (status, out) == (1, "")
    assert is_plain(err)


def test_backup_and_restore_bring_the_copy_back(command, laptop):
    save_issue(laptop.ws)
    laptop.close()
    status, out, _ = command("backup")
    assert status == 0
    assert "store-" in out or ".db" in out
    assert "already" in command("backup")[1]
    laptop.desk.unlock(WORKER, PASSPHRASE)
    save_issue(laptop.ws)
    laptop.close()
    assert command("restore", "--from", "nothing")[0] == 1
    status, out, _ = command("restore")
    assert status == 0
    assert "restored" in out
    laptop.desk.unlock(WORKER, PASSPHRASE)
    assert unsent_count(laptop.ws) == 1


@pytest.mark.parametrize("port", ["abc", "0", "65536"])
def test_a_mistyped_port_is_told_in_words(command, laptop, capsys, monkeypatch, port):
    monkeypatch.setenv("LAPTOP_PORT", port)
    with pytest.raises(SystemExit) as ended:
        command("status")
    assert ended.value.code == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "端口应是1至65535的整数" in last
    assert port in last


def test_the_port_is_the_typed_one_then_the_environments(monkeypatch):
    monkeypatch.setenv("LAPTOP_PORT", "6060")
    assert parser().parse_args(["status"]).port == 6060
    assert parser().parse_args(["--port", "7070", "status"]).port == 7070
    monkeypatch.delenv("LAPTOP_PORT")
    assert parser().parse_args(["status"]).port == 5050


def test_restore_takes_the_newest_copy_that_is_whole(command, laptop):
    save_issue(laptop.ws)
    older = laptop.desk.back_up()
    laptop.hands.passes(86400)
    newer = laptop.desk.vault.unlock(WORKER, PASSPHRASE).backup_daily(laptop.desk.clock())
    laptop.close()
    newer.write_bytes(newer.read_bytes()[:-100])
    before = next(laptop.folder.glob("workers/*/store.db")).read_bytes()
    status, _, err = command("restore", "--from", newer.name)
    assert status == 1
    assert is_plain(err, "not whole")
    assert next(laptop.folder.glob("workers/*/store.db")).read_bytes() == before
    status, out, _ = command("restore")
    assert status == 0
    assert f"passed over: {newer.name}" in out
    assert f"restored: {older.name}" in out
    laptop.desk.unlock(WORKER, PASSPHRASE)
    assert unsent_count(laptop.ws) == 1


def test_health_tells_and_fails_when_the_store_is_damaged(command, laptop):
    save_issue(laptop.ws)
    laptop.close()
    status, out, _ = command("health")
    assert status == 0
    assert "ok: True" in out
    store = next(laptop.folder.glob("workers/*/store.db"))
    spoilt = bytearray(store.read_bytes())
    spoilt[5000:5100] = bytes(100)
    store.write_bytes(spoilt)
    for name in ("health", "sync", "status", "backup"):
        status, _, err = command(name)
        assert status == 1
        assert is_plain(err, "数据文件已损坏")
    assert store.read_bytes() == bytes(spoilt)


def test_the_passphrase_is_changed(command, laptop, monkeypatch):
    laptop.close()
    monkeypatch.setenv("GRIDROUNDS_NEW_PASSPHRASE", "another passphrase")
    assert command("change-passphrase")[0] == 0
    status, _, err = command("status")
    assert status == 1
    assert is_plain(err, "passphrase is wrong")
    monkeypatch.setenv("GRIDROUNDS_NEW_PASSPHRASE", "short")
    monkeypatch.setenv("GRIDROUNDS_PASSPHRASE", "another passphrase")
    assert is_plain(command("change-passphrase")[2], "at least 8")


def test_without_a_passphrase_it_says_where_to_give_one(command, laptop, monkeypatch):
    laptop.close()
    monkeypatch.delenv("GRIDROUNDS_PASSPHRASE")
    for name in ("sync", "backup", "show-batch", "health", "change-passphrase"):
        status, _, err = command(name)
        assert status == 1
        assert is_plain(err, "GRIDROUNDS_PASSPHRASE")
    assert command("status")[0] == 0


def test_of_several_workers_one_is_named(command, laptop):
    laptop.settle(OTHER_WORKER)
    laptop.close()
    status, _, err = command("health")
    assert status == 1
    assert is_plain(err, WORKER, OTHER_WORKER, "--worker")
    assert command("health", "--worker", OTHER_WORKER)[0] == 0
    assert is_plain(command("health", "--worker", "nobody")[2])


def test_a_store_in_use_is_said_to_be_in_use(command, laptop):
    status, _, err = command("sync")
    assert status == 1
    assert is_plain(err, "Another running copy")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "grid.example.cn"])
def test_listening_beyond_this_computer_is_refused(tmp_path, capsys, host):
    assert main(["--data", str(tmp_path), "--host", host, "--no-browser"]) == 1
    assert is_plain(capsys.readouterr().err, host)


def test_a_data_folder_that_cannot_be_is_named(tmp_path, capsys):
    blocked = tmp_path / "a-file"
    blocked.write_text("x")
    assert main(["--data", str(blocked / "data"), "--no-browser"]) == 1
    assert is_plain(capsys.readouterr().err, str(blocked))


# The program as a process -----------------------------------------------------------------------


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def program(tmp_path):
    """Start the program on the test's data folder; whatever still runs is ended."""
    started = []

    def start(port, folder="laptop"):
        process = subprocess.Popen(
            [sys.executable, "-m", "field_app", "--data", str(tmp_path / folder),
             "--port", str(port), "--no-browser"],
            env={**os.environ, "PYTHONUTF8": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def answers_at(port):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            answer = requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2)
            return answer.json()
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError("it did not answer")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a program at once")
def test_it_serves_on_loopback_and_ends_when_asked(program, laptop):
    laptop.close()
    port = free_port()
    running = program(port)
    assert answers_at(port)["app"] == "field_app"
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=20)
    assert running.returncode == 0
    assert f"http://127.0.0.1:{port}/" in out
    assert "Traceback" not in err


def test_a_second_copy_and_a_taken_port_are_told_apart(program, laptop):
    laptop.close()
    port = free_port()
    program(port)
    answers_at(port)
    second = program(free_port())
    _, err = second.communicate(timeout=30)
    assert second.returncode == 1
    assert is_plain(err, "Another running copy")
    other = program(port, folder="other")
    _, err = other.communicate(timeout=30)
    assert other.returncode == 1
    assert is_plain(err, str(port), "--port")


def test_killed_it_starts_again_at_once(program, laptop):
    save_issue(laptop.ws)
    laptop.close()
    port = free_port()
    first = program(port)
    answers_at(port)
    first.kill()
    first.wait()
    program(port)
    assert answers_at(port)["status"] == "ok"


def test_the_receipt_of_the_last_round_and_of_a_day_are_printed(command, joined):
    laptop = joined()
    worker_id, saved = laptop.ws.worker_id, save_issue(laptop.ws)
    laptop.sync()
    laptop.close()
    status, out, _ = command("receipt")
    assert (status, "已入库: 1" in out, "合计: 1" in out) == (0, True, True)
    assert saved.change_id[-6:] in out
    status, out, _ = command("receipt", "--day", "2026-09-30", "--worker", worker_id)
    assert (status, "服务器账上: 1" in out) == (0, True)


def test_there_is_no_receipt_before_the_first_round_nor_of_no_day(command, laptop):
    laptop.close()
    status, _, err = command("receipt")
    assert status == 1
    assert is_plain(err, "No batch")
    status, _, err = command("receipt", "--day", "yesterday")
    assert (status, is_plain(err)) == (1, True)
