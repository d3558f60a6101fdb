"""Duplicates and merges; an older database has neither, and its records are compared anew."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

TIME = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    sa.dialects.postgresql.JSONB(none_as_null=True), "postgresql"
)


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "likeness_keys",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("record_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint(
            "district", "kind", "key", "record_id", name=op.f("pk_likeness_keys")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_likeness_keys_district_record_id"), "likeness_keys", ["district", "record_id"]
    )
    op.create_table(
        "likeness_marks",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("change_no", sa.BigInteger(), nullable=False),
        sa.Column("busy_until", TIME),
        sa.Column("compared_at", TIME),
        sa.PrimaryKeyConstraint("district", name=op.f("pk_likeness_marks")),
    )
    op.create_table(
        "duplicate_pairs",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("first_id", sa.String(36), nullable=False),
        sa.Column("second_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("first_area", sa.String(17), nullable=False),
        sa.Column("second_area", sa.String(17), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("reasons", DOCUMENT, nullable=False),
        sa.Column("found_at", TIME, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("decided_by", sa.String(36)),
        sa.Column("decided_at", TIME),
        sa.Column("words", sa.Text()),
        sa.PrimaryKeyConstraint(
            "district", "first_id", "second_id", name=op.f("pk_duplicate_pairs")
        ),
    )
    op.create_index(
        op.f("ix_duplicate_pairs_district_state_kind_score"),
        "duplicate_pairs",
        ["district", "state", "kind", "score"],
    )
    op.create_index(
        op.f("ix_duplicate_pairs_district_second_id"), "duplicate_pairs", ["district", "second_id"]
    )
    op.create_table(
        "merges",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("merge_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("record_id", sa.String(36), nullable=False),
        sa.Column("survivor_id", sa.String(36), nullable=False),
        sa.Column("area", sa.String(17), nullable=False),
        sa.Column("survivor_area", sa.String(17), nullable=False),
        sa.Column("carried", DOCUMENT, nullable=False),
        sa.Column("change_id", sa.String(36)),
        sa.Column("made_by", sa.String(36), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("words", sa.Text()),
        sa.Column("undone_by", sa.String(36)),
        sa.Column("undone_at", TIME),
        sa.PrimaryKeyConstraint("district", "merge_id", name=op.f("pk_merges")),
    )
    for column in ("record_id", "survivor_id", "made_at"):
        op.create_index(op.f(f"ix_merges_district_{column}"), "merges", ["district", column])
    op.create_index(op.f("ix_aliases_district_survivor_id"), "aliases", ["district", "survivor_id"])
    op.add_column("changes", sa.Column("into_id", sa.String(36)))
    op.add_column("changes", sa.Column("into_version", sa.BigInteger()))
    op.create_index(
        "ix_changes_into",
        "changes",
        ["district", "into_id"],
        sqlite_where=sa.text("into_id IS NOT NULL"),
        postgresql_where=sa.text("into_id IS NOT NULL"),
    )
