"""Processor time and memory of a program and everything it started, as the system counts them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all it started that still live."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def seconds(pid: int) -> float:
    """Return the processor seconds of a process tree, ended children included."""
    spent = 0.0
    for one in family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            spent += times.user + times.system + times.children_user + times.children_system
    return spent


def resident(pid: int) -> int:
    """Return the bytes a process tree holds in memory; shared pages count in each."""
    held = 0
    for one in family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            held += one.memory_info().rss
    return held


@dataclass
class MemoryWatch:
    """Samples the memory of a process tree: ``samples`` are (seconds, bytes)."""

    pid: int
    every_s: float = 1.0
    samples: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._begun = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            at = time.monotonic() - self._begun
            self.samples.append((at, resident(self.pid)))
            if self._over.wait(self.every_s):
                return


def growth(values: Sequence[float]) -> float:
    """Return how much the last quarter of samples lies above the second one (1.0: flat).

    The first quarter is a program's warming up: caches, connections, threads.
    """
    quarter = len(values) // 4
    if quarter < 2:
        return 1.0
    early, late = values[quarter : 2 * quarter], values[-quarter:]
    return (sum(late) / len(late)) / (sum(early) / len(early))
