"""What a district sets otherwise: working days and time limits.

Official days and default limits are the program's; an older database has nothing of its own yet.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "calendar_days",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("working", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("set_by", sa.String(36), nullable=False),
        sa.Column("set_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("district", "day", name=op.f("pk_calendar_days")),
    )
    op.create_table(
        "time_limits",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("clock", sa.String(40), nullable=False),
        sa.Column("category", sa.String(20), nullable=False),
        sa.Column("level", sa.String(20), nullable=False),
        sa.Column("urgency", sa.String(20), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(20), nullable=False),
        sa.Column("set_by", sa.String(36), nullable=False),
        sa.Column("set_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint(
            "district", "clock", "category", "level", "urgency", name=op.f("pk_time_limits")
        ),
    )
