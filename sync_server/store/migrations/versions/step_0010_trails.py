"""What a record's versions were in earlier runs of the centre, and which of them a writer had seen.

Of what is stored already nothing is known beyond its version: at worst a conflict too many.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"

DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)


def upgrade() -> None:
    """Take the step."""
    op.add_column("records", sa.Column("trail", DOCUMENT))
    op.add_column("changes", sa.Column("base_trail", DOCUMENT))
