"""What deadlines of a district are worked out with, in one statement: an exchange that brings an
issue asks for it while the others of the district wait."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, NamedTuple

import sqlalchemy as sa

from sync_server.domain.time_limits import Key
from sync_server.store.tables import calendar_days, districts, time_limits

_SETTINGS, _DAY, _LIMIT = range(3)


class Stored(NamedTuple):
    """The district's settings, the days it decided about ((day, worked), in order), the limits it
    set otherwise than the defaults (by key, the amount and its unit)."""

    settings: dict[str, Any]
    days: tuple[tuple[date, bool], ...]
    limits: dict[Key, tuple[int, str]]


def _part(tag: int, table: sa.Table, texts: tuple[Any, ...], number: Any) -> Any:
    """Select what one table has as five texts and a number."""
    filled = (*texts, *([sa.literal_column("''")] * (5 - len(texts))))
    named = [sa.cast(one, sa.Text()).label(f"text{at}") for at, one in enumerate(filled)]
    tagged: sa.ColumnElement[int] = sa.literal_column(str(tag), sa.Integer()).label("tag")
    return sa.select(tagged, sa.cast(number, sa.Integer()).label("number"), *named).where(
        table.c.district == sa.bindparam("district", type_=sa.String())
    )


_STORED = sa.union_all(
    _part(_SETTINGS, districts, (districts.c.settings,), sa.literal_column("0")),
    _part(_DAY, calendar_days, (calendar_days.c.day,), calendar_days.c.working),
    _part(
        _LIMIT,
        time_limits,
        tuple(time_limits.c[name] for name in (*Key._fields, "unit")),
        time_limits.c.amount,
    ),
)


def stored(connection: sa.Connection, district: str) -> Stored:
    """Return what is stored; raise LookupError where there is no such district."""
    settings: dict[str, Any] | None = None
    days: list[tuple[date, bool]] = []
    limits: dict[Key, tuple[int, str]] = {}
    for tag, number, *texts in connection.execute(_STORED, {"district": district}):
        if tag == _SETTINGS:
            settings = json.loads(texts[0])
        elif tag == _DAY:
            days.append((date.fromisoformat(texts[0]), bool(number)))
        else:
            *key, unit = texts
            limits[Key(*key)] = (number, unit)
    if settings is None:
        raise LookupError(f"no district {district}")
    return Stored(settings, tuple(sorted(days)), limits)
