"""Stored work in bulk: rows that a real exchange wrote, multiplied inside the database.

A measured rate depends on how large tables and indexes are, so they are really that large here. A
template of real batches is pushed through a real centre first; then every row that it wrote is
copied k times by plain SQL, with ids, numbers, areas and times of its own. What a column is called
decides what becomes of it, so that a table or a column that is new tomorrow is copied as it is.

- ids (a UUID's text): the first eight digits, its time, count on with k, so that copies lie behind
  each other in time order and before anything new;
- change numbers go on above the last one given out, numbers within a stream above the template's;
- areas: the grid's last three digits go round 400 grids;
- times of receipt and happening: moved back, the last copy the newest.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from sync_server.store.tables import metadata

IDS = frozenset({
    "change_id", "record_id", "batch_id", "conflict_id", "case_id", "parent_id", "corrects",
    "upload_id", "audit_id", "issue_id", "service_id",
})  # fmt: skip
"""Columns whose ids are a copy's own; devices, streams and people stay the template's."""
NUMBERS = frozenset({"change_no", "first_no"})
SEQUENCES = frozenset({"seq"})
TIMES = frozenset({"received_at", "happened_at", "at"})
AREAS = frozenset({"grid"})
TABLES = ("changes", "records", "batches", "history_marks")
"""What every exchange writes to, and grows with the work done."""
MARKS = ("field_marks", "likeness_marks", "record_key_marks", "service_marks")
"""How far the centre's own work has come: as far as in one that kept up with what came in. Else it
would work off millions of copies while it is measured."""
GRIDS = 400
SECONDS_A_COPY = 2
FIRST_ID = 0x01900000
"""Where copies' ids begin: a time before any real one of today."""


@dataclass(frozen=True)
class Template:
    """What the real batches left: how many changes, up to which number."""

    count: int
    last_no: int

    @property
    def span(self) -> int:
        """How far numbers of one copy lie from the next one's."""
        return max(self.count, self.last_no)


def measure_template(connection: sa.Connection, district: str) -> Template:
    """Return what the template's exchange wrote."""
    changes, districts = metadata.tables["changes"], metadata.tables["districts"]
    count = connection.execute(
        sa.select(sa.func.count()).select_from(changes).where(changes.c.district == district)
    ).scalar_one()
    last = connection.execute(
        sa.select(districts.c.change_no).where(districts.c.district == district)
    ).scalar_one()
    return Template(int(count), int(last))


def column_text(name: str, dialect: str, template: Template) -> str:
    """Return the SQL of one column of copy ``k`` of a template's row ``t``."""
    column = f't."{name}"'
    if name in IDS:
        moved = f"{FIRST_ID} + k"
        digits = (
            f"lpad(to_hex({moved}), 8, '0')"
            if dialect == "postgresql"
            else f"printf('%08x', {moved})"
        )
        return f"CASE WHEN {column} IS NULL THEN NULL ELSE {digits} || substr({column}, 9) END"
    if name in NUMBERS:
        return f"{column} + :above + (k - :first) * {template.span}"
    if name in SEQUENCES:
        return f"{column} + k * {template.span}"
    if name in AREAS:
        if dialect == "postgresql":
            digits = f"lpad((500 + k % {GRIDS})::text, 3, '0')"
        else:
            digits = f"printf('%03d', 500 + k % {GRIDS})"
        moved = f"substr({column}, 1, 12) || {digits}"
        return f"CASE WHEN length({column}) = 15 THEN {moved} ELSE {column} END"
    if name in TIMES:
        back = f"(:copies - k) * {SECONDS_A_COPY}"
        if dialect == "postgresql":
            return f"{column} - {back} * interval '1 second'"
        return f"strftime('%Y-%m-%d %H:%M:%f000', {column}, '-' || ({back}) || ' seconds')"
    return column


def copying(table: sa.Table, dialect: str, template: Template) -> str:
    """Return the statement that adds copies :first … :last of a table's template rows."""
    names = [column.name for column in table.columns]
    into = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(column_text(name, dialect, template) for name in names)
    if dialect == "postgresql":
        numbers = "generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS k"
        source = f"template_{table.name} AS t, {numbers}"
        return f"INSERT INTO {table.name} ({into}) SELECT {values} FROM {source} ORDER BY k"
    numbers = (
        "WITH RECURSIVE numbers(k) AS (SELECT :first UNION ALL SELECT k + 1 FROM numbers"
        " WHERE k < :last) "
    )
    # The numbers outside, so that copies come in their order and indexes grow at their end.
    return (
        f"{numbers} INSERT INTO {table.name} ({into})"
        f" SELECT {values} FROM numbers CROSS JOIN template_{table.name} AS t"
    )


