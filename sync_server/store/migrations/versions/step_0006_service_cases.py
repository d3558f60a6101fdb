"""Where service requests stand; an older database has none, and its rows are worked out anew."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "service_cases",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("service_id", sa.String(36), nullable=False),
        sa.Column("grid", sa.String(17), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("item", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("taker_id", sa.String(36)),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("accepted_at", TIME),
        sa.Column("respond_due", TIME),
        sa.Column("respond_at", TIME),
        sa.Column("reply_due", TIME),
        sa.Column("reply_at", TIME),
        sa.Column("solve_due", TIME),
        sa.Column("solve_at", TIME),
        sa.Column("plan_due", TIME),
        sa.Column("plan_at", TIME),
        sa.Column("next_due", TIME),
        sa.Column("result", sa.String(20)),
        sa.Column("person_times", sa.Integer()),
        sa.Column("rating", sa.Integer()),
        sa.PrimaryKeyConstraint("district", "service_id", name=op.f("pk_service_cases")),
    )
    op.create_index(
        op.f("ix_service_cases_district_state_grid"), "service_cases", ["district", "state", "grid"]
    )
    op.create_index(
        op.f("ix_service_cases_district_requested_at"),
        "service_cases",
        ["district", "requested_at"],
    )
    op.create_table(
        "service_marks",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("change_no", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("district", name=op.f("pk_service_marks")),
    )
