"""Registers in spreadsheets: imports, remembered columns, layouts of exports, ledgers, and the keys
by which records are known there, which are worked out when an import first looks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"

TIME = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "imports",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("import_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("file_name", sa.String(200), nullable=False),
        sa.Column("sheet", sa.String(100), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("made_by", sa.String(36), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("scope_codes", DOCUMENT, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("plan", DOCUMENT, nullable=False),
        sa.Column("progress", DOCUMENT, nullable=False),
        sa.Column("counts", DOCUMENT, nullable=False),
        sa.Column("first_no", sa.BigInteger()),
        sa.Column("ran_at", TIME),
        sa.Column("undone_at", TIME),
        sa.Column("undone_by", sa.String(36)),
        sa.Column("problem", DOCUMENT),
        sa.Column("worker", sa.String(40)),
        sa.Column("leased_until", TIME),
        sa.PrimaryKeyConstraint("district", "import_id", name=op.f("pk_imports")),
    )
    op.create_index(op.f("ix_imports_district_made_at"), "imports", ["district", "made_at"])
    at_work = sa.text("state IN ('reading', 'checking', 'running', 'undoing')")
    op.create_index(
        "ix_imports_at_work",
        "imports",
        ["district", "state"],
        sqlite_where=at_work,
        postgresql_where=at_work,
    )
    op.create_table(
        "import_rows",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("import_id", sa.String(36), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("key", sa.String(32)),
        sa.Column("record_id", sa.String(36)),
        sa.Column("base_version", sa.BigInteger()),
        sa.Column("change_id", sa.String(36)),
        sa.Column("before", DOCUMENT),
        sa.Column("also", DOCUMENT),
        sa.Column("problems", DOCUMENT),
        sa.Column("likely", DOCUMENT),
        sa.Column("choice", sa.String(10)),
        sa.Column("undone", sa.String(10)),
        sa.Column("kept", DOCUMENT),
        sa.PrimaryKeyConstraint("district", "import_id", "row", name=op.f("pk_import_rows")),
    )
    op.create_index(
        op.f("ix_import_rows_district_import_id_outcome_row"),
        "import_rows",
        ["district", "import_id", "outcome", "row"],
    )
    op.create_index(
        op.f("ix_import_rows_district_import_id_key"),
        "import_rows",
        ["district", "import_id", "key"],
    )
    op.create_index(
        "ix_import_rows_record",
        "import_rows",
        ["district", "record_id"],
        sqlite_where=sa.text("change_id IS NOT NULL"),
        postgresql_where=sa.text("change_id IS NOT NULL"),
    )
    op.create_table(
        "import_columns",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("shape", sa.String(32), nullable=False),
        sa.Column("plan", DOCUMENT, nullable=False),
        sa.Column("set_by", sa.String(36), nullable=False),
        sa.Column("set_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("district", "kind", "shape", name=op.f("pk_import_columns")),
    )
    op.create_table(
        "record_keys",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("record_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("district", "key", "record_id", name=op.f("pk_record_keys")),
    )
    op.create_index(
        op.f("ix_record_keys_district_record_id"), "record_keys", ["district", "record_id"]
    )
    op.create_table(
        "record_key_marks",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("change_no", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("district", name=op.f("pk_record_key_marks")),
    )
    op.create_table(
        "export_layouts",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("columns", DOCUMENT, nullable=False),
        sa.Column("set_by", sa.String(36), nullable=False),
        sa.Column("set_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("district", "kind", name=op.f("pk_export_layouts")),
    )
    op.create_table(
        "ledgers",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("ledger_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("parts", DOCUMENT, nullable=False),
        sa.Column("set_by", sa.String(36)),
        sa.Column("set_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("district", "ledger_id", name=op.f("pk_ledgers")),
        sa.UniqueConstraint("district", "name", name=op.f("uq_ledgers_district_name")),
    )
