"""Slips of an operator, each told by a plain sentence before anything is made."""

from __future__ import annotations

import psycopg
import pytest

from sync_server.app import create_app
from sync_server.cli.main import run as run_line
from sync_server.store.postgresql import why_not_reached
from tests.sync_server.cli.lines import assert_plain_failure
from tests.sync_server.cli.test_restore import Operator


@pytest.fixture
def operator(capsys, tmp_path) -> Operator:
    found = Operator(capsys, tmp_path / "centre")
    found.open().store.close()
    return found


@pytest.mark.parametrize("option", ["--data", "--database-url"])
@pytest.mark.parametrize("where", ["before", "after"])
def test_an_empty_folder_or_address_makes_no_centre(tmp_path, monkeypatch, capsys, option, where):
    monkeypatch.chdir(tmp_path)
    line = [option, "", "init"] if where == "before" else ["init", option, ""]
    with pytest.raises(SystemExit) as ended:
        run_line(line, create_app)
    assert ended.value.code == 2
    assert "不能为空" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "line", [("backup", "--to"), ("export", "resident", "--to"), ("relay", "any", "--out")]
)
def test_a_stick_that_is_not_there_is_not_made(operator, tmp_path, line):
    target = tmp_path / "stick" / "file"
    assert_plain_failure(operator.run(*line, target), "no such folder", str(target.parent))
    assert not target.parent.exists()


def test_a_list_or_a_ledger_is_exported_never_a_guess(operator, tmp_path):
    target = tmp_path / "a.xlsx"
    both = ("export", "resident", "--ledger", "住户台账", "--to", target)
    for line in (both, ("export", "--to", target)):
        assert_plain_failure(operator.run(*line), "one of the two", "resident")
    assert not target.exists()


def test_why_a_database_is_not_reached_is_told_without_the_password(
    operator, postgres_server, postgres_url
):
    name = postgres_url.rpartition("/")[2]
    host = f"127.0.0.1:{postgres_server.port}"
    for address, said in (
        (f"nobody:s3cretword@{host}/{name}", "refuses the role or its password"),
        (f"postgres:s3cretword@{host}/nothing_here", "no such database"),
        ("postgres:s3cretword@127.0.0.1:1/none", "cannot be reached"),
    ):
        operator.url = f"postgresql+psycopg://{address}"
        done = operator.run("init")
        assert_plain_failure(done, said)
        assert "s3cretword" not in done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ('FATAL:  password authentication failed for user "grid"', "database_login"),
        ("fe_sendauth: no password supplied", "database_login"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "grid"', "database_login"),
        ('FATAL:  database "grid" does not exist', "database_missing"),
        ('FATAL:  用户 "grid" Password 认证失败', "database_unreachable"),
    ],
)
def test_a_server_s_own_words_tell_what_is_wrong(words, code):
    head = 'connection failed: connection to server at "db1", port 5432 failed: '
    error = RuntimeError()
    error.orig = psycopg.OperationalError(head + words)  # type: ignore[attr-defined]
    assert why_not_reached(error) == (code, words)
    assert why_not_reached(error, "grid")[1].count("grid") == 0
