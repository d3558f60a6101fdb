"""By which rules the stored search texts were written; no mark: by older ones, they are redone."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "search_marks",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("rules", sa.Integer(), nullable=False),
        sa.Column("done_to", sa.String(36)),
        sa.PrimaryKeyConstraint("district", name="pk_search_marks"),
    )
