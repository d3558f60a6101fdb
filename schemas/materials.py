"""How many leaflets a grid has left: a sum over records, the same on both sides.

Nobody stores a balance. What came in and what left is a record each (``material_move``), what was
handed out at doors stands on the visits; two laptops of one grid add to it, neither overwrites.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

VISIT = "visit"
"""How what was handed out on visits is called among the movements."""
SIGNS = {"received": 1, "given": -1, "returned": -1, "lost": -1, VISIT: -1}
"""Whether a movement adds to what a grid has; unknown ones (a newer list) do not count."""
OUT = ("given", VISIT)
"""Movements that bring leaflets to residents."""


@dataclass
class Stock:
    """One material of one grid: how much moved each way."""

    moved: dict[str, int] = field(default_factory=dict)

    def add(self, move: str, qty: int) -> None:
        """Count a movement."""
        self.moved[move] = self.moved.get(move, 0) + qty

    def __getitem__(self, move: str) -> int:
        """Return how much moved one way."""
        return self.moved.get(move, 0)

    @property
    def handed_out(self) -> int:
        """What reached residents, at doors and elsewhere."""
        return sum(self[move] for move in OUT)

    @property
    def left(self) -> int:
        """What is left; below nothing when receipts were not recorded."""
        return sum(SIGNS.get(move, 0) * qty for move, qty in self.moved.items())


def moves_of(kind: str, fields: Mapping[str, Any]) -> Iterable[tuple[str, str, int]]:
    """Yield ``(material, movement, quantity)`` of a record of kind visit or material_move."""
    if kind == VISIT:
        for material, entry in (fields.get("materials") or {}).items():
            yield material, VISIT, int(entry.get("qty") or 0)
    elif fields.get("material") and fields.get("move"):
        yield fields["material"], fields["move"], int(fields.get("qty") or 0)
