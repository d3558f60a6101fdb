"""Relay files on sticks: written, copied, damaged, handed in late or twice, receipts read back."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from field_app.domain.errors import Trouble
from field_app.services import relay as laptop_relay
from field_app.services.relay_receipt import take_receipt
from field_app.services.workspace import plain
from schemas.relay.parts import PartReader
from schemas.relay.sealing import Unsealer
from sync_server.domain.errors import Refusal
from sync_server.services import relay as centre_relay
from tests.journeys.simulation.centre import House
from tests.journeys.simulation.chance import Tally, count
from tests.journeys.simulation.machines import Accident, Machine

MOST_FILES = 6


@dataclass
class Sticks:
    """All files under way; whoever carries them reads none of them.

    ``heard`` alone, told each answer of every receipt and for whose laptop it is, has all the keys.
    """

    house: House
    chance: random.Random
    tally: Tally
    batches: list[bytes] = field(default_factory=list)
    receipts: list[bytes] = field(default_factory=list)
    taken: int = 0
    heard: Callable[[str, dict[str, Any]], None] = lambda worker, reply: None
    _keys: dict[bytes, tuple[X25519PrivateKey, str]] = field(default_factory=dict)
    """What a receipt is opened with, and whose laptop it is for, by the key it is sealed to."""

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
            for one in plain(machine.ws.table(laptop_relay.RELAY)):
                if one["reply_key"]:
                    key = X25519PrivateKey.from_private_bytes(bytes.fromhex(one["reply_key"]))
                    self._keys[key.public_key().public_bytes_raw()] = key, machine.worker
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
            self.take_in(batch, danger)
        receipt = self.take_in(batch, danger)
        if draw < 0.3:
            assert receipt is None, "a damaged file was taken in"
        elif receipt:
            self.taken += 1
            self.receipts = [*self.receipts[-MOST_FILES:], receipt]

    def take_in(self, batch: bytes, danger: float) -> bytes | None:
        """Let the centre take a file in as it is; return its receipt, None when there is none."""
        out = io.BytesIO()

        def act() -> Any:
            try:
                return centre_relay.take_in(
                    self.house.centre, io.BytesIO(batch), out, self.house.hands(),
                    sleep=lambda seconds: None,
                )  # fmt: skip
            except Refusal:
                return None

        receipt = out.getvalue() if self.house.guarded(act, danger) else None
        if receipt:
            self._listen(receipt)
        return receipt

    def _listen(self, receipt: bytes) -> None:
        """Let every answer of a receipt be heard as the centre gave it, read by a laptop or not."""
        workers: list[str] = []

        def private_of(recipient: bytes) -> X25519PrivateKey:
            key, worker = self._keys[recipient]
            workers.append(worker)
            return key

        sender = bytes.fromhex(self.house.centre.keys.server_key)
        opened = Unsealer(io.BytesIO(receipt), "receipt", private_of, sender)
        for part in PartReader(opened).parts():
            if part.size:
                self.heard(workers[0], json.loads(part.body.read()))

    def read(self, machine: Machine, accident: Accident | None) -> None:
        """Let a laptop read a receipt: perhaps another's, an old or a damaged one."""
        if not self.receipts:
            return
        receipt = self.chance.choice(self.receipts)
        if self.chance.random() < 0.2:
            count(self.tally, "stick: a receipt cut short")
            receipt = receipt[: self.chance.randrange(len(receipt))]
        self.hand_out(machine, receipt, accident)

    def hand_out(self, machine: Machine, receipt: bytes, accident: Accident | None = None) -> None:
        """Let a laptop read this receipt."""

        def act() -> Any:
            try:
                return take_receipt(machine.ws, io.BytesIO(receipt), agreed=True)
            except Trouble:
                return None

        machine.live(accident, act)
