"""Reading and writing a district's ledgers and the layouts of its exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.store.import_tables import export_layouts, ledgers

Row = Mapping[str, Any]


def layout(connection: sa.Connection, district: str, kind: str) -> list[list[str]]:
    """Return the columns stored for a kind's list; empty when nobody chose."""
    wanted = sa.select(export_layouts.c.columns).where(
        export_layouts.c.district == district, export_layouts.c.kind == kind
    )
    return connection.execute(wanted).scalar() or []


def put_layout(
    connection: sa.Connection, district: str, kind: str, columns: Sequence[Sequence[str]],
    user_id: str, now: datetime,
) -> None:  # fmt: skip
    """Store the columns of a kind's list; none: forget what was stored."""
    connection.execute(
        sa.delete(export_layouts).where(
            export_layouts.c.district == district, export_layouts.c.kind == kind
        )
    )
    if columns:
        values = {"district": district, "kind": kind, "columns": [list(one) for one in columns]}
        connection.execute(sa.insert(export_layouts), {**values, "set_by": user_id, "set_at": now})


def every(connection: sa.Connection, district: str) -> list[Row]:
    """Return the district's ledgers in order."""
    query = sa.select(ledgers).where(ledgers.c.district == district)
    found = connection.execute(query.order_by(ledgers.c.place, ledgers.c.name)).mappings()
    return [dict(row) for row in found]


def get(connection: sa.Connection, district: str, ledger_id: str) -> Row | None:
    """Return one ledger, or None."""
    wanted = sa.select(ledgers).where(
        ledgers.c.district == district, ledgers.c.ledger_id == ledger_id
    )
    row = connection.execute(wanted).mappings().first()
    return dict(row) if row else None


def add(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Add ledgers."""
    connection.execute(sa.insert(ledgers), [dict(row) for row in rows])


def change(connection: sa.Connection, district: str, ledger_id: str, **values: Any) -> None:
    """Write what is new about a ledger."""
    connection.execute(
        sa.update(ledgers)
        .where(ledgers.c.district == district, ledgers.c.ledger_id == ledger_id)
        .values(**values)
    )


def remove(connection: sa.Connection, district: str, ledger_id: str) -> None:
    """Delete a ledger; the records it showed are untouched."""
    connection.execute(
        sa.delete(ledgers).where(ledgers.c.district == district, ledgers.c.ledger_id == ledger_id)
    )
