"""A rush: several real laptops whose workers go on saving and that sync by themselves.

Each laptop's own timer decides when a round begins and how long it waits after one that failed. A
round lasts while there is something to send; one that was confirmed is followed by the next at
once, as if a quarter of an hour had passed. Nobody touches a laptop.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from field_app.services.joining import Request
from field_app.services.records import save_record, unsent_count
from field_app.services.workspace import CHANGES
from field_app.timer import Timer
from tests.field_app.laptops import HOUSEHOLD, PASSPHRASE, Hands, Laptop

PAUSE_S = (0.02, 0.12)
"""Between two changes of a worker."""
A_WHILE_S = 4_000.0
"""Longer than a laptop ever waits after a round that went well."""


class Now(Hands):
    """The real time on the wall; the steady clock stands, so that no laptop locks itself."""

    def __init__(self) -> None:
        self.steady = 1000.0

    @property
    def wall(self) -> datetime:  # type: ignore[override]
        """The time."""
        return datetime.now(UTC)


class Rusher(threading.Thread):
    """A worker at a laptop: saves until told to end; the laptop syncs until nothing is unsent."""

    def __init__(self, folder: Path, address: str, code: str, haste: float) -> None:
        """``haste`` divides how long the laptop waits after something failed; 1: as it is."""
        super().__init__(daemon=True, name=folder.name)
        self.laptop = Laptop(folder, Now())
        self.laptop.desk.join(Request(address, code, PASSPHRASE, PASSPHRASE, self.name),
                              self.laptop.call)  # fmt: skip
        self.laptop.desk.rounds.sleep = lambda seconds: time.sleep(seconds / haste)
        self._ahead = 0.0
        self.timer = Timer(self.laptop.desk, steady=lambda: time.monotonic() * haste + self._ahead)
        self._homes: list[str] = []
        self.finish = threading.Event()
        self.abandon = threading.Event()
        self.errors: list[str] = []
        self.failure: Exception | None = None

    def run(self) -> None:
        """Work until told to end, then sync until all is confirmed."""
        try:
            last: Any = None
            while not (self.abandon.is_set() or (self.finish.is_set() and self.settled)):
                if not self.finish.is_set():
                    self._save()
                self.timer.tick()
                progress = self.laptop.desk.rounds.progress
                if progress.over and progress is not last:
                    last = progress
                    self._note(progress)
                time.sleep(random.uniform(*PAUSE_S))
        except Exception as error:
            self.failure = error

    @property
    def settled(self) -> bool:
        """Whether nothing is unsent and no round is under way."""
        return not self.laptop.desk.rounds.running and unsent_count(self.laptop.ws) == 0

    @property
    def confirmed(self) -> int:
        """How many changes have their receipts, at the least."""
        made = len(self.laptop.ws.table(CHANGES))  # first: what is saved meanwhile is no receipt
        return made - unsent_count(self.laptop.ws)

    def acknowledged(self) -> set[str]:
        """Return the ids of the changes whose receipts the laptop has stored."""
        return {str(one["change_id"]) for one in self._log() if one["acked"]}

    def sealed(self) -> dict[str, str]:
        """Return the hash of every change that was ever saved, by id."""
        return {str(one["change_id"]): str(one["hash"]) for one in self._log()}

    def _log(self) -> list[dict[str, Any]]:
        return [dict(one) for one in self.laptop.ws.table(CHANGES)]

    def _note(self, progress: Any) -> None:
        self.timer.tick()  # it plans by how the round ended before time is let pass
        if progress.stage == "done":
            self._ahead += A_WHILE_S
        else:
            self.errors.append(progress.error)

    def _save(self) -> None:
        number = len(self._homes)
        if self._homes and random.random() < 0.4:
            record_id = random.choice(self._homes)
            said = {"remarks": f"第{number}次 {random.random()}"}
            saved = save_record(self.laptop.ws, "household", "update", said, record_id=record_id)
        else:
            fields = HOUSEHOLD | {"code": f"{self.name}-{number}"}
            saved = save_record(self.laptop.ws, "household", "create", fields)
            self._homes.append(str(saved.record_id))
        assert saved.saved, saved.problems


def wait_for(done: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until something is done; raise TimeoutError when it takes too long."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.02)


def end(rushers: Iterable[Rusher], seconds: float) -> None:
    """Let the workers stop, and wait until every laptop has had all of it confirmed."""
    rushers = list(rushers)
    for one in rushers:
        one.finish.set()
    deadline = time.monotonic() + seconds
    for one in rushers:
        one.join(max(deadline - time.monotonic(), 0.1))
        if one.failure is not None:
            raise one.failure
        if one.is_alive():
            raise TimeoutError(f"{one.name} has unsent changes: {one.errors[-3:]}")
