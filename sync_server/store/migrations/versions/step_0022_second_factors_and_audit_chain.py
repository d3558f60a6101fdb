"""Second factors of staff, and the chain over the audit.

The rows an older database has are linked at the first tick of the program that serves it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"

DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)


def upgrade() -> None:
    """Take the step; whoever has an account goes on signing in by password alone."""
    op.add_column(
        "users",
        sa.Column("second_factor", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "second_factors",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("secret", sa.String(200), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True)),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("recovery", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("district", "user_id", name=op.f("pk_second_factors")),
    )
    op.create_table(
        "audit_links",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("audit_id", sa.String(36), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("district", "no", name=op.f("pk_audit_links")),
        sa.UniqueConstraint("district", "audit_id", name=op.f("uq_audit_links_district_audit_id")),
    )
