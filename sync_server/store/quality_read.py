"""Finding base data that cannot be right: what hangs on nothing, what is missing, what contradicts.

Each function returns the ids of the records at fault inside some areas, by area. Every query names
the district.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from sync_server.store.base_read import live, text_of
from sync_server.store.scope import chunks, code_range, within
from sync_server.store.tables import records

HEADS = ("01", "02")
"""Relations of whoever stands for the head of a household (GB/T 4761)."""
Condition = sa.ColumnElement[bool]


def _ids(
    connection: sa.Connection,
    district: str,
    kind: str,
    areas: Collection[str],
    *conditions: Condition,
) -> list[str]:
    query = (
        sa.select(records.c.record_id)
        .where(*live(district, kind), within(records.c.grid, areas), *conditions)
        .order_by(records.c.grid, records.c.record_id)
    )
    return list(connection.scalars(query))


def _empty(field: str) -> Condition:
    return sa.func.coalesce(records.c.fields[field].as_string(), "") == ""


def _has_parent(district: str, kind: str) -> Condition:
    above = records.alias()
    return sa.exists().where(
        above.c.district == district,
        above.c.record_id == records.c.parent_id,
        above.c.kind == kind,
        above.c.voided.is_(False),
        above.c.merged_into.is_(None),
    )


def _has_child(district: str, kind: str, *, present: bool = False) -> Condition:
    below = records.alias()
    wanted = [
        below.c.district == district,
        below.c.parent_id == records.c.record_id,
        below.c.kind == kind,
        below.c.voided.is_(False),
        below.c.merged_into.is_(None),
    ]
    if present:
        wanted.append(below.c.fields["moved_out_at"].as_string().is_(None))
    return sa.exists().where(*wanted)


def _ids_where(
    connection: sa.Connection,
    district: str,
    kind: str,
    areas: Collection[str],
    column: sa.ColumnElement[str],
    values: Collection[str],
    *conditions: Condition,
) -> list[str]:
    """Return, as ``_ids``, the records whose ``column`` is one of many ``values``."""
    found: list[tuple[str, str]] = []
    for run in chunks(sorted(values)):
        query = sa.select(records.c.grid, records.c.record_id).where(
            *live(district, kind), within(records.c.grid, areas), column.in_(run), *conditions
        )
        found += [(grid, one) for grid, one in connection.execute(query)]
    return [one for _, one in sorted(found)]


def orphans(
    connection: sa.Connection, district: str, areas: Collection[str], kind: str, parent: str, *,
    below: Collection[str] | None = None,
) -> list[str]:  # fmt: skip
    """Return the records of ``kind`` that hang on no standing record of kind ``parent``; of those
    that hang on ``below``, when some are named (empty: those that hang on nothing)."""
    alone = sa.not_(_has_parent(district, parent))
    if below is None or "" in below:
        return _ids(connection, district, kind, areas, alone)
    return _ids_where(connection, district, kind, areas, records.c.parent_id, below, alone)


def childless(
    connection: sa.Connection, district: str, areas: Collection[str], kind: str, child: str, *,
    present: bool = False, among: Collection[str] | None = None,
) -> list[str]:  # fmt: skip
    """Return the records of ``kind`` under which no ``child`` stands, of those ``among`` when some
    are named; with ``present`` people who moved out do not count."""
    bare = sa.not_(_has_child(district, child, present=present))
    if among is None:
        return _ids(connection, district, kind, areas, bare)
    return _ids_where(connection, district, kind, areas, records.c.record_id, among, bare)


def vacant_but_lived_in(
    connection: sa.Connection, district: str, areas: Collection[str]
) -> list[str]:
    """Return the rooms said to be vacant in which a household stands."""
    vacant = records.c.fields["state"].as_string() == "vacant"
    return _ids(connection, district, "room", areas, vacant, _has_child(district, "household"))


def families(
    connection: sa.Connection, district: str, areas: Collection[str]
) -> Iterator[tuple[str, int, int]]:
    """Yield whatever residents hang on (empty: nothing), how many of them have not moved out, and
    how many heads are among these."""
    present = records.c.fields["moved_out_at"].as_string().is_(None)
    head = records.c.fields["relation"].as_string().in_(HEADS)
    query = (
        sa.select(
            records.c.parent_id,
            sa.func.sum(sa.case((present, 1), else_=0)),
            sa.func.sum(sa.case((sa.and_(present, head), 1), else_=0)),
        )
        .where(*live(district, "resident"), within(records.c.grid, areas))
        .group_by(records.c.parent_id)
    )
    for parent, here, heads in connection.execute(query):
        yield parent or "", int(here), int(heads)


def without_one_head(
    connection: sa.Connection, district: str, areas: Collection[str],
    among: Collection[str] | None = None,
) -> list[str]:  # fmt: skip
    """Return the families with members but no head, or with several, of those ``among`` when some
    are named; many of them run by run."""
    if among is None:
        every = families(connection, district, areas)
        among = {one for one, here, heads in every if one and here and heads != 1}
    family = sa.func.coalesce(records.c.fields["kind"].as_string(), "") != "collective"
    found: list[str] = []
    for run in chunks(sorted(among)):
        found += _ids_where(
            connection, district, "household", areas, records.c.record_id, run, family
        )
    return found


def _without_guardian(born_after: str) -> Condition:
    birth = records.c.fields["birth"].as_string()
    return sa.and_(birth > born_after, _empty("guardian"), _empty("moved_out_at"))


def _without_notice() -> Condition:
    missing = sa.or_(*(_empty(name) for name in ("notice_at", "notice_version", "basis")))
    return sa.and_(missing, _empty("moved_out_at"))


def children_without_guardian(
    connection: sa.Connection, district: str, areas: Collection[str], born_after: str
) -> list[str]:
    """Return the present people born after a month (2012-09) for whom no guardian is named."""
    return _ids(connection, district, "resident", areas, _without_guardian(born_after))


def without_notice(connection: sa.Connection, district: str, areas: Collection[str]) -> list[str]:
    """Return the present people without a notice, its day or a legal basis."""
    return _ids(connection, district, "resident", areas, _without_notice())


def with_any(
    connection: sa.Connection, district: str, areas: Collection[str],
    fields: Collection[tuple[str, str]],
) -> list[str]:  # fmt: skip
    """Return the standing records in which one of these fields, as (kind, field), is filled in."""
    by_kind: dict[str, list[str]] = {}
    for kind, name in fields:
        by_kind.setdefault(kind, []).append(name)
    found: list[str] = []
    for kind, names in by_kind.items():
        filled = sa.or_(*(~_empty(name) for name in names))
        found += _ids(connection, district, kind, areas, filled)
    return found


def held_by_consent(
    connection: sa.Connection, district: str, areas: Collection[str], born_after: str
) -> Iterator[tuple[str, bool, Mapping[str, Any]]]:
    """Yield the present people whose data are held by consent, who are born after a month or of
    whom a consent is written down: record_id, whether born after, and consents, by area."""
    young = records.c.fields["birth"].as_string() > born_after
    query = (
        sa.select(
            records.c.record_id, sa.case((young, 1), else_=0), records.c.fields["consents"]
        )
        .where(
            *live(district, "resident"), within(records.c.grid, areas), _empty("moved_out_at"),
            records.c.fields["basis"].as_string() == "consent",
            sa.or_(young, ~_empty("consents")),
        )
        .order_by(records.c.grid, records.c.record_id)
    )  # fmt: skip
    for record_id, is_young, consents in connection.execute(query):
        yield record_id, bool(is_young), {"consents": consents}


def care_by_consent(
    connection: sa.Connection, district: str, areas: Collection[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return the care that has not ended and stands on consent, with its person's consents, by
    area; people who are not there or have moved out are another check's."""
    person = records.alias()
    query = (
        sa.select(records.c.record_id, person.c.fields["consents"])
        .join(person, sa.and_(person.c.district == district,
                              person.c.record_id == records.c.parent_id))
        .where(
            *live(district, "care"), within(records.c.grid, areas), _empty("until"),
            records.c.fields["basis"].as_string() == "consent",
            person.c.kind == "resident", person.c.voided.is_(False),
            person.c.merged_into.is_(None),
            person.c.fields["moved_out_at"].as_string().is_(None),
        )
        .order_by(records.c.grid, records.c.record_id)
    )  # fmt: skip
    found = connection.execute(query)
    return ((record_id, {"consents": consents}) for record_id, consents in found)


