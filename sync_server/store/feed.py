"""What goes down to a laptop: the records of its scope in commit order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from sync_server.store.scope import within
from sync_server.store.tables import districts, records


def last_change_no(connection: sa.Connection, district: str) -> int:
    """Return the last number given out; everything up to it is committed and visible."""
    wanted = sa.select(districts.c.change_no).where(districts.c.district == district)
    return int(connection.execute(wanted).scalar_one())


def changed_records(
    connection: sa.Connection,
    district: str,
    grids: Sequence[str],
    areas_above: Sequence[str],
    community_kinds: Sequence[str],
    after: int,
    until: int,
    limit: int,
) -> Sequence[Any]:
    """Return records with ``after`` < change_no <= ``until`` in order, at most ``limit``.

    In scope are the records inside ``grids`` and those of ``community_kinds`` that lie in one of
    ``areas_above``. ``fields`` comes as JSON text, to be passed on as it is.
    """
    held = sa.or_(
        within(records.c.grid, grids),
        sa.and_(records.c.grid.in_(areas_above), records.c.kind.in_(community_kinds)),
    )
    columns = [
        records.c[name]
        for name in (
            "record_id", "kind", "schema", "grid", "version", "change_no", "voided", "merged_into",
            "author", "made_at", "last_author", "last_made_at",
        )
    ]  # fmt: skip
    wanted = (
        sa.select(*columns, sa.cast(records.c.fields, sa.Text).label("fields"))
        .where(
            records.c.district == district,
            records.c.change_no > after,
            records.c.change_no <= until,
            held,
        )
        .order_by(records.c.change_no)
        .limit(limit)
    )
    return connection.execute(wanted).all()
