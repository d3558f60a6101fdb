"""Bulk reads and writes of one write transaction: records, changes, conflicts, change numbers.

Whoever writes records first takes the district's row (``lock_district``). So the writers of one
district queue, commit order is the order of change numbers, and no cursor can skip one.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from sync_server.domain.merge import State, run_of
from sync_server.store.bulk import insert_rows, update_rows
from sync_server.store.scope import Texts, among, chunks
from sync_server.store.tables import changes, conflicts, districts, history_marks, records

Row = dict[str, Any]

FLOORS = "floors"
"""Among a district's settings: where the numbers of each run of its history began."""

_CHANGED = (
    "fields", "origins", "version", "trail", "change_no", "voided", "parent_id",
    "happened_at", "last_author", "last_made_at", "search_text", "merged_into",
)  # fmt: skip
"""The columns of a record that a change may change."""


def lock_district(connection: sa.Connection, district: str) -> int:
    """Take the district's turn until this transaction ends; return its last change_no."""
    wanted = sa.select(districts.c.change_no).where(districts.c.district == district)
    return int(connection.execute(wanted.with_for_update()).scalar_one())


class Numbers(NamedTuple):
    """Where a district's numbers stand; ``floors`` are where the runs of its history began."""

    change_no: int
    floor: int
    floors: frozenset[int]

    def believed(
        self, base_version: int, trail: Sequence[int] = (), record: State | None = None
    ) -> int:
        """Return how far into this history a writer had seen the record: his base version, or the
        last of its ``trail`` that a run of this history gave out; 0 when there is none: what he had
        seen in a run this history never had says nothing about what stands here. Of runs forgotten
        here (services/epochs.py) the ``record`` itself knows those that changed it."""
        for version in (base_version, *reversed(trail)):
            run = run_of(version)
            if run <= 0 or run in self.floors or (record and record.gave_out(version)):
                return version
        return 0


class Turn(NamedTuple):
    """What whoever takes a district's turn learns: where its numbers stand, its epoch."""

    numbers: Numbers
    epoch: str


_TURN = sa.select(
    districts.c.change_no,
    districts.c.version_floor,
    districts.c.settings,
    districts.c.server_epoch,
).where(districts.c.district == sa.bindparam("district"))
_TAKEN_TURN = _TURN.with_for_update()


def turn_of(connection: sa.Connection, district: str, *, take: bool = True) -> Turn | None:
    """Take the district's turn, or (``take`` False) only look; None when there is no such one."""
    row = connection.execute(_TAKEN_TURN if take else _TURN, {"district": district}).first()
    if row is None:
        return None
    floors = frozenset({row.version_floor, *row.settings.get(FLOORS, ())})
    return Turn(Numbers(int(row.change_no), int(row.version_floor), floors), row.server_epoch)


def lock_numbers(connection: sa.Connection, district: str) -> Numbers:
    """Take the district's turn; return where its numbers stand."""
    turn = turn_of(connection, district)
    if turn is None:
        raise LookupError(f"no district {district}")
    return turn.numbers


_TO = sa.bindparam("last", type_=sa.BigInteger())
_NUMBERED = (
    sa.update(districts)
    .where(districts.c.district == sa.bindparam("here"), districts.c.change_no < _TO)
    .values(change_no=_TO)
)


_MOVED_ON = _NUMBERED.returning(districts.c.district).cte("moved_on")
_NUMBERED_AND_MARKED = sa.insert(history_marks).from_select(
    ["district", "change_no", "stamp"],
    sa.select(
        _MOVED_ON.c.district,
        _TO,
        sa.bindparam("stamp", type_=sa.String()),
    ),
)


def set_change_no(connection: sa.Connection, district: str, last: int) -> None:
    """Store the last change_no given out and mark it (the district must be locked)."""
    asked = {"here": district, "last": last}
    mark = {"district": district, "change_no": last, "stamp": secrets.token_hex(6)}
    if connection.dialect.name == "postgresql":
        connection.execute(_NUMBERED_AND_MARKED, asked | {"stamp": mark["stamp"]})
    elif connection.execute(_NUMBERED, asked).rowcount:
        connection.execute(sa.insert(history_marks), mark)


_RECORDS = sa.select(records).where(
    records.c.district == sa.bindparam("district"),
    among(records.c.record_id, sa.bindparam("ids", type_=Texts())),
)


