"""Reading leaflets in and out and what residents said, from the narrow rows. Every query names the
district and the areas looked at."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date

import sqlalchemy as sa

from sync_server.store.field_tables import material_lines, visit_opinions
from sync_server.store.scope import within
from sync_server.store.tables import records

MOVE = "material_move"


def moved(
    connection: sa.Connection, district: str, areas: Collection[str]
) -> Iterator[tuple[str, str, str, int]]:
    """Yield ``(grid, material, movement, sets)``, summed up over all time."""
    c = material_lines.c
    query = (
        sa.select(c.base_grid, c.material, c.move, sa.func.sum(c.qty))
        .where(c.district == district, within(c.base_grid, areas))
        .group_by(c.base_grid, c.material, c.move)
    )
    for grid, material, move, qty in connection.execute(query):
        yield grid, material, move, int(qty)


def moves_of(
    connection: sa.Connection, district: str, grid: str, *, start: int, size: int
) -> tuple[Sequence[sa.RowMapping], int]:
    """Return a page of a grid's records of leaflets in and out, the latest first, void ones
    included, and how many there are."""
    where = (
        records.c.district == district,
        records.c.kind == MOVE,
        within(records.c.grid, (grid,)),
        records.c.merged_into.is_(None),
    )
    total = connection.scalar(sa.select(sa.func.count()).select_from(records).where(*where))
    query = (
        sa.select(records)
        .where(*where)
        .order_by(records.c.happened_at.desc(), records.c.record_id)
        .offset(start)
        .limit(size)
    )
    return connection.execute(query).mappings().all(), int(total or 0)


def opinion_counts(
    connection: sa.Connection,
    district: str,
    areas: Collection[str],
    first: date,
    last: date,
    campaign_id: str,
) -> list[tuple[str, str, int]]:
    """Return ``(grid, category, opinions)`` of a period."""
    c = visit_opinions.c
    query = (
        sa.select(c.base_grid, c.category, sa.func.count())
        .where(*_opinions(district, areas, first, last, campaign_id, ""))
        .group_by(c.base_grid, c.category)
    )
    return [(grid, category, int(total)) for grid, category, total in connection.execute(query)]


def opinions_page(
    connection: sa.Connection,
    district: str,
    areas: Collection[str],
    first: date,
    last: date,
    campaign_id: str,
    category: str,
    *,
    start: int,
    size: int,
) -> list[tuple[str, str]]:
    """Return ``(visit, key)`` of a page of opinions, the latest first."""
    c = visit_opinions.c
    query = (
        sa.select(c.visit_id, c.key)
        .where(*_opinions(district, areas, first, last, campaign_id, category))
        .order_by(c.at.desc(), c.visit_id, c.key)
        .offset(start)
        .limit(size)
    )
    return [(visit, key) for visit, key in connection.execute(query)]


def _opinions(
    district: str,
    areas: Collection[str],
    first: date,
    last: date,
    campaign_id: str,
    category: str,
) -> list[sa.ColumnElement[bool]]:
    c = visit_opinions.c
    found = [
        c.district == district, c.day >= first, c.day <= last, within(c.base_grid, areas),
    ]  # fmt: skip
    if campaign_id:
        found.append(c.campaign_id == campaign_id)
    if category:
        found.append(c.category == category)
    return found
