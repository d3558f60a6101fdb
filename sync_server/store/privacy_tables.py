"""The table of privacy requests: what persons asked about their own data, and the answers."""

from __future__ import annotations

import sqlalchemy as sa

from sync_server.store.columns import Document, Utc, metadata
from sync_server.store.columns import district_key as _district
from sync_server.store.columns import id_column as _id

privacy_requests = sa.Table(
    "privacy_requests",
    metadata,
    _district(),
    _id("request_id", primary_key=True),
    sa.Column("no", sa.String(30), nullable=False),  # 990101-2026-GX0007
    sa.Column("version", sa.BigInteger, nullable=False),  # counts up with every act
    # Where the person lives: who answers for it sees the request. It stays when grids are redrawn.
    sa.Column("area", sa.String(17), nullable=False),
    _id("record_id"),  # the resident; null: in no register, then there is a name
    sa.Column("person_name", sa.String(60), nullable=False),
    sa.Column("asked", sa.String(20), nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("asker", sa.String(20), nullable=False),
    sa.Column("asker_name", sa.String(60), nullable=False),
    sa.Column("phone", sa.String(30), nullable=False),
    sa.Column("checked", sa.String(20), nullable=False),
    sa.Column("road", sa.String(20), nullable=False),
    sa.Column("received_on", sa.Date, nullable=False),
    sa.Column("due_on", sa.Date, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),  # open | answered | refused
    _id("handler_id"),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("answered_on", sa.Date),
    # What is to be corrected: {"field", "value", "why"}; the task of the worker who was asked.
    sa.Column("wanted", Document),
    _id("task_id"),
    # What is no longer used, and since when: all | care.
    sa.Column("stopped", sa.String(10)),
    sa.Column("stopped_at", Utc),
    _id("entered_by", nullable=False),
    sa.Column("entered_at", Utc, nullable=False),
    sa.UniqueConstraint("district", "no"),
    sa.Index(None, "district", "state", "due_on"),
    sa.Index(
        "ix_privacy_requests_record",
        "district",
        "record_id",
        sqlite_where=sa.text("record_id IS NOT NULL"),
        postgresql_where=sa.text("record_id IS NOT NULL"),
    ),
)
"""Requests are never deleted: that they were answered in time has to be shown for years."""
