"""A network that loses, doubles, delays, cuts and garbles, between the laptops and the real centre.

It carries what the laptops' real client sends straight into the centre's app, and listens to what
the centre answers.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from schemas.exchange import API
from tests.field_app.laptops import CENTRE
from tests.journeys.simulation.centre import Answer, House
from tests.journeys.simulation.chance import Fuse, Tally, count

HTML = {"Content-Type": "text/html"}
PORTAL: Answer = (200, HTML, "<h1>免费上网，请登录</h1>".encode())
MOST_LATE, MOST_ARRIVED = 12, 400
BIGGEST_BODY = 10_000
"""Requests over so many bytes are too large for one of the machines in between."""


@dataclass(frozen=True)
class Sent:
    """One request as it left a laptop."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]

    @property
    def exchanges(self) -> bool:
        """Whether it is an exchange of records."""
        return self.path == f"{API}/sync" and self.method == "POST"

    def plain(self) -> bytes:
        """Return the body as it was before it was packed."""
        squeezed = self.headers.get("Content-Encoding") == "gzip"
        return gzip.decompress(self.body) if squeezed else self.body

    def document(self) -> dict[str, Any]:
        """Return the body of an exchange as it was made."""
        read: dict[str, Any] = json.loads(self.plain())
        return read


class Network:
    """The line to the centre; ``trouble`` is the share of requests that something befalls.

    ``late`` are requests still on their way that their laptop gave up, ``arrived`` all those the
    centre has taken whole. ``heard`` is told every answer to an exchange. ``wrong`` are the spoilt
    requests the centre took for good, to be looked at in the end: a laptop would take a check that
    fails in its round for a failure of the line.
    """

    def __init__(self, house: House, chance: random.Random, fuse: Fuse, tally: Tally) -> None:
        self.house = house
        self.chance = chance
        self.trouble = 0.0
        self.danger = 0.0
        self.faults = FAULTS
        self.late: list[Sent] = []
        self.arrived: list[Sent] = []
        self.heard: Callable[[Sent, dict[str, Any]], None] = lambda sent, reply: None
        self.wrong: list[Any] = []
        self._only: Fault | None = None
        self._fuse = fuse
        self.tally = tally

    @contextmanager
    def laid(self) -> Iterator[None]:
        """Let all requests of this process go through it."""

        def send(adapter: HTTPAdapter, request: Any, **_options: Any) -> requests.Response:
            return adapter.build_response(request, self._carry(request))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(HTTPAdapter, "send", send)
            yield

    @contextmanager
    def only(self, fault: Fault) -> Iterator[None]:
        """Let this befall every request while inside."""
        before, self._only = self._only, fault
        try:
            yield
        finally:
            self._only = before

    def _carry(self, request: Any) -> HTTPResponse:
        body = request.body or b""
        sent = Sent(
            request.method,
            request.url.removeprefix(CENTRE),
            body.encode() if isinstance(body, str) else body,
            {name: str(value) for name, value in request.headers.items()},
        )
        self._fuse.step()
        if self._only is not None:
            answer = self._only(self, sent)
        elif self.chance.random() >= self.trouble:
            answer = self.bring(sent)
        else:
            fault = self.chance.choice(self.faults)
            count(self.tally, f"network: {fault.__name__.replace('_', ' ')}")
            answer = fault(self, sent)
        self._fuse.step()
        return _response(answer, sent.method)

    def bring(self, sent: Sent) -> Answer:
        """Bring a request to the centre whole and return its answer.

        Raises ConnectionError when the centre dies of it.
        """
        if sent.exchanges:
            self.arrived = [*self.arrived[-MOST_ARRIVED:], sent]
        answer = self.house.answer(sent.method, sent.path, sent.body, sent.headers, self.danger)
        if answer is None:
            raise requests.ConnectionError("the other side is gone")
        if sent.exchanges and answer[0] == 200:
            self.heard(sent, json.loads(_plain(answer)))
        return answer

    def spoil(self, sent: Sent, spoiled: bytes) -> Answer:
        """Bring a request to the centre with another body, which it must not take."""
        headers = {**sent.headers, "Content-Length": str(len(spoiled))}
        answer = self.house.answer(sent.method, sent.path, spoiled, headers, self.danger)
        if answer is None:
            raise requests.ConnectionError("the other side is gone")
        if sent.body and answer[0] < 400:
            self.wrong.append((sent.path, spoiled, answer))
        return answer

    def place(self, body: bytes) -> int:
        """Return a place inside ``body``."""
        return self.chance.randrange(len(body)) if body else 0

    def something_late(self) -> None:
        """Let an old request arrive: one given up long ago, or a second copy of any."""
        if self.late and self.chance.random() < 0.6:
            count(self.tally, "network: arrived out of order")
            self._bring_for_nobody(self.late.pop(self.chance.randrange(len(self.late))))
        elif self.arrived:
            count(self.tally, "network: old copy arrived")
            self._bring_for_nobody(self.chance.choice(self.arrived))

    def _bring_for_nobody(self, sent: Sent) -> None:
        try:
            self.bring(sent)
        except requests.ConnectionError:
            return

    def calm_down(self) -> None:
        """End all faults; some of what is still under way arrives, the rest never will."""
        self.trouble = self.danger = 0.0
        self.faults = FAULTS
        for sent in self.late:
            if self.chance.random() < 0.5:
                self.bring(sent)
        self.late.clear()


