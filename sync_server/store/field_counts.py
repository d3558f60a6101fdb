"""Counting field work for statistics and coverage, from its narrow rows. Every query names the
district and the areas looked at."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from schemas.care_contact import graver
from sync_server.store.case_tables import cases
from sync_server.store.devices_read import device_ids_in
from sync_server.store.field_lists import LEAST_RATING
from sync_server.store.field_tables import (
    material_lines,
    patrol_lines,
    patrol_points,
    visit_checks,
    visit_lines,
)
from sync_server.store.scope import chunks, within
from sync_server.store.tables import aliases, changes, records

_RATINGS = (
    # Whoever rates was met, though it was somebody else's door: no share is above 100 %.
    sa.func.sum(sa.case((visit_lines.c.met | visit_lines.c.rating.is_not(None), 1), else_=0)),
    sa.func.count(visit_lines.c.rating),
    sa.func.sum(sa.case((visit_lines.c.rating >= LEAST_RATING, 1), else_=0)),
)
GRID_LENGTH = 15
SLOT_BITS = {"1": 1, "2": 2, "3": 4}
BASE_KINDS = ("household", "resident", "care", "room", "shop", "building")
"""Kinds a change of which counts as keeping the base data."""


def patrol_days(
    connection: sa.Connection, district: str, areas: Collection[str], first: date, last: date
) -> list[tuple[str, date, int, int]]:
    """Return ``(grid, day, slots, late)`` of every grid and day with a patrol: the slots patrolled
    as a sum of SLOT_BITS, and those patrolled by late entries alone."""
    c = patrol_lines.c
    slots = (
        sa.select(c.base_grid, c.day, c.slot, sa.func.min(sa.case((c.late, 1), else_=0)).label("l"))
        .where(*_of(patrol_lines, district, areas, first, last), c.slot.in_(SLOT_BITS))
        .group_by(c.base_grid, c.day, c.slot)
        .subquery()
    )
    bit = sa.case(SLOT_BITS, value=slots.c.slot, else_=0)
    query = sa.select(
        slots.c.base_grid, slots.c.day, sa.func.sum(bit), sa.func.sum(bit * slots.c.l)
    ).group_by(slots.c.base_grid, slots.c.day)
    return [
        (grid, day, int(patrolled), int(late))
        for grid, day, patrolled, late in connection.execute(query).all()
    ]


def patrol_entries_by_day(
    connection: sa.Connection, district: str, areas: Collection[str], first: date, last: date
) -> Iterator[tuple[date, int, int]]:
    """Yield ``(day, patrols, late ones)``."""
    yield from _entries(connection, patrol_lines, "day", district, areas, first, last)


def entries_by_grid(
    connection: sa.Connection, district: str, areas: Collection[str], first: date, last: date
) -> Iterator[tuple[str, str, int, int]]:
    """Yield ``(grid, what, records, late ones)`` of patrols and visits."""
    for what, table in (("patrol", patrol_lines), ("visit", visit_lines)):
        found = _entries(connection, table, "base_grid", district, areas, first, last)
        for grid, total, late in found:
            yield grid, what, total, late


def _entries(
    connection: sa.Connection, table: sa.Table, by: str, district: str, areas: Collection[str],
    first: date, last: date,
) -> Iterator[tuple[Any, int, int]]:  # fmt: skip
    query = (
        sa.select(table.c[by], sa.func.count(), sa.func.sum(sa.case((table.c.late, 1), else_=0)))
        .where(*_of(table, district, areas, first, last))
        .group_by(table.c[by])
    )
    for key, total, late in connection.execute(query):
        yield key, int(total), int(late)


class VisitDay(NamedTuple):
    """The visits of a grid on a day: how many, of them those that met somebody, those entered late,
    those that met somebody or were rated, those rated, those rated 4 or 5."""

    grid: str
    day: date
    visits: int
    met: int
    late: int
    opened: int
    rated: int
    good: int


def visit_days(
    connection: sa.Connection, district: str, areas: Collection[str], first: date, last: date
) -> list[VisitDay]:
    """Return all that the figures ask of every grid and day with a visit, reading each visit once
    and those of these areas alone."""
    c = visit_lines.c
    met, late = (sa.func.sum(sa.case((one, 1), else_=0)) for one in (c.met, c.late))
    query = (
        sa.select(c.base_grid, c.day, sa.func.count(), met, late, *_RATINGS)
        .where(*_of(visit_lines, district, areas, first, last))
        .group_by(c.base_grid, c.day)
    )
    return [VisitDay._make(row) for row in connection.execute(query).all()]


def last_met(
    connection: sa.Connection,
    district: str,
    households: Collection[str] | None,
    until: date,
    *,
    phone: bool,
) -> Iterator[tuple[str, date]]:
    """Yield ``(household, day)``: when each of these was last met up to a day, calls included or
    not; None asks for every household of the district."""
    c = visit_lines.c
    query = (
        sa.select(c.household_id, sa.func.max(c.day))
        .where(c.district == district, c.household_id.is_not(None), c.met, c.day <= until)
        .group_by(c.household_id)
    )
    if not phone:
        query = query.where(sa.not_(c.by_phone))
    runs = [query] if households is None else [
        query.where(c.household_id.in_(some)) for some in chunks(households)
    ]  # fmt: skip
    for one in runs:
        yield from connection.execute(one).all()


def ratings_by_grid(
    connection: sa.Connection, district: str, areas: Collection[str], first: date, last: date
) -> Iterator[tuple[str, int, int, int]]:
    """Yield ``(grid, visits that met somebody or were rated, rated ones, ratings of 4 or 5)``."""
    query = (
        sa.select(visit_lines.c.base_grid, *_RATINGS)
        .where(*_of(visit_lines, district, areas, first, last))
        .group_by(visit_lines.c.base_grid)
    )
    for grid, met, rated, good in connection.execute(query):
        yield grid, int(met or 0), int(rated or 0), int(good or 0)


def issues_by_grid(
    connection: sa.Connection,
    district: str,
    areas: Collection[str],
    since: datetime,
    before: datetime,
) -> Iterator[tuple[str, datetime, bool]]:
    """Yield ``(grid, time, settled on the spot)`` of every issue found in the period."""
    query = sa.select(cases.c.grid, cases.c.happened_at, cases.c.self_handled).where(
        cases.c.district == district,
        within(cases.c.grid, areas),
        cases.c.happened_at >= since,
        cases.c.happened_at < before,
    )
    for grid, at, own in connection.execute(query):
        yield grid, at, bool(own)


def base_changes(
    connection: sa.Connection,
    district: str,
    areas: Collection[str],
    since: datetime,
    before: datetime,
) -> Iterator[tuple[str, datetime]]:
    """Yield ``(grid, time)`` of the changes of base data that laptops made in the period and that
    count."""
    if not areas:
        return
    laptops = connection.execute(device_ids_in(district, areas)).scalars().all()
    for some in chunks(laptops):
        query = sa.select(changes.c.grid, changes.c.happened_at).where(
            changes.c.district == district,
            # By the index of each laptop's changes: what happened in the period came in no earlier.
            changes.c.device_id.in_(some),
            changes.c.received_at >= since,
            changes.c.happened_at >= since,
            changes.c.happened_at < before,
            changes.c.kind.in_(BASE_KINDS),
            changes.c.outcome.in_(("applied", "merged", "conflict")),
            within(changes.c.grid, areas),
        )
        yield from connection.execute(query)


def handed_out(
    connection: sa.Connection,
    district: str,
    areas: Collection[str],
    first: date,
    last: date,
    moves: Collection[str],
) -> list[tuple[str, date, int]]:
    """Return ``(grid, day, sets)`` of the leaflets that left by ``moves``."""
    c = material_lines.c
    query = (
        sa.select(c.base_grid, c.day, sa.func.sum(c.qty))
        .where(*_of(material_lines, district, areas, first, last), c.move.in_(moves))
        .group_by(c.base_grid, c.day)
    )
    return [(grid, day, int(sets)) for grid, day, sets in connection.execute(query)]


def last_checks(
    connection: sa.Connection,
    district: str,
    residents: Collection[str],
    before: datetime,
    *,
    phone: bool,
    into: Mapping[str, str],
) -> dict[str, Mapping[str, Any]]:
    """Return, by person, the last care check that reached them before a time: at, state,
    next_on. ``into``: where merged ones went, whose checks count for the one left; of two at one
    time the graver counts."""
    c = visit_checks.c
    found: dict[str, Mapping[str, Any]] = {}
    for some in chunks(gathered(residents, into)):
        where = [
            c.district == district,
            c.resident_id.in_(some),
            c.at < before,
            c.reached,
            *([] if phone else [sa.not_(c.by_phone)]),
        ]
        last = (
            sa.select(c.resident_id, sa.func.max(c.at).label("at"))
            .where(*where)
            .group_by(c.resident_id)
            .subquery()
        )
        query = (
            sa.select(c.resident_id, c.at, c.state, c.next_on)
            .join(last, sa.and_(last.c.resident_id == c.resident_id, last.c.at == c.at))
            .where(*where)
        )
        for row in connection.execute(query).mappings():
            check = {str(name): value for name, value in row.items()}
            person = into.get(check["resident_id"], check["resident_id"])
            held = found.get(person)
            if held is None or held["at"] < check["at"]:
                found[person] = check
            elif held["at"] == check["at"]:
                found[person] = graver(held, check)
    return found


def missed_though_met(
    connection: sa.Connection,
    district: str,
    home_of: Mapping[str, str | None],
    until: date,
    *,
    phone: bool,
    into: Mapping[str, str],
) -> dict[str, date | None]:
    """Return, by person, when the household they live in was last met without a check saying that
    they were not reached; only of those with such a check on a visit that met somebody else there.
    ``home_of``: the household of each; ``into``: where merged people and households went."""
    c, v = visit_checks.c, visit_lines.c
    missed: list[tuple[str, str]] = []
    for some in chunks(gathered(home_of, into)):
        query = sa.select(c.resident_id, c.visit_id).where(
            c.district == district, c.resident_id.in_(some), sa.not_(c.reached)
        )
        missed += [(into.get(one, one), visit) for one, visit in connection.execute(query)]
    here = [v.district == district, v.met, v.day <= until, v.household_id.is_not(None)]
    if not phone:
        here.append(sa.not_(v.by_phone))
    made_at: dict[str, str] = {}
    for some in chunks({visit for _, visit in missed}):
        at = sa.select(v.visit_id, v.household_id).where(*here, v.visit_id.in_(some))
        made_at |= {row[0]: into.get(row[1], row[1]) for row in connection.execute(at)}
    met: dict[str, list[tuple[str, date]]] = {}
    for some in chunks(gathered(made_at.values(), into)):
        at_home = sa.select(v.household_id, v.visit_id, v.day).where(
            *here, v.household_id.in_(some)
        )
        for home, visit, day in connection.execute(at_home):
            met.setdefault(into.get(home, home), []).append((visit, day))
    without: dict[str, set[str]] = {}
    for one, visit in missed:
        without.setdefault(one, set()).add(visit)
    found: dict[str, date | None] = {}
    for one, visits in without.items():
        home = home_of.get(one) or ""
        if any(made_at.get(visit) == home for visit in visits):
            days = [day for visit, day in met[home] if visit not in visits]
            found[one] = max(days, default=None)
    return found


def care_register(
    connection: sa.Connection, district: str, areas: Collection[str]
) -> Sequence[sa.RowMapping]:
    """Return everybody ever in care who lives here: the care record's facts, the person's id,
    household and grid."""
    care, person = records.alias("care"), records.alias("person")
    said = care.c.fields
    query = (
        sa.select(
            care.c.record_id,
            care.c.parent_id.label("resident_id"),
            person.c.parent_id.label("household_id"),
            person.c.grid,
            said["risk"].as_string().label("risk"),
            said["visit_every_days"].as_integer().label("visit_every_days"),
            said["since"].as_string().label("since"),
            said["until"].as_string().label("until"),
            said["keeper_id"].as_string().label("keeper_id"),
        )
        .select_from(
            care.join(
                person,
                sa.and_(
                    person.c.district == care.c.district, person.c.record_id == care.c.parent_id
                ),
            )
        )
        .where(
            care.c.district == district,
            care.c.kind == "care",
            within(care.c.grid, areas),
            care.c.voided.is_(False),
            care.c.merged_into.is_(None),
            person.c.voided.is_(False),
            person.c.merged_into.is_(None),
            person.c.fields["moved_out_at"].as_string().is_(None),
        )
    )
    return connection.execute(query).mappings().all()


def households(
    connection: sa.Connection, district: str, areas: Collection[str]
) -> Iterator[tuple[str, str, str | None]]:
    """Yield ``(household, grid, room)`` of every household that stands."""
    query = sa.select(records.c.record_id, records.c.grid, records.c.parent_id).where(
        *_standing("household", district, areas)
    )
    yield from connection.execute(query).all()


def homes(
    connection: sa.Connection, district: str, areas: Collection[str]
) -> Iterator[tuple[str, str, str | None]]:
    """Yield ``(household, grid, room)`` of every occupied household: that stands, and whose room is
    not vacant."""
    query = sa.select(records.c.record_id).where(
        *_standing("room", district, areas), records.c.fields["state"].as_string() == "vacant"
    )
    vacant = set(connection.execute(query).scalars())
    for household, grid, room in households(connection, district, areas):
        if room not in vacant:
            yield household, grid, room


def survivors(connection: sa.Connection, district: str) -> dict[str, str]:
    """Return into which record each merged one went, to the end of the chain."""
    query = sa.select(aliases.c.record_id, aliases.c.survivor_id).where(
        aliases.c.district == district
    )
    into = {row.record_id: row.survivor_id for row in connection.execute(query)}
    for one in into:
        seen = {one}
        while into[one] in into and into[one] not in seen:
            seen.add(into[one])
            into[one] = into[into[one]]
    return into


def gathered(record_ids: Iterable[str], into: Mapping[str, str]) -> set[str]:
    """Return these records and every one that went into one of them; ``into`` as of survivors."""
    wanted = set(record_ids)
    return wanted | {one for one, survivor in into.items() if survivor in wanted}


def points_covered(
    connection: sa.Connection, district: str, areas: Collection[str], until: date
) -> dict[tuple[str, str], date]:
    """Return when each compound was last patrolled, by grid and compound."""
    c = patrol_points.c
    query = (
        sa.select(c.base_grid, c.compound_id, sa.func.max(c.day))
        .where(*_of(patrol_points, district, areas, None, until))
        .group_by(c.base_grid, c.compound_id)
    )
    return {(grid, compound): day for grid, compound, day in connection.execute(query)}


def newest_by_grid(
    connection: sa.Connection, district: str, areas: Collection[str], first: date, last: date
) -> Iterator[tuple[str, datetime]]:
    """Yield ``(grid, time)``: when the newest patrols, and the newest visits, came in."""
    for table in (patrol_lines, visit_lines):
        query = (
            sa.select(table.c.base_grid, sa.func.max(table.c.received_at))
            .where(*_of(table, district, areas, first, last))
            .group_by(table.c.base_grid)
        )
        yield from connection.execute(query).all()


def _of(
    table: sa.Table, district: str, areas: Collection[str], first: date | None, last: date
) -> list[sa.ColumnElement[bool]]:
    # Whole grids are looked up; areas are a stretch, and then the period is the shorter one.
    grids = areas and all(len(code) == GRID_LENGTH for code in areas)
    here = table.c.base_grid.in_(areas) if grids else within(table.c.base_grid, areas)
    found = [table.c.district == district, here, table.c.day <= last]
    return [*found, table.c.day >= first] if first is not None else found


def _standing(kind: str, district: str, areas: Collection[str]) -> list[sa.ColumnElement[bool]]:
    return [
        records.c.district == district,
        records.c.kind == kind,
        within(records.c.grid, areas),
        records.c.voided.is_(False),
        records.c.merged_into.is_(None),
    ]
