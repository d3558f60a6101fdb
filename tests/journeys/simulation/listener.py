"""What the centre said to whom: nothing of a foreign grid leaves (I11), and what it confirmed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from schemas.catalogue import KINDS
from tests.journeys.simulation.machines import Machine
from tests.journeys.simulation.network import Sent
from tests.journeys.simulation.staff import Staff


@dataclass
class Listener:
    """Reads every answer to an exchange. ``confirmed`` are the changes any answer had receipts of,
    whether it reached a laptop or not."""

    staff: Staff
    confirmed: set[str] = field(default_factory=set)
    updates: int = 0
    _workers: dict[str, str] = field(default_factory=dict)

    def knows(self, machine: Machine) -> None:
        """Learn whose token a laptop has."""
        self._workers[f"Bearer {machine.ws.identity.token}"] = machine.worker

    def heard(self, sent: Sent, reply: dict[str, Any]) -> None:
        """Check what an answer lets out, and note what it confirms."""
        self.confirmed.update(receipt["change_id"] for receipt in reply["receipts"])
        grids = self.staff.grids[self._workers[sent.headers["Authorization"]]]
        for update in reply["updates"]:
            self.updates += 1
            if update.get("gone"):
                assert set(update) <= {"record_id", "gone"}, update
            else:
                assert in_scope(update["kind"], update["grid"], grids), (sent.path, update, grids)


def in_scope(kind: str, grid: str, grids: tuple[str, ...]) -> bool:
    """Whether a record of an area may be on a laptop of somebody who holds ``grids``."""
    inside = any(grid.startswith(one) for one in grids)
    above = any(one.startswith(grid) for one in grids)
    return inside or (above and KINDS[kind].info.reach == "community")
