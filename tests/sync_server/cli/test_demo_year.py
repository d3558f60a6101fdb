"""The command that builds World B and compares its year with the golden numbers."""

from __future__ import annotations

import json

import pytest

from sync_server.cli.main import run
from sync_server.domain.world import year as golden


def never(*args, **kwargs):
    raise AssertionError("nothing is served")


def build(folder, *more):
    return run(["demo-world", "--world", "B", "--part", "200", "--data", str(folder), *more], never)


def test_the_year_is_built_and_every_number_fits(tmp_path, capsys):
    assert build(tmp_path / "c", "--check") == 0
    out = capsys.readouterr().out
    assert "不生成" in out
    assert "issues valid                             60         60" in out
    assert "≠" not in out
    assert build(tmp_path / "c") == 1
    assert "990102" in capsys.readouterr().err


def test_a_number_that_differs_is_marked_and_fails(tmp_path, capsys, monkeypatch):
    honest = golden.expected

    def other(part=1):
        return golden.Expected(**{**vars(honest(part)), "merged": 5})

    monkeypatch.setattr("sync_server.services.demo_year_check.expected", other)
    assert build(tmp_path / "c", "--check", "--json") == 1
    told = capsys.readouterr()
    assert json.loads(told.out.splitlines()[0])["synthetic"] is True
    assert "merged                                    5          1  ≠" in told.out
    assert "1 numbers differ" in told.err


def test_its_issues_cannot_be_written_as_files(tmp_path, capsys):
    assert build(tmp_path / "c", "--files", str(tmp_path / "f")) == 1
    assert "不能写成文件" in capsys.readouterr().err
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("part", ["0", "x"])
def test_a_part_is_a_whole_number(tmp_path, part):
    with pytest.raises(SystemExit):
        run(["demo-world", "--world", "B", "--part", part, "--data", str(tmp_path)], never)
