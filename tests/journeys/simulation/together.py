"""Requests that wait for the district's turn behind another one, and are written with it.

The simulation serves one request at a time. So what other laptops would send at that moment leaves
them, is read as the centre reads it and queues, and the centre takes of it what it would. Nobody
hears the answers: the laptops have given up, and what they sent may arrive once more, late.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from sync_server.domain.envelope import BadEnvelope, Inexact
from sync_server.domain.errors import Refusal
from sync_server.services.devices import authenticate
from sync_server.services.sync import Visit, open_visit
from sync_server.services.turns import Work, Writer
from tests.journeys.simulation.chance import count
from tests.journeys.simulation.network import Sent, delayed

if TYPE_CHECKING:
    from tests.journeys.simulation.district import District

HOW_OFTEN = 0.5


@contextmanager
def crowded(run: District, seed: str) -> Iterator[None]:
    """Let others come while one waits for its turn, half of the time."""
    chance = random.Random(f"together {seed}")
    take_along, bring_in = Writer._take_along, Writer.bring_in
    guests: list[Work] = []

    def with_guests(writer: Writer, work: Any, others: list[Any]) -> None:
        if run.at_once and chance.random() < HOW_OFTEN:
            guests.extend(_come(run, chance))
            writer._waiting.extend(guests)
        take_along(writer, work, others)

    def and_out(writer: Writer, work: Any, write: Any) -> None:
        try:
            bring_in(writer, work, write)
        finally:
            if done := sum(one.done for one in guests):
                count(run.tally, "at once: written with another's exchange", done)
            for one in guests:
                if one in writer._waiting:
                    writer._waiting.remove(one)
            guests.clear()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Writer, "_take_along", with_guests)
        patch.setattr(Writer, "bring_in", and_out)
        yield


def _come(run: District, chance: random.Random) -> list[Visit]:
    """Let idle laptops send, and give up; return what they sent as it queues."""
    idle = [machine for machine in run.machines if not machine.busy]
    with run.house.undisturbed(), run.net.only(delayed):
        for machine in chance.sample(idle, min(len(idle), chance.randint(1, 3))):
            machine.sync()
        return [visit for sent in run.net.late if (visit := _queued(run, sent)) is not None]


def _queued(run: District, sent: Sent) -> Visit | None:
    """Return a request as it waits for its turn; None when it does not come so far."""
    if not sent.exchanges:
        return None
    centre = run.house.centre
    with suppress(Refusal, BadEnvelope, Inexact):
        device = authenticate(centre.store, sent.headers["Authorization"].split()[1])
        body = orjson.loads(sent.plain())
        visit = open_visit(centre, device, body, run.house.hands(), exact=False)
        return visit if visit.size else None
    return None
