"""Conditions every staff query shares: the district, and the areas somebody may see."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TypeVar

import sqlalchemy as sa

from sync_server.domain.access import LONGEST_CODE

T = TypeVar("T")
CHUNK = 500
"""Ids in one ``IN`` list; every database takes as many parameters."""


def within(area: sa.ColumnElement[str], codes: Iterable[str]) -> sa.ColumnElement[bool]:
    """Return the condition that ``area`` lies in one of the ``codes``; none: never.

    Codes are digits nested by prefix, so a prefix is the range from the code itself to the code
    filled up with nines: an index serves it, in every database and collation.
    """
    ranges = [area.between(code, code + "9" * (LONGEST_CODE - len(code))) for code in codes if code]
    return sa.or_(*ranges) if ranges else sa.false()


def containing(column: sa.ColumnElement[str], word: str) -> sa.ColumnElement[bool]:
    """Return the condition that ``column`` contains ``word``, its % and _ taken as they are."""
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return column.like(f"%{escaped}%", escape="\\")


def chunks(items: Collection[T]) -> Iterator[Sequence[T]]:
    """Yield ``items`` in runs that fit into one ``IN`` list."""
    listed = list(items)
    for start in range(0, len(listed), CHUNK):
        yield listed[start : start + CHUNK]
