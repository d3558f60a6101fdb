"""Command lines that are wrong, each answered by one plain sentence and nothing done."""

from __future__ import annotations

import errno
import subprocess

import pytest

from sync_server.app import create_app
from sync_server.cli.main import run as run_line
from tests.sync_server.cli.lines import (
    WORKER,
    Done,
    assert_plain_failure,
    command,
    environment,
)


def test_a_port_the_system_keeps_for_others_is_not_called_taken(data, run, monkeypatch):
    def kept(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("socket.socket.bind", kept)
    done = run("--data", data, "--port", 443)
    assert_plain_failure(done, "443", "系统不让")
    assert not data.exists()


@pytest.mark.parametrize(
    "line",
    [
        ["--port", "x"], ["--port", "65536"], ["--workers", "0"], ["--workers", "-3"],
        ["--exchanges", "some"], ["backup", "--keep", "0"], ["demo-world", "--today", "2026-13-01"],
        ["demo-world", "--part", "half"],
    ],
)  # fmt: skip
def test_a_number_or_day_that_is_none_is_told_in_both_languages(data, capsys, line):
    with pytest.raises(SystemExit) as ended:
        run_line(["--data", str(data), *line], create_app)
    said = capsys.readouterr().err.splitlines()[-1]
    assert ended.value.code == 2
    assert "应" in said
    assert line[-1] in said
    assert "invalid" not in said
    assert not data.exists()


@pytest.mark.parametrize(
    "line",
    [
        ["reassign", "--no", "张", "--grids", "990101100009003"],
        ["add-user", *WORKER],
        ["backup", "--to", "备份.db"],
        ["--data", "中心", "init"],
    ],
)  # fmt: skip
def test_words_in_another_encoding_than_the_terminals_are_one_sentence(tmp_path, line):
    plain = environment() | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    del plain["PYTHONIOENCODING"]
    done = subprocess.run(
        command("--data", tmp_path / "centre", *line), cwd=tmp_path, env=plain,
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert_plain_failure(Done(done.returncode, done.stdout, "字" + done.stderr), "C.UTF-8")
    assert list(tmp_path.iterdir()) == []


def test_a_year_that_cannot_be_written_as_files_is_not_built_instead(data, tmp_path, run):
    for option in ("--files", "--as-xlsx"):
        done = run("demo-world", "--data", data, "--world", "B", option, tmp_path / "out")
        assert_plain_failure(done, "B")
    assert not data.exists()


def test_needed_columns_are_called_as_their_heads_read(data, tmp_path, run):
    (tmp_path / "people.csv").write_text("姓名,电话\n张三,139\n", encoding="utf-8")
    done = run("import", "--data", data, "--kind", "resident", tmp_path / "people.csv")
    assert_plain_failure(done, "people.csv：与户主关系。", "people.csv: 与户主关系.")


def test_a_pattern_no_shell_has_read_stands_for_its_files(data, tmp_path, run):
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).write_text("名称,单位类型\n", encoding="utf-8")
    done = run("import", "--data", data, tmp_path / "*.csv")
    assert_plain_failure(done, "a.csv")  # holds nothing, and is the first of both
    assert_plain_failure(run("import", "--data", data, tmp_path / "*.xlsx"), "*.xlsx")
