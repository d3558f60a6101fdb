"""Parts of a section at once, one for each core."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any


def cores() -> int:
    """Return how many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def in_lanes(job: Callable[..., Any], *arguments: Sequence[Any]) -> list[Any]:
    """Return what ``job`` gives for the first of all ``arguments``, the second, and so on; in forks
    of this process, which find done what it did."""
    if cores() == 1 or len(arguments[0]) == 1:
        return list(map(job, *arguments))
    with ProcessPoolExecutor(cores(), get_context("fork")) as pool:
        return list(pool.map(job, *arguments))


def summed(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of all parts together: numbers are added, lists joined."""
    total: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            if isinstance(value, Counter):
                total[name] = Counter(total.get(name)) + value
            else:
                total[name] = total[name] + value if name in total else value
    return total


def shares(total: int, parts: int) -> list[int]:
    """Return ``total`` in so many shares as equal as can be, without empty ones."""
    each, more = divmod(total, parts)
    return [share for n in range(parts) if (share := each + (n < more))]
