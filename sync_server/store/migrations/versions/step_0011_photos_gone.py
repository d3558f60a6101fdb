"""Since when the file of a photo is not on the disk any more."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Take the step."""
    op.add_column("photo_files", sa.Column("gone_at", sa.DateTime(timezone=True)))
