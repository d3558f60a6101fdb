"""The tables of retention: the periods a district set, its runs, and which records they emptied."""

from __future__ import annotations

import sqlalchemy as sa

from sync_server.store.columns import Document, Utc, metadata
from sync_server.store.columns import district_key as _district
from sync_server.store.columns import id_column as _id

retention_periods = sa.Table(
    "retention_periods",
    metadata,
    _district(),
    sa.Column("name", sa.String(20), primary_key=True),  # a class of schemas/retention.py
    sa.Column("years", sa.Integer, nullable=False),
    _id("set_by", nullable=False),
    sa.Column("set_at", Utc, nullable=False),
)
"""How long a class is kept after its end; a class without a row is kept for good."""

retention_runs = sa.Table(
    "retention_runs",
    metadata,
    _district(),
    _id("run_id", primary_key=True),
    sa.Column("name", sa.String(20), nullable=False),
    sa.Column("years", sa.Integer, nullable=False),
    # What ended, and was last changed, before this is taken.
    sa.Column("before", Utc, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),  # proposed | confirmed | done | dropped
    _id("proposed_by", nullable=False),
    sa.Column("proposed_at", Utc, nullable=False),
    _id("decided_by"),
    sa.Column("decided_at", Utc),
    sa.Column("ended_at", Utc),
    # How many records of which kind it would empty, as worked out when it was proposed.
    sa.Column("counts", Document, nullable=False),
    sa.Index(None, "district", "proposed_at"),
)
"""Runs are never deleted: what was emptied when, and who had it done, has to be shown for years."""

retention_records = sa.Table(
    "retention_records",
    metadata,
    _district(),
    _id("run_id", primary_key=True),
    _id("record_id", primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("grid", sa.String(17), nullable=False),
    _id("root_id", nullable=False),  # the record it went along with; of that one its own id
    sa.Column("state", sa.String(10), nullable=False),  # listed | emptied | kept
    sa.Column("version", sa.BigInteger),  # the one that emptied it
    sa.Column("at", Utc),
    sa.Index(None, "district", "record_id"),
    sa.Index(None, "district", "run_id", "state"),
)
"""What a run lists, and what became of it: ids alone, no values."""
