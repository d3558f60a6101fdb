"""Writing many rows of a table at once, by one prepared statement; new ones on PostgreSQL by COPY.

A hundred rows cost a hundred statements otherwise, and more in turning values into parameters than
in storing them. What is stored is what SQLAlchemy's own statements for the same rows store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from sync_server.domain.json_text import write_quickly
from sync_server.store.columns import Utc
from sync_server.store.sending import COPY

Column = Callable[[list[Any]], list[Any]]
"""Turns a column's values into what the driver is handed."""


class _Plan(NamedTuple):
    statement: str
    columns: tuple[tuple[str, Column | None], ...]


def insert_rows(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Add rows, all with the same columns; the others get the database's own defaults, not those of
    ``table``."""
    if not rows:
        return
    plan = _plan(table, tuple(rows[0]), connection.dialect.name)
    columns = _columns(plan, rows)
    connection.exec_driver_sql(plan.statement, list(zip(*columns, strict=True)))


def update_rows(
    connection: sa.Connection,
    table: sa.Table,
    district: str,
    key: str,
    names: tuple[str, ...],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Write the columns ``names`` of rows of a district, each told by its ``key`` column."""
    if not rows:
        return
    plan = _updating(table, key, names, connection.dialect.name)
    columns = _columns(plan, rows)
    every = [(*row, district) for row in zip(*columns, strict=True)]
    connection.exec_driver_sql(plan.statement, every)


def _columns(plan: _Plan, rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    columns = []
    for name, column in plan.columns:
        values = [row[name] for row in rows]
        columns.append(column(values) if column else values)
    return columns


@lru_cache(maxsize=64)
def _plan(table: sa.Table, names: tuple[str, ...], dialect: str) -> _Plan:
    quoted = ", ".join(f'"{name}"' for name in names)
    if dialect == "postgresql":
        statement = f'{COPY}"{table.name}" ({quoted}) FROM STDIN'
    else:
        marks = ", ".join("?" * len(names))
        statement = f'INSERT INTO "{table.name}" ({quoted}) VALUES ({marks})'
    return _Plan(statement, tuple((name, _column(table.c[name].type, dialect)) for name in names))


@lru_cache(maxsize=64)
def _updating(table: sa.Table, key: str, names: tuple[str, ...], dialect: str) -> _Plan:
    columns = tuple((name, _column(table.c[name].type, dialect)) for name in (*names, key))
    mark = "%s" if dialect == "postgresql" else "?"
    new = ", ".join(f'"{name}" = {mark}' for name in names)
    statement = f'UPDATE "{table.name}" SET {new} WHERE "{key}" = {mark} AND "district" = {mark}'
    return _Plan(statement, columns)


def _column(kind: sa.types.TypeEngine[Any], dialect: str) -> Column | None:
    """Return how values of one type are written; None: as they are."""
    if isinstance(kind, sa.JSON):
        return lambda values: [None if one is None else write_quickly(one) for one in values]
    if isinstance(kind, Utc):
        text = _for_postgres if dialect == "postgresql" else _for_sqlite
        return lambda values: _texts(values, text)
    if isinstance(kind, sa.Date):
        return lambda values: [None if one is None else one.isoformat() for one in values]
    return None


def _texts(values: list[Any], text: Callable[[datetime], str]) -> list[Any]:
    """Write times; most rows of a batch share one."""
    known: dict[Any, Any] = {None: None}
    for one in values:
        if one not in known:
            if one.tzinfo is None:
                raise ValueError("a time without offset")
            known[one] = text(one.astimezone(UTC))
    return [known[one] for one in values]


def _for_postgres(at: datetime) -> str:
    return at.isoformat()


def _for_sqlite(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(" ", "microseconds")