def shops_with_old_extinguisher(
    connection: sa.Connection, district: str, areas: Collection[str], day: str
) -> list[str]:
    """Return the shops whose extinguisher is valid until a day before ``day`` (2026-09-30)."""
    until = records.c.fields["extinguisher_until"].as_string()
    return _ids(connection, district, "shop", areas, ~_empty("extinguisher_until"), until < day)


def doubtful_people(
    connection: sa.Connection, district: str, areas: Collection[str], born_after: str
) -> Iterator[tuple[str, str | None, str | None, str | None, bool, bool]]:
    """Yield record_id, id_no, birth, sex, whether a guardian and whether the notice is missing, of
    everybody whose number is registered or who lacks one of these, by area."""
    guardian, notice = _without_guardian(born_after), _without_notice()
    query = (
        sa.select(
            records.c.record_id, text_of("id_no"), text_of("birth"), text_of("sex"),
            *(sa.case((one, 1), else_=0) for one in (guardian, notice)),
        )
        .where(
            *live(district, "resident"), within(records.c.grid, areas),
            sa.or_(~_empty("id_no"), guardian, notice),
        )
        .order_by(records.c.grid, records.c.record_id)
    )  # fmt: skip
    for record_id, id_no, birth, sex, unguarded, unnoticed in connection.execute(query):
        yield record_id, id_no, birth, sex, bool(unguarded), bool(unnoticed)


