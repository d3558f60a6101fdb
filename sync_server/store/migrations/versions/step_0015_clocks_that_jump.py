"""When a laptop's clock jumped, and until when a stream's changes were made."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Take the step; of clocks that jumped before nothing is known any more."""
    op.add_column("devices", sa.Column("clock_jumped_at", sa.DateTime(timezone=True)))
    op.add_column("streams", sa.Column("made_until", sa.DateTime(timezone=True)))
