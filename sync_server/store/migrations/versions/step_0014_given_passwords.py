"""Whether somebody else knows a password, because he set it."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Take the step; of passwords set before nobody knows any more who chose them."""
    op.add_column(
        "users",
        sa.Column("password_given", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
