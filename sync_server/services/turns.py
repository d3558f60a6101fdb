"""Who goes first within this process; the database sees to other processes.

One exchange per device at a time. One thread at a time that writes in a district: the others would
queue for its row, each asleep in a transaction, and wake up in the way of whoever has it.

And how far this process has known streams: a hint what of a batch will be new, never more.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from sync_server.domain.errors import Refusal

LONGEST_AWAY_S = 0.1
"""So long at most a thread lets another one go first."""


class Turns:
    """Who is being served at the moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._served: set[tuple[str, str]] = set()
        self._writers: dict[str, Writer] = defaultdict(Writer)

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

    def writer(self, district: str) -> Writer:
        """Return what a thread enters that is about to take the district's turn, and leaves when it
        has given it back. Entered before anything of the database is held."""
        with self._lock:
            return self._writers[district]


class Writer:
    """The place of the one thread of this process that may write in a district."""

    def __init__(self) -> None:
        # A thread inside may enter again: it would wait for itself.
        self._place = threading.RLock()
        self._away = threading.Event()
        self._away.set()

    def __enter__(self) -> Writer:
        self._place.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        self._away.set()
        self._place.release()

    def has_turn(self) -> None:
        """Be told that the district's turn has come: now everybody waits for this thread."""
        self._away.clear()

    def give_way(self) -> None:
        """Let the thread that has the district's turn go first, if one of this process has it: the
        interpreter is one for all of them. What is worked out ahead can wait as long."""
        if not self._away.is_set():
            self._away.wait(LONGEST_AWAY_S)


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
