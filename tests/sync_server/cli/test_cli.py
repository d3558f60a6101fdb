"""The command line as an operator meets it: plain sentences, nothing lost, real processes."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync_server.cli.main import parser, settings_of
from sync_server.cli.opening import opened
from sync_server.cli.sentences import SENTENCES
from sync_server.domain.errors import CODES, Refusal
from sync_server.services import accounts
from sync_server.services.centre import open_centre
from sync_server.settings import Settings
from sync_server.store.tables import audit
from tests.sync_server.cli.lines import (
    ROOT,
    WORKER,
    assert_plain_failure,
    command,
    environment,
)
from tests.sync_server.web.staff import load

COMMANDS = [
    "init",
    "add-user",
    "set-password",
    "join-code",
    "reassign",
    "demo-world",
    "backup",
    "relay",
    "replay",
]


@contextmanager
def served(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the centre on a free port; give the process and its address."""
    process = subprocess.Popen(
        command("--port", 0, *arguments), cwd=ROOT, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "http://" in line, (line, process.stderr.read() if process.stderr else "")
        yield process, line[line.index("http://") :].split()[0]
    finally:
        process.kill()
        process.communicate()


def health(address: str) -> dict:
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"{address}healthz", timeout=5) as answer:
                return json.load(answer)
        except OSError:
            time.sleep(0.1)
    raise AssertionError("no answer")


def test_every_command_explains_itself(capsys):
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(["--help"])
    assert caught.value.code == 0
    overview = capsys.readouterr().out
    for name in COMMANDS:
        assert name in overview
        with pytest.raises(SystemExit) as caught:
            parser().parse_args([name, "--help"])
        assert caught.value.code == 0
        told = capsys.readouterr().out
        assert "--data" in told
        if name == "add-user":
            assert [role for role in ("worker", "community", "auditor") if role not in told] == []


def test_options_may_stand_before_or_after_the_command():
    for line in (["--data", "x", "init"], ["init", "--data", "x"]):
        assert settings_of(parser().parse_args(line)).data == Path("x")


def test_every_sentence_is_of_a_known_code_in_both_languages():
    assert set(SENTENCES) <= set(CODES)
    for label in SENTENCES.values():
        assert any("\u4e00" <= char <= "\u9fff" for char in label.zh)
        assert label.en.isascii()


def test_people_and_codes_are_made_on_the_terminal(data, run):
    made = run("add-user", "--data", data, *WORKER)
    assert made.returncode == 0, made.stderr
    assert len(made.stdout.strip()) == 36
    code = run("join-code", "--data", data, "--no", "w1")
    assert [len(part) for part in code.stdout.strip().split("-")] == [4, 4, 4]
    staff = run(
        "add-user", "--data", data, "--no", "s1", "--name", "李演示", "--role", "street",
        "--password-stdin", text="correct horse battery\n",
    )  # fmt: skip
    assert staff.returncode == 0, staff.stderr
    assert len(staff.stdout.strip()) == 36
    assert_plain_failure(run("add-user", "--data", data, *WORKER), "w1")
    assert_plain_failure(run("join-code", "--data", data, "--no", "w9"), "w9")
    assert_plain_failure(run("join-code", "--data", data, "--no", "s1"))
    no_password = ["--no", "s2", "--name", "李", "--role", "street"]
    assert_plain_failure(run("add-user", "--data", data, *no_password, text=""))
    short = run("add-user", "--data", data, *no_password, "--password-stdin", text="short\n")
    assert_plain_failure(short, "10")


def test_an_area_the_district_does_not_have_is_refused_once_it_has_any(data, run):
    made = run("add-user", "--data", data, "--district", "990101", *WORKER)
    assert made.returncode == 0, made.stderr  # the first accounts come before the first area
    said = {"code": "990101100009003", "name": "第三网格", "level": "grid",
            "valid_from": "2026-01-01"}  # fmt: skip
    centre = open_centre(Settings(data=data))
    load(centre, made.stdout.strip(), "area", said["code"], said)
    centre.store.close()
    somebody = ["add-user", "--data", data, "--name", "李演示", "--password-stdin"]
    for no, role, scope, fits in (
        ("s1", "street", "990101555", False),
        ("s2", "community", "990101100010", False),
        ("s3", "street", "990101100", True),  # a grid lies in it
        ("s4", "district", "990101", True),
        ("s5", "leader", "990101100009003", True),
        ("s6", "leader", "990101100009077", True),  # a new grid of a community that is known
        ("s7", "leader", "990101100010001", False),
    ):
        who = ["--no", no, "--role", role, "--scope", scope]
        done = run(*somebody, *who, text="correct horse battery\n")
        if fits:
            assert done.returncode == 0, done.stderr
        else:
            assert_plain_failure(done, scope)
    mistyped = run("reassign", "--data", data, "--no", "s5", "--grids", "990101100010001")
    assert_plain_failure(mistyped, "990101100010001")
    given = run("reassign", "--data", data, "--no", "s5", "--grids", "990101100009004")
    assert given.stdout == "990101100009004\n", given.stderr
    assert_plain_failure(run("set-password", "--data", data, "--no", "s1", "--password-stdin",
                             text="correct horse battery\n"), "s1")  # fmt: skip


