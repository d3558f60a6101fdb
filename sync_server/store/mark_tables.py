"""Marks that a district's history leaves behind, and how far work on its records has come."""

from __future__ import annotations

import sqlalchemy as sa

from sync_server.store.columns import district_key as _district
from sync_server.store.columns import id_column as _id
from sync_server.store.columns import metadata

history_marks = sa.Table(
    "history_marks",
    metadata,
    _district(),
    sa.Column("change_no", sa.BigInteger, primary_key=True),
    sa.Column("stamp", sa.String(16), nullable=False),
)
"""A random mark for every commit that gave out change numbers, under the last of them: a cursor
names its own, so that an older copy of the database, put back unannounced, is told apart."""

search_marks = sa.Table(
    "search_marks",
    metadata,
    _district(),
    sa.Column("rules", sa.Integer, nullable=False),
    _id("done_to"),
)
"""By which rules (schemas/search.py) the search texts of records were written, up to which record
in the order of ids; null: all."""
