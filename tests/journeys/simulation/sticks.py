"""Relay files on sticks: written, copied, damaged, handed in late or twice, receipts read back."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, field
from typing import Any

from field_app.domain.errors import Trouble
from field_app.services import relay as laptop_relay
from field_app.services.relay_receipt import take_receipt
from sync_server.domain.errors import Refusal
from sync_server.services import relay as centre_relay
from tests.journeys.simulation.centre import House
from tests.journeys.simulation.chance import Tally, count
from tests.journeys.simulation.machines import Accident, Machine

MOST_FILES = 6


@dataclass
class Sticks:
    """All files under way; whoever carries them reads none of them."""

    house: House
    chance: random.Random
    tally: Tally
    batches: list[bytes] = field(default_factory=list)
    receipts: list[bytes] = field(default_factory=list)
    taken: int = 0

    def do_something(self, machine: Machine, accident: Accident | None, danger: float) -> None:
        """Write a file, hand one in, or read a receipt."""
        draw = self.chance.random()
        if draw < 0.4 or not self.batches:
            self.write(machine, accident)
        elif draw < 0.75:
            self.hand_in(danger)
        else:
            self.read(machine, accident)

    def write(self, machine: Machine, accident: Accident | None) -> None:
        """Write what a laptop has not sent to a file."""

        def act() -> bytes | None:
            try:
                _, file = laptop_relay.write_to_fetch(machine.ws)
            except Trouble:
                return None
            with file:
                return file.read()

        made = machine.live(accident, act)
        if made:
            self.batches = [*self.batches[-MOST_FILES:], made]

    def hand_in(self, danger: float) -> None:
        """Hand a file in at the centre, perhaps damaged, perhaps not for the first time."""
        batch = self.chance.choice(self.batches)
        draw = self.chance.random()
        if draw < 0.15:
            count(self.tally, "stick: a bit of a file turned over")
            place = self.chance.randrange(len(batch))
            batch = batch[:place] + bytes([batch[place] ^ 1]) + batch[place + 1 :]
        elif draw < 0.3:
            count(self.tally, "stick: a file cut short")
            batch = batch[: self.chance.randrange(len(batch))]
        elif draw < 0.4:
            count(self.tally, "stick: a file handed in twice")
            self._take_in(batch, danger)
        receipt = self._take_in(batch, danger)
        if draw < 0.3:
            assert receipt is None, "a damaged file was taken in"
        elif receipt:
            self.taken += 1
            self.receipts = [*self.receipts[-MOST_FILES:], receipt]

    def _take_in(self, batch: bytes, danger: float) -> bytes | None:
        out = io.BytesIO()

        def act() -> Any:
            try:
                return centre_relay.take_in(
                    self.house.centre, io.BytesIO(batch), out, self.house.hands(),
                    sleep=lambda seconds: None,
                )  # fmt: skip
            except Refusal:
                return None

        return out.getvalue() if self.house.guarded(act, danger) else None

    def read(self, machine: Machine, accident: Accident | None) -> None:
        """Let a laptop read a receipt: perhaps another's, an old or a damaged one."""
        if not self.receipts:
            return
        receipt = self.chance.choice(self.receipts)
        if self.chance.random() < 0.2:
            count(self.tally, "stick: a receipt cut short")
            receipt = receipt[: self.chance.randrange(len(receipt))]

        def act() -> Any:
            try:
                return take_receipt(machine.ws, io.BytesIO(receipt), agreed=True)
            except Trouble:
                return None

        machine.live(accident, act)
