"""Sessions that somebody signed out of, with his account."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"

DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)


def upgrade() -> None:
    """Take the step; sessions from before it have no id and are asked to sign in once."""
    op.add_column(
        "users", sa.Column("ended_sessions", DOCUMENT, nullable=False, server_default="{}")
    )
