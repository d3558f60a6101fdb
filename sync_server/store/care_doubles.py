"""Reading what hangs twice below one record, and the pairs of a kind that wait or were settled."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from sync_server.store.duplicate_tables import duplicate_pairs
from sync_server.store.duplicates import Row, below, facts
from sync_server.store.tables import records


def doubled(
    connection: sa.Connection, district: str, kind: str, parent_ids: Collection[str] | None = None
) -> dict[str, list[Row]]:
    """Return the live records of a kind of which several hang below one record, by that one; below
    these alone when they are named."""
    live = [
        records.c.district == district,
        records.c.kind == kind,
        records.c.voided.is_(False),
        records.c.merged_into.is_(None),
    ]
    if parent_ids is None:
        several = (
            sa.select(records.c.parent_id)
            .where(*live, records.c.parent_id.is_not(None))
            .group_by(records.c.parent_id)
            .having(sa.func.count() > 1)
        )
        parent_ids = list(connection.execute(several).scalars())
    children = below(connection, district, kind, parent_ids)
    ids = [one for some in children.values() if len(some) > 1 for one in some]
    rows = facts(connection, district, ids)
    found: dict[str, list[Row]] = {}
    for row in rows.values():
        found.setdefault(row["parent_id"], []).append(row)  # type: ignore[arg-type]
    return found


def pairs_of_kind(
    connection: sa.Connection, district: str, kind: str
) -> dict[tuple[str, str], str]:
    """Return the stored pairs of a kind with their state."""
    wanted = sa.select(
        duplicate_pairs.c.first_id, duplicate_pairs.c.second_id, duplicate_pairs.c.state
    ).where(duplicate_pairs.c.district == district, duplicate_pairs.c.kind == kind)
    return {(one, other): state for one, other, state in connection.execute(wanted)}


def areas_of_kind(
    connection: sa.Connection, district: str, kind: str
) -> dict[tuple[str, str], tuple[str, str]]:
    """Return where the two of each open pair of a kind lie, as the pair says."""
    pairs = duplicate_pairs.c
    wanted = sa.select(pairs.first_id, pairs.second_id, pairs.first_area, pairs.second_area).where(
        pairs.district == district, pairs.kind == kind, pairs.state == "open"
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in connection.execute(wanted)}
