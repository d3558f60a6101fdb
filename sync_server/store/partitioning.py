"""Large tables of PostgreSQL in parts: one a district, of the log of changes one a month as well.

The key of every table starts with ``district``, so it can be what a table is parted by. The log is
parted by month through ``change_id``: such ids begin with the time they were made (UUID version 7),
so the primary key still keeps a change from being stored twice, and who looks for ids looks into
few parts. An id that says no such time, or a time far off, lies in the part for the rest: that is
slower, not wrong. That a place of a stream is taken once is checked in each part, and for all of
them by the stream's row, which every exchange locks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.store.migrate import PART
from sync_server.store.tables import changes, districts, metadata

LARGE = (
    "audit", "batches", "case_units", "cases", "changes", "conflicts", "deliveries",
    "duplicate_pairs", "field_homes", "history_marks", "import_rows", "likeness_keys",
    "material_lines", "patrol_lines", "patrol_points", "photo_files", "record_keys", "records",
    "reseals", "service_cases", "visit_answers", "visit_checks", "visit_lines", "visit_opinions",
)  # fmt: skip
"""The tables that grow with the work done; all others hold rows by the thousand."""
MONTHLY = "changes"
BEFORE, AHEAD = 3, 14
"""Months that get a part of their own: so many before the first change and after the present."""
SOON = 3
"""Months ahead there have to be parts for; a serving centre sees to it."""
REST = "rest"
OLD = "unparted"
_CONTENT = """
    SELECT district, count(*), sum(hashtextextended(row_::text, 0)::numeric)
      FROM {table} AS row_ GROUP BY district ORDER BY district