def test_somebody_added_with_a_password_has_to_choose_his_own(data, run):
    street = ["--no", "s1", "--name", "李演示", "--role", "street", "--password-stdin"]
    first, own = "correct horse battery", "another horse battery"
    assert run("add-user", "--data", data, *street, text=f"{first}\n").returncode == 0
    assert run("add-user", "--data", data, *WORKER).returncode == 0
    with opened(Settings(data)) as centre:
        where = (centre.store, centre.code)
        added = accounts.sign_in(*where, "s1", first, centre.clock())
        assert added.password_given
        accounts.change_password(*where, added.user_id, first, own, centre.clock())
        assert not accounts.sign_in(*where, "s1", own, centre.clock()).password_given
        with centre.store.reading() as connection:
            assert not accounts.user_by_no(connection, centre.code, "w1").password_given


def test_a_forgotten_password_is_set_and_who_left_is_kept_out(data, run):
    with opened(Settings(data)) as centre, centre.store.writing() as connection:
        for no, role, scope in (("s1", "street", "990101"), ("w1", "worker", "990101100009003")):
            accounts.add_user(
                connection, centre.code, no=no, name="李演示", role=role, scope_codes=[scope],
                now=centre.clock(),
            )  # fmt: skip
    reset = ["set-password", "--data", data, "--password-stdin", "--no"]
    assert_plain_failure(run(*reset, "s1", text="short\n"), "10")
    assert_plain_failure(run(*reset, "w1", text="another horse battery\n"), "passphrase")
    assert_plain_failure(run("deactivate-user", "--data", data, "--no", "w9"), "w9")
    assert run("deactivate-user", "--data", data, "--no", "s1").returncode == 0
    assert "activate-user" in run(*reset, "s1", text="another horse battery\n").stdout
    assert run("activate-user", "--data", data, "--no", "s1").returncode == 0
    with opened(Settings(data)) as centre:
        entered = (centre.store, centre.code, "s1", "another horse battery", centre.clock())
        assert accounts.sign_in(*entered).active


def test_an_account_of_a_unit_names_one_of_the_register(data, run):
    city = ["add-user", "--data", data, "--no", "d1", "--name", "孙经办", "--role", "department",
            "--password-stdin"]  # fmt: skip
    word = "correct horse battery\n"
    assert_plain_failure(run(*city, "--unit", "没有的局", text=word), "没有的局")
    assert_plain_failure(run(*city, text=word), "--unit")
    unneeded = run("add-user", "--data", data, *WORKER, "--unit", "没有的局")
    assert_plain_failure(unneeded, "worker")


def test_the_centre_answers_and_stops_cleanly(data, run):
    with served("--data", data) as (process, address):
        said = health(address)
        assert (said["status"], said["app"]) == ("ok", "sync_server")
        port = address.rstrip("/").rpartition(":")[2]
        assert_plain_failure(run("--data", data, "--port", port), port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, 130)


def test_the_centre_killed_hard_starts_again(data, run):
    with served("--data", data) as (process, address):
        health(address)
        assert run("add-user", "--data", data, *WORKER).returncode == 0
        process.kill()
        process.wait()
    with served("--data", data) as (_, address):
        assert health(address)["status"] == "ok"
    assert run("join-code", "--data", data, "--no", "w1").returncode == 0


def test_listening_beyond_this_machine_must_be_asked_for(data, run):
    assert_plain_failure(run("--data", data, "--host", "0.0.0.0"), "--listen-remotely")
    assert not data.exists()


def test_an_address_of_nobody_is_refused(data, run):
    assert_plain_failure(run("--data", data, "--host", "203.0.113.1", "--listen-remotely"))


def test_an_unreachable_database_is_one_sentence(data, run):
    url = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    assert_plain_failure(run("init", "--data", data, "--database-url", url), "--database-url")
    assert_plain_failure(run("init", "--data", data, "--database-url", "nonsense"))


def test_a_damaged_database_is_left_as_it_is(data, run):
    data.mkdir()
    (data / "centre.db").write_bytes(b"no database " * 1000)
    assert_plain_failure(run("init", "--data", data), str(data / "centre.db"))
    assert (data / "centre.db").read_bytes() == b"no database " * 1000


def test_a_folder_in_the_way_is_one_sentence(tmp_path, run):
    (tmp_path / "file").write_text("")
    assert_plain_failure(run("init", "--data", tmp_path / "file" / "centre"))


def test_what_was_not_understood_is_judged_again_by_command(data, run):
    init = run("init", "--data", data, "--district", "990101")
    assert init.returncode == 0
    assert run("replay", "--data", data).stdout.startswith("重新判断 0，放行 0")


