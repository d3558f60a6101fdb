"""The line between laptops and the centre: a loopback proxy that can spoil single requests."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Answer:
    """What the centre answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Talk:
    """One request under way: a fault decides what reaches whom."""

    def __init__(self, line: Line, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self._line = line
        self._handler = handler
        self._body = body

    def carry(self) -> Answer:
        """Bring the request to the centre and return its answer; OSError when it is away."""
        connection = http.client.HTTPConnection(self._line.centre, timeout=60)
        try:
            connection.request(
                self._handler.command, self._handler.path, self._body, dict(self._handler.headers)
            )
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        except http.client.HTTPException as error:
            raise OSError("the centre broke off") from error
        finally:
            connection.close()

    def carry_half(self) -> None:
        """Bring the head and half of the body to the centre, then break off."""
        lines = [f"{self._handler.command} {self._handler.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self._handler.headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        host, _, port = self._line.centre.partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(head + self._body[: len(self._body) // 2])

    def reply(self, answer: Answer, share: float = 1.0) -> None:
        """Give the laptop the answer, or the first ``share`` of its body, then hang up."""
        self._handler.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in HOP_BY_HOP:
                self._handler.send_header(name, value)
        self._handler.send_header("Content-Length", str(len(answer.body)))
        self._handler.send_header("Connection", "close")
        self._handler.end_headers()
        self._handler.wfile.write(answer.body[: int(len(answer.body) * share)])
        self.hang_up()

    def hang_up(self) -> None:
        """Close the laptop's connection."""
        self._handler.close_connection = True


Fault = Callable[[Talk], None]


def carried(talk: Talk) -> None:
    """Nothing goes wrong."""
    talk.reply(talk.carry())


def refused(talk: Talk) -> None:
    """The centre never gets it."""
    talk.hang_up()


def cut_request(talk: Talk) -> None:
    """The centre gets half of it."""
    talk.carry_half()
    talk.hang_up()


def lost_reply(talk: Talk) -> None:
    """The centre stores it; no byte of the answer arrives."""
    talk.carry()
    talk.hang_up()


def cut_reply(talk: Talk) -> None:
    """The centre stores it; half of the answer arrives."""
    talk.reply(talk.carry(), 0.5)


def doubled(talk: Talk) -> None:
    """The network delivers it twice, one after the other; the second answer arrives."""
    talk.carry()
    talk.reply(talk.carry())


def doubled_at_once(talk: Talk) -> None:
    """The network delivers it twice at the same time; whatever comes first arrives."""
    answers: deque[Answer] = deque()

    def bring() -> None:
        with contextlib.suppress(OSError):
            answers.append(talk.carry())

    both = [threading.Thread(target=bring) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    talk.reply(answers[0])


def portal(talk: Talk) -> None:
    """The centre never gets it; the network's own sign-in page answers."""
    talk.reply(Answer(200, [("Content-Type", "text/html")], b"<html>Sign in to the network</html>"))


def delayed(seconds: float) -> Fault:
    """Return the fault that holds the answer back; the laptop may have given up meanwhile."""

    def fault(talk: Talk) -> None:
        answer = talk.carry()
        time.sleep(seconds)
        talk.reply(answer)

    return fault


class Line:
    """A proxy at ``address`` in front of the centre at ``centre`` (host:port).

    ``faults`` befall the next requests, one each, but never the account asked for after a round,
    nor photos, which have ``photo_faults`` of their own;
    ``sent`` are the bodies of all requests for ``/sync`` as the laptop meant them.
    """

    def __init__(self, centre: str) -> None:
        self.centre = urlsplit(centre).netloc
        self.faults: deque[Fault] = deque()
        self.photo_faults: deque[Fault] = deque()
        self.sent: list[dict[str, Any]] = []
        self._talks = 0
        self._quiet = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        line = self

        class Handler(BaseHTTPRequestHandler):
            """Reads one request and lets a fault decide about it."""

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                """Carry a GET."""
                self._talk()

            def do_POST(self) -> None:
                """Carry a POST."""
                self._talk()

            def do_HEAD(self) -> None:
                """Carry a HEAD."""
                self._talk()

            def do_PATCH(self) -> None:
                """Carry a PATCH."""
                self._talk()

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

            def _talk(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path.endswith("/sync"):
                    packed = self.headers.get("Content-Encoding") == "gzip"
                    line.sent.append(json.loads(gzip.decompress(body) if packed else body))
                spared = self.path.endswith("/sync/account")
                faults = line.photo_faults if "/photos" in self.path else line.faults
                fault = faults.popleft() if faults and not spared else carried
                self.close_connection = True
                with line._under_way(), contextlib.suppress(OSError):  # either end may be gone
                    fault(Talk(line, self, body))

        return Handler

    @contextlib.contextmanager
    def _under_way(self) -> Iterator[None]:
        with self._quiet:
            self._talks += 1
        try:
            yield
        finally:
            with self._quiet:
                self._talks -= 1
                self._quiet.notify_all()

    def wait_until_quiet(self) -> None:
        """Wait until no request is under way, also those whose laptop has given up."""
        with self._quiet:
            assert self._quiet.wait_for(lambda: not self._talks, 60)

    def __enter__(self) -> Line:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
