"""A network that loses, doubles, delays, cuts and garbles, between the laptops and the real centre.

It carries what the laptop's real client sends straight into the centre's app.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from schemas.exchange import API
from tests.field_app.centres import Answer, CentreLine
from tests.field_app.laptops import CENTRE, Hands
from tests.journeys.simulation.chance import Fuse

PORTAL: Answer = (200, {"Content-Type": "text/html"}, "<h1>免费上网，请登录</h1>")
MOST_LATE = 12


@dataclass(frozen=True)
class Sent:
    """One request as it left a laptop."""

    path: str
    body: bytes
    headers: dict[str, str]


class Network(CentreLine):
    """The line to the centre; ``trouble`` is the share of requests that something befalls.

    ``late`` are requests still on their way that their laptop gave up, ``arrived`` all those the
    centre has taken whole.
    """

    def __init__(self, folder: Path, hands: Hands, chance: random.Random, fuse: Fuse) -> None:
        super().__init__(folder, hands)
        self._chance = chance
        self._fuse = fuse
        self.trouble = 0.0
        self.late: list[Sent] = []
        self.arrived: list[Sent] = []
        self.seen: dict[str, int] = {}

    def __enter__(self) -> Network:
        super().__enter__()
        return self

    def _carry(self, request: Any) -> Answer:
        sent = Sent(
            request.url.removeprefix(CENTRE),
            request.body.encode() if isinstance(request.body, str) else request.body,
            {name: str(value) for name, value in request.headers.items()},
        )
        self._fuse.step()
        if self._chance.random() >= self.trouble:
            answer = self.bring(sent)
        else:
            fault = self._chance.choice(FAULTS)
            self.seen[fault.__name__] = self.seen.get(fault.__name__, 0) + 1
            answer = fault(self, sent)
        self._fuse.step()
        return answer

    def bring(self, sent: Sent) -> Answer:
        """Bring a request to the centre whole and return its answer."""
        if sent.path == f"{API}/sync":
            self.arrived.append(sent)
        return self._post(sent.path, sent.body, sent.headers)

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        answer = self.client.post(path, base_url=CENTRE, data=body, headers=headers)
        kept = {"Content-Type": answer.headers["Content-Type"]}
        if "Retry-After" in answer.headers:
            kept["Retry-After"] = answer.headers["Retry-After"]
        squeezed = answer.headers.get("Content-Encoding") == "gzip"
        return answer.status_code, kept, gzip.decompress(answer.data) if squeezed else answer.data

    def spoil(self, sent: Sent, spoiled: bytes) -> None:
        """Bring a request to the centre with another body."""
        self._post(sent.path, spoiled, {**sent.headers, "Content-Length": str(len(spoiled))})

    def place(self, body: bytes) -> int:
        """Return a place inside ``body``."""
        return self._chance.randrange(len(body)) if body else 0

    def something_late(self) -> None:
        """Let an old request arrive: one given up long ago, or a second copy of any."""
        if self.late and self._chance.random() < 0.6:
            self.bring(self.late.pop(self._chance.randrange(len(self.late))))
        elif self.arrived:
            self.bring(self._chance.choice(self.arrived))

    def calm_down(self) -> None:
        """End all faults; some of what is still under way arrives, the rest never will."""
        self.trouble = 0.0
        for sent in self.late:
            if self._chance.random() < 0.5:
                self.bring(sent)
        self.late.clear()


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


def delayed(net: Network, sent: Sent) -> Answer:
    """It arrives some day, when nobody waits for its answer any more."""
    net.late = [*net.late[-MOST_LATE:], sent]
    raise requests.ReadTimeout("too slow")


def cut_request(net: Network, sent: Sent) -> Answer:
    """Only its beginning arrives."""
    net.spoil(sent, sent.body[: net.place(sent.body)])
    raise requests.ConnectionError("cut")


def garbled_request(net: Network, sent: Sent) -> Answer:
    """A byte of it is another one when it arrives."""
    place = net.place(sent.body)
    spoiled = sent.body[:place] + b"\xff" + sent.body[place + 1 :]
    if spoiled != sent.body:
        net.spoil(sent, spoiled)
    raise requests.ConnectionError("garbled")


def cut_reply(net: Network, sent: Sent) -> Answer:
    """Only the beginning of the answer comes back."""
    status, headers, body = net.bring(sent)
    return status, headers, body[: net.place(_bytes(body))]


def garbled_reply(net: Network, sent: Sent) -> Answer:
    """A byte of the answer is another one when it comes back."""
    status, headers, body = net.bring(sent)
    raw = _bytes(body)
    place = net.place(raw)
    return status, headers, raw[:place] + b"\xff" + raw[place + 1 :]


def portal(net: Network, sent: Sent) -> Answer:
    """The sign-in page of a foreign network answers."""
    return PORTAL


def gateway(net: Network, sent: Sent) -> Answer:
    """The centre stores it, but a machine in between says that it failed."""
    net.bring(sent)
    return 502, {"Content-Type": "text/html"}, "bad gateway"


def _bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body


FAULTS: list[Callable[[Network, Sent], Answer]] = [
    lost_request, lost_reply, doubled, delayed, cut_request, garbled_request, cut_reply,
    garbled_reply, portal, gateway,
]  # fmt: skip
