"""Who goes first within this process; the database sees to other processes.

One exchange per device at a time. One thread at a time that writes in a district: the others would
queue for its row, each asleep in a transaction, and wake up in the way of whoever has it. Whoever
comes first writes with his own what waits behind him (docs/decisions/0033).

And how far this process has known streams: a hint what of a batch will be new, never more.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sync_server.domain.errors import Refusal

log = logging.getLogger(__name__)

LONGEST_AWAY_S = 0.1
"""So long at most a thread lets another one go first."""
MOST_TOGETHER = 500
"""So many changes at most are written together: as many as one batch may hold."""


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
        """Return where threads go that want to write in a district."""
        with self._lock:
            return self._writers[district]


class Work:
    """What one thread wants written: ``size`` changes. ``joins``: it may be written together with
    what others want."""

    def __init__(self, *, size: int, joins: bool) -> None:
        self.size = size
        self.joins = joins
        self.done = False


AnyWork = TypeVar("AnyWork", bound=Work)


class Writer:
    """The place of the one thread of this process that may write in a district."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Work] = deque()
        self._inside: int | None = None
        self._away = threading.Event()
        self._away.set()

    def bring_in(self, work: AnyWork, write: Callable[[Sequence[AnyWork]], None]) -> None:
        """Have ``work`` written by ``write``, which one thread at a time calls: with its own work,
        or with what waits behind it as well, and then it writes all of it or raises an error.

        Called before anything of the database is held: who waits here may be in nobody's way there.
        What fails together is tried one by one. Raises what ``write`` raises of this work alone.
        """
        if self._inside == threading.get_ident():  # it would wait for itself
            write([work])
            return
        others = self._come_in(work)
        if work.done:
            return
        try:
            if not others or not self._together([work, *others], write):
                write([work])
        finally:
            self._go()

    def _together(self, works: Sequence[Any], write: Callable[[Sequence[Any]], None]) -> bool:
        """Write several works at once; if that fails, have the others wait to be written alone."""
        try:
            write(works)
        except BaseException as err:
            with self._changed:
                for one in works:
                    one.joins = False
                self._waiting.extendleft(reversed(works[1:]))
            if not isinstance(err, Exception):
                raise
            log.info("tried one by one: %d batches, %s", len(works), type(err).__name__)
            return False
        for one in works:
            one.done = True
        return True

    def _come_in(self, work: Work) -> list[Any]:
        """Wait until the place is free and this work first, then take it, and return what is to be
        written with it; or until another thread has written it, and return nothing."""
        with self._changed:
            self._waiting.append(work)
            try:
                while not work.done and (self._inside or self._waiting[0] is not work):
                    self._changed.wait()
            except BaseException:
                if work in self._waiting:
                    self._waiting.remove(work)
                    self._changed.notify_all()
                raise
            if work.done:
                return []
            self._inside = threading.get_ident()
            self._waiting.popleft()
            others, room = [], MOST_TOGETHER - work.size
            for one in tuple(self._waiting) if work.joins else ():
                if one.joins and one.size <= room:
                    self._waiting.remove(one)
                    others.append(one)
                    room -= one.size
            return others

    def _go(self) -> None:
        self._away.set()
        with self._changed:
            self._inside = None
            self._changed.notify_all()

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
