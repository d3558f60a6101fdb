"""The tables of issues' handling: where each stands, who may see it, what was delivered when.

All but numbers, deliveries and what staff settled follows from the records and can be made anew.
"""

from __future__ import annotations

import sqlalchemy as sa

from sync_server.store.columns import CODE, Document, Utc, metadata
from sync_server.store.columns import district_key as _district
from sync_server.store.columns import id_column as _id

cases = sa.Table(
    "cases",
    metadata,
    _district(),
    _id("issue_id", primary_key=True),
    sa.Column("grid", sa.String(17), nullable=False),
    sa.Column("state", sa.String(2), nullable=False),
    sa.Column("over", sa.Boolean, nullable=False),  # closed, merged or voided
    sa.Column("level", sa.String(CODE), nullable=False),
    sa.Column("category", sa.String(CODE), nullable=False),
    sa.Column("urgency", sa.String(CODE), nullable=False),
    sa.Column("source", sa.String(CODE), nullable=False),
    _id("compound_id"),
    _id("building_id"),
    sa.Column("lat", sa.BigInteger),
    sa.Column("lon", sa.BigInteger),
    _id("author", nullable=False),
    _id("unit_id"),
    _id("assignee_id"),
    sa.Column("no", sa.String(30)),
    sa.Column("mode", sa.String(CODE)),
    sa.Column("path", sa.String(CODE)),
    sa.Column("result", sa.String(CODE)),
    sa.Column("happened_at", Utc, nullable=False),
    sa.Column("received_at", Utc, nullable=False),
    sa.Column("accepted_at", Utc),
    sa.Column("resolved_at", Utc),
    sa.Column("closed_at", Utc),
    # When the matter is due, when it was due at first, and when the present stage is: acceptance,
    # taking on, verification. Yellow from ``yellow_at`` on.
    sa.Column("due_at", Utc),
    sa.Column("first_due_at", Utc),
    sa.Column("stage_due_at", Utc),
    sa.Column("yellow_at", Utc),
    sa.Column("suspended_until", sa.Date),
    sa.Column("lookback_on", sa.Date),
    sa.Column("lookback_result", sa.String(CODE)),
    # What was asked for and not decided, by name; units called and not reported in.
    sa.Column("asked", Document, nullable=False),
    sa.Column("called", Document, nullable=False),
    sa.Column("overtaken", sa.Integer, nullable=False),
    sa.Column("self_handled", sa.Boolean, nullable=False),
    sa.Column("refusals", sa.Integer, nullable=False),
    sa.Column("escalated", sa.Integer, nullable=False),
    sa.Column("rework_count", sa.Integer, nullable=False),
    sa.Column("reminders", sa.Integer, nullable=False),
    sa.Column("rating", sa.Integer),
    sa.Column("resolved_level", sa.Integer),
    # Units called by all whistles, those of them that reported in, and did so in time.
    sa.Column("calls", sa.Integer, nullable=False),
    sa.Column("reports", sa.Integer, nullable=False),
    sa.Column("reports_on_time", sa.Integer, nullable=False),
    sa.Column("relapses", sa.Integer, nullable=False),
    _id("into_id"),
    sa.Index(None, "district", "over", "grid"),
    sa.Index(None, "district", "state", "stage_due_at"),
    sa.Index(None, "district", "category", "happened_at"),
    sa.Index(None, "district", "happened_at"),
    sa.Index(
        "ix_cases_into",
        "district",
        "into_id",
        sqlite_where=sa.text("into_id IS NOT NULL"),
        postgresql_where=sa.text("into_id IS NOT NULL"),
    ),
)
"""Where every issue stands, folded from its steps whenever one comes: for lists and counts. It says
nothing that the issue and its steps do not say, and can be made anew from them."""

case_units = sa.Table(
    "case_units",
    metadata,
    _district(),
    _id("unit_id", primary_key=True),
    _id("issue_id", primary_key=True),
    sa.Column("part", sa.String(10), nullable=False),  # lead | called
    sa.Index(None, "district", "issue_id"),
)
"""Which unit may see which issue: it was dispatched to it and not refused, or it was called."""

case_numbers = sa.Table(
    "case_numbers",
    metadata,
    _district(),
    sa.Column("year", sa.Integer, primary_key=True),
    sa.Column("last", sa.Integer, nullable=False),
)
"""The last number given to an issue in a year (990101-2026-000123)."""

deliveries = sa.Table(
    "deliveries",
    metadata,
    _district(),
    _id("step_id", primary_key=True),
    _id("issue_id", nullable=False),
    _id("user_id", nullable=False),
    sa.Column("issued_at", Utc, nullable=False),
    sa.Column("delivered_at", Utc),
    sa.Index(
        "ix_deliveries_open",
        "district",
        "user_id",
        sqlite_where=sa.text("delivered_at IS NULL"),
        postgresql_where=sa.text("delivered_at IS NULL"),
    ),
    sa.Index(None, "district", "issue_id"),
)
"""Steps that give a worker something to do, and when his laptop had them."""

overtaken_steps = sa.Table(
    "overtaken_steps",
    metadata,
    _district(),
    _id("step_id", primary_key=True),
    _id("issue_id", nullable=False),
    _id("author", nullable=False),
    sa.Column("action", sa.String(CODE), nullable=False),
    sa.Column("before", sa.String(2), nullable=False),
    sa.Column("why", sa.String(40), nullable=False),
    sa.Column("opened_at", Utc, nullable=False),
    sa.Column("settled_at", Utc),
    _id("settled_by"),
    sa.Index(None, "district", "issue_id"),
    sa.Index(
        "ix_overtaken_steps_open",
        "district",
        "opened_at",
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    ),
)
"""Steps of laptops that did not count, for staff to look at: each is a conflict with what was done
meanwhile, kept as a note."""
