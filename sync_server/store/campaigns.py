"""Reading what knock campaigns came to, from the narrow rows of visits. Every query names the
district and the areas looked at."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.store.field_tables import (
    material_lines,
    visit_answers,
    visit_lines,
    visit_opinions,
)
from sync_server.store.scope import within
from sync_server.store.tables import records

CAMPAIGN = "campaign"


def campaigns_for(
    connection: sa.Connection, district: str, areas: Collection[str], above: Collection[str]
) -> Sequence[sa.RowMapping]:
    """Return the campaigns of these areas and those right ``above`` them, void ones included, the
    latest first."""
    query = sa.select(records).where(
        records.c.district == district,
        records.c.kind == CAMPAIGN,
        records.c.merged_into.is_(None),
        sa.or_(within(records.c.grid, areas), records.c.grid.in_(tuple(above))),
    )
    rows = connection.execute(query).mappings().all()
    return sorted(rows, key=lambda row: (row["fields"].get("starts_on") or "", row["record_id"]),
                  reverse=True)  # fmt: skip


def knocks(
    connection: sa.Connection, district: str, campaign_id: str
) -> Iterator[tuple[str, datetime, str, str]]:
    """Yield ``(household, time, visit, result)`` of every visit of a campaign, in whatever grid it
    was recorded."""
    c = visit_lines.c
    query = sa.select(c.household_id, c.at, c.visit_id, c.result).where(
        c.district == district,
        c.campaign_id == campaign_id,
        c.household_id.is_not(None),
    )
    yield from connection.execute(query)


def opinions_of(
    connection: sa.Connection, district: str, campaign_id: str, areas: Collection[str]
) -> dict[str, int]:
    """Return how many opinions of each category a campaign's visits brought."""
    c = visit_opinions.c
    query = (
        sa.select(c.category, sa.func.count())
        .where(c.district == district, c.campaign_id == campaign_id, within(c.base_grid, areas))
        .group_by(c.category)
    )
    return {category: int(total) for category, total in connection.execute(query)}


def leaflets_of(
    connection: sa.Connection, district: str, campaign_id: str, areas: Collection[str]
) -> dict[tuple[str, str], int]:
    """Return how much of each material moved which way for a campaign."""
    c = material_lines.c
    query = (
        sa.select(c.material, c.move, sa.func.sum(c.qty))
        .where(c.district == district, c.campaign_id == campaign_id, within(c.base_grid, areas))
        .group_by(c.material, c.move)
    )
    return {(material, move): int(qty) for material, move, qty in connection.execute(query)}


def answer_counts(
    connection: sa.Connection, district: str, campaign_id: str, areas: Collection[str]
) -> dict[str, int]:
    """Return how often each question of a campaign was answered."""
    c = visit_answers.c
    query = (
        sa.select(c.key, sa.func.count())
        .where(c.district == district, c.campaign_id == campaign_id, within(c.base_grid, areas))
        .group_by(c.key)
    )
    return {key: int(total) for key, total in connection.execute(query)}


def answered(
    connection: sa.Connection,
    district: str,
    campaign_id: str,
    key: str,
    areas: Collection[str],
    *,
    start: int,
    size: int,
) -> list[Any]:
    """Return the visits that answered a question, the latest first."""
    c = visit_answers.c
    query = (
        sa.select(c.visit_id)
        .where(
            c.district == district,
            c.campaign_id == campaign_id,
            c.key == key,
            within(c.base_grid, areas),
        )
        .order_by(c.at.desc(), c.visit_id)
        .offset(start)
        .limit(size)
    )
    return list(connection.execute(query).scalars())
