"""The cheap client reads answers of every framing and notices a line that was closed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from itertools import repeat

import pytest

from benchmarks.keepalive import Answer, BadAnswer, Connection, Piece, drive, request

SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
)
BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
LAST = b"HTTP/1.1 500 Broken\r\nConnection: close\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"


class Scripted:
    """Answers every request with the next of its lines."""

    def __init__(self, answers: Iterable[bytes]) -> None:
        self._answers = iter(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            line, _ = self._listener.accept()
            with line:
                while line.recv(65536):
                    answer = next(self._answers, None)
                    if answer is None:
                        break
                    line.sendall(answer)
                    if b"Connection: close" in answer:
                        break


@pytest.fixture
def scripted() -> Scripted:
    return Scripted([SIZED, CHUNKED, LAST, SIZED])


def test_answers_of_both_framings_and_a_closed_line(scripted: Scripted) -> None:
    line = Connection(scripted.address, timeout_s=5)
    raw = request(scripted.address, "GET", "/")
    answers = [line.ask(raw) for _ in range(4)]
    line.close()
    assert [(one.status, one.body) for one in answers] == [
        (200, b"hello"), (201, b"hello"), (500, b""), (200, b"hello"),
    ]  # fmt: skip
    assert answers[2].header("retry-after") == "7"


def test_an_answer_that_is_not_fine_ends_the_drive(scripted: Scripted) -> None:
    pieces = [Piece(request(scripted.address, "GET", "/"), 1)] * 3
    with pytest.raises(BadAnswer, match="500"):
        drive(scripted.address, [pieces])


def test_a_client_that_is_turned_away_comes_again() -> None:
    busy = Scripted([BUSY, BUSY, SIZED])
    told = drive(busy.address, [[Piece(request(busy.address, "GET", "/"), 1)]])
    assert (told.records, told.turned_away) == (1, 2)


def test_a_client_may_look_at_an_answer_before_it_asks_on(scripted: Scripted) -> None:
    seen: list[Answer] = []

    def talk():
        for _ in range(2):
            seen.append((yield Piece(request(scripted.address, "GET", "/"), 10)))

    told = drive(scripted.address, [talk()])
    assert (told.records, told.requests) == (20, 2)
    assert [one.status for one in seen] == [200, 201]


def test_every_piece_that_was_taken_is_sent_though_the_time_is_up() -> None:
    busy = Scripted(repeat(SIZED))
    taken: list[Piece] = []

    def pieces():
        while True:
            taken.append(Piece(request(busy.address, "GET", "/"), 1))
            yield taken[-1]

    told = drive(busy.address, [pieces()], longest_s=0.05)
    assert told.requests == len(taken) > 0
