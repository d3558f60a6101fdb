"""The folder in which the processes of one server count."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from sync_server.cli.serving import COUNTERS, counters_folder

COUNTING = """
from sync_server.cli.serving import counters_folder
with counters_folder() as folder:
    print(folder, flush=True)
    input()
"""
LONG_AGO = time.time() - 3600


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_goes_with_its_server(temporary):
    with counters_folder() as folder:
        assert folder.parent == temporary
        assert folder.is_dir()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_server_left_is_cleared_away(temporary):
    server = subprocess.Popen(
        [sys.executable, "-c", COUNTING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None
    with server.stdin, server.stdout:
        left = Path(server.stdout.readline().strip())
        os.utime(left, (LONG_AGO, LONG_AGO))
        with counters_folder():
            assert left.is_dir()  # somebody counts there
        server.send_signal(signal.SIGKILL)
        server.wait()
    os.utime(left, (LONG_AGO, LONG_AGO))
    with counters_folder():
        assert not left.exists()


def test_what_was_only_just_made_stays(temporary):
    young = temporary / f"{COUNTERS}young"
    young.mkdir()
    with counters_folder():
        assert young.is_dir()


def test_nothing_else_is_touched(temporary):
    other = temporary / "gridrounds-other"
    other.mkdir()
    os.utime(other, (LONG_AGO, LONG_AGO))
    (temporary / f"{COUNTERS}file").touch()
    os.utime(temporary / f"{COUNTERS}file", (LONG_AGO, LONG_AGO))
    with counters_folder():
        assert other.is_dir()
        assert (temporary / f"{COUNTERS}file").exists()
