"""Work orders in a file: what an issue's row gets from the compound it names, and where it lies."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from sync_server.services.import_places import GRID_DIGITS, Item
from sync_server.store import base_read

COMPOUND = "compound"


def place(connection: sa.Connection, district: str, items: Sequence[Item]) -> None:
    """Let each row belong to the compound it names; one that says no grid lies where the compound
    does, if that is one grid alone. All of them were entered at the centre."""
    wanted = {one.at[COMPOUND].record_id for one in items if COMPOUND in one.at}
    grids: dict[str, set[str]] = {}
    for row in base_read.hanging(connection, district, "building", wanted):
        grids.setdefault(row["parent_id"], set()).add(row["grid"])
    for one in items:
        one.said.filled["at_centre"] = True
        if COMPOUND not in one.at:
            continue
        compound = one.at[COMPOUND].record_id
        one.said.filled["compound_id"] = compound
        lies = grids.get(compound, set())
        inside = {grid for grid in lies if grid.startswith(one.said.area)}
        if len(one.said.area) < GRID_DIGITS and len(inside) == 1:
            one.said.area = inside.pop()
