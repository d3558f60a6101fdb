"""What a district set of its calendar: days out of the ordinary, and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa

from sync_server.store.tables import calendar_days, districts

Row = sa.RowMapping


def own_days(connection: sa.Connection, district: str) -> list[Row]:
    """Return every day the district decided about, in order."""
    wanted = sa.select(calendar_days).where(calendar_days.c.district == district)
    return list(connection.execute(wanted.order_by(calendar_days.c.day)).mappings())


def put_day(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Write one day, in the place of what stood there (the district must be locked)."""
    drop_day(connection, row["district"], row["day"])
    connection.execute(sa.insert(calendar_days), dict(row))


def drop_day(connection: sa.Connection, district: str, day: date) -> bool:
    """Forget what the district decided about a day; tell whether there was anything."""
    this = (calendar_days.c.district == district, calendar_days.c.day == day)
    return connection.execute(sa.delete(calendar_days).where(*this)).rowcount > 0


def settings_of(connection: sa.Connection, district: str) -> dict[str, Any]:
    """Return the district's settings."""
    wanted = sa.select(districts.c.settings).where(districts.c.district == district)
    return dict(connection.execute(wanted).scalar_one())


def put_settings(connection: sa.Connection, district: str, values: Mapping[str, Any]) -> None:
    """Write some of the district's settings, the others stay (the district must be locked)."""
    settings = {**settings_of(connection, district), **values}
    this = districts.c.district == district
    connection.execute(sa.update(districts).where(this).values(settings=settings))
