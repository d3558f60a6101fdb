"""What healing needs: version floors, who held what when, lines of streams, photos, relay files."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

TIME = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)


def _id(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(36), nullable=nullable)


def _district() -> sa.Column[str]:
    return sa.Column("district", sa.String(6), nullable=False)


def upgrade() -> None:
    """Take the step."""
    _marks()
    _columns()
    _who_held_what()
    _what_lay_where()
    _photos()
    op.create_table(
        "relay_files",
        _district(),
        sa.Column("sha256", sa.String(64), nullable=False),
        _id("device_id"),
        _id("user_id", nullable=True),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("photos", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("district", "sha256", name=op.f("pk_relay_files")),
    )
    op.create_index(
        op.f("ix_relay_files_district_received_at"), "relay_files", ["district", "received_at"]
    )


def _marks() -> None:
    """Make the table of history's marks, with one for where every district stands."""
    marks = op.create_table(
        "history_marks",
        _district(),
        sa.Column("change_no", sa.BigInteger(), nullable=False),
        sa.Column("stamp", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("district", "change_no", name=op.f("pk_history_marks")),
    )
    districts = sa.table("districts", sa.column("district"), sa.column("change_no"))
    for row in op.get_bind().execute(sa.select(districts)).all():
        here = {"district": row.district, "change_no": row.change_no, "stamp": "start"}
        op.bulk_insert(marks, [here])


def _columns() -> None:
    op.add_column(
        "districts",
        sa.Column("version_floor", sa.BigInteger(), nullable=False, server_default="0"),
    )
    op.add_column("devices", sa.Column("account", DOCUMENT))
    op.add_column("streams", sa.Column("follows", DOCUMENT))
    op.add_column("changes", sa.Column("former_version", sa.BigInteger()))
    op.add_column("changes", _id("time_confirmed_by", nullable=True))
    op.add_column("changes", sa.Column("desk", sa.String(10)))
    op.add_column("changes", sa.Column("fixed", DOCUMENT))
    op.add_column("conflicts", sa.Column("first_decision", sa.String(20)))
    op.add_column("conflicts", sa.Column("asked_at", TIME))
    op.create_index(op.f("ix_reseals_district_change_id"), "reseals", ["district", "change_id"])
    op.create_index(
        "ix_changes_unsure",
        "changes",
        ["district", "received_at"],
        sqlite_where=sa.text("doubtful AND time_confirmed_by IS NULL"),
        postgresql_where=sa.text("doubtful AND time_confirmed_by IS NULL"),
    )
    op.create_index(
        "ix_changes_corrects",
        "changes",
        ["district", "corrects"],
        sqlite_where=sa.text("corrects IS NOT NULL"),
        postgresql_where=sa.text("corrects IS NOT NULL"),
    )


def _who_held_what() -> None:
    """Make the table of holdings and write down what workers hold today.

    Since when is not known any more: since the account was made.
    """
    holdings = op.create_table(
        "holdings",
        _district(),
        _id("user_id"),
        sa.Column("code", sa.String(17), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("until", TIME),
        sa.PrimaryKeyConstraint("district", "user_id", "code", "since", name=op.f("pk_holdings")),
    )
    users = sa.table(
        "users",
        sa.column("district", sa.String),
        sa.column("user_id", sa.String),
        sa.column("scope_codes", DOCUMENT),
        sa.column("created_at", TIME),
    )
    rows = [
        {"district": row.district, "user_id": row.user_id, "code": code, "since": row.created_at}
        for row in op.get_bind().execute(sa.select(users))
        for code in row.scope_codes
    ]
    if rows:
        op.bulk_insert(holdings, rows)


def _what_lay_where() -> None:
    """Make the table of moves; when older records first came is not known any more (0)."""
    op.add_column(
        "records", sa.Column("first_no", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.create_table(
        "moves",
        _district(),
        sa.Column("change_no", sa.BigInteger(), nullable=False),
        _id("record_id"),
        sa.Column("from_area", sa.String(17), nullable=False),
        sa.Column("to_area", sa.String(17), nullable=False),
        sa.Column("at", TIME, nullable=False),
        _id("user_id", nullable=True),
        sa.PrimaryKeyConstraint("district", "change_no", name=op.f("pk_moves")),
    )
    op.create_index(
        op.f("ix_moves_district_record_id_change_no"),
        "moves",
        ["district", "record_id", "change_no"],
    )


def _photos() -> None:
    op.create_table(
        "photo_files",
        _district(),
        _id("device_id"),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(40), nullable=False),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("received_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("district", "device_id", "sha256", name=op.f("pk_photo_files")),
    )
    op.create_index(op.f("ix_photo_files_district_sha256"), "photo_files", ["district", "sha256"])
    op.create_table(
        "photo_uploads",
        _district(),
        _id("upload_id"),
        _id("device_id"),
        sa.Column("sha256", sa.String(64)),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("said", DOCUMENT, nullable=False),
        sa.Column("begun_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("district", "upload_id", name=op.f("pk_photo_uploads")),
    )
    op.create_index(
        op.f("ix_photo_uploads_district_device_id"), "photo_uploads", ["district", "device_id"]
    )
    op.create_index(
        op.f("ix_photo_uploads_district_expires_at"), "photo_uploads", ["district", "expires_at"]
    )
