"""The tables of registers in spreadsheets: imports and their rows, remembered columns, layouts of
exports, ledgers, and the keys by which records are known there.

``record_keys`` follows from the records and can be made anew.
"""

from __future__ import annotations

import sqlalchemy as sa

from sync_server.store.columns import Document, Utc, metadata
from sync_server.store.columns import district_key as _district
from sync_server.store.columns import id_column as _id

imports = sa.Table(
    "imports",
    metadata,
    _district(),
    _id("import_id", primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("file_name", sa.String(200), nullable=False),
    sa.Column("sheet", sa.String(100), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    _id("made_by", nullable=False),
    sa.Column("made_at", Utc, nullable=False),
    # The areas its rows may lie in: those of who made it, as they were then.
    sa.Column("scope_codes", Document, nullable=False),
    # reading | columns | checking | checked | running | done | undoing | undone | failed | dropped
    sa.Column("state", sa.String(10), nullable=False),
    # Heads, columns, fixed values and choices of the whole file (services/import_plan.py).
    sa.Column("plan", Document, nullable=False),
    # Where the present work stands: {"row", "offset", "total"}.
    sa.Column("progress", Document, nullable=False),
    sa.Column("counts", Document, nullable=False),
    # The change number before its first row, and when it ran and was undone.
    sa.Column("first_no", sa.BigInteger),
    sa.Column("ran_at", Utc),
    sa.Column("undone_at", Utc),
    _id("undone_by"),
    sa.Column("problem", Document),
    # Who is at work on it, until when nobody else may take it up.
    sa.Column("worker", sa.String(40)),
    sa.Column("leased_until", Utc),
    sa.Index(None, "district", "made_at"),
    sa.Index(
        "ix_imports_at_work",
        "district",
        "state",
        sqlite_where=sa.text("state IN ('reading', 'checking', 'running', 'undoing')"),
        postgresql_where=sa.text("state IN ('reading', 'checking', 'running', 'undoing')"),
    ),
)

import_rows = sa.Table(
    "import_rows",
    metadata,
    _district(),
    _id("import_id", primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
    # Where the row begins in the file of rows.
    sa.Column("place", sa.BigInteger, nullable=False),
    # new | changed | unchanged | refused | likely | skipped
    sa.Column("outcome", sa.String(10), nullable=False),
    sa.Column("key", sa.String(32)),
    _id("record_id"),
    sa.Column("base_version", sa.BigInteger),
    _id("change_id"),
    # What the changed fields said before, as stored.
    sa.Column("before", Document),
    # What came along: [[kind, record_id, change_id, {field: before}], …].
    sa.Column("also", Document),
    sa.Column("problems", Document),
    # Records it is likely the same as: [{"record_id", "version", "score", "reason"}, …].
    sa.Column("likely", Document),
    # What staff chose about it: new | skip | update.
    sa.Column("choice", sa.String(10)),
    # What undoing made of it: undone | kept; and of each record kept why, and what of it was put
    # back all the same: [{"kind", "record_id", "why", "by", "put_back"}, …].
    sa.Column("undone", sa.String(10)),
    sa.Column("kept", Document),
    sa.Index(None, "district", "import_id", "outcome", "row"),
    sa.Index(None, "district", "import_id", "key"),
    sa.Index(
        "ix_import_rows_record",
        "district",
        "record_id",
        sqlite_where=sa.text("change_id IS NOT NULL"),
        postgresql_where=sa.text("change_id IS NOT NULL"),
    ),
)

import_columns = sa.Table(
    "import_columns",
    metadata,
    _district(),
    sa.Column("kind", sa.String(40), primary_key=True),
    # A hash of a file's heads: the next file of this shape gets the same columns.
    sa.Column("shape", sa.String(32), primary_key=True),
    sa.Column("plan", Document, nullable=False),
    _id("set_by", nullable=False),
    sa.Column("set_at", Utc, nullable=False),
)

record_keys = sa.Table(
    "record_keys",
    metadata,
    _district(),
    sa.Column("key", sa.String(32), primary_key=True),
    _id("record_id", primary_key=True),
    sa.Index(None, "district", "record_id"),
)

record_key_marks = sa.Table(
    "record_key_marks",
    metadata,
    _district(),
    sa.Column("change_no", sa.BigInteger, nullable=False),
)

export_layouts = sa.Table(
    "export_layouts",
    metadata,
    _district(),
    sa.Column("kind", sa.String(40), primary_key=True),
    # [[path, own words or ""], …] in the customer's order.
    sa.Column("columns", Document, nullable=False),
    _id("set_by", nullable=False),
    sa.Column("set_at", Utc, nullable=False),
)

ledgers = sa.Table(
    "ledgers",
    metadata,
    _district(),
    _id("ledger_id", primary_key=True),
    sa.Column("name", sa.String(60), nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    # [{"kind", "filters": {field: what}, "columns": [[path, own words or ""], …]}, …]
    sa.Column("parts", Document, nullable=False),
    _id("set_by"),
    sa.Column("set_at", Utc, nullable=False),
    sa.UniqueConstraint("district", "name"),
)
