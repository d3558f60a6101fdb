"""A town for tests of merging: laptops that hold the same records, and somebody who may merge."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.merging import Wanted, merge_records, undo_merge
from sync_server.store.tables import conflicts, records
from tests.sync_server.services.desks import hire
from tests.sync_server.world import OTHER_GRID, Laptop, StillClock, add_worker, join


class Town:
    """Two laptops of one grid, one of another, and somebody who may merge."""

    def __init__(self, centre: Centre, clock: StillClock) -> None:
        self.centre, self.clock = centre, clock
        self.staff: User = hire(centre)
        self.first = join(centre, add_worker(centre, "w1"), key="ab" * 32)
        self.second = join(centre, add_worker(centre, "w2"), key="cd" * 32)
        self.far = join(centre, add_worker(centre, "w3", grids=(OTHER_GRID,)), key="ef" * 32)

    def two(self, kind: str, one: dict[str, Any], other: dict[str, Any]) -> tuple[str, str]:
        """Make two records on the first laptop that all hold; return their ids."""
        ids = [self.first.write(kind, "create", said)["record_id"] for said in (one, other)]
        for laptop in (self.first, self.second, self.first):
            laptop.send()
        return ids[0], ids[1]

    def row(self, record_id: str) -> dict[str, Any]:
        """Return a record of the centre."""
        with self.centre.store.reading() as connection:
            wanted = sa.select(records).where(records.c.record_id == record_id)
            return dict(connection.execute(wanted).mappings().one())

    def merge(self, merged: str, survivor: str, **picks: Any) -> str:
        """Merge one record into another as somebody who has just looked at both."""
        seen = (self.row(merged)["version"], self.row(survivor)["version"])
        wanted = Wanted(merged, survivor, picks, seen, "同一个人")
        return merge_records(self.centre.store, self.staff, wanted, self.clock())

    def undo(self, merge_id: str) -> None:
        """Undo a merge."""
        undo_merge(self.centre.store, self.staff, merge_id, "不是同一个人", self.clock())

    def open_conflicts(self, record_id: str) -> list[tuple[str, Any, Any]]:
        """Return path, visible and other value of the open conflicts of a record."""
        with self.centre.store.reading() as connection:
            wanted = sa.select(conflicts).where(
                conflicts.c.record_id == record_id, conflicts.c.decision.is_(None)
            )
            return [(r.path, r.visible, r.other) for r in connection.execute(wanted)]

    def sync(self) -> None:
        """Let every laptop come once more."""
        for laptop in (self.first, self.second, self.far):
            laptop.send()


def update(laptop: Laptop, kind: str, record_id: str, base: int | None = None, **said: Any) -> str:
    """Change a record on a laptop, looking at what it holds; return the change's id."""
    version = laptop.version(record_id) if base is None else base
    return str(laptop.write(kind, "update", said, record_id, base_version=version)["change_id"])