def id_numbers(
    connection: sa.Connection, district: str, areas: Collection[str]
) -> Iterator[tuple[str, str, str | None, str | None]]:
    """Return record_id, id_no, birth and sex of everybody whose number is registered, by area."""
    query = (
        sa.select(records.c.record_id, text_of("id_no"), text_of("birth"), text_of("sex"))
        .where(*live(district, "resident"), within(records.c.grid, areas), ~_empty("id_no"))
        .order_by(records.c.grid, records.c.record_id)
    )
    found = connection.execute(query)
    return ((record_id, id_no, birth, sex) for record_id, id_no, birth, sex in found)


def care_of_nobody(connection: sa.Connection, district: str, areas: Collection[str]) -> list[str]:
    """Return the care that has not ended of people who are not there or have moved out."""
    person = records.alias()
    here = sa.exists().where(
        person.c.district == district,
        person.c.record_id == records.c.parent_id,
        person.c.kind == "resident",
        person.c.voided.is_(False),
        person.c.merged_into.is_(None),
        person.c.fields["moved_out_at"].as_string().is_(None),
    )
    return _ids(connection, district, "care", areas, _empty("until"), sa.not_(here))


def care_too_seldom(
    connection: sa.Connection, district: str, areas: Collection[str], longest: dict[str, int]
) -> list[str]:
    """Return the care whose interval is longer than its risk allows, in days."""
    risk = records.c.fields["risk"].as_string()
    days = records.c.fields["visit_every_days"].as_integer()
    wrong = sa.or_(*(sa.and_(risk == code, days > most) for code, most in longest.items()))
    return _ids(connection, district, "care", areas, _empty("until"), wrong)


def care_by_keeper(
    connection: sa.Connection, district: str, areas: Collection[str]
) -> Iterator[sa.RowMapping]:
    """Yield record_id, grid and keeper_id of the care that has not ended, by area."""
    query = (
        sa.select(records.c.record_id, records.c.grid, text_of("keeper_id"))
        .where(*live(district, "care"), within(records.c.grid, areas), _empty("until"))
        .order_by(records.c.grid, records.c.record_id)
    )
    yield from connection.execute(query).mappings()


def areas_in_use(
    connection: sa.Connection, district: str, kinds: Collection[str], areas: Collection[str]
) -> set[str]:
    """Return the area codes in which records of these kinds stand: asked for one after the other,
    each as the next there is, for few codes hold very many records."""
    kind = sa.bindparam("kind", type_=sa.String)
    found: set[str] = set()

    def next_one(from_here: Condition, last: str) -> sa.ScalarSelect[str]:
        return (
            sa.select(records.c.grid)
            .where(
                records.c.district == district,
                records.c.kind == kind,
                records.c.voided.is_(False),
                records.c.merged_into.is_(None),
                from_here,
                records.c.grid <= last,
            )
            .order_by(records.c.grid)
            .limit(1)
            .scalar_subquery()
        )

    for area in filter(None, areas):
        first, last = code_range(area)
        begun = sa.select(next_one(records.c.grid >= first, last).label("grid"))
        used = begun.cte("used", recursive=True)
        after = next_one(records.c.grid > used.c.grid, last)
        used = used.union_all(sa.select(after).where(used.c.grid.is_not(None)))
        query = sa.select(used.c.grid).where(used.c.grid.is_not(None))
        for one in kinds:
            found.update(connection.scalars(query, {"kind": one}))
    return found


def lying_exactly_in(
    connection: sa.Connection, district: str, kinds: Collection[str], codes: Collection[str]
) -> list[str]:
    """Return the records of these kinds that lie in exactly one of the ``codes``, by area."""
    found: list[str] = []
    for run in chunks(sorted(codes)):
        query = (
            sa.select(records.c.record_id)
            .where(
                records.c.district == district,
                records.c.kind.in_(sorted(kinds)),
                records.c.voided.is_(False),
                records.c.merged_into.is_(None),
                records.c.grid.in_(run),
            )
            .order_by(records.c.grid, records.c.record_id)
        )
        found += connection.scalars(query)
    return found
