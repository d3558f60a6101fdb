"""What goes down to a laptop: the records of its scope in commit order, and what leaves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sync_server.store.scope import within
from sync_server.store.tables import districts, history_marks, moves, records


@dataclass(frozen=True)
class Scope:
    """What a laptop with ``grids`` holds: the records inside them, and those of
    ``community_kinds`` that lie in one of ``areas_above``."""

    grids: Sequence[str]
    areas_above: Sequence[str]
    community_kinds: Sequence[str]

    def holds(self, area: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        """Return the condition that a record, if it lies in ``area``, is held."""
        return sa.or_(
            within(area, self.grids),
            sa.and_(area.in_(self.areas_above), records.c.kind.in_(self.community_kinds)),
        )


def last_change_no(connection: sa.Connection, district: str) -> int:
    """Return the last number given out; everything up to it is committed and visible."""
    wanted = sa.select(districts.c.change_no).where(districts.c.district == district)
    return int(connection.execute(wanted).scalar_one())


def stamp_at(connection: sa.Connection, district: str, number: int) -> str:
    """Return the mark of the commit that gave out change ``number``; empty when none has yet."""
    wanted = (
        sa.select(history_marks.c.stamp)
        .where(history_marks.c.district == district, history_marks.c.change_no >= number)
        .order_by(history_marks.c.change_no)
        .limit(1)
    )
    return connection.execute(wanted).scalar() or ""


def changed_records(
    connection: sa.Connection,
    district: str,
    scope: Scope,
    after: int,
    until: int,
    limit: int,
    *,
    without: Scope | None = None,
) -> Sequence[Any]:
    """Return records in scope with ``after`` < change_no <= ``until`` in order, at most ``limit``.

    Those that ``without`` holds are left out. ``fields`` comes as JSON text, to be passed on as
    it is.
    """
    columns = [
        records.c[name]
        for name in (
            "record_id", "kind", "schema", "grid", "version", "change_no", "voided", "merged_into",
            "author", "made_at", "last_author", "last_made_at", "trail",
        )
    ]  # fmt: skip
    wanted = (
        sa.select(*columns, sa.cast(records.c.fields, sa.Text).label("fields"))
        .where(
            records.c.district == district,
            records.c.change_no > after,
            records.c.change_no <= until,
            scope.holds(records.c.grid),
            *([] if without is None else [sa.not_(without.holds(records.c.grid))]),
        )
        .order_by(records.c.change_no)
        .limit(limit)
    )
    return connection.execute(wanted).all()


def moved_away(
    connection: sa.Connection, district: str, scope: Scope, after: int, until: int, limit: int
) -> Sequence[Any]:
    """Return (change_no, record_id) of moves out of the scope, in order, at most ``limit``.

    A record that lies in the scope again is none of them: it comes as it stands. One that left
    before the laptop got the area may be among them; its id alone is told, and says nothing.
    """
    wanted = (
        sa.select(moves.c.change_no, moves.c.record_id)
        .select_from(_moved())
        .where(
            moves.c.district == district,
            moves.c.change_no > after,
            moves.c.change_no <= until,
            scope.holds(moves.c.from_area),
            sa.not_(scope.holds(records.c.grid)),
        )
        .order_by(moves.c.change_no)
        .limit(limit)
    )
    return connection.execute(wanted).all()


def left_behind(
    connection: sa.Connection,
    district: str,
    before: Scope,
    now: Scope,
    number: int,
    after: str,
    limit: int,
) -> list[str]:
    """Return ids, beyond ``after`` in their order, of records a laptop at ``number`` may have got
    while it held ``before`` and may not hold ``now``; at most ``limit``.

    What came after ``number`` it never got, so nothing is told of it. What lay in ``now`` then
    and was moved out since is told by ``moved_away``.
    """
    later = moves.alias()
    first_later = (
        sa.select(sa.func.min(later.c.change_no))
        .where(
            later.c.district == district,
            later.c.record_id == records.c.record_id,
            later.c.change_no > number,
        )
        .scalar_subquery()
    )
    here = [
        records.c.district == district,
        records.c.record_id > after,
        records.c.first_no <= number,
        sa.not_(now.holds(records.c.grid)),
    ]
    stayed = sa.select(records.c.record_id).where(
        *here, before.holds(records.c.grid), first_later.is_(None)
    )
    moved = (
        sa.select(records.c.record_id)
        .select_from(_moved())
        .where(
            *here,
            moves.c.change_no > number,
            moves.c.change_no == first_later,
            before.holds(moves.c.from_area),
            sa.not_(now.holds(moves.c.from_area)),
        )
    )
    wanted = sa.union_all(stayed, moved).order_by("record_id").limit(limit)
    return list(connection.scalars(wanted))


def _moved() -> sa.Join:
    same = [moves.c[name] == records.c[name] for name in ("district", "record_id")]
    return moves.join(records, sa.and_(*same))
