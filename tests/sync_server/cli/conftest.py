"""The centre's command line, run in the process of the test."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sync_server.app import create_app
from sync_server.cli.main import run as run_line
from tests.sync_server.cli.lines import Done


@pytest.fixture
def run(capsys, monkeypatch) -> Callable[..., Done]:
    """Run a command line in this process, as ``python -m sync_server`` would."""
    for name in list(os.environ):
        if "GRIDROUNDS" in name:
            monkeypatch.delenv(name)

    def run_command(*arguments: object, text: str | None = None, **more: str) -> Done:
        for name, value in more.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.stdin", io.StringIO(text or ""))
        capsys.readouterr()
        status = run_line([str(one) for one in arguments], create_app)
        printed = capsys.readouterr()
        return Done(status, printed.out, printed.err)

    return run_command


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "centre"
