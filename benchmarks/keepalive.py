"""Clients that cost next to nothing: prepared bytes over sockets that stay open.

What a client spends is taken from the servers it measures, on the same cores. So a request is made
before the clock runs, an answer is read and not looked into.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

CHUNK = 262_144
BUSY = frozenset({429, 503})
AGAIN_AFTER_S, LONGEST_BUSY_S = 0.05, 60.0
"""How soon a client that was turned away comes again: sooner than it was asked to, for a figure."""


class BadAnswer(Exception):
    """A server answered in a way that makes a figure worthless; the text says what."""


@dataclass(frozen=True)
class Answer:
    """A status, the head as it came, and the body."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's value, empty when there is none."""
        wanted = name.lower().encode() + b":"
        for line in self.head.split(b"\r\n"):
            if line.lower().startswith(wanted):
                return line.split(b":", 1)[1].strip().decode("latin-1")
        return ""


@dataclass(frozen=True)
class Piece:
    """One prepared request and how many records it carries or asks for."""

    raw: bytes
    records: int


def request(
    address: str,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Return the bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(address).netloc}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Connection:
    """One connection that is kept, and made again when the other side has closed it."""

    def __init__(self, address: str, timeout_s: float = 120.0) -> None:
        parts = urlsplit(address)
        self._place = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._timeout = timeout_s
        self._socket: socket.socket | None = None
        self._buffer = bytearray(CHUNK)

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask(self, raw: bytes) -> Answer:
        """Send a request and read its answer; once more on a fresh line when the kept one broke."""
        kept = self._socket is not None
        try:
            return self._ask(raw)
        except (ConnectionError, EOFError):
            self.close()
            if not kept:
                raise
            return self._ask(raw)

    def _ask(self, raw: bytes) -> Answer:
        if self._socket is None:
            self._socket = socket.create_connection(self._place, self._timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(raw)
        came = bytearray()
        while (end := came.find(b"\r\n\r\n")) < 0:
            came += self._more()
        head, rest = bytes(came[:end]), came[end + 4 :]
        status = int(head[9:12])
        answer = Answer(status, head, b"")
        if status in (204, 304):
            body = b""
        elif "chunked" in answer.header("Transfer-Encoding").lower():
            body = self._chunked(rest)
        else:
            length = int(answer.header("Content-Length") or 0)
            while len(rest) < length:
                rest += self._more()
            body = bytes(rest[:length])
        if answer.header("Connection").lower() == "close":
            self.close()
        return Answer(status, head, body)

    def _more(self) -> memoryview:
        assert self._socket is not None
        count = self._socket.recv_into(self._buffer)
        if not count:
            raise EOFError("the server hung up")
        return memoryview(self._buffer)[:count]

    def _chunked(self, came: bytearray) -> bytes:
        body = bytearray()
        while True:
            while (end := came.find(b"\r\n")) < 0:
                came += self._more()
            size = int(bytes(came[:end]).split(b";")[0], 16)
            while len(came) < end + 2 + size + 2:
                came += self._more()
            body += came[end + 2 : end + 2 + size]
            del came[: end + 2 + size + 2]
            if size == 0:
                return bytes(body)


@dataclass
class Drive:
    """What driving several clients for a while came to."""

    seconds: float = 0.0
    records: int = 0
    requests: int = 0
    client_cpu_s: float = 0.0
    up_bytes: int = 0
    down_bytes: int = 0
    turned_away: int = 0
    """How often a server said that it was busy; the client came again."""

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds if self.seconds else 0.0


Check = Callable[[Answer], None]


def fine(answer: Answer) -> None:
    """Take any 2xx; raise BadAnswer for another status."""
    if not 200 <= answer.status < 300:
        raise BadAnswer(f"{answer.status} {answer.body[:300]!r}")


def drive(
    address: str,
    clients: Sequence[Iterable[Piece]],
    *,
    longest_s: float = 3600.0,
    check: Check = fine,
) -> Drive:
    """Let every client send its pieces, one after the other, all clients together.

    Nobody begins another piece after ``longest_s``. The time runs from the common start until the
    last answer. A client that is a generator is sent each answer. Raises BadAnswer, and what a
    broken line raises, of the first client that met it.
    """
    told = Drive()
    lock, start = threading.Lock(), threading.Barrier(len(clients) + 1)
    troubles: list[BaseException] = []
    ends: list[float] = []

    def work(pieces: Iterator[Piece]) -> None:
        line = Connection(address)
        records = requests = up = down = away = 0
        start.wait()
        begun = time.perf_counter()
        try:
            answer: Answer | None = None
            # The time is looked at before a piece is taken: one that is taken is sent.
            while time.perf_counter() - begun <= longest_s and not troubles:
                piece = _next(pieces, answer)
                if piece is None:
                    break
                sent = time.perf_counter()
                answer = line.ask(piece.raw)
                while answer.status in BUSY and time.perf_counter() - sent < LONGEST_BUSY_S:
                    away += 1
                    time.sleep(AGAIN_AFTER_S)
                    answer = line.ask(piece.raw)
                check(answer)
                records += piece.records
                requests += 1
                up += len(piece.raw)
                down += len(answer.head) + len(answer.body)
        except BaseException as error:
            troubles.append(error)
        finally:
            line.close()
            with lock:
                told.records += records
                told.requests += requests
                told.up_bytes += up
                told.down_bytes += down
                told.turned_away += away
                ends.append(time.perf_counter())

    threads = [threading.Thread(target=work, args=(iter(one),), daemon=True) for one in clients]
    for thread in threads:
        thread.start()
    start.wait()
    begun, spent = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    told.seconds, told.client_cpu_s = max(ends) - begun, time.process_time() - spent
    if troubles:
        raise troubles[0]
    return told


def _next(pieces: Iterator[Piece], answer: Answer | None) -> Piece | None:
    """Return a client's next piece; a generator is told the answer to the one before."""
    try:
        if isinstance(pieces, Generator) and answer is not None:
            return pieces.send(answer)
        return next(pieces)
    except StopIteration:
        return None
