"""Memory that was freed and that the system does not get back by itself.

All of this is about glibc's allocator; where another is at work nothing is done.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any

_ARENA_MAX = -8
"""What glibc's ``malloc.h`` calls M_ARENA_MAX."""


def _found(name: str) -> Callable[..., Any] | None:
    """Return a call of glibc's, None where another allocator is at work."""
    if not sys.platform.startswith("linux"):
        return None
    call: Callable[..., Any] | None = getattr(ctypes.CDLL(None), name, None)
    return call


_trim, _tune = _found("malloc_trim"), _found("mallopt")


def give_back() -> None:
    """Give back what lies free between what is in use; a few milliseconds.

    A store is opened as texts and read as objects: the texts' room, a third of all a laptop with
    10,000 records holds, would stay with the program for as long as it runs.
    """
    if _trim is not None:
        _trim(0)


def share_room() -> None:
    """Let all threads take from one heap; to be called before the first thread begins.

    Each would have its own, to spare threads waiting for one another, and keep free in it what the
    largest page it ever made took. Python's threads take turns anyway.
    """
    if _tune is not None:
        _tune(_ARENA_MAX, 1)
