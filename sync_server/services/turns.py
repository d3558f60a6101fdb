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
from collections.abc import Callable, Iterator, Sequence, Set
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


class OnlyAlone(Exception):
    """Something about one of several works is unusual: it is not written together with others."""


class Work:
    """What one thread wants written: ``size`` changes. ``about`` are the ids of all that it speaks
    of, so that others may be written with it that speak of nothing of that; None: it is written
    alone."""

    def __init__(self, size: int, about: Set[bytes] | None) -> None:
        self.size = size
        self.about = about
        self.done = False
        self.left = False
        """Its thread waits no more: something has torn it away."""


AnyWork = TypeVar("AnyWork", bound=Work)


class Writer:
    """The place of the one thread of this process that may write in a district."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Work] = deque()
        self._inside: int | None = None
        self._away = threading.Event()
        self._away.set()

    def bring_in(
        self, work: AnyWork, write: Callable[[Callable[[], Sequence[AnyWork]]], None]
    ) -> None:
        """Have ``work`` written by ``write``, which one thread at a time calls.

        It is handed what to call once the district's turn has come and no sooner: that tells the
        others of the process to let it go first and returns what to write, ``work`` and what waits
        behind it by then. It writes all of it, or raises an error; then each is tried alone.
        Called before anything of the database is held: who waits here may be in nobody's way there.
        Raises what ``write`` raises of this work alone.
        """
        if self._inside == threading.get_ident():  # it would wait for itself
            write(lambda: [work])
            return
        if not self._come_in(work):
            return
        try:
            if work.about is None or not self._together(work, write):
                write(lambda: self._has_turn(work))
        finally:
            self._go()

    def _come_in(self, work: Work) -> bool:
        """Wait until the place is free and this work first, and take it; or until another thread
        has written it, then return False."""
        with self._changed:
            self._waiting.append(work)
            try:
                while not work.done and (self._inside or self._waiting[0] is not work):
                    self._changed.wait()
            except BaseException:
                work.left = True
                if work in self._waiting:
                    self._waiting.remove(work)
                    self._changed.notify_all()
                raise
            if not work.done:
                self._waiting.popleft()
                self._inside = threading.get_ident()
            return not work.done

    def _together(
        self, work: AnyWork, write: Callable[[Callable[[], Sequence[AnyWork]]], None]
    ) -> bool:
        """Write what waits by now with ``work``; if that fails, have the others wait to be written
        alone, and return False."""
        others: list[Any] = []

        def gather() -> Sequence[Any]:
            self._take_along(work, others)
            return [*self._has_turn(work), *others]

        try:
            write(gather)
        except BaseException as err:
            with self._changed:
                for one in others:
                    one.about = None
                self._waiting.extendleft(one for one in reversed(others) if not one.left)
            if not others or not isinstance(err, Exception):
                raise
            usual = isinstance(err, Refusal | OnlyAlone)
            log.log(
                logging.INFO if usual else logging.WARNING,
                "tried one by one: %d batches, %s", len(others) + 1, type(err).__name__,
            )  # fmt: skip
            self._away.set()
            return False
        for one in others:
            one.done = True
        return True

    def _take_along(self, work: Work, others: list[Any]) -> None:
        """Move to ``others`` from those who wait what may be written with ``work``, as much as
        there is room for."""
        room, spoken_of = MOST_TOGETHER - work.size, set(work.about or ())
        with self._changed:
            for one in tuple(self._waiting):
                if one.about is None or one.size > room or not spoken_of.isdisjoint(one.about):
                    continue
                others.append(one)
                self._waiting.remove(one)
                room -= one.size
                spoken_of |= one.about

    def _has_turn(self, work: AnyWork) -> Sequence[AnyWork]:
        self._away.clear()
        return [work]

    def _go(self) -> None:
        self._away.set()
        with self._changed:
            self._inside = None
            self._changed.notify_all()

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
