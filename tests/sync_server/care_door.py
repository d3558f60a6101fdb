"""A door behind which somebody is looked after, two workers' laptops, and the alarms raised."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from schemas.clock import written
from sync_server.services.centre import Centre
from sync_server.services.going_along import with_all_below
from sync_server.store import moving
from sync_server.store.tables import records
from tests.sync_server.web.staff import load
from tests.sync_server.world import (
    COMMUNITY,
    GRID,
    OTHER_GRID,
    Laptop,
    add_worker,
    join,
    resident,
)


class Door:
    """A household with somebody in care, and two workers' laptops."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        first, second = add_worker(centre, "w1"), add_worker(centre, "w2")
        author = first.user_id
        self.compound = load(centre, author, "compound", COMMUNITY, {"name": "幸福里"})
        building = {"compound_id": self.compound, "no": "3"}
        self.building = load(centre, author, "building", GRID, building)
        room = {"building_id": self.building, "no": "502", "label": "3-1-502", "state": "owner"}
        self.room = load(centre, author, "room", GRID, room)
        said = {"code": "H1", "room_id": self.room, "kind": "family"}
        self.home = load(centre, author, "household", GRID, said)
        self.person = load(centre, author, "resident", GRID, resident(household_id=self.home))
        care = {"resident_id": self.person, "cats": ["alone"], "risk": "high",
                "visit_every_days": 7, "keeper_id": author, "since": "2026-01-01",
                "basis": "consent"}  # fmt: skip
        load(centre, author, "care", GRID, care)
        self.one, self.other = join(centre, first, "ab" * 32), join(centre, second, "cd" * 32)

    def visit(
        self,
        laptop: Laptop,
        days_ago: int,
        state: str = "not_reached",
        grid: str = GRID,
        record_id: str | None = None,
        **more: Any,
    ) -> str:
        """Write a visit that says how the person was found and return its id."""
        at = self.centre.clock() - timedelta(days=days_ago)
        said = {
            "visited_at": written(at), "household_id": self.home, "purposes": ["care"],
            "mode": "door", "result": "nobody" if state == "not_reached" else "met",
            "notice_given": False, "care_checks": {"add": {self.person: {"state": state}}},
        }  # fmt: skip
        fields = {name: value for name, value in {**said, **more}.items() if value is not None}
        return str(laptop.write("visit", "create", fields, record_id, grid=grid)["record_id"])

    def move(self, area: str) -> None:
        """Put the family with all that hangs below it into another grid, as redrawing does."""
        with self.centre.store.writing() as connection:
            roots = moving.lying(connection, self.centre.code, [self.home])
            family = with_all_below(connection, self.centre.code, roots)
            at = self.centre.clock()
            moving.put_into(connection, self.centre.code, family, area, at, None)

    def colleague(self, grid: str = OTHER_GRID) -> Laptop:
        """Return the laptop of a worker of another grid."""
        return join(self.centre, add_worker(self.centre, "w3", [grid]), "ef" * 32)

    def alarms(self) -> list[dict[str, Any]]:
        """Return the care issues of the centre."""
        with self.centre.store.reading() as connection:
            query = sa.select(records).where(records.c.kind == "issue")
            rows = connection.execute(query.order_by(records.c.change_no)).mappings().all()
        return [dict(row) for row in rows if row["fields"]["category"] == "CARE"]
