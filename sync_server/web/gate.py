"""Admission: how many exchanges one process serves at a time; the rest come back later.

Whoever finds no place is told so before a byte of his body is read, so that a rush costs little.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Request

from sync_server.domain.errors import Refusal


class Gate:
    """A bounded number of places."""

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Take a place for as long as it lasts; raise Refusal ``server_busy`` when none is free."""
        if not self._places.acquire(blocking=False):
            raise Refusal("server_busy")
        try:
            yield
        finally:
            self._places.release()


def require_length(request: Request, most: int) -> None:
    """Raise Refusal ``too_large`` for a body that says it is longer than ``most`` bytes.

    A body without a length (chunked) is cut off while it is read, by MAX_CONTENT_LENGTH.
    """
    if (request.content_length or 0) > most:
        raise Refusal("too_large", limit=most)
