"""What of all that a batch may touch is there at all, asked in one statement.

Most changes make records nobody knew of. So the tables that could hold anything about them are
looked at together, and only where something was found is it read.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from sync_server.store.scope import Texts, among
from sync_server.store.tables import aliases, batches, changes, conflicts, moves, records

_CHANGE, _WAITING, _RECORD, _MOVED, _MERGED, _ASKED, _DISPUTED, _BATCH = range(8)


@dataclass(frozen=True)
class Touched:
    """Ids by what was found: ``changes`` received before, records others wait for (``waiting``),
    known ``records``, those ever ``moved``, ``merged`` ones, those with a correction about them
    (``asked``), those with a conflict that waits for staff (``disputed``). ``batches`` are the
    devices that brought these batch ids before, by id."""

    batches: dict[str, str] = field(default_factory=dict)
    changes: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    merged: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    disputed: set[str] = field(default_factory=set)


def _ids(name: str) -> sa.BindParameter[Collection[str]]:
    return sa.bindparam(name, type_=Texts())


_DISTRICT = sa.bindparam("district", type_=sa.String())
_NOTHING: sa.ColumnElement[str] = sa.literal_column("''", sa.String())


def _found(
    tag: int,
    column: sa.Column[str],
    ids: str,
    *more: sa.ColumnElement[bool],
    also: sa.ColumnElement[str] = _NOTHING,
) -> Any:
    named: sa.ColumnElement[int] = sa.literal_column(str(tag), sa.Integer()).label("tag")
    return sa.select(named, column.label("id"), also.label("also")).where(
        column.table.c.district == _DISTRICT, among(column, _ids(ids)), *more
    )


_TOUCHED = sa.union_all(
    _found(_CHANGE, changes.c.change_id, "change_ids"),
    _found(_WAITING, changes.c.waits_for, "made", changes.c.waits_for.is_not(None)),
    _found(_RECORD, records.c.record_id, "named"),
    _found(_MOVED, moves.c.record_id, "named"),
    _found(_MERGED, aliases.c.record_id, "named"),
    _found(_ASKED, records.c.parent_id, "written", records.c.kind == "correction"),
    _found(_DISPUTED, conflicts.c.record_id, "named", conflicts.c.decision.is_(None)),
    _found(_BATCH, batches.c.batch_id, "batch_ids", also=batches.c.device_id),
)


def touched_by(
    connection: sa.Connection,
    district: str,
    *,
    change_ids: Collection[str],
    written: Collection[str],
    made: Collection[str],
    named: Collection[str],
    batch_ids: Collection[str],
) -> Touched:
    """Return what is there of changes with these ids that write these records (``written``), make
    some of them (``made``) and name others as well (``named``, those written included), brought by
    batches with these ids."""
    asked = {
        "district": district,
        "change_ids": change_ids,
        "written": written,
        "made": made,
        "named": named,
        "batch_ids": batch_ids,
    }
    found: tuple[set[str], ...] = tuple(set() for _ in range(_BATCH))
    brought: dict[str, str] = {}
    for tag, one, also in connection.execute(_TOUCHED, asked):
        if tag == _BATCH:
            brought[one] = also
        else:
            found[tag].add(one)
    return Touched(brought, *found)
