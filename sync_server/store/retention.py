"""Reading and writing retention: periods, runs, and what has come to its end; every query names the
district."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sync_server.store.retention_tables import (
    retention_periods as periods,
)
from sync_server.store.retention_tables import (
    retention_records as listed,
)
from sync_server.store.retention_tables import (
    retention_runs as runs,
)
from sync_server.store.scope import chunks
from sync_server.store.tables import changes, records

Row = sa.RowMapping
EMPTY = "empty"
"""The action in the log by which a run empties a record."""
LISTED, EMPTIED, KEPT = "listed", "emptied", "kept"
WITH_WORDS = ("create", "update", "void", "step")
"""Actions of the log whose fields hold what somebody wrote."""
PROPOSED, CONFIRMED, DONE, DROPPED = "proposed", "confirmed", "done", "dropped"


# Periods ------------------------------------------------------------------------------------------


def periods_of(connection: sa.Connection, district: str) -> dict[str, Row]:
    """Return the periods the district set, by class."""
    query = sa.select(periods).where(periods.c.district == district)
    return {row["name"]: row for row in connection.execute(query).mappings()}


def put_period(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Set the period of a class."""
    drop_period(connection, values["district"], values["name"])
    connection.execute(sa.insert(periods), dict(values))


def drop_period(connection: sa.Connection, district: str, name: str) -> bool:
    """Let a class be kept for good again; tell whether it had a period."""
    gone = sa.delete(periods).where(periods.c.district == district, periods.c.name == name)
    return bool(connection.execute(gone).rowcount)


# Runs ---------------------------------------------------------------------------------------------


