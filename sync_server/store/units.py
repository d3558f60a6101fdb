"""Reading the departments and property companies of a district, and who acts for them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from sync_server.store.case_tables import case_units, cases
from sync_server.store.records_read import Row
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


def living_cases(connection: sa.Connection, district: str) -> dict[str, int]:
    """Return by unit how many issues that are not over each has to do with; none: left out."""
    query = (
        sa.select(case_units.c.unit_id, sa.func.count())
        .select_from(
            case_units.join(
                cases,
                sa.and_(
                    cases.c.district == case_units.c.district,
                    cases.c.issue_id == case_units.c.issue_id,
                ),
            )
        )
        .where(case_units.c.district == district, cases.c.over.is_(False))
        .group_by(case_units.c.unit_id)
    )
    return {unit: int(count) for unit, count in connection.execute(query)}
