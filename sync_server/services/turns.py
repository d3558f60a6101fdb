"""Who goes first within this process; the database sees to other processes.

One exchange per device at a time. One thread at a time that writes in a district: the others would
queue for its row, each asleep in a transaction, and wake up in the way of whoever has it.

And how far this process has known streams: a hint what of a batch will be new, never more.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sync_server.domain.errors import Refusal


class Turns:
    """Who is being served at the moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._served: set[tuple[str, str]] = set()
        self._writers: dict[str, threading.Lock] = {}

    @contextmanager
    def take(self, district: str, device_id: str) -> Iterator[None]:
        """Serve one device; raise Refusal ``busy`` when it is being served already."""
        key = (district, device_id)
        with self._lock:
            if key in self._served:
                raise Refusal("busy")
            self._served.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._served.discard(key)

    def writer(self, district: str) -> threading.Lock:
        """Return what a thread holds that is about to take the district's turn, and until it has
        given it back. Taken before anything of the database is."""
        with self._lock:
            return self._writers.setdefault(district, threading.Lock())


class KnownStreams:
    """How far streams were known when this process served them last."""

    MOST = 100_000

    def __init__(self) -> None:
        self._seqs: dict[tuple[str, str], int] = {}

    def get(self, district: str, stream: str) -> int | None:
        """Return up to which number a stream was known; None: not served here before."""
        return self._seqs.get((district, stream))

    def put(self, district: str, stream: str, seq: int) -> None:
        """Remember up to which number a stream is known."""
        if len(self._seqs) >= self.MOST:
            self._seqs.clear()
        self._seqs[district, stream] = seq
