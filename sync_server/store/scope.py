"""Conditions every staff query shares: the district, and the areas somebody may see."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from sync_server.domain.access import LONGEST_CODE

T = TypeVar("T")
CHUNK = 500
"""Ids in one ``IN`` list; every database takes as many parameters."""


def within(area: sa.ColumnElement[str], codes: Iterable[str]) -> sa.ColumnElement[bool]:
    """Return the condition that ``area`` lies in one of the ``codes``; none: never.

    Codes are digits nested by prefix, so a prefix is the range from the code itself to the code
    filled up with nines: an index serves it, in every database and collation.
    """
    ranges = [area.between(*code_range(code)) for code in codes if code]
    return sa.or_(*ranges) if ranges else sa.false()


def code_range(code: str) -> tuple[str, str]:
    """Return the first and the last code that lies in ``code``."""
    return code, code + "9" * (LONGEST_CODE - len(code))


def containing(column: sa.ColumnElement[str], word: str) -> sa.ColumnElement[bool]:
    """Return the condition that ``column`` contains ``word``, its % and _ taken as they are."""
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return column.like(f"%{escaped}%", escape="\\")


def chunks(items: Collection[T]) -> Iterator[Sequence[T]]:
    """Yield ``items`` in runs that fit into one ``IN`` list."""
    listed = list(items)
    for start in range(0, len(listed), CHUNK):
        yield listed[start : start + CHUNK]


class among(FunctionElement[bool]):
    """The condition that a column is one of many texts, handed over as one parameter.

    So a statement is the same whatever number it asks for: the database and SQLAlchemy prepare it
    once. ``among(column, bindparam(name, type_=Texts()))``.
    """

    inherit_cache = True
    type = sa.Boolean()

    def self_group(self, against: Any = None) -> Self:
        """Return the condition as it stands: it says more than a flag, which SQLAlchemy would write
        as ``… = 1`` for SQLite, that then would find no index for it and read the whole table."""
        return self


@compiles(among)
def _among(element: Any, compiler: Any, **kwargs: Any) -> str:
    column, texts = (compiler.process(one, **kwargs) for one in element.clauses)
    return f"{column} = ANY ({texts})"


@compiles(among, "sqlite")
def _among_on_sqlite(element: Any, compiler: Any, **kwargs: Any) -> str:
    column, texts = (compiler.process(one, **kwargs) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({texts}))"


class Texts(TypeDecorator[Collection[str]]):
    """Many texts as one parameter: an array, or a JSON list where there are none."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        """An array on PostgreSQL."""
        kind = postgresql.ARRAY(sa.String) if dialect.name == "postgresql" else sa.Text()
        return dialect.type_descriptor(kind)

    def bind_processor(self, dialect: Any) -> Any:
        """Hand the texts over in one piece, written here: the driver would look at each of them."""
        return _array if dialect.name == "postgresql" else _json_list


def _array(texts: Collection[str] | None) -> str:
    """Return texts as PostgreSQL reads an array of them."""
    if not texts:
        return "{}"
    listed = '","'.join(texts)
    if "\\" in listed or listed.count('"') != 2 * (len(texts) - 1):
        listed = '","'.join(one.replace("\\", "\\\\").replace('"', '\\"') for one in texts)
    return f'{{"{listed}"}}'


def _json_list(texts: Collection[str] | None) -> str:
    return json.dumps(list(texts or ()))