def add_run(
    connection: sa.Connection, values: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Add a run and what it lists."""
    connection.execute(sa.insert(runs), dict(values))
    add_records(connection, rows)


def change_run(
    connection: sa.Connection, district: str, run_id: str, values: Mapping[str, Any]
) -> None:
    """Write ``values`` into a run."""
    connection.execute(
        sa.update(runs).where(runs.c.district == district, runs.c.run_id == run_id).values(**values)
    )


def run_of(connection: sa.Connection, district: str, run_id: str) -> Row | None:
    """Return a run, None when there is none."""
    query = sa.select(runs).where(runs.c.district == district, runs.c.run_id == run_id)
    return connection.execute(query).mappings().first()


def runs_of(connection: sa.Connection, district: str, size: int, *states: str) -> Sequence[Row]:
    """Return the newest runs, those in one of ``states`` where any is named."""
    query = sa.select(runs).where(runs.c.district == district)
    if states:
        query = query.where(runs.c.state.in_(states))
    ordered = query.order_by(runs.c.proposed_at.desc(), runs.c.run_id.desc()).limit(size)
    return connection.execute(ordered).mappings().all()


def add_records(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add records to a run's list."""
    if rows:
        connection.execute(sa.insert(listed), [dict(row) for row in rows])


def settle(
    connection: sa.Connection, district: str, run_id: str, root_id: str, state: str, now: datetime
) -> None:
    """Say what became of a listed record and of what was to go along with it."""
    connection.execute(
        sa.update(listed)
        .where(
            listed.c.district == district, listed.c.run_id == run_id,
            listed.c.root_id == root_id, listed.c.state == LISTED,
        )
        .values(state=state, at=now)
    )  # fmt: skip


def forget_listed(
    connection: sa.Connection,
    district: str,
    run_id: str,
    root_id: str,
    record_ids: Collection[str],
) -> None:
    """Take a record off a run's list, with what was to go along and what goes along now: what
    became of it is added."""
    mine = (listed.c.district == district, listed.c.run_id == run_id)
    connection.execute(sa.delete(listed).where(*mine, listed.c.root_id == root_id))
    for some in chunks(record_ids):
        connection.execute(sa.delete(listed).where(*mine, listed.c.record_id.in_(some)))


def next_roots(connection: sa.Connection, district: str, run_id: str, size: int) -> list[str]:
    """Return the next records a run has listed and not taken up."""
    query = (
        sa.select(listed.c.record_id)
        .where(
            listed.c.district == district, listed.c.run_id == run_id, listed.c.state == LISTED,
            listed.c.root_id == listed.c.record_id,
        )
        .order_by(listed.c.record_id)
        .limit(size)
    )  # fmt: skip
    return list(connection.execute(query).scalars())


def counts(connection: sa.Connection, district: str, run_id: str) -> dict[tuple[str, str], int]:
    """Return how many records of a run there are, by state and kind."""
    query = (
        sa.select(listed.c.state, listed.c.kind, sa.func.count())
        .where(listed.c.district == district, listed.c.run_id == run_id)
        .group_by(listed.c.state, listed.c.kind)
    )
    return {(state, kind): number for state, kind, number in connection.execute(query)}


def page_of(
    connection: sa.Connection, district: str, run_id: str, *, start: int, size: int
) -> Sequence[Row]:
    """Return a page of a run's records, each before what goes along with it."""
    query = (
        sa.select(listed)
        .where(listed.c.district == district, listed.c.run_id == run_id)
        .order_by(
            listed.c.root_id, sa.case((listed.c.record_id == listed.c.root_id, 0), else_=1),
            listed.c.kind, listed.c.record_id,
        )
        .offset(start)
        .limit(size)
    )  # fmt: skip
    return connection.execute(query).mappings().all()


def emptied_at(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> dict[str, datetime]:
    """Return when these records were last emptied, those that ever were."""
    found: dict[str, datetime] = {}
    for some in chunks(record_ids):
        query = (
            sa.select(listed.c.record_id, listed.c.at)
            .where(
                listed.c.district == district, listed.c.record_id.in_(some),
                listed.c.state == EMPTIED,
            )
            .order_by(listed.c.at)
        )  # fmt: skip
        found |= {row.record_id: row.at for row in connection.execute(query)}
    return found


def somebody_changed(before: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a change came after a moment, and not of a run itself."""
    return sa.and_(
        changes.c.received_at >= before, changes.c.action != EMPTY, changes.c.emptied.is_(None)
    )


# What has come to its end -------------------------------------------------------------------------


def ended(
    connection: sa.Connection, district: str, before: datetime, day: str, after: str, size: int
) -> list[str]:
    """Return the next residents voided, or moved out by ``day``, and voided care records of others,
    that nobody changed since ``before`` and of which something is left to be emptied; by id."""
    parent = records.alias()
    resident_there = sa.exists().where(
        parent.c.district == records.c.district,
        parent.c.record_id == records.c.parent_id,
        parent.c.voided.is_(False),
    )
    moved_out = records.c.fields["moved_out_at"].as_string()
    changed = sa.exists().where(
        changes.c.district == records.c.district,
        changes.c.record_id == records.c.record_id,
        somebody_changed(before),
    )
    emptied = sa.exists().where(
        listed.c.district == records.c.district,
        listed.c.record_id == records.c.record_id,
        listed.c.state == EMPTIED,
    )
    as_it_is = emptied.where(listed.c.version == records.c.version)
    words_came = sa.exists().where(  # refused, and settled at the desk
        changes.c.district == records.c.district,
        changes.c.record_id == records.c.record_id,
        changes.c.action.in_(WITH_WORDS),
        changes.c.emptied.is_(None),
    )
    query = (
        sa.select(records.c.record_id)
        .where(
            records.c.district == district,
            records.c.kind.in_(("resident", "care")),
            records.c.record_id > after,
            records.c.merged_into.is_(None),
            sa.or_(
                sa.and_(
                    records.c.kind == "resident",
                    sa.or_(records.c.voided.is_(True), moved_out <= day),
                ),
                sa.and_(
                    records.c.kind == "care",
                    records.c.voided.is_(True),
                    sa.or_(resident_there, emptied),
                ),
            ),
            ~changed,
            sa.or_(~as_it_is, words_came),
        )
        .order_by(records.c.record_id)
        .limit(size)
    )
    return list(connection.execute(query).scalars())


def under(
    connection: sa.Connection, district: str, parent_ids: Iterable[str], kinds: Collection[str]
) -> list[str]:
    """Return the records of these kinds listed under others, void and merged ones too."""
    found: list[str] = []
    for some in chunks(sorted(parent_ids)):
        query = sa.select(records.c.record_id).where(
            records.c.district == district,
            records.c.parent_id.in_(some),
            records.c.kind.in_(sorted(kinds)),
        )
        found += connection.execute(query).scalars()
    return found
