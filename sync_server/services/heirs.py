"""Where late work for a grid that was merged into another goes: to whoever can go on with it.

A worker who did not know makes a household, a shop or an issue in a grid that has ended; it lies in
the grid that took the old one in. What only tells what was done there (patrols, visits) stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa

from schemas.kind import KindInfo
from sync_server.domain.areas import inside
from sync_server.domain.judging import Verdict, Worker
from sync_server.store.records_read import area_record

GRID_DIGITS = 15
FOLLOWS = frozenset({"place", "people", "issue", "service"})
"""Groups of kinds that go on in the grid that took the old one in."""
MOST = 10
"""How many mergers in a row are followed."""


@dataclass
class Heirs:
    """Finds the standing grid of an ended one; asks the database once for each."""

    connection: sa.Connection
    district: str
    _known: dict[str, str] = field(default_factory=dict)

    def settle(self, verdict: Verdict, worker: Worker, info: KindInfo, *, new: bool) -> Verdict:
        """Return the verdict with the area a new record really goes to.

        Only areas that are not the worker's today are looked at: an ended grid is nobody's.
        """
        if (
            not new
            or verdict.again
            or verdict.problems
            or verdict.waits_for
            or info.group not in FOLLOWS
        ):
            return verdict
        area = verdict.grid
        if len(area) < GRID_DIGITS or inside(area, worker.grids):
            return verdict
        heir = self.of(area)
        return verdict._replace(grid=heir)

    def of(self, area: str) -> str:
        """Return the grid that holds today what lay in ``area``; itself while it stands."""
        grid, seen = area[:GRID_DIGITS], 0
        while seen < MOST and (after := self._merged_into(grid)):
            grid, seen = after, seen + 1
        return area if seen == 0 else grid

    def _merged_into(self, code: str) -> str:
        if code not in self._known:
            row = area_record(self.connection, self.district, code)
            fields = row["fields"] if row is not None else {}
            gone = [
                str(one.get("other") or "")
                for _, one in sorted((fields.get("lineage") or {}).items())
                if one.get("change") == "merged_into"
            ]
            self._known[code] = gone[-1] if gone and fields.get("valid_to") else ""
        return self._known[code]
