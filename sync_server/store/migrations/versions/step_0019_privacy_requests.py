"""Requests of persons about their own data; an older database has none."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"

DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "privacy_requests",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("no", sa.String(30), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("area", sa.String(17), nullable=False),
        sa.Column("record_id", sa.String(36)),
        sa.Column("person_name", sa.String(60), nullable=False),
        sa.Column("asked", sa.String(20), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("asker", sa.String(20), nullable=False),
        sa.Column("asker_name", sa.String(60), nullable=False),
        sa.Column("phone", sa.String(30), nullable=False),
        sa.Column("checked", sa.String(20), nullable=False),
        sa.Column("road", sa.String(20), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("handler_id", sa.String(36)),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_on", sa.Date()),
        sa.Column("wanted", DOCUMENT),
        sa.Column("task_id", sa.String(36)),
        sa.Column("stopped", sa.String(10)),
        sa.Column("stopped_at", sa.DateTime(timezone=True)),
        sa.Column("entered_by", sa.String(36), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("district", "request_id", name=op.f("pk_privacy_requests")),
        sa.UniqueConstraint("district", "no", name=op.f("uq_privacy_requests_district_no")),
    )
    op.create_index(
        op.f("ix_privacy_requests_district_state_due_on"), "privacy_requests",
        ["district", "state", "due_on"],
    )  # fmt: skip
    known = sa.text("record_id IS NOT NULL")
    op.create_index(
        "ix_privacy_requests_record", "privacy_requests", ["district", "record_id"],
        sqlite_where=known, postgresql_where=known,
    )  # fmt: skip
