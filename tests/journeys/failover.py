"""The primary killed with SIGKILL in the middle of a rush, and its standby promoted."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from demo.processes import Program
from sync_server.services.centre import open_centre
from sync_server.services.devices import issue_join_code
from sync_server.settings import Settings
from tests.journeys.programs import free_port
from tests.journeys.rush import Rusher, end, wait_for
from tests.replicas import Pair
from tests.sync_server.world import COMMUNITY, DISTRICT, add_worker

DATABASE = "grid"
PROCESSES = 2
LONGEST_S = 90
PATIENT = frozenset({"server_busy", "busy", "unreachable", "timeout"})
"""How a round may end that finds no primary: a 503 or 409 with its code, or a line cut off."""


@dataclass
class Told:
    """What one kill came to."""

    acknowledged: int
    """How many changes laptops had receipts for when the primary died."""
    unsent: int
    lost: int
    """Acknowledged changes that the promoted standby does not have."""
    dead_s: float
    """From the kill to the end of the promotion."""
    ready_s: float
    """From the promotion until /readyz said so."""
    first_s: float
    """From the promotion until some laptop had receipts again."""
    all_s: float
    """… until every laptop had."""

    def document(self) -> dict[str, Any]:
        """Return it as figures."""
        return {name: round(value, 2) for name, value in vars(self).items()}


@dataclass
class Failover:
    """A centre in several processes on a pair of servers, and workers in a rush."""

    pair: Pair
    program: Program
    address: str
    rushers: list[Rusher]
    told: list[Told] = field(default_factory=list)

    def kill(self, rng: random.Random) -> Told:
        """Kill the primary at some moment, promote the standby, wait until all laptops are back."""
        begun = [one.confirmed for one in self.rushers]
        wait_for(
            lambda: all(map(lambda one, had: one.confirmed > had, self.rushers, begun)),
            LONGEST_S,
            "not every laptop has begun",
        )
        time.sleep(rng.uniform(0.0, 1.5))
        killed_at = time.monotonic()
        self.pair.kill_primary()
        acknowledged = [one.acknowledged() for one in self.rushers]
        unsent = sum(len(one.sealed()) for one in self.rushers) - sum(map(len, acknowledged))
        self.pair.promote()
        promoted_at = time.monotonic()
        before = [one.confirmed for one in self.rushers]
        ready_s = self._ready()
        back: dict[str, float] = {}

        def all_back() -> bool:
            for one, confirmed in zip(self.rushers, before, strict=True):
                if one.failure is not None:
                    raise one.failure
                if one.name not in back and one.confirmed > confirmed:
                    back[one.name] = time.monotonic() - promoted_at
            return len(back) == len(self.rushers)

        try:
            wait_for(all_back, LONGEST_S, "not every laptop came back")
        except TimeoutError as error:
            told = {one.name: one.errors[-3:] for one in self.rushers}
            raise TimeoutError(f"{told} {self.program.last_words()}") from error
        stored = self._stored()
        told = Told(
            acknowledged=sum(map(len, acknowledged)),
            unsent=unsent,
            lost=sum(len(ids - set(stored)) for ids in acknowledged),
            dead_s=promoted_at - killed_at,
            ready_s=ready_s,
            first_s=min(back.values()),
            all_s=max(back.values()),
        )
        self.told.append(told)
        return told

    def violations(self) -> Iterator[str]:
        """Let everybody finish; compare every laptop's log with the books of the last primary."""
        end(self.rushers, LONGEST_S)
        stored = self._stored()
        sealed: dict[str, str] = {}
        for one in self.rushers:
            sealed |= one.sealed()
        if missing := sealed.keys() - stored.keys():
            yield f"{len(missing)} of {len(sealed)} changes are not at the centre"
        if strange := [key for key, value in stored.items() if sealed.get(key) != value]:
            yield f"{len(strange)} changes are not those that were sealed"
        (again,) = self._ask(
            "SELECT count(*) FROM (SELECT 1 FROM changes WHERE device_id IS NOT NULL"
            " GROUP BY stream, seq HAVING count(*) > 1) AS twice"
        )
        if again != (0,):
            yield f"{again[0]} places of streams are taken twice"
        (epochs,) = self._ask("SELECT count(*) FROM audit WHERE action = 'epoch_begun'")
        if epochs != (0,):
            yield "a promoted standby was taken for an older copy"
        if told := {error for one in self.rushers for error in one.errors} - PATIENT:
            yield f"laptops were answered what does not pass by itself: {sorted(told)}"
        if lost := sum(one.lost for one in self.told):
            yield f"{lost} acknowledged changes were lost"

    def _ready(self) -> float:
        began = time.monotonic()

        def ready() -> bool:
            try:
                return requests.get(f"{self.address}/readyz", timeout=5).ok
            except requests.RequestException:
                return False

        wait_for(ready, LONGEST_S, "the centre did not get ready")
        return time.monotonic() - began

    def _stored(self) -> dict[str, str]:
        rows = self._ask("SELECT change_id, hash FROM changes WHERE device_id IS NOT NULL")
        return {str(change_id): str(sealed) for change_id, sealed in rows}

    def _ask(self, statement: str) -> list[tuple[object, ...]]:
        return self.pair.primary.ask(statement, DATABASE)


@contextmanager
def rush(pair: Pair, folder: Path, laptops: int, *, haste: float) -> Iterator[Failover]:
    """Serve a centre from the pair and let so many workers rush for the block."""
    pair.primary.ask(f"CREATE DATABASE {DATABASE}")
    settings = Settings(folder / "centre", pair.address(DATABASE), DISTRICT)
    centre = open_centre(settings)
    codes = []
    for number in range(laptops):
        worker = add_worker(centre, f"w{number}", [f"{COMMUNITY}{number + 1:03d}"])
        with centre.store.writing() as connection:
            codes.append(issue_join_code(connection, DISTRICT, worker.user_id, centre.clock()))
    centre.store.close()
    port = free_port()
    arguments = ["sync_server", "--data", str(settings.data), "--port", str(port), "--production",
                 "--workers", str(PROCESSES), "--database-url", settings.database_url]  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    with Program("sync_server", arguments, address, folder / "centre.log") as program:
        program.start()
        rushers = [
            Rusher(folder / f"laptop{number}", address, code, haste)
            for number, code in enumerate(codes)
        ]
        for one in rushers:
            one.start()
        try:
            yield Failover(pair, program, address, rushers)
        finally:
            for one in rushers:
                one.finish.set()
                one.abandon.set()
            for one in rushers:
                one.join(30)
                one.laptop.close()