def _response(answer: Answer, method: str) -> HTTPResponse:
    status, headers, body = answer
    return HTTPResponse(
        io.BytesIO(body), headers, status, preload_content=False, decode_content=False,
        request_method=method,
    )  # fmt: skip


def _plain(answer: Answer) -> bytes:
    _, headers, body = answer
    return gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body


def lost_request(net: Network, sent: Sent) -> Answer:
    """The centre never gets it."""
    raise requests.ConnectionError("lost")


def lost_reply(net: Network, sent: Sent) -> Answer:
    """The centre stores it; the answer is lost after the commit."""
    net.bring(sent)
    raise requests.ConnectionError("reply lost")


def doubled(net: Network, sent: Sent) -> Answer:
    """It arrives twice; the second answer is the one that comes back."""
    net.bring(sent)
    return net.bring(sent)


def overtaken(net: Network, sent: Sent) -> Answer:
    """An older request, given up long ago, arrives just before it."""
    if net.late:
        net.bring(net.late.pop(net.chance.randrange(len(net.late))))
    return net.bring(sent)


def delayed(net: Network, sent: Sent) -> Answer:
    """It arrives some day, when nobody waits for its answer any more."""
    net.late = [*net.late[-MOST_LATE:], sent]
    raise requests.ReadTimeout("too slow")


def too_slow_an_answer(net: Network, sent: Sent) -> Answer:
    """The centre stores it; its answer comes when nobody waits any more."""
    net.bring(sent)
    raise requests.ReadTimeout("too slow")


def cut_request(net: Network, sent: Sent) -> Answer:
    """Only its beginning arrives."""
    net.spoil(sent, sent.body[: net.place(sent.body)])
    raise requests.ConnectionError("cut")


def garbled_request(net: Network, sent: Sent) -> Answer:
    """A byte of it is another one when it arrives; the answer to that comes back."""
    if not sent.body:
        return net.bring(sent)
    place = net.place(sent.body)
    byte = sent.body[place] ^ (1 << net.chance.randrange(8))
    spoiled = sent.body[:place] + bytes([byte]) + sent.body[place + 1 :]
    if sent.headers.get("Content-Encoding") != "gzip":  # nothing but the seal would tell
        spoiled = sent.body[:place] + b"\xff" + sent.body[place + 1 :]
    elif _says_the_same(spoiled, sent.body):
        return net.bring(sent)
    return net.spoil(sent, spoiled)


def _says_the_same(one: bytes, other: bytes) -> bool:
    """Whether two packed bodies hold the same: in a packet's head some bits mean nothing."""
    try:
        return gzip.decompress(one) == gzip.decompress(other)
    except (OSError, EOFError, zlib.error):
        return False


def cut_reply(net: Network, sent: Sent) -> Answer:
    """Only the beginning of the answer comes back; its length says that more was to come."""
    status, headers, body = net.bring(sent)
    return status, headers, body[: net.place(body)]


def shortened_reply(net: Network, sent: Sent) -> Answer:
    """Only the beginning of the answer comes back, as if that were all."""
    status, headers, body = net.bring(sent)
    kept = {name: value for name, value in headers.items() if name != "Content-Length"}
    return status, kept, body[: net.place(body)]


def garbled_reply(net: Network, sent: Sent) -> Answer:
    """A byte of the answer is another one when it comes back."""
    status, headers, body = net.bring(sent)
    place = net.place(body)
    return status, headers, body[:place] + b"\xff" + body[place + 1 :]


def portal(net: Network, sent: Sent) -> Answer:
    """The sign-in page of a foreign network answers."""
    return PORTAL


def led_astray(net: Network, sent: Sent) -> Answer:
    """A foreign network sends it elsewhere."""
    return 302, {"Location": "http://login.example/", **HTML}, b""


def gateway(net: Network, sent: Sent) -> Answer:
    """The centre stores it, but a machine in between says that it failed."""
    net.bring(sent)
    return net.chance.choice((500, 502, 504)), HTML, b"bad gateway"


def turned_away(net: Network, sent: Sent) -> Answer:
    """The centre, or a machine before it, has no time now."""
    status = net.chance.choice((429, 503))
    return status, {"Retry-After": str(net.chance.randint(0, 90)), **HTML}, b"later"


def too_large(net: Network, sent: Sent) -> Answer:
    """A machine in between takes small requests only."""
    if len(sent.body) > net.chance.randint(500, BIGGEST_BODY):
        return 413, HTML, b"too large"
    return net.bring(sent)


Fault = Callable[[Network, Sent], Answer]

FAULTS: list[Fault] = [
    lost_request, lost_reply, doubled, overtaken, delayed, too_slow_an_answer, cut_request,
    garbled_request, cut_reply, shortened_reply, garbled_reply, portal, led_astray, gateway,
    turned_away, too_large,
]  # fmt: skip

BROKEN: list[Fault] = [lost_request, lost_reply, delayed, cut_reply, portal, turned_away]
"""Faults no request gets through."""
