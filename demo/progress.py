"""What the demo prints while it works: one line a step, plain text on every terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def prepare() -> None:
    """Let Chinese pass to a terminal or a pipe of any code page."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)


def say(text: str = "") -> None:
    """Print one line at once."""
    print(text, flush=True)


class Steps:
    """Numbers the steps and says how long each took."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._live = sys.stdout.isatty()

    @contextmanager
    def step(self, words: str) -> Iterator[None]:
        """Announce a step, and that it is done; an error passes through."""
        self._done += 1
        start = time.monotonic()
        head = f"[{self._done}/{self._total}] {words}"
        if self._live:
            print(f"{head} …", end="", flush=True)
        yield
        took = f"{time.monotonic() - start:.1f}s"
        print(f"\r{head}   ✓ {took}   " if self._live else f"{head}   ✓ {took}", flush=True)

    def within(self, words: str) -> None:
        """Show how far the running step is (terminals only)."""
        if self._live:
            print(f"\r[{self._done}/{self._total}] {words}   ", end="", flush=True)
