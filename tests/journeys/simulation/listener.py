"""What the centre said to whom: nothing of a foreign grid leaves (I11), and what it confirmed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from schemas.catalogue import KINDS
from tests.journeys.simulation.machines import Machine
from tests.journeys.simulation.network import Sent
from tests.journeys.simulation.staff import Staff

REFUSAL = {"code", "stream", "known", "errors"}
"""All that a refused request of a relay file is told."""


@dataclass
class Listener:
    """Reads every answer to an exchange, over the link or in a receipt on a stick. ``confirmed``
    are the changes any answer had receipts of, whether it reached a laptop or not.

    ``unstored`` are those an answer over the link confirmed while the centre did not hold them
    (``holds``): a laptop may heal that later, or not.

    ``wrong`` is what no answer may say. It is noted here and looked at in the end: raised within a
    laptop's round it would be one more failure of the line to it.
    """

    staff: Staff
    holds: Callable[[Collection[str]], set[str]]
    confirmed: set[str] = field(default_factory=set)
    unstored: set[str] = field(default_factory=set)
    updates: int = 0
    by_stick: int = 0
    """How many answers came in receipts on sticks."""
    wrong: list[Any] = field(default_factory=list)
    _workers: dict[str, str] = field(default_factory=dict)

    def knows(self, machine: Machine) -> None:
        """Learn whose token a laptop has."""
        self._workers[f"Bearer {machine.ws.identity.token}"] = machine.worker

    def heard(self, sent: Sent, reply: dict[str, Any]) -> None:
        """Listen to an answer over the link."""
        self._listen(self._workers.get(sent.headers["Authorization"], ""), reply)
        told = {receipt["change_id"] for receipt in reply["receipts"]}
        self.unstored |= told - self.holds(told)

    def read(self, worker: str, reply: dict[str, Any]) -> None:
        """Listen to an answer in a receipt for a laptop of ``worker``."""
        self.by_stick += 1
        if "code" not in reply:
            self._listen(worker, reply)
        elif not set(reply) <= REFUSAL:
            self.wrong.append((worker, reply))

    def _listen(self, worker: str, reply: dict[str, Any]) -> None:
        """Check what an answer lets out, and note what it confirms."""
        self.confirmed.update(receipt["change_id"] for receipt in reply["receipts"])
        grids = self.staff.grids.get(worker, ())
        for update in reply["updates"]:
            self.updates += 1
            if update.get("gone"):
                right = set(update) <= {"record_id", "gone"}
            else:
                right = in_scope(update["kind"], update["grid"], grids)
            if not right:
                self.wrong.append((worker, grids, update))


def in_scope(kind: str, grid: str, grids: tuple[str, ...]) -> bool:
    """Whether a record of an area may be on a laptop of somebody who holds ``grids``."""
    inside = any(grid.startswith(one) for one in grids)
    above = any(one.startswith(grid) for one in grids)
    return inside or (above and KINDS[kind].info.reach == "community")
