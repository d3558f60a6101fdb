"""Command lines as tests write them, and how they end."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WORKER = ["--no", "w1", "--name", "张演示", "--role", "worker", "--scope", "990101100009003"]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "sync_server", *map(str, arguments)]


def environment() -> dict[str, str]:
    known = {name: value for name, value in os.environ.items() if "GRIDROUNDS" not in name}
    return known | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


@dataclass(frozen=True)
class Done:
    """How a command ended and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def assert_plain_failure(done: Done, *words: str) -> None:
    """Assert one sentence in each language on standard error, no traceback, a non-zero exit."""
    assert done.returncode == 1, done
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 2, done.stderr
    assert any("\u4e00" <= char <= "\u9fff" for char in lines[0])
    for word in words:
        assert word in done.stderr
