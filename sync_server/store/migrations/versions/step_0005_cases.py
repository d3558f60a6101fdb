"""Where every issue stands: lists and counts of the handling, units of people, deliveries.

The rows of issues that are there already are folded from their steps when the centre opens.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

TIME = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)


def upgrade() -> None:
    """Take the step."""
    op.add_column("users", sa.Column("unit_id", sa.String(36)))
    op.create_table(
        "cases",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("issue_id", sa.String(36), nullable=False),
        sa.Column("grid", sa.String(17), nullable=False),
        sa.Column("state", sa.String(2), nullable=False),
        sa.Column("over", sa.Boolean(), nullable=False),
        sa.Column("level", sa.String(20), nullable=False),
        sa.Column("category", sa.String(20), nullable=False),
        sa.Column("urgency", sa.String(20), nullable=False),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("compound_id", sa.String(36), nullable=True),
        sa.Column("building_id", sa.String(36), nullable=True),
        sa.Column("lat", sa.BigInteger(), nullable=True),
        sa.Column("lon", sa.BigInteger(), nullable=True),
        sa.Column("author", sa.String(36), nullable=False),
        sa.Column("unit_id", sa.String(36), nullable=True),
        sa.Column("assignee_id", sa.String(36), nullable=True),
        sa.Column("no", sa.String(30), nullable=True),
        sa.Column("mode", sa.String(20), nullable=True),
        sa.Column("path", sa.String(20), nullable=True),
        sa.Column("result", sa.String(20), nullable=True),
        sa.Column("happened_at", TIME, nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("accepted_at", TIME, nullable=True),
        sa.Column("resolved_at", TIME, nullable=True),
        sa.Column("closed_at", TIME, nullable=True),
        sa.Column("due_at", TIME, nullable=True),
        sa.Column("first_due_at", TIME, nullable=True),
        sa.Column("stage_due_at", TIME, nullable=True),
        sa.Column("yellow_at", TIME, nullable=True),
        sa.Column("suspended_until", sa.Date(), nullable=True),
        sa.Column("lookback_on", sa.Date(), nullable=True),
        sa.Column("lookback_result", sa.String(20), nullable=True),
        sa.Column("asked", DOCUMENT, nullable=False),
        sa.Column("called", DOCUMENT, nullable=False),
        sa.Column("overtaken", sa.Integer(), nullable=False),
        sa.Column("self_handled", sa.Boolean(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("escalated", sa.Integer(), nullable=False),
        sa.Column("rework_count", sa.Integer(), nullable=False),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("resolved_level", sa.Integer(), nullable=True),
        sa.Column("into_id", sa.String(36), nullable=True),
        sa.PrimaryKeyConstraint("district", "issue_id", name=op.f("pk_cases")),
    )
    op.create_index(
        op.f("ix_cases_district_category_happened_at"),
        "cases",
        ["district", "category", "happened_at"],
    )
    op.create_index(op.f("ix_cases_district_happened_at"), "cases", ["district", "happened_at"])
    op.create_index(op.f("ix_cases_district_over_grid"), "cases", ["district", "over", "grid"])
    op.create_index(
        op.f("ix_cases_district_state_stage_due_at"), "cases", ["district", "state", "stage_due_at"]
    )
    op.create_table(
        "case_units",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("unit_id", sa.String(36), nullable=False),
        sa.Column("issue_id", sa.String(36), nullable=False),
        sa.Column("part", sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint("district", "unit_id", "issue_id", name=op.f("pk_case_units")),
    )
    op.create_index(op.f("ix_case_units_district_issue_id"), "case_units", ["district", "issue_id"])
    op.create_table(
        "case_numbers",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("district", "year", name=op.f("pk_case_numbers")),
    )
    op.create_table(
        "deliveries",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("step_id", sa.String(36), nullable=False),
        sa.Column("issue_id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("issued_at", TIME, nullable=False),
        sa.Column("delivered_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("district", "step_id", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_district_issue_id"), "deliveries", ["district", "issue_id"])
    op.create_index(
        op.f("ix_deliveries_open"),
        "deliveries",
        ["district", "user_id"],
        sqlite_where=sa.text("delivered_at IS NULL"),
        postgresql_where=sa.text("delivered_at IS NULL"),
    )
    op.create_table(
        "overtaken_steps",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("step_id", sa.String(36), nullable=False),
        sa.Column("issue_id", sa.String(36), nullable=False),
        sa.Column("author", sa.String(36), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("before", sa.String(2), nullable=False),
        sa.Column("why", sa.String(40), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("settled_at", TIME, nullable=True),
        sa.Column("settled_by", sa.String(36), nullable=True),
        sa.PrimaryKeyConstraint("district", "step_id", name=op.f("pk_overtaken_steps")),
    )
    op.create_index(
        op.f("ix_overtaken_steps_district_issue_id"), "overtaken_steps", ["district", "issue_id"]
    )
    op.create_index(
        op.f("ix_overtaken_steps_open"),
        "overtaken_steps",
        ["district", "opened_at"],
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