def keep_template(connection: sa.Connection, district: str) -> None:
    """Set the template's rows aside, in tables of their own."""
    for name in TABLES:
        connection.exec_driver_sql(
            f"CREATE TABLE template_{name} AS SELECT * FROM {name} WHERE district = '{district}'"
        )


def drop_template(connection: sa.Connection) -> None:
    """Drop what was set aside."""
    for name in TABLES:
        connection.exec_driver_sql(f"DROP TABLE template_{name}")


def steps(copies: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (first, last) copies of one transaction each."""
    for first in range(1, copies + 1, size):
        yield first, min(first + size - 1, copies)


class Filling:
    """Grows one district of a store to wanted sizes, each time by what is lacking."""

    def __init__(self, engine: sa.Engine, district: str) -> None:
        self._engine, self._district = engine, district
        self._dialect = engine.dialect.name
        self._done = 0
        with engine.connect() as connection:
            self.template = measure_template(connection, district)
            keep_template(connection, district)
            connection.commit()

    def grow(self, stored: int) -> float:
        """Fill until about ``stored`` changes lie in the district; return the seconds it took."""
        copies = stored // self.template.count - 1
        begun = time.perf_counter()
        if copies > self._done:
            self._copy(copies)
            self._done = copies
        return time.perf_counter() - begun

    def _copy(self, copies: int) -> None:
        size = max(1, 100_000 // self.template.count)
        above = self._last_no()
        for name in TABLES:
            text = copying(metadata.tables[name], self._dialect, self.template)
            for first, last in steps(copies - self._done, size):
                with self._engine.begin() as connection:
                    asked = {
                        "first": first + self._done,
                        "last": last + self._done,
                        "copies": copies,
                        "above": above + (first - 1) * self.template.span,
                    }
                    named = {key: one for key, one in asked.items() if f":{key}" in text}
                    connection.execute(sa.text(text), named)
        # The last number given out is one that has its mark: cursors are proved by it.
        with self._engine.begin() as connection:
            connection.execute(
                sa.text(
                    "UPDATE districts SET change_no = (SELECT max(change_no) FROM history_marks"
                    " WHERE district = :district) WHERE district = :district"
                ),
                {"district": self._district},
            )
            reached = {"district": self._district, "change_no": self._last_number(connection)}
            for mark in (metadata.tables[name] for name in MARKS):
                connection.execute(sa.delete(mark).where(mark.c.district == self._district))
                connection.execute(sa.insert(mark), reached)
        self._settle()

    def _last_no(self) -> int:
        with self._engine.connect() as connection:
            return self._last_number(connection)

    def _last_number(self, connection: sa.Connection) -> int:
        wanted = sa.text("SELECT change_no FROM districts WHERE district = :district")
        return int(connection.execute(wanted, {"district": self._district}).scalar_one())

    def _settle(self) -> None:
        """Let the database look at what it has, as it does by itself in time."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if self._dialect == "postgresql":
                for name in TABLES:
                    connection.exec_driver_sql(f"VACUUM (ANALYZE) {name}")
                connection.exec_driver_sql("CHECKPOINT")
            else:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def stored_bytes(self) -> float:
        """Return the bytes of a change with its record, indexes and share of its batch."""
        with self._engine.connect() as connection:
            count = connection.exec_driver_sql("SELECT count(*) FROM changes").scalar_one()
            if self._dialect == "postgresql":
                parts = " + ".join(f"pg_total_relation_size('{name}')" for name in TABLES)
                size = connection.exec_driver_sql(f"SELECT {parts}").scalar_one()
            else:
                pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
                size = pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        return float(size) / count

    def finish(self) -> None:
        """Drop the template."""
        with self._engine.begin() as connection:
            drop_template(connection)


def sizes(largest: int) -> Sequence[int]:
    """Return the powers of ten from a thousand to ``largest``."""
    found = [10**power for power in range(3, 9) if 10**power <= largest]
    return found or [largest]
