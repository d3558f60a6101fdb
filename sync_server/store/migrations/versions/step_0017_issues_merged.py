"""An index by which the issues merged into one are found."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Take the step."""
    merged = sa.text("into_id IS NOT NULL")
    op.create_index(
        "ix_cases_into", "cases", ["district", "into_id"],
        sqlite_where=merged, postgresql_where=merged,
    )  # fmt: skip
