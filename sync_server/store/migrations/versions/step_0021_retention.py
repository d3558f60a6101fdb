"""Retention: the periods a district set, the runs, which records they emptied, and of a change that
was emptied a hash of what it had said. An older database has emptied nothing.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"

DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Take the step."""
    op.add_column("changes", sa.Column("emptied", sa.String(64)))
    op.create_table(
        "retention_periods",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("years", sa.Integer(), nullable=False),
        sa.Column("set_by", sa.String(36), nullable=False),
        sa.Column("set_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("district", "name", name=op.f("pk_retention_periods")),
    )
    op.create_table(
        "retention_runs",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("years", sa.Integer(), nullable=False),
        sa.Column("before", UTC, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("proposed_by", sa.String(36), nullable=False),
        sa.Column("proposed_at", UTC, nullable=False),
        sa.Column("decided_by", sa.String(36)),
        sa.Column("decided_at", UTC),
        sa.Column("ended_at", UTC),
        sa.Column("counts", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("district", "run_id", name=op.f("pk_retention_runs")),
    )
    op.create_index(
        op.f("ix_retention_runs_district_proposed_at"), "retention_runs",
        ["district", "proposed_at"],
    )  # fmt: skip
    op.create_table(
        "retention_records",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("record_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("grid", sa.String(17), nullable=False),
        sa.Column("root_id", sa.String(36), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("version", sa.BigInteger()),
        sa.Column("at", UTC),
        sa.PrimaryKeyConstraint(
            "district", "run_id", "record_id", name=op.f("pk_retention_records")
        ),
    )
    op.create_index(
        op.f("ix_retention_records_district_record_id"), "retention_records",
        ["district", "record_id"],
    )  # fmt: skip
    op.create_index(
        op.f("ix_retention_records_district_run_id_state"), "retention_records",
        ["district", "run_id", "state"],
    )  # fmt: skip
