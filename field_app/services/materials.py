"""What the grid has left of each leaflet: a sum over what is recorded, never a stored number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from field_app.services.overview import look, newest
from field_app.services.workspace import Workspace
from schemas.codes import code_list
from schemas.materials import VISIT, Stock, moves_of

MOVE = "material_move"
MOVES_SHOWN = 40


@dataclass(frozen=True)
class Line:
    """One material and what became of it."""

    code: str
    name: str
    stock: Stock

    @property
    def short(self) -> bool:
        """Whether more went out than was recorded as received."""
        return self.stock.left < 0


def stock_of(ws: Workspace) -> list[Line]:
    """Return what the own grids have of every material, in the list's order."""
    stocks: dict[str, Stock] = defaultdict(Stock)
    for kind in (MOVE, VISIT):
        for view in look(ws, kind):
            for material, move, qty in moves_of(kind, view["fields"]):
                stocks[material].add(move, qty)
    codes = code_list("MATERIAL")
    usual = [item.code for item in codes.active]
    listed = [*usual, *sorted(one for one in stocks if one not in usual)]
    return [Line(one, codes.text(one, ws.lang), stocks[one]) for one in listed]


def moves(ws: Workspace) -> list[Mapping[str, Any]]:
    """Return the latest records of leaflets in and out, newest first."""
    return list(newest(ws, MOVE, "moved_at", MOVES_SHOWN))
