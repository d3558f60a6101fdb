"""Reading records for the staff: lists with filters and search, single records, what refers to one.

Every query names the district and, where people look, the areas they may see.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from sync_server.store.scope import chunks, containing, within
from sync_server.store.tables import changes, conflicts, records

State = Literal["live", "voided", "conflict", "doubtful", "all"]
Row = sa.RowMapping
Condition = sa.ColumnElement[bool]


@dataclass(frozen=True)
class Choice:
    """A wanted code in a field, or several (``branch|group``); ``many`` when the field holds a list
    of codes."""

    field: str
    code: str
    many: bool


@dataclass(frozen=True)
class Selection:
    """Which records of one kind are wanted; all conditions hold together.

    ``words`` are folded search words; each must occur in the record's own search text or in that
    of its parents, whose kinds are ``lineage`` (nearest first), so that a door number finds the
    people behind it. Parents are looked at inside ``scope`` and right ``above`` it, for nothing of
    another area may be found out. ``since`` is included, ``before`` is not.
    """

    kind: str
    areas: tuple[str, ...]
    words: tuple[str, ...] = ()
    lineage: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    above: tuple[str, ...] = ()
    since: datetime | None = None
    before: datetime | None = None
    author: str = ""
    state: State = "live"
    choices: tuple[Choice, ...] = ()
    filled: tuple[str, ...] = ()
    """Fields that say anything."""
    flags: tuple[tuple[str, bool], ...] = ()
    """Flags that say this."""
    figure: Condition | None = None
    """What makes a figure of the statistics (``field_lists.narrowing``)."""


@dataclass(frozen=True)
class Order:
    """How a list is sorted: by an envelope column, or by a field's text or number."""

    by: str = "happened_at"
    descending: bool = True
    field: Literal["", "text", "number"] = ""


def count(connection: sa.Connection, district: str, selection: Selection) -> int:
    """Return how many records are selected."""
    query = sa.select(sa.func.count()).select_from(records)
    return connection.execute(query.where(_selected(district, selection))).scalar_one()


def page(
    connection: sa.Connection,
    district: str,
    selection: Selection,
    order: Order,
    *,
    start: int,
    size: int,
) -> tuple[Sequence[Row], int]:
    """Return ``size`` selected records from number ``start`` (0: the first) on, and how many are
    selected in all."""
    # The ids first: sorting whole documents costs more than everything else together.
    ids = (
        sa.select(records.c.record_id)
        .where(_selected(district, selection))
        .order_by(*_sorted_by(order))
        .offset(start)
        .limit(size)
    )
    if selection.words or selection.choices:
        # One look at every record instead of two, where a look is what costs.
        found = connection.execute(ids.add_columns(sa.func.count().over())).all()
        wanted = [row[0] for row in found]
        total = found[0][1] if found else count(connection, district, selection)
    else:
        wanted = list(connection.execute(ids).scalars())
        total = count(connection, district, selection)
    rows = by_ids(connection, district, wanted)
    return [rows[record_id] for record_id in wanted], total


def walk(
    connection: sa.Connection, district: str, selection: Selection, order: Order, *, size: int
) -> Iterator[Sequence[Row]]:
    """Yield every selected record in runs of ``size``, in bounded memory."""
    query = sa.select(records).where(_selected(district, selection)).order_by(*_sorted_by(order))
    result = connection.execute(query, execution_options={"yield_per": size})
    yield from result.mappings().partitions()


def entry_counts(
    connection: sa.Connection, district: str, selection: Selection, order: Order, field: str, *,
    size: int,
) -> Iterator[tuple[str, int]]:  # fmt: skip
    """Yield the id of every selected record that has entries in the keyed list ``field``, with how
    many, in order and in bounded memory; ``size`` of them are read at once."""
    query = (
        sa.select(records.c.record_id, records.c.fields[field])
        .where(_selected(district, selection), records.c.fields[field].as_string().is_not(None))
        .order_by(*_sorted_by(order))
    )
    for record_id, entries in connection.execute(query, execution_options={"yield_per": size}):
        if entries:
            yield record_id, len(entries)


def by_ids(connection: sa.Connection, district: str, record_ids: Collection[str]) -> dict[str, Row]:
    """Return the records with these ids, by id; unknown ids are left out."""
    found: dict[str, Row] = {}
    for run in chunks(record_ids):
        query = sa.select(records).where(
            records.c.district == district, records.c.record_id.in_(run)
        )
        found.update((row["record_id"], row) for row in connection.execute(query).mappings())
    return found