def test_a_demo_world_goes_into_an_empty_database_alone(data, run):
    done = run("demo-world", "--data", data, "--json", "--progress")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["synthetic"]
    assert facts["records"]["household"] == 2155
    assert facts["accounts"]
    assert "100 %" in done.stderr
    assert_plain_failure(run("demo-world", "--data", data), "990101")
    centre = open_centre(Settings(data=data))
    assert centre.district.synthetic
    centre.store.close()


def test_a_mistyped_district_is_told_and_makes_none(data, run):
    assert run("add-user", "--data", data, "--district", "990101", *WORKER).returncode == 0
    for mistyped in ("990110", "9901"):
        failed = run("join-code", "--data", data, "--district", mistyped, "--no", "w1")
        assert_plain_failure(failed, mistyped, "990101")
    assert_plain_failure(run("demo-world", "--data", data, "--district", "990110"), "990110")
    assert run("backup", "--data", data).returncode == 0
    assert run("init", "--data", data).stdout.startswith("990101 ")


def test_another_district_is_made_on_purpose_and_has_to_be_named_then(data, run):
    assert run("init", "--data", data, "--district", "990101").returncode == 0
    assert_plain_failure(run("init", "--data", data, "--district", "9901"), "--district")
    assert run("init", "--data", data, "--district", "990103").returncode == 0
    assert_plain_failure(run("backup", "--data", data), "990101, 990103")
    assert run("backup", "--data", data, "--district", "990103").returncode == 0


def test_a_backup_is_whole_and_never_overwrites(data, tmp_path, run):
    assert_plain_failure(run("backup", "--data", data), str(data / "centre.db"))
    run("add-user", "--data", data, *WORKER)
    target = tmp_path / "copy" / "centre.db"
    target.parent.mkdir()
    done = run("backup", "--data", data, "--to", target)
    assert done.returncode == 0, done.stderr
    assert str(target) in done.stdout
    assert_plain_failure(run("backup", "--data", data, "--to", target), str(target))
    assert run("join-code", "--data", target.parent, "--no", "w1").returncode == 0
    assert run("backup", "--data", data).returncode == 0
    assert [path.suffix for path in (data / "backups").iterdir()] == [".db"]


def test_a_backup_leaves_as_many_as_are_asked_for_once_it_is_whole(data, run, monkeypatch):
    folder = data / "backups"
    run("add-user", "--data", data, *WORKER)
    assert run("backup", "--data", data).returncode == 0
    (first,) = folder.iterdir()
    for day in range(1, 4):
        shutil.copy(first, folder / f"centre-2025010{day}-023000.db")
    before = sorted(folder.iterdir())
    assert "removed" not in run("backup", "--data", data, "--to", data / "b.db").stdout
    for wrong in (["--keep", "0"], ["--keep", "2", "--to", data / "c.db"]):
        with pytest.raises(SystemExit):
            run("backup", "--data", data, *wrong)
    with monkeypatch.context() as patch:
        patch.setattr("sync_server.store.copying._verify_sqlite", fail_to_verify)
        assert_plain_failure(run("backup", "--data", data, "--keep", "1"))
    assert sorted(folder.iterdir()) == before
    first.rename(folder / "centre-20250104-023000.db")
    done = run("backup", "--data", data, "--keep", "2")
    assert done.returncode == 0, done.stderr
    made, *removed = done.stdout.splitlines()
    gone = [folder / f"centre-2025010{day}-023000.db" for day in range(1, 4)]
    assert removed == [f"已删除旧备份 removed: {file}" for file in gone]
    assert sorted(folder.iterdir()) == [folder / "centre-20250104-023000.db", Path(made.split()[0])]
    with opened(Settings(data)) as centre, centre.store.reading() as connection:
        noted = connection.scalars(
            sa.select(audit.c.detail).where(audit.c.action == "clear_backups")
        )
        assert list(noted) == [{"file": [one.name for one in gone]}]


def fail_to_verify(_copy: Path, _tables: set[str]) -> None:
    raise Refusal("backup_failed")


def test_an_older_programs_database_is_copied_as_it_is(data, run):
    saved = ROOT / "tests" / "sync_server" / "store" / "old" / "0006.sql"
    data.mkdir()
    with closing(sqlite3.connect(data / "centre.db")) as connection:
        connection.executescript(saved.read_text(encoding="utf-8"))
        connection.commit()
    done = run("backup", "--data", data)
    assert done.returncode == 0, done.stderr
    assert "older program" in done.stdout
    (copy,) = (data / "backups").iterdir()
    for file in (copy, data / "centre.db"):
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
                ("0006",)
            ]
            assert connection.execute("SELECT count(*) FROM changes").fetchone() == (2,)
    assert run("init", "--data", data).returncode == 0
    assert "older program" not in run("backup", "--data", data, "--to", data / "b.db").stdout


def test_the_environment_may_name_the_data(data, run):
    done = run("init", GRIDROUNDS_DATA=str(data), GRIDROUNDS_DISTRICT="990103")
    assert done.returncode == 0, done.stderr
    assert "990103" in done.stdout
    assert (data / "centre.db").exists()
    assert "990103" in run("init", "--data", data).stdout
