"""Rows worked out from many records at once, of which one that cannot be written stops no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError

T = TypeVar("T")
log = logging.getLogger(__name__)


def each_if_not_all(
    connection: sa.Connection,
    items: Sequence[T],
    write: Callable[[Sequence[T]], None],
    name: Callable[[T], str],
) -> list[T]:
    """Write ``items`` together, and one by one where the database takes not all of them; return
    those it did not take. Each is logged by its ``name``.

    Within the running write transaction. Whatever is not about what an item holds, a full disk or a
    lost connection, is raised as it is.
    """
    try:
        with connection.begin_nested():
            write(items)
    except (DataError, IntegrityError) as err:
        if len(items) > 1:
            left = (each_if_not_all(connection, [one], write, name) for one in items)
            return [one for some in left for one in some]
        log.error("left out, cannot be stored: %s (%s)", name(items[0]), type(err.orig).__name__)
        return list(items)
    return []
