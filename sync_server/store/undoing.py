"""What stands upon records an import made: what hangs below them, and what has named them since."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from schemas.catalogue import UnknownKind, kind_of
from schemas.fields import Ref
from sync_server.domain.sheets.columns import REGISTERS
from sync_server.store.scope import chunks
from sync_server.store.tables import records

RUN = 1_000


def children_of(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> dict[str, set[str]]:
    """Return the living records listed directly under each of these; those without any are left
    out."""
    found: dict[str, set[str]] = {}
    for some in chunks(record_ids):
        query = sa.select(records.c.parent_id, records.c.record_id).where(
            records.c.district == district,
            records.c.parent_id.in_(some),
            records.c.voided.is_(False),
            records.c.kind.not_in(("seen", "decision", "correction")),
        )
        for parent_id, record_id in connection.execute(query):
            found.setdefault(parent_id, set()).add(record_id)
    return found


def referred_since(
    connection: sa.Connection, district: str, after: int, record_ids: Collection[str]
) -> set[str]:
    """Return those of these records that field work written after a change number names."""
    wanted, found = set(record_ids), set()
    query = sa.select(records.c.kind, records.c.fields).where(
        records.c.district == district,
        records.c.change_no > after,
        records.c.voided.is_(False),
        records.c.kind.not_in((*REGISTERS, "seen", "decision", "correction", "photo")),
    )
    rows = connection.execute(query, execution_options={"yield_per": RUN})
    for kind, fields in rows:
        try:
            declared = kind_of(kind).declared()
        except UnknownKind:
            continue
        for name, one in declared.items():
            if isinstance(one, Ref) and one.kind != "user":
                value = fields.get(name)
                found |= wanted & set(value if isinstance(value, list) else [value])
    return found
