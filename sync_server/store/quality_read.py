"""Finding base data that cannot be right: what hangs on nothing, what is missing, what contradicts.

Each function returns the ids of the records at fault inside some areas, by area. Every query names
the district.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import sqlalchemy as sa

from sync_server.store.base_read import live, of_kind, text_of
from sync_server.store.scope import chunks, within
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
        of_kind(above, kind),
        above.c.voided.is_(False),
        above.c.merged_into.is_(None),
    )


def _has_child(district: str, kind: str, *, present: bool = False) -> Condition:
    below = records.alias()
    wanted = [
        below.c.district == district,
        below.c.parent_id == records.c.record_id,
        of_kind(below, kind),
        below.c.voided.is_(False),
        below.c.merged_into.is_(None),
    ]
    if present:
        wanted.append(below.c.fields["moved_out_at"].as_string().is_(None))
    return sa.exists().where(*wanted)


def orphans(
    connection: sa.Connection, district: str, areas: Collection[str], kind: str, parent: str
) -> list[str]:
    """Return the records of ``kind`` that hang on no standing record of kind ``parent``."""
    return _ids(connection, district, kind, areas, sa.not_(_has_parent(district, parent)))


def childless(
    connection: sa.Connection, district: str, areas: Collection[str], kind: str, child: str, *,
    present: bool = False,
) -> list[str]:  # fmt: skip
    """Return the records of ``kind`` under which no ``child`` stands; with ``present`` people who
    moved out do not count."""
    under = sa.not_(_has_child(district, child, present=present))
    return _ids(connection, district, kind, areas, under)


def vacant_but_lived_in(
    connection: sa.Connection, district: str, areas: Collection[str]
) -> list[str]:
    """Return the rooms said to be vacant in which a household stands."""
    vacant = records.c.fields["state"].as_string() == "vacant"
    return _ids(connection, district, "room", areas, vacant, _has_child(district, "household"))


def without_one_head(connection: sa.Connection, district: str, areas: Collection[str]) -> list[str]:
    """Return the families with members but no head, or with several."""
    relation = records.c.fields["relation"].as_string()
    heads = sa.func.sum(sa.case((relation.in_(HEADS), 1), else_=0))
    query = (
        sa.select(records.c.parent_id)
        .where(
            *live(district, "resident"),
            within(records.c.grid, areas),
            records.c.fields["moved_out_at"].as_string().is_(None),
        )
        .group_by(records.c.parent_id)
        .having(heads != 1)
    )
    wanted = [one for one in connection.scalars(query) if one]
    found: list[str] = []
    for run in chunks(wanted):
        family = sa.func.coalesce(records.c.fields["kind"].as_string(), "") != "collective"
        found += _ids(
            connection, district, "household", areas, records.c.record_id.in_(run), family
        )
    return found


def children_without_guardian(
    connection: sa.Connection, district: str, areas: Collection[str], born_after: str
) -> list[str]:
    """Return the present people born after a month (2012-09) for whom no guardian is named."""
    birth = records.c.fields["birth"].as_string()
    return _ids(
        connection, district, "resident", areas, birth > born_after, _empty("guardian"),
        _empty("moved_out_at"),
    )  # fmt: skip


def without_notice(connection: sa.Connection, district: str, areas: Collection[str]) -> list[str]:
    """Return the present people without a notice, its day or a legal basis."""
    missing = sa.or_(*(_empty(name) for name in ("notice_at", "notice_version", "basis")))
    return _ids(connection, district, "resident", areas, missing, _empty("moved_out_at"))


def id_numbers(
    connection: sa.Connection, district: str, areas: Collection[str]
) -> Iterator[sa.RowMapping]:
    """Yield record_id, id_no, birth and sex of everybody whose number is registered, by area."""
    query = (
        sa.select(records.c.record_id, text_of("id_no"), text_of("birth"), text_of("sex"))
        .where(*live(district, "resident"), within(records.c.grid, areas), ~_empty("id_no"))
        .order_by(records.c.grid, records.c.record_id)
    )
    yield from connection.execute(query).mappings()


def care_of_nobody(connection: sa.Connection, district: str, areas: Collection[str]) -> list[str]:
    """Return the care that has not ended of people who are not there or have moved out."""
    person = records.alias()
    here = sa.exists().where(
        person.c.district == district,
        person.c.record_id == records.c.parent_id,
        of_kind(person, "resident"),
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
    """Return the area codes in which records of these kinds stand."""
    query = (
        sa.select(records.c.grid)
        .where(
            records.c.district == district,
            records.c.kind.in_(sorted(kinds)),
            records.c.voided.is_(False),
            records.c.merged_into.is_(None),
            within(records.c.grid, areas),
        )
        .distinct()
    )
    return set(connection.scalars(query))


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
