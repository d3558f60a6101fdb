"""Everything stored that may be about one person: for the extract he is entitled to.

Void records are read too: they are held. Every query names the district and the areas.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from sync_server.store.scope import chunks, containing, within
from sync_server.store.tables import audit, records

Row = sa.RowMapping


def under(
    connection: sa.Connection, district: str, kind: str, parent_ids: Collection[str]
) -> list[Row]:
    """Return the records of ``kind`` under these, void ones too, the oldest first."""
    found: list[Row] = []
    for some in chunks(parent_ids):
        query = sa.select(records).where(
            records.c.district == district,
            records.c.parent_id.in_(some),
            records.c.kind == kind,
            records.c.merged_into.is_(None),
        )
        found += connection.execute(query.order_by(records.c.change_no)).mappings()
    return found


def visits(
    connection: sa.Connection,
    district: str,
    grids: Collection[str],
    households: Collection[str],
    residents: Collection[str],
) -> list[Row]:
    """Return the visits in these grids to one of the households or with a care check of one of the
    residents, the newest first."""
    fields = records.c.fields
    about = [containing(sa.cast(fields["care_checks"], sa.Text), one) for one in residents]
    about.append(fields["household_id"].as_string().in_(sorted(households)))
    return _of_kind(connection, district, "visit", grids, sa.or_(*about))


def naming(
    connection: sa.Connection,
    district: str,
    kind: str,
    areas: Collection[str],
    said: Sequence[tuple[str, str]],
) -> list[Row]:
    """Return the records of ``kind`` in these areas of which one of these fields says one of these
    texts, the newest first."""
    wanted = [records.c.fields[name].as_string() == text for name, text in said if text]
    return _of_kind(connection, district, kind, areas, sa.or_(*wanted)) if wanted else []


def looked(
    connection: sa.Connection,
    district: str,
    since: datetime,
    actions: Collection[str],
    targets: Collection[str],
) -> list[Row]:
    """Return the audit's entries of these actions about one of these targets, the newest first."""
    query = sa.select(audit).where(
        audit.c.district == district,
        audit.c.at >= since,
        audit.c.action.in_(sorted(actions)),
        audit.c.target.in_(sorted(targets)),
    )
    return list(connection.execute(query.order_by(audit.c.at.desc())).mappings())


def exports(connection: sa.Connection, district: str, since: datetime) -> list[Row]:
    """Return the audit's entries of exports, the newest first."""
    query = sa.select(audit).where(
        audit.c.district == district, audit.c.at >= since, audit.c.action == "export"
    )
    return list(connection.execute(query.order_by(audit.c.at.desc())).mappings())


def _of_kind(
    connection: sa.Connection,
    district: str,
    kind: str,
    areas: Collection[str],
    condition: sa.ColumnElement[bool],
) -> list[Row]:
    found: dict[str, Row] = {}
    for area in sorted(areas):  # one by one: an index serves one range of areas
        query = sa.select(records).where(
            records.c.district == district,
            records.c.kind == kind,
            within(records.c.grid, [area]),
            records.c.merged_into.is_(None),
            condition,
        )
        found.update((row["record_id"], row) for row in connection.execute(query).mappings())
    return sorted(found.values(), key=lambda row: (row["happened_at"], row["record_id"]),
                  reverse=True)  # fmt: skip
