"""What the centre's tables are made of: their one MetaData, kinds of columns, names of keys.

Times are aware UTC; documents are JSON (JSONB on PostgreSQL, which reorders keys: hashes are always
taken over canonical JSON, never over stored text).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Document = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)


class Utc(TypeDecorator[datetime]):
    """An aware time, stored in UTC; SQLite gives naive ones back, PostgreSQL aware ones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Refuse naive times; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without offset")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Give aware UTC back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


CODE, KEY = 40, 64
"""The longest code of a list and the longest key of an entry that a change may carry
(schemas/fields/base.py); unknown ones are taken too."""


def district_key() -> sa.Column[str]:
    """Return the column every key starts with."""
    return sa.Column("district", sa.String(6), primary_key=True)


def id_column(name: str, **kwargs: Any) -> sa.Column[str]:
    """Return a column for an id."""
    return sa.Column(name, sa.String(36), **kwargs)
