"""An index from which SQLite answers lists and searches without reading whole records."""

from alembic import op

revision = "0002"
down_revision = "0001"

SEARCHED = [
    "district", "kind", "grid", "happened_at", "voided", "merged_into",
    "parent_id", "record_id", "search_text",
]  # fmt: skip


def upgrade() -> None:
    """Take the step."""
    if op.get_context().dialect.name != "sqlite":
        return
    op.create_index("ix_records_search", "records", SEARCHED)
    op.drop_index("ix_records_district_kind_grid", "records")