def told_by_ids(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> dict[str, Row]:
    """Return of the records with these ids, by id, what they say, where they lie and whether they
    stand: many of them are read so in half the time."""
    found: dict[str, Row] = {}
    columns = (
        records.c.record_id, records.c.grid, records.c.fields, records.c.version,
        records.c.merged_into, records.c.voided,
    )  # fmt: skip
    for run in chunks(record_ids):
        query = sa.select(*columns).where(
            records.c.district == district, records.c.record_id.in_(run)
        )
        found.update((row["record_id"], row) for row in connection.execute(query).mappings())
    return found


def get(connection: sa.Connection, district: str, record_id: str) -> Row | None:
    """Return one record, or None."""
    return by_ids(connection, district, [record_id]).get(record_id)


def referring(
    connection: sa.Connection,
    district: str,
    record_ids: Sequence[str],
    *,
    kind: str,
    field: str,
    how: Literal["parent", "one", "many"],
    areas: tuple[str, ...],
    size: int,
) -> tuple[Sequence[Row], int]:
    """Return the newest ``size`` records of ``kind`` whose ``field`` names the first of these, or
    one that was merged into it, and how many there are. ``how`` tells what the field is: the kind's
    parent (indexed), one reference, or a list of references."""
    if how == "parent":
        names_it: Condition = records.c.parent_id == record_ids[0]
    elif how == "one":
        names_it = records.c.fields[field].as_string().in_(record_ids)
    else:
        names_it = sa.or_(*(_holds(field, one) for one in record_ids))
    condition = sa.and_(
        records.c.district == district,
        records.c.kind == kind,
        records.c.voided.is_(False),
        records.c.merged_into.is_(None),
        within(records.c.grid, areas),
        names_it,
    )
    ids = list(
        connection.execute(
            sa.select(records.c.record_id)
            .where(condition)
            .order_by(records.c.happened_at.desc(), records.c.change_no.desc())
        ).scalars()
    )
    found = by_ids(connection, district, ids[:size])
    return [found[one] for one in ids[:size]], len(ids)


def children_of(
    connection: sa.Connection, district: str, kind: str, parent_ids: Collection[str]
) -> dict[str, list[Row]]:
    """Return the records of ``kind`` under each of ``parent_ids``, in the order the centre took
    them in."""
    found: dict[str, list[Row]] = {one: [] for one in parent_ids}
    for run in chunks(parent_ids):
        query = (
            sa.select(records)
            .where(
                records.c.district == district,
                records.c.parent_id.in_(run),
                records.c.kind == kind,
                records.c.voided.is_(False),
            )
            .order_by(records.c.change_no)
        )
        for row in connection.execute(query).mappings():
            found[row["parent_id"]].append(row)
    return found


def at_areas(
    connection: sa.Connection, district: str, kind: str, areas: Collection[str], size: int
) -> list[Row]:
    """Return the newest records of ``kind`` that stand at these very areas and are in force."""
    query = (
        sa.select(records)
        .where(
            records.c.district == district,
            records.c.kind == kind,
            records.c.grid.in_(areas),
            records.c.voided.is_(False),
            records.c.merged_into.is_(None),
        )
        .order_by(records.c.happened_at.desc(), records.c.record_id)
        .limit(size)
    )
    return list(connection.execute(query).mappings())


def first_marks(
    connection: sa.Connection, district: str, kind: str, parent_ids: Collection[str]
) -> dict[str, dict[str, datetime]]:
    """Return, by record, when each person first left a mark of ``kind`` at it."""
    found: dict[str, dict[str, datetime]] = {one: {} for one in parent_ids}
    for run in chunks(parent_ids):
        query = sa.select(records.c.parent_id, records.c.author, records.c.happened_at).where(
            records.c.district == district,
            records.c.parent_id.in_(run),
            records.c.kind == kind,
            records.c.voided.is_(False),
        )
        for parent_id, author, at in connection.execute(query.order_by(records.c.happened_at)):
            found[parent_id].setdefault(author, at)
    return found


def areas_within(connection: sa.Connection, district: str, codes: tuple[str, ...]) -> Sequence[Row]:
    """Return the area records inside ``codes``, by code."""
    query = (
        sa.select(records.c.grid, records.c.fields)
        .where(
            records.c.district == district,
            records.c.kind == "area",
            records.c.voided.is_(False),
            within(records.c.grid, codes),
        )
        .order_by(records.c.grid)
    )
    return connection.execute(query).mappings().all()


def area_record(connection: sa.Connection, district: str, code: str) -> Row | None:
    """Return the record that describes the area ``code``, None when there is none."""
    query = (
        sa.select(records)
        .where(
            records.c.district == district,
            records.c.kind == "area",
            records.c.grid == code,
            records.c.voided.is_(False),
            records.c.merged_into.is_(None),
        )
        .order_by(records.c.record_id)
    )
    rows = connection.execute(query).mappings()
    return next((row for row in rows if row["fields"].get("code") == code), None)


def area_names(connection: sa.Connection, district: str, codes: Collection[str]) -> dict[str, str]:
    """Return the names of the areas with these codes."""
    names: dict[str, str] = {}
    for run in chunks(codes):
        query = sa.select(records.c.grid, records.c.fields).where(
            records.c.district == district, records.c.kind == "area", records.c.grid.in_(run)
        )
        for grid, fields in connection.execute(query):
            if fields.get("code") == grid:
                names[grid] = fields.get("name", "")
    return names


def marked(
    connection: sa.Connection, district: str, record_ids: Collection[str]
) -> tuple[set[str], set[str]]:
    """Return which of ``record_ids`` have an open conflict, and which a change of doubtful time."""
    open_, doubtful = set(), set()
    for run in chunks(record_ids):
        disputed = sa.select(conflicts.c.record_id).where(
            conflicts.c.district == district,
            conflicts.c.record_id.in_(run),
            conflicts.c.decision.is_(None),
        )
        open_ |= set(connection.execute(disputed).scalars())
        unsure = sa.select(changes.c.record_id).where(
            changes.c.district == district,
            changes.c.record_id.in_(run),
            changes.c.doubtful.is_(True),
            changes.c.time_confirmed_by.is_(None),
        )
        doubtful |= set(connection.execute(unsure).scalars())
    return open_, doubtful


def _selected(district: str, selection: Selection) -> Condition:
    parts = [
        records.c.district == district,
        records.c.kind == selection.kind,
        within(records.c.grid, selection.areas),
        *_in_state(district, selection.state),
    ]
    if selection.since is not None:
        parts.append(records.c.happened_at >= selection.since)
    if selection.before is not None:
        parts.append(records.c.happened_at < selection.before)
    if selection.author:
        parts.append(records.c.author == selection.author)
    for choice in selection.choices:
        text = records.c.fields[choice.field].as_string()
        codes = choice.code.split("|")
        holding = sa.or_(*(_holds(choice.field, code) for code in codes))
        parts.append(holding if choice.many else text.in_(codes))
    parts += [records.c.fields[name].as_string().is_not(None) for name in selection.filled]
    parts += [records.c.fields[name].as_boolean().is_(said) for name, said in selection.flags]
    if selection.figure is not None:
        parts.append(selection.figure)
    for word in selection.words:
        parts.append(_found_by(district, records, selection, selection.lineage, word))
    return sa.and_(*parts)


def _in_state(district: str, state: State) -> list[Condition]:
    if state == "all":
        return []
    if state == "voided":
        return [sa.or_(records.c.voided.is_(True), records.c.merged_into.is_not(None))]
    live: list[Condition] = [records.c.voided.is_(False), records.c.merged_into.is_(None)]
    if state == "conflict":
        disputed = sa.select(conflicts.c.record_id).where(
            conflicts.c.district == district, conflicts.c.decision.is_(None)
        )
        return [records.c.record_id.in_(disputed)]
    if state == "doubtful":
        unsure = sa.select(changes.c.record_id).where(
            changes.c.district == district,
            changes.c.doubtful.is_(True),
            changes.c.time_confirmed_by.is_(None),
        )
        return [records.c.record_id.in_(unsure)]
    return live


def _found_by(
    district: str, table: Any, selection: Selection, lineage: tuple[str, ...], word: str
) -> Condition:
    """The word occurs in the record's own search text or in one of its parents'."""
    own = containing(table.c.search_text, word)
    if not lineage:
        return own
    parent = records.alias()
    seen = sa.or_(within(parent.c.grid, selection.scope), parent.c.grid.in_(selection.above))
    upwards = sa.select(parent.c.record_id).where(
        parent.c.district == district,
        parent.c.kind == lineage[0],
        seen,
        _found_by(district, parent, selection, lineage[1:], word),
    )
    return sa.or_(own, table.c.parent_id.in_(upwards))


def _holds(field: str, item: str) -> Condition:
    """A list in ``field`` holds the text ``item``; as text, which every database can do alike."""
    return containing(sa.cast(records.c.fields[field], sa.Text), f'"{item}"')


def _sorted_by(order: Order) -> list[sa.ColumnElement[Any]]:
    column: sa.ColumnElement[Any]
    if order.field:
        column = records.c.fields[order.by].as_string()
        if order.field == "number":
            column = sa.cast(column, sa.BigInteger)
    else:
        column = records.c[order.by]
    first = column.desc() if order.descending else column.asc()
    last = records.c.record_id.desc() if order.descending else records.c.record_id.asc()
    return [first.nulls_last() if order.field else first, last]
