"""Reading and writing the chain over the audit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from sync_server.store.guard_tables import audit_links as links
from sync_server.store.tables import audit

ROW = (
    audit.c.audit_id, audit.c.at, audit.c.user_id, audit.c.action, audit.c.target, audit.c.detail,
)  # fmt: skip
"""What a link's hash covers of its row, besides the district."""


class Head(NamedTuple):
    """The last link of a chain: its number (0: there is none) and its hash."""

    no: int
    hash: str


def head(connection: sa.Connection, district: str) -> Head:
    """Return the last link."""
    query = sa.select(links.c.no, links.c.hash).where(links.c.district == district)
    row = connection.execute(query.order_by(links.c.no.desc()).limit(1)).first()
    return Head(row.no, row.hash) if row else Head(0, "")


def link_at(connection: sa.Connection, district: str, no: int) -> Head | None:
    """Return the link with this number, None when there is none."""
    query = sa.select(links.c.no, links.c.hash).where(
        links.c.district == district, links.c.no == no
    )
    row = connection.execute(query).first()
    return Head(row.no, row.hash) if row else None


def unlinked(
    connection: sa.Connection, district: str, since: datetime | None, most: int
) -> Sequence[sa.RowMapping]:
    """Return audit rows that no link covers, by id; ``since``: of those from then on."""
    has_link = sa.exists().where(
        links.c.district == audit.c.district, links.c.audit_id == audit.c.audit_id
    )
    query = sa.select(*ROW).where(audit.c.district == district, ~has_link)
    if since is not None:
        query = query.where(audit.c.at >= since)
    return connection.execute(query.order_by(audit.c.audit_id).limit(most)).mappings().all()


def add(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Append links (the district must be locked)."""
    connection.execute(sa.insert(links), rows)


def linked(
    connection: sa.Connection, district: str, after: int, most: int
) -> Sequence[sa.RowMapping]:
    """Return links with their rows by number, beginning after one of them; ``row_id`` is None where
    the row is gone."""
    joined = (audit.c.district == links.c.district) & (audit.c.audit_id == links.c.audit_id)
    query = (
        sa.select(links.c.no, links.c.hash, links.c.audit_id, audit.c.audit_id.label("row_id"),
                  *(column for column in ROW if column is not audit.c.audit_id))
        .select_from(links.outerjoin(audit, joined))
        .where(links.c.district == district, links.c.no > after)
        .order_by(links.c.no)
        .limit(most)
    )  # fmt: skip
    return connection.execute(query).mappings().all()
