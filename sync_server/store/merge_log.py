"""Reading the log for merges: what was passed on to a survivor, what it last said itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.store.history_read import about
from sync_server.store.scope import chunks
from sync_server.store.tables import changes, conflicts, records
from sync_server.store.writing import became_visible

Row = dict[str, Any]
_effective = sa.func.coalesce(changes.c.into_version, changes.c.version)


def passed_on(
    connection: sa.Connection, district: str, survivor_id: str, record_ids: Collection[str]
) -> list[Row]:
    """Return the changes of these merged records that a survivor took, in that order."""
    found: list[Row] = []
    for run in chunks(record_ids):
        wanted = sa.select(changes).where(
            changes.c.district == district,
            changes.c.into_id == survivor_id,
            changes.c.record_id.in_(run),
        )
        found += [dict(row) for row in connection.execute(wanted).mappings()]
    return sorted(found, key=lambda row: (row["received_at"], row["stream"] or "", row["seq"] or 0))


def own_value(
    connection: sa.Connection, district: str, record_id: str, path: str, without: Collection[str]
) -> Any:
    """Return what a record last said at ``path`` by changes other than these; None when nothing."""
    name, _, key = path.partition(".")
    beside = sa.select(conflicts.c.change_id).where(
        conflicts.c.district == district,
        conflicts.c.record_id == record_id,
        conflicts.c.path == path,
        sa.not_(became_visible()),
    )
    wanted = (
        sa.select(changes.c.change_id, changes.c.fields, changes.c.fixed)
        .where(
            changes.c.district == district,
            about(district, record_id),
            sa.or_(
                sa.and_(changes.c.record_id == record_id, changes.c.into_id.is_(None)),
                changes.c.into_id == record_id,
            ),
            changes.c.action.in_(("create", "step", "update")),
            changes.c.outcome.in_(("applied", "merged", "conflict")),
            changes.c.change_id.not_in(beside),
        )
        .order_by(_effective.desc(), changes.c.received_at.desc())
    )
    for change_id, sent, fixed in connection.execute(wanted):
        fields = fixed["fields"] if fixed else sent
        if change_id in without or name not in fields:
            continue
        if not key:
            return fields[name]
        entries = fields[name] or {}
        if key in (entries.get("add") or {}):
            return entries["add"][key]
        if key in (entries.get("remove") or ()):
            return None
    return None


def listed_under(
    connection: sa.Connection, district: str, parent_id: str
) -> Sequence[sa.RowMapping]:
    """Return kind, id and fields of everything listed under a record."""
    wanted = sa.select(records.c.record_id, records.c.kind, records.c.fields).where(
        records.c.district == district, records.c.parent_id == parent_id
    )
    return connection.execute(wanted).mappings().all()


def received_after(
    connection: sa.Connection, district: str, record_ids: Collection[str], since: datetime
) -> set[str]:
    """Return those of these records that came to the centre after a moment."""
    found: set[str] = set()
    for run in chunks(record_ids):
        wanted = sa.select(records.c.record_id).where(
            records.c.district == district,
            records.c.record_id.in_(run),
            records.c.received_at > since,
        )
        found |= set(connection.execute(wanted).scalars())
    return found


def list_under(
    connection: sa.Connection, district: str, record_ids: Collection[str], parent_id: str
) -> None:
    """List these records under another one."""
    for run in chunks(record_ids):
        connection.execute(
            sa.update(records)
            .where(records.c.district == district, records.c.record_id.in_(run))
            .values(parent_id=parent_id)
        )


def written_since(
    connection: sa.Connection, district: str, record_id: str, since: datetime
) -> list[sa.RowMapping]:
    """Return the updates of a record itself that were received since a moment, in order."""
    wanted = (
        sa.select(changes)
        .where(
            changes.c.district == district,
            changes.c.record_id == record_id,
            changes.c.into_id.is_(None),
            changes.c.received_at >= since,
            changes.c.action == "update",
            changes.c.outcome.in_(("applied", "merged", "conflict")),
        )
        .order_by(changes.c.received_at, changes.c.change_id)
    )
    return list(connection.execute(wanted).mappings())
