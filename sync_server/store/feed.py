"""What goes down to a laptop: the records of its scope in commit order, and what leaves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from sync_server.store.scope import Texts, among, code_range, within
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

    def told(self, name: str) -> dict[str, Any]:
        """Return what ``_held`` asks for under this name."""
        nothing = ("1", "0")  # an empty code holds nothing
        ranges = [code_range(code) if code else nothing for code in self.grids]
        asked = {f"{name}_from{place}": first for place, (first, _) in enumerate(ranges)}
        asked |= {f"{name}_to{place}": last for place, (_, last) in enumerate(ranges)}
        return asked | {f"{name}_above": self.areas_above, f"{name}_kinds": self.community_kinds}


def _held(area: sa.ColumnElement[str], grids: int, name: str) -> sa.ColumnElement[bool]:
    """``Scope.holds`` for a scope of so many grids, which is told when the statement is executed:
    building a statement anew costs more than executing it."""
    ranges = (
        area.between(sa.bindparam(f"{name}_from{place}"), sa.bindparam(f"{name}_to{place}"))
        for place in range(grids)
    )
    above = among(area, sa.bindparam(f"{name}_above", type_=Texts()))
    community = among(records.c.kind, sa.bindparam(f"{name}_kinds", type_=Texts()))
    return sa.or_(*ranges, sa.and_(above, community))


_LAST = sa.select(districts.c.change_no).where(districts.c.district == sa.bindparam("district"))


class Horizon(NamedTuple):
    """Up to where a pull may go: the last number given out and its commit's mark; whether any
    record was ``moved`` since the laptop was here."""

    until: int
    stamp: str
    moved: bool


_MARK = (
    sa.select(history_marks.c.stamp)
    .where(
        history_marks.c.district == districts.c.district,
        history_marks.c.change_no >= districts.c.change_no,
    )
    .order_by(history_marks.c.change_no)
    .limit(1)
    .correlate(districts)
    .scalar_subquery()
)
_HORIZON = sa.select(
    districts.c.change_no,
    _MARK,
    sa.exists(
        sa.select(moves.c.change_no).where(
            moves.c.district == sa.bindparam("district"),
            moves.c.change_no > sa.bindparam("after"),
        )
    ),
).where(districts.c.district == sa.bindparam("district"))


def horizon(connection: sa.Connection, district: str, after: int) -> Horizon:
    """Return how far the district has come; everything up to it is committed and visible.

    ``after`` is where the laptop stands.
    """
    asked = {"district": district, "after": after}
    until, stamp, moved = connection.execute(_HORIZON, asked).one()
    return Horizon(int(until), stamp or "", bool(moved))


def last_change_no(connection: sa.Connection, district: str) -> int:
    """Return the last number given out; everything up to it is committed and visible."""
    return int(connection.execute(_LAST, {"district": district}).scalar_one())


def stamp_at(connection: sa.Connection, district: str, number: int) -> str:
    """Return the mark of the commit that gave out change ``number``; empty when none has yet."""
    return stamps_at(connection, district, [number])[0]


def stamps_at(connection: sa.Connection, district: str, numbers: Sequence[int]) -> list[str]:
    """Return the marks of the commits that gave out these numbers, in their order."""
    if not numbers:
        return []
    asked = {f"number{place}": number for place, number in enumerate(numbers)}
    row = connection.execute(_stamps(len(numbers)), asked | {"district": district}).one()
    return [stamp or "" for stamp in row]


@lru_cache(maxsize=64)
def _stamps(count: int) -> sa.Select[Any]:
    return sa.select(
        *(
            sa.select(history_marks.c.stamp)
            .where(
                history_marks.c.district == sa.bindparam("district"),
                history_marks.c.change_no >= sa.bindparam(f"number{place}"),
            )
            .order_by(history_marks.c.change_no)
            .limit(1)
            .scalar_subquery()
            for place in range(count)
        )
    )


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
    wanted = _changed(len(scope.grids), None if without is None else len(without.grids))
    asked = _stretch(district, scope, after, until, limit)
    return connection.execute(wanted, asked | (without.told("without") if without else {})).all()


@lru_cache(maxsize=200)
def _changed(grids: int, without: int | None) -> sa.Select[Any]:
    columns = [
        records.c[name]
        for name in (
            "record_id", "kind", "schema", "grid", "version", "change_no", "voided", "merged_into",
            "author", "made_at", "last_author", "last_made_at", "trail",
        )
    ]  # fmt: skip
    left_out = [] if without is None else [sa.not_(_held(records.c.grid, without, "without"))]
    return (
        sa.select(*columns, sa.cast(records.c.fields, sa.Text).label("fields"))
        .where(
            records.c.district == sa.bindparam("district"),
            records.c.change_no > sa.bindparam("after"),
            records.c.change_no <= sa.bindparam("until"),
            _held(records.c.grid, grids, "scope"),
            *left_out,
        )
        .order_by(records.c.change_no)
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


def _stretch(district: str, scope: Scope, after: int, until: int, limit: int) -> dict[str, Any]:
    stretch = {"district": district, "after": after, "until": until, "most": limit}
    return stretch | scope.told("scope")


def moved_away(
    connection: sa.Connection, district: str, scope: Scope, after: int, until: int, limit: int
) -> Sequence[Any]:
    """Return (change_no, record_id) of moves out of the scope, in order, at most ``limit``.

    A record that lies in the scope again is none of them: it comes as it stands. One that left
    before the laptop got the area may be among them; its id alone is told, and says nothing.
    """
    asked = _stretch(district, scope, after, until, limit)
    return connection.execute(_gone(len(scope.grids)), asked).all()


@lru_cache(maxsize=200)
def _gone(grids: int) -> sa.Select[Any]:
    return (
        sa.select(moves.c.change_no, moves.c.record_id)
        .select_from(_moved())
        .where(
            moves.c.district == sa.bindparam("district"),
            moves.c.change_no > sa.bindparam("after"),
            moves.c.change_no <= sa.bindparam("until"),
            _held(moves.c.from_area, grids, "scope"),
            sa.not_(_held(records.c.grid, grids, "scope")),
        )
        .order_by(moves.c.change_no)
        .limit(sa.bindparam("most", type_=sa.Integer()))
    )


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