def load_records(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> dict[str, Row]:
    """Return these records by id as plain rows; unknown ids are left out."""
    if not record_ids:
        return {}
    asked = {"district": district, "ids": list(record_ids)}
    return {row["record_id"]: dict(row) for row in connection.execute(_RECORDS, asked).mappings()}


def insert_records(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Add new records; each came with the number it has."""
    for row in rows:
        row["first_no"] = row["change_no"]
    insert_rows(connection, records, rows)


def update_records(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Write what a merge changed in these records."""
    if not rows:
        return
    update_rows(connection, records, rows[0]["district"], "record_id", _CHANGED, rows)


def insert_changes(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Append to the log of changes; the rows have the same columns."""
    insert_rows(connection, changes, rows)


def settle_held(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Write what became of changes that waited for their record."""
    names = (
        "outcome", "version", "problem", "doubts", "conflict_id", "waits_for", "into_id",
        "into_version",
    )  # fmt: skip
    if not rows:
        return
    statement = (
        sa.update(changes)
        .where(
            changes.c.district == sa.bindparam("key_district"),
            changes.c.change_id == sa.bindparam("key_change_id"),
        )
        .values({name: sa.bindparam(f"new_{name}", type_=changes.c[name].type) for name in names})
    )
    connection.execute(
        statement,
        [
            {"key_district": row["district"], "key_change_id": row["change_id"]}
            | {f"new_{name}": row[name] for name in names}
            for row in rows
        ],
    )


_WAITING = sa.select(changes).where(
    changes.c.district == sa.bindparam("district"),
    among(changes.c.waits_for, sa.bindparam("ids", type_=Texts())),
    changes.c.waits_for.is_not(None),
)


def waiting_changes(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> list[Row]:
    """Return the held changes that wait for these records, in the order they came."""
    if not record_ids:
        return []
    asked = {"district": district, "ids": list(record_ids)}
    found = [dict(row) for row in connection.execute(_WAITING, asked).mappings()]
    return sorted(found, key=lambda row: (row["received_at"], row["stream"] or "", row["seq"] or 0))


def open_entries(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> list[Row]:
    """Return the waiting conflict entries of these records: record, path, entry, its change."""
    found: list[Row] = []
    columns = (
        conflicts.c.conflict_id, conflicts.c.record_id, conflicts.c.path, conflicts.c.change_id,
    )  # fmt: skip
    for some in chunks(record_ids):
        wanted = (
            sa.select(*columns)
            .where(
                conflicts.c.district == district,
                conflicts.c.record_id.in_(some),
                conflicts.c.decision.is_(None),
            )
            .order_by(conflicts.c.conflict_id)
        )
        found += [dict(row) for row in connection.execute(wanted).mappings()]
    return found


def seen_by(row: Mapping[str, Any]) -> tuple[int, ...]:
    """Return what the writer of a change had seen of its record: its last version in each run."""
    return (*(row["base_trail"] or ()), row["base_version"] or 0)


def counting_changes(connection: sa.Connection, district: str, record_id: str) -> list[Row]:
    """Return the changes of a record that became part of it, with what their writers had seen."""
    wanted = sa.select(
        changes.c.version, changes.c.fields, changes.c.base_version, changes.c.base_trail
    ).where(
        changes.c.district == district,
        changes.c.record_id == record_id,
        changes.c.base_version.is_not(None),
        changes.c.version.is_not(None),
        changes.c.outcome.in_(("applied", "merged")),
    )
    return [dict(row) for row in connection.execute(wanted).mappings()]


def names_path(fields: Mapping[str, Any], path: str) -> bool:
    """Tell whether wire fields say something of a merge path."""
    name, dot, key = path.partition(".")
    if name not in fields:
        return False
    if not dot:
        return True
    entries = fields[name] or {}
    return key in (entries.get("add") or {}) or key in (entries.get("remove") or ())


def insert_conflicts(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Add conflict entries."""
    if rows:
        connection.execute(sa.insert(conflicts), rows)


def change_conflict(
    connection: sa.Connection, district: str, conflict_id: str, values: Mapping[str, Any]
) -> None:
    """Write ``values`` into one conflict entry."""
    connection.execute(
        sa.update(conflicts)
        .where(conflicts.c.district == district, conflicts.c.conflict_id == conflict_id)
        .values(**values)
    )


def became_visible() -> sa.ColumnElement[bool]:
    """The condition that a conflict's other value became visible with its own change, at once."""
    decided = sa.func.coalesce(conflicts.c.first_decision, conflicts.c.decision, "")
    return sa.and_(conflicts.c.automatic, decided == "replaced")


def value_at(
    connection: sa.Connection, district: str, record_id: str, path: str, version: int
) -> Any:
    """Return what ``path`` of a record said at ``version``, from the log; None when nothing.

    Asked for conflicts alone, so that staff see from what both writers started.
    """
    name, _, key = path.partition(".")
    beside = sa.select(conflicts.c.change_id).where(
        conflicts.c.district == district,
        conflicts.c.record_id == record_id,
        conflicts.c.path == path,
        sa.not_(became_visible()),
    )
    wanted = (
        sa.select(changes.c.fields, changes.c.fixed)
        .where(
            changes.c.district == district,
            changes.c.record_id == record_id,
            changes.c.version <= version,
            changes.c.outcome.in_(("applied", "merged", "conflict")),
            changes.c.change_id.not_in(beside),
        )
        .order_by(changes.c.version.desc())
    )
    for sent, fixed in connection.execute(wanted):
        fields = fixed["fields"] if fixed else sent
        if name not in fields:
            continue
        if not key:
            return fields[name]
        entries = fields[name] or {}
        if key in (entries.get("add") or {}):
            return entries["add"][key]
        if key in (entries.get("remove") or ()):
            return None
    return None
