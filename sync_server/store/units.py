"""Reading the departments and property companies of a district, and who acts for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from sync_server.store.case_tables import cases
from sync_server.store.records_read import Row
from sync_server.store.scope import within
from sync_server.store.tables import records, users

UNIT = "unit"


def all_units(connection: sa.Connection, district: str) -> Sequence[Row]:
    """Return every unit of a district, ended ones too, in the order they came."""
    query = sa.select(records).where(
        records.c.district == district,
        records.c.kind == UNIT,
        records.c.merged_into.is_(None),
    )
    return connection.execute(query.order_by(records.c.record_id)).mappings().all()


def people_of(connection: sa.Connection, district: str) -> Sequence[Row]:
    """Return everybody who acts for a unit, by number, without what proves who he is."""
    query = (
        sa.select(
            users.c.user_id, users.c.no, users.c.name, users.c.role, users.c.unit_id,
            users.c.active, users.c.created_at,
        )
        .where(users.c.district == district, users.c.unit_id.is_not(None))
        .order_by(users.c.no)
    )  # fmt: skip
    return connection.execute(query).mappings().all()


@dataclass
class Living:
    """Issues that are not over: those a unit has, and others it is called to and has not reported
    in to."""

    has: int = 0
    called: int = 0

    @property
    def both(self) -> int:
        """All of them."""
        return self.has + self.called


def living_cases(
    connection: sa.Connection, district: str, areas: Collection[str]
) -> dict[str, Living]:
    """Return by unit how many issues of these areas that are not over it has or is called to; none:
    left out. What was recalled from it, or handed on, is none of its work."""
    query = sa.select(cases.c.unit_id, cases.c.called).where(
        cases.c.district == district,
        cases.c.over.is_(False),
        within(cases.c.grid, areas),
        sa.or_(cases.c.unit_id.is_not(None), sa.cast(cases.c.called, sa.Text) != "[]"),
    )
    found: dict[str, Living] = {}
    for unit, called in connection.execute(query):
        if unit is not None:
            found.setdefault(unit, Living()).has += 1
        for one in called:
            if one != unit:
                found.setdefault(one, Living()).called += 1
    return found
