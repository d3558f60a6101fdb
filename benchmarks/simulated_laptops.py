"""Simulated laptops in a rush: the real client's code over a line that breaks.

What talks to the centre is the laptop's own: ``sync_client.Client`` (packed bodies, limits, what an
answer means), the envelope, how many tries with which pauses, how long a laptop stays away after a
round failed. Only its store is left out: the log lies in memory, for thousands of encrypted stores
would be measured instead of the centre.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import requests
from PIL import Image
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ProtocolError
from uuid6 import uuid7

from benchmarks.field_changes import APP, Laptop
from field_app.domain.batches import envelope
from field_app.domain.pace import Pace
from field_app.domain.progress import Progress
from field_app.services.sync import FIRST_PAUSE_S, LONGEST_PAUSE_S, TRIES, back_off
from field_app.sync_client import PASSING, Client, SyncFault
from schemas.clock import written
from schemas.exchange import MAX_CHANGES
from schemas.seal import ZEROS, canonical

MOST = Pace(MAX_CHANGES, 500)
LONGEST_AWAY_S = 30.0
"""A laptop whose round failed stays away for up to 15 minutes; in a run of minutes, for up to
this long, so that it comes back more often than it would."""
MOST_ROUNDS = 200
"""A laptop that has not finished after so many rounds counts as one that does not finish."""


def thin_photo(rng: random.Random) -> bytes:
    """Return a small JPEG of about 12 KB, like no other."""
    noise = rng.randbytes(160 * 120 * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", (160, 120), noise).save(out, "JPEG", quality=38)
    return out.getvalue()


@dataclass
class Book:
    """What the laptops saw, for the reckoning afterwards."""

    pushes_s: list[float] = field(default_factory=list)
    """How long each answered push took, from its first byte to the answer."""
    finished_s: list[float] = field(default_factory=list)
    """How long each laptop took from its arrival until everything was confirmed."""
    faults: Counter[str] = field(default_factory=Counter)
    retry_after: Counter[bool] = field(default_factory=Counter)
    """Of the refusals for being busy: how many said when to come again."""
    outcomes: Counter[str] = field(default_factory=Counter)
    acknowledged: dict[str, set[str]] = field(default_factory=dict)
    """By device: the changes it was given a receipt for."""
    photos: dict[str, set[str]] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    pushed_at: list[tuple[float, float]] = field(default_factory=list)
    """(seconds since the start, seconds it took) of every answered push."""

    def __post_init__(self) -> None:
        self.lock = threading.Lock()


class CutLine(HTTPAdapter):
    """A laptop's line, which breaks when it is told to: within the request, or before the answer.

    Before the answer means: the centre gets all of it, stores it, and nobody hears of it.
    """

    def __init__(self, rng: random.Random, share: float) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        self._rng, self._share = rng, share

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """Send, or break off."""
        body = request.body if isinstance(request.body, bytes) else b""
        if not body or self._rng.random() >= self._share:
            return super().send(request, **kwargs)
        if self._rng.random() < 0.5:
            self._half(request, body)
        else:
            with super().send(request, **kwargs):  # the answer is there, and not read
                pass
        raise requests.exceptions.ConnectionError(ProtocolError("the line broke"))

    def _half(self, request: requests.PreparedRequest, body: bytes) -> None:
        parts = urlsplit(str(request.url))
        line = HTTPConnection(str(parts.hostname), parts.port, timeout=10)
        with contextlib.suppress(OSError):
            line.putrequest(str(request.method), parts.path, skip_accept_encoding=True)
            for name, value in request.headers.items():
                line.putheader(name, value)
            line.endheaders(body[: len(body) // 2])
        line.close()


@dataclass
class Rusher:
    """One laptop with a day's changes; ``run`` syncs until everything is confirmed."""

    laptop: Laptop
    changes: list[dict[str, Any]]
    photos: list[bytes]
    rng: random.Random
    doubles: bool
    cut: float
    acked: int = 0
    pace: Pace = MOST
    rough: int = 0

    def run(self, address: str, book: Book, begun: float, over: threading.Event) -> None:
        """Come in, and come again as often as it takes; what happened goes into the book."""
        arrived = time.perf_counter()
        client = Client(address, clock=lambda: datetime.now(UTC), token=self.laptop.token)
        self._lay_line(client, address)
        try:
            failures = 0
            while failures < MOST_ROUNDS and not over.is_set():
                fault = self._round(client, book, begun, over)
                if fault is None:
                    with book.lock:
                        book.finished_s.append(time.perf_counter() - arrived)
                    return
                failures += 1
                progress = Progress()
                progress.retry_after_s = fault.retry_after_s
                over.wait(min(back_off(failures, progress), LONGEST_AWAY_S))
            with book.lock:
                book.unfinished.append(self.laptop.device_id)
        except Exception as error:
            with book.lock:
                book.unexpected.append(f"{type(error).__name__}: {error}")
        finally:
            client.close()

    def _lay_line(self, client: Client, address: str) -> None:
        line = CutLine(self.rng, self.cut)
        client._session.mount(address, line)

    def _round(
        self, client: Client, book: Book, begun: float, over: threading.Event
    ) -> SyncFault | None:
        """Run one sync round; return what ended it early, None when all is confirmed."""
        try:
            self.rough, more = 0, True
            while more or self.acked < len(self.changes):
                more = self._exchange(client, book, begun, over)
            for content in self.photos:
                self._upload(client, content, book, over)
            client.account()
        except SyncFault as fault:
            with book.lock:
                book.faults[fault.code] += 1
            return fault
        return None

    def _exchange(self, client: Client, book: Book, begun: float, over: threading.Event) -> bool:
        body, sent = self._body()
        try:
            reply = self._patiently(lambda: self._timed(client, body, book, begun), over, book)
        except SyncFault as fault:
            if not fault.cut or not self._slow_down(sent, over):
                raise
            with book.lock:
                book.faults["cut"] += 1
            return True
        self.rough, self.pace = 0, self.pace.faster(MOST)
        if self.doubles:
            self.doubles = False  # the same bytes once more, as a network or a hand does
            with contextlib.suppress(SyncFault):
                client.exchange(body)
        with book.lock:
            known = book.acknowledged.setdefault(self.laptop.device_id, set())
            for receipt in reply.receipts:
                known.add(receipt["change_id"])
                first = receipt.get("first", receipt)
                book.outcomes[first["outcome"]] += 1
        seq = reply.known.get(self.laptop.stream, (0, ""))[0]
        self.acked = max(self.acked, seq)
        self.laptop.epoch, self.laptop.cursor = reply.server_epoch, reply.cursor
        return reply.more

    def _timed(self, client: Client, body: bytes, book: Book, begun: float) -> Any:
        sent = time.perf_counter()
        reply = client.exchange(body)
        took = time.perf_counter() - sent
        with book.lock:
            book.pushes_s.append(took)
            book.pushed_at.append((sent - begun, took))
        return reply

    def _slow_down(self, sent: int, over: threading.Event) -> bool:
        """Carry less after the line broke, as the real round does."""
        self.pace = self.pace.slower(sent) or self.pace
        self.rough += 1
        if self.rough >= TRIES:
            return False
        over.wait(self.rng.uniform(0, FIRST_PAUSE_S * 4 ** (self.rough - 1)))
        return True

    def _body(self) -> tuple[bytes, int]:
        laptop = self.laptop
        run = self.changes[self.acked : self.acked + self.pace.changes]
        log = {
            "acked_seq": self.acked,
            "acked_hash": self.changes[self.acked - 1]["hash"] if self.acked else ZEROS,
            "last_seq": len(self.changes),
        }
        parts = envelope(
            device_id=laptop.device_id, batch_id=str(uuid7()), server_epoch=laptop.epoch,
            cursor=laptop.cursor, sent_at=written(datetime.now(UTC)), app=APP,
            streams={laptop.stream: log}, stream=laptop.stream, want=self.pace.want,
        )  # fmt: skip
        return canonical(parts | {"changes": run}), len(run)

    def _patiently(self, ask: Callable[[], Any], over: threading.Event, book: Book) -> Any:
        """Try as the real round does: a few times, with pauses that grow."""
        pause = FIRST_PAUSE_S
        for attempt in range(1, TRIES + 1):
            try:
                return ask()
            except SyncFault as fault:
                if fault.code in ("server_busy", "rate_limited"):
                    with book.lock:
                        book.retry_after[fault.retry_after_s is not None] += 1
                wait = fault.retry_after_s
                if wait is None:
                    wait = self.rng.uniform(0, pause)
                patient = fault.code in PASSING and not fault.cut
                if attempt == TRIES or not patient or wait > LONGEST_PAUSE_S:
                    raise
                with book.lock:
                    book.faults[fault.code] += 1
            over.wait(wait)
            pause = min(pause * 4, LONGEST_PAUSE_S)
        raise AssertionError("unreachable")

    def _upload(self, client: Client, content: bytes, book: Book, over: threading.Event) -> None:
        """Send one photo by tus, after the records."""
        digest = hashlib.sha256(content).hexdigest()
        if digest in book.photos.get(self.laptop.device_id, ()):
            return
        tus, size = client.uploads(), len(content)
        said = {"sha256": digest, "record_id": "", "taken_at": "", "use": "before"}

        def send() -> None:
            try:
                begun = tus.begin(size, said)
                offset = begun.offset
                while offset < size:
                    offset = tus.send(begun.path, offset, content[offset:], size)
            except SyncFault as fault:
                if fault.cut:  # the upload goes on, or begins anew, after a pause
                    raise SyncFault("unreachable") from fault
                raise

        self._patiently(send, over, book)
        with book.lock:
            book.photos.setdefault(self.laptop.device_id, set()).add(digest)