"""


@dataclass(frozen=True)
class Shape:
    """What a table is made of besides its columns, as PostgreSQL writes it."""

    keys: tuple[tuple[str, str], ...]
    """Constraints: name and definition."""
    indexes: tuple[str, ...]
    options: str


def is_parted(connection: sa.Connection, table: str) -> bool:
    """Tell whether a table is in parts already."""
    kind = _scalar(
        connection, "SELECT relkind::text FROM pg_class WHERE oid = to_regclass(:name)", name=table
    )
    return kind == "p"


def parts(connection: sa.Connection) -> set[str]:
    """Return the names of all parts there are, parts of parts included."""
    rows = connection.execute(
        sa.text(
            "SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid"
            " JOIN pg_class AS parent ON parent.oid = inhparent WHERE parent.relkind = 'p'"
            " AND child.relkind IN ('r', 'p')"
        )
    )
    return set(rows.scalars())


def part(connection: sa.Connection, table: str, now: datetime) -> int:
    """Put a table into parts, within the caller's transaction; return how many rows it has.

    Nobody else reads or writes it meanwhile. Raises Refusal ``parts_differ`` when not every row
    arrived as it was; then nothing is changed.
    """
    _run(connection, f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    before = _content(connection, table)
    shape = _shape(connection, table)
    months = _months_of(connection, now) if table == MONTHLY else ()
    codes = sorted({*_codes(connection), *(row[0] for row in before)})
    _run(connection, f"ALTER TABLE {table} RENAME TO {table}_{OLD}")
    _run(
        connection,
        f"CREATE TABLE {table} (LIKE {table}_{OLD} INCLUDING DEFAULTS INCLUDING STORAGE)"
        " PARTITION BY LIST (district)",
    )
    _run(connection, f"CREATE TABLE {table}_{REST} PARTITION OF {table} DEFAULT{shape.options}")
    for code in codes:
        _make_district(connection, table, code, months, shape.options)
    _run(connection, f"INSERT INTO {table} SELECT * FROM {table}_{OLD}")
    if _content(connection, table) != before:
        raise Refusal("parts_differ", table=table)
    _run(connection, f"DROP TABLE {table}_{OLD}")
    for name, definition in shape.keys:
        if table == MONTHLY and not _holds(definition, "change_id"):
            for leaf in (f"{table}_{REST}", *_leaves(table, codes, months)):
                _run(
                    connection,
                    f"ALTER TABLE {leaf} ADD CONSTRAINT {name}_{_end(leaf)} {definition}",
                )
        else:
            _run(connection, f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for definition in shape.indexes:
        _run(connection, definition)
    _run(connection, f"ANALYZE {table}")
    return sum(row[1] for row in before)


def missing_parts(connection: sa.Connection, now: datetime, ahead: int) -> list[tuple[str, str]]:
    """Return (table, end of the part's name) of the parts there ought to be and are not, for the
    districts there are and the months up to ``ahead`` from now."""
    present = parts(connection)
    wanted = [
        (table, f"d{code}")
        for table in LARGE
        if f"{table}_{REST}" in present
        for code in _codes(connection)
    ]
    if f"{MONTHLY}_{REST}" in present:
        coming = months_between(now.date(), _later(now.date(), ahead))
        wanted += [(MONTHLY, f"d{code}_{_name(one)}")
                   for code in _codes(connection) for one in coming]  # fmt: skip
    return [(table, end) for table, end in wanted if f"{table}_{end}" not in present]


def add_parts(connection: sa.Connection, table: str, ends: Sequence[str], now: datetime) -> None:
    """Add parts that are missing, in the caller's transaction; what lay in the rest moves there."""
    for end in sorted(ends):  # a district's before its months'
        code, _, month = end.removeprefix("d").partition("_")
        if not month:
            _add_district(connection, table, code, now)
        elif not _scalar(connection, "SELECT to_regclass(:name)", name=f"{table}_{end}"):
            _add_month(connection, table, code, date(int(month[1:5]), int(month[5:7]), 1))


def _add_district(connection: sa.Connection, table: str, code: str, now: datetime) -> None:
    months = months_between(now.date(), _later(now.date(), AHEAD))

    def make() -> None:
        _make_district(connection, table, code, months, "", keyed=True)

    _take_out(connection, table, f"district = '{code}'", make)


def _add_month(connection: sa.Connection, table: str, code: str, first: date) -> None:
    low, high = _bounds(first)

    def make() -> None:
        _make_month(connection, table, code, first, "", True)

    where = f"change_id >= '{low}' AND change_id < '{high}'"
    _take_out(connection, f"{table}_d{code}", where, make)


def months_between(first: date, last: date) -> tuple[date, ...]:
    """Return the first days of the months from ``first``'s to ``last``'s, both included."""
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return tuple(date(number // 12, number % 12 + 1, 1) for number in numbers)


def earliest_id(day: date) -> str:
    """Return what every UUID of version 7 made from ``day`` (UTC) on sorts after."""
    ms = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
    text = f"{ms:012x}"
    return f"{text[:8]}-{text[8:]}"


def _take_out(connection: sa.Connection, parent: str, where: str, make: Callable[[], None]) -> None:
    """Make parts of ``parent`` and put there what of its rest fits ``where``."""
    rest = f"{parent}_{REST}"
    _run(connection, f"ALTER TABLE {parent} DETACH PARTITION {rest}")
    make()
    _run(connection, f"INSERT INTO {parent} SELECT * FROM {rest} WHERE {where}")
    _run(connection, f"DELETE FROM {rest} WHERE {where}")
    _run(connection, f"ALTER TABLE {parent} ATTACH PARTITION {rest} DEFAULT")


def _make_district(
    connection: sa.Connection,
    table: str,
    code: str,
    months: Iterable[date],
    options: str,
    *,
    keyed: bool = False,
) -> None:
    """Make a district's part; of the log with its months. ``keyed``: the table has its keys."""
    head = f"CREATE TABLE {table}_d{code} PARTITION OF {table} FOR VALUES IN ('{code}')"
    if table != MONTHLY:
        _run(connection, head + options)
        return
    _run(connection, f"{head} PARTITION BY RANGE (change_id)")
    name = f"{table}_d{code}_{REST}"
    _run(connection, f"CREATE TABLE {name} PARTITION OF {table}_d{code} DEFAULT{options}")
    if keyed:
        _key(connection, name)
    for first in months:
        _make_month(connection, table, code, first, options, keyed)


def _make_month(
    connection: sa.Connection, table: str, code: str, first: date, options: str, keyed: bool
) -> None:
    name = f"{table}_d{code}_{_name(first)}"
    low, high = _bounds(first)
    _run(
        connection,
        f"CREATE TABLE {name} PARTITION OF {table}_d{code}"
        f" FOR VALUES FROM ('{low}') TO ('{high}'){options}",
    )
    if keyed:
        _key(connection, name)


def _key(connection: sa.Connection, leaf: str) -> None:
    """Give a part of the log the key that its whole cannot have."""
    for unique in changes.constraints:
        if isinstance(unique, sa.UniqueConstraint):
            columns = ", ".join(column.name for column in unique.columns)
            name = f"uq_{MONTHLY}_{'_'.join(column.name for column in unique.columns)}_{_end(leaf)}"
            _run(connection, f"ALTER TABLE {leaf} ADD CONSTRAINT {name} UNIQUE ({columns})")


def _shape(connection: sa.Connection, table: str) -> Shape:
    keys = connection.execute(
        sa.text(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = to_regclass(:name) AND contype IN ('p', 'u', 'c', 'f')"
            " ORDER BY contype, conname"
        ),
        {"name": table},
    ).all()
    indexes = connection.execute(
        sa.text(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index"
            " WHERE indrelid = to_regclass(:name) AND NOT EXISTS"
            " (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid) ORDER BY 1"
        ),
        {"name": table},
    ).scalars()
    options = _scalar(
        connection,
        "SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = to_regclass(:name)",
        name=table,
    )
    with_options = f" WITH ({options})" if options else ""
    return Shape(tuple((row[0], row[1]) for row in keys), tuple(indexes), with_options)


def _content(connection: sa.Connection, table: str) -> list[tuple[str, int, object]]:
    """Return for every district how many rows there are, and a sum over all that they hold."""
    rows = connection.execute(sa.text(_CONTENT.format(table=table)))
    return [(row[0], int(row[1]), row[2]) for row in rows]


def _months_of(connection: sa.Connection, now: datetime) -> tuple[date, ...]:
    first = connection.execute(sa.select(sa.func.min(changes.c.received_at))).scalar() or now
    return months_between(_later(first.date(), -BEFORE), _later(now.date(), AHEAD))


def _codes(connection: sa.Connection) -> list[str]:
    return sorted(connection.scalars(sa.select(districts.c.district)))


def _leaves(table: str, codes: Iterable[str], months: Sequence[date]) -> list[str]:
    ends = [*(_name(one) for one in months), REST]
    return [f"{table}_d{code}_{end}" for code in codes for end in ends]


def _end(leaf: str) -> str:
    found = PART.search(leaf)
    assert found
    return found[0].removeprefix("_")


def _bounds(first: date) -> tuple[str, str]:
    return earliest_id(first), earliest_id(_later(first, 1))


def _name(first: date) -> str:
    return f"m{first:%Y%m}"


def _later(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _holds(definition: str, column: str) -> bool:
    return re.search(rf"\b{column}\b", definition) is not None


def _scalar(connection: sa.Connection, statement: str, **values: str) -> str | None:
    found = connection.execute(sa.text(statement), values).scalar()
    return None if found is None else str(found)


def _run(connection: sa.Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)


assert set(LARGE) <= set(metadata.tables)
