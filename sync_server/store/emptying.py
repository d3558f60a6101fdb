"""What keeps records from being emptied, and emptying what the tables hold of them besides their
own rows: the log's content, conflicts, keys, rows of imports. No row is deleted that says that
something happened; numbers, ids, hashes and outcomes stay."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.service_flow import OPEN_STATES
from sync_server.store.retention import WITH_WORDS, somebody_changed
from sync_server.store.scope import chunks
from sync_server.store.tables import (
    case_tables,
    changes,
    conflicts,
    duplicate_tables,
    import_tables,
    privacy_tables,
    records,
    retention_tables,
    service_tables,
)

Row = dict[str, Any]
_cases, _pairs = case_tables.cases, duplicate_tables.duplicate_pairs
_rows, _requests = import_tables.import_rows, privacy_tables.privacy_requests
_services = service_tables.service_cases
_listed = retention_tables.retention_records
PHOTO = "photo"


# What keeps them ----------------------------------------------------------------------------------


def why_kept(
    connection: sa.Connection, district: str, record_ids: Collection[str], before: datetime
) -> str:
    """Return what keeps these records from being emptied; empty when nothing does."""
    for some in chunks(sorted(record_ids)):
        mine = sa.or_(changes.c.record_id.in_(some), changes.c.into_id.in_(some))
        waits = sa.or_(
            somebody_changed(before),
            changes.c.outcome == "held",
            sa.and_(changes.c.outcome == "quarantined", changes.c.desk.is_(None)),
        )
        pair = sa.or_(_pairs.c.first_id.in_(some), _pairs.c.second_id.in_(some))
        asked: tuple[tuple[str, sa.Table, sa.ColumnElement[bool]], ...] = (
            ("changed", changes, sa.and_(mine, waits)),
            (
                "conflict",
                conflicts,
                conflicts.c.record_id.in_(some) & conflicts.c.decision.is_(None),
            ),
            ("pair", _pairs, sa.and_(pair, _pairs.c.state == "open")),
            ("request", _requests, _requests.c.record_id.in_(some) & (_requests.c.state == "open")),
        )
        for why, table, condition in asked:
            query = sa.select(sa.literal(1)).select_from(table)
            query = query.where(table.c.district == district, condition).limit(1)
            if connection.scalar(query):
                return why
    return ""


def named_by_open_work(connection: sa.Connection, district: str) -> set[str]:
    """Return the ids that issues and service requests name which are not over."""
    found: set[str] = set()
    for table, key, still, names in (
        (_cases, _cases.c.issue_id, _cases.c.over.is_(False), ("source_id",)),
        (_services, _services.c.service_id, _services.c.state.in_(OPEN_STATES), ("resident_id",)),
    ):
        for name in names:
            query = sa.select(records.c.fields[name].as_string()).where(
                records.c.district == district,
                records.c.record_id == key,
                table.c.district == district,
                still,
            )
            found |= {one for one in connection.execute(query).scalars() if one}
    return found


# Emptying -----------------------------------------------------------------------------------------


def changes_with_words(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> list[Row]:
    """Return the changes of these records that still say what somebody wrote."""
    found: list[Row] = []
    for some in chunks(sorted(record_ids)):
        query = sa.select(changes).where(
            changes.c.district == district,
            changes.c.record_id.in_(some),
            changes.c.action.in_(WITH_WORDS),
            changes.c.emptied.is_(None),
        )
        found += [dict(row) for row in connection.execute(query).mappings()]
    return found


def empty_changes(
    connection: sa.Connection, district: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Write into each of these changes that it says nothing any more: ``emptied`` is the hash by
    which it is known, ``problem`` and ``doubts`` what stays of those."""
    statement = (
        sa.update(changes)
        .where(
            changes.c.district == sa.bindparam("here"),
            changes.c.change_id == sa.bindparam("one"),
        )
        .values(
            fields={}, fixed=None, emptied=sa.bindparam("hash_of_it"),
            problem=sa.bindparam("problem_left", type_=changes.c.problem.type),
            doubts=sa.bindparam("doubts_left", type_=changes.c.doubts.type),
        )
    )  # fmt: skip
    asked = [
        {"here": district, "one": row["change_id"], "hash_of_it": row["emptied"],
         "problem_left": row["problem"], "doubts_left": row["doubts"]}
        for row in rows
    ]  # fmt: skip
    if asked:
        connection.execute(statement, asked)


def empty_beside(connection: sa.Connection, district: str, record_ids: Collection[str]) -> None:
    """Empty what other tables hold of these records: the values of conflicts, what makes them alike
    or known in registers, what imports read and replaced, words about merging them."""
    merges, keys = duplicate_tables.merges, duplicate_tables.likeness_keys
    known = import_tables.record_keys
    for some in chunks(sorted(record_ids)):
        said: list[tuple[sa.Table, sa.ColumnElement[bool], dict[str, Any]]] = [
            (conflicts, conflicts.c.record_id.in_(some),
             {"base": None, "visible": None, "other": None}),
            (_pairs, sa.or_(_pairs.c.first_id.in_(some), _pairs.c.second_id.in_(some)),
             {"reasons": [], "words": None}),
            (merges, sa.or_(merges.c.record_id.in_(some), merges.c.survivor_id.in_(some)),
             {"words": None}),
            (_rows, _rows.c.record_id.in_(some),
             {"key": None, "before": None, "also": None, "problems": None, "likely": None}),
        ]  # fmt: skip
        for table, condition, values in said:
            connection.execute(
                sa.update(table).where(table.c.district == district, condition).values(**values)
            )
        for table in (keys, known):
            connection.execute(
                sa.delete(table).where(table.c.district == district, table.c.record_id.in_(some))
            )


def write_record(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Write a record's new version: its fields, and what is found by them."""
    names = ("fields", "version", "trail", "change_no", "search_text")
    connection.execute(
        sa.update(records)
        .where(records.c.district == row["district"], records.c.record_id == row["record_id"])
        .values({name: row[name] for name in names})
    )


# Files of photos ----------------------------------------------------------------------------------


def files_to_remove(connection: sa.Connection, district: str) -> list[str]:
    """Return the hashes of the photos that runs took, whichever, which no other photo shows."""
    sha256 = records.c.fields["sha256"].as_string()
    taken = sa.select(_listed.c.record_id).where(
        _listed.c.district == district, _listed.c.kind == PHOTO, _listed.c.state == "emptied"
    )
    wanted = sa.select(sha256).where(records.c.district == district, records.c.record_id.in_(taken))
    hashes = {one for one in connection.execute(wanted).scalars() if one}
    for some in chunks(sorted(hashes)):
        others = sa.select(sha256).where(
            records.c.district == district,
            records.c.kind == PHOTO,
            sha256.in_(some),
            records.c.record_id.not_in(taken),
        )
        hashes -= set(connection.execute(others).scalars())
    return sorted(hashes)
