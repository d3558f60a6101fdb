"""The first tables: districts, people, devices, streams, changes, records, conflicts, audit."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

TIME = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "aliases",
        sa.Column("district", sa.String(length=6), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("survivor_id", sa.String(length=36), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("district", "record_id", name=op.f("pk_aliases")),
    )
    op.create_table(
        "audit",
        sa.Column("district", sa.String(length=6), nullable=False),
        sa.Column("audit_id", sa.String(length=36), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("user_id", sa.String(length=36)),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("target", sa.String(length=120)),
        sa.Column("detail", DOCUMENT),
        sa.PrimaryKeyConstraint("district", "audit_id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_district_at"), "audit", ["district", "at"])
    op.create_table(
        "batches",
        sa.Column("district", sa.String(length=6), nullable=False),
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=36), nullable=False),
        sa.Column("stream", sa.String(length=36)),
        sa.Column("road", sa.String(length=10), nullable=False),
        sa.Column("sent_at", sa.String(length=40)),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("clock_offset_s", sa.BigInteger()),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("outcomes", DOCUMENT, nullable=False),
        sa.Column("raw", sa.Text()),
        sa.PrimaryKeyConstraint("district", "batch_id", name=op.f("pk_batches")),
    )
    op.create_index(
        op.f("ix_batches_district_device_id_received_at"),
        "batches",
        ["district", "device_id", "received_at"],
    )
    op.create_index(op.f("ix_batches_district_received_at"), "batches", ["district", "received_at"])
    op.create_table(
        "changes",
        sa.Column("district", sa.String(length=6), nullable=False),
        sa.Column("change_id", sa.String(length=36), nullable=False),
        sa.Column("stream", sa.String(length=36)),
        sa.Column("seq", sa.BigInteger()),
        sa.Column("device_id", sa.String(length=36)),
        sa.Column("batch_id", sa.String(length=36)),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("schema", sa.BigInteger(), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("action", sa.String(length=10), nullable=False),
        sa.Column("grid", sa.String(length=17)),
        sa.Column("base_version", sa.BigInteger()),
        sa.Column("made_at", sa.String(length=40), nullable=False),
        sa.Column("author", sa.String(length=36), nullable=False),
        sa.Column("fields", DOCUMENT, nullable=False),
        sa.Column("corrects", sa.String(length=36)),
        sa.Column("prev", sa.String(length=64)),
        sa.Column("hash", sa.String(length=64)),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("clock_offset_s", sa.BigInteger()),
        sa.Column("doubtful", sa.Boolean(), nullable=False),
        sa.Column("happened_at", TIME, nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("version", sa.BigInteger()),
        sa.Column("problem", DOCUMENT),
        sa.Column("doubts", DOCUMENT),
        sa.Column("conflict_id", sa.String(length=36)),
        sa.Column("waits_for", sa.String(length=36)),
        sa.PrimaryKeyConstraint("district", "change_id", name=op.f("pk_changes")),
        sa.UniqueConstraint(
            "district", "stream", "seq", name=op.f("uq_changes_district_stream_seq")
        ),
    )
    op.create_index(op.f("ix_changes_district_batch_id"), "changes", ["district", "batch_id"])
    op.create_index(
        op.f("ix_changes_district_device_id_received_at"),
        "changes",
        ["district", "device_id", "received_at"],
    )
    op.create_index(op.f("ix_changes_district_outcome"), "changes", ["district", "outcome"])
    op.create_index(op.f("ix_changes_district_record_id"), "changes", ["district", "record_id"])
    op.create_index(
        "ix_changes_waiting",
        "changes",
        ["district", "waits_for"],
        sqlite_where=sa.text("waits_for IS NOT NULL"),
        postgresql_where=sa.text("waits_for IS NOT NULL"),
    )
    op.create_table(
        "conflicts",
        sa.Column("district", sa.String(length=6), nullable=False),
        sa.Column("conflict_id", sa.String(length=36), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("path", sa.String(length=120), nullable=False),
        sa.Column("base", DOCUMENT),
        sa.Column("visible", DOCUMENT),
        sa.Column("visible_change_id", sa.String(length=36)),
        sa.Column("other", DOCUMENT),
        sa.Column("change_id", sa.String(length=36), nullable=False),
        sa.Column("author", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=36)),
        sa.Column("happened_at", TIME, nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("decision", sa.String(length=20)),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("decided_by", sa.String(length=36)),
        sa.Column("decided_at", TIME),
        sa.PrimaryKeyConstraint("district", "conflict_id", name=op.f("pk_conflicts")),
    )
    op.create_index(op.f("ix_conflicts_district_decision"), "conflicts", ["district", "decision"])
    op.create_index(op.f("ix_conflicts_district_record_id"), "conflicts", ["district", "record_id"])
    op.create_table(
        "devices",
        sa.Column("district", sa.String(length=6), nullable=False),
        sa.Column("device_id", sa.String(length=36), nullable=False),
        sa.Column("worker_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("app", sa.String(length=40), nullable=False),
        sa.Column("joined_at", TIME, nullable=False),
        sa.Column("last_sync_at", TIME),
        sa.Column("clock_offset_s", sa.BigInteger()),
        sa.PrimaryKeyConstraint("district", "device_id", name=op.f("pk_devices")),
        sa.UniqueConstraint("district", "token_hash", name=op.f("uq_devices_district_token_hash")),
    )
    op.create_table(
        "districts",
        sa.Column("district", sa.String(length=6), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("server_epoch", sa.String(length=64), nullable=False),
        sa.Column("change_no", sa.BigInteger(), nullable=False),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.Column("settings", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("district", name=op.f("pk_districts")),
    )
    op.create_table(
        "join_codes",
        sa.Column("district", sa.String(length=6), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("worker_id", sa.String(length=36), nullable=False),
        sa.Column("made_by", sa.String(length=36)),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("device_id", sa.String(length=36)),
        sa.Column("used_at", TIME),
        sa.PrimaryKeyConstraint("district", "code_hash", name=op.f("pk_join_codes")),
    )
    op.create_table(
        "records",
        sa.Column("district", sa.String(length=6), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("schema", sa.Integer(), nullable=False),
        sa.Column("grid", sa.String(length=17), nullable=False),
        sa.Column("parent_id", sa.String(length=36)),
        sa.Column("fields", DOCUMENT, nullable=False),
        sa.Column("origins", DOCUMENT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("change_no", sa.BigInteger(), nullable=False),
        sa.Column("voided", sa.Boolean(), nullable=False),
        sa.Column("merged_into", sa.String(length=36)),
        sa.Column("author", sa.String(length=36), nullable=False),
        sa.Column("made_at", sa.String(length=40), nullable=False),
        sa.Column("happened_at", TIME, nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("device_id", sa.String(length=36)),
        sa.Column("last_author", sa.String(length=36), nullable=False),
        sa.Column("last_made_at", sa.String(length=40), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("district", "record_id", name=op.f("pk_records")),
        sa.UniqueConstraint("district", "change_no", name=op.f("uq_records_district_change_no")),
    )
    op.create_index(
        op.f("ix_records_district_grid_change_no"), "records", ["district", "grid", "change_no"]
    )
    op.create_index(op.f("ix_records_district_kind_grid"), "records", ["district", "kind", "grid"])
    op.create_index(
        op.f("ix_records_district_kind_happened_at"), "records", ["district", "kind", "happened_at"]
    )
    op.create_index(op.f("ix_records_district_parent_id"), "records", ["district", "parent_id"])
    op.create_table(
        "reseals",
        sa.Column("district", sa.String(length=6), nullable=False),
        sa.Column("stream", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("change_id", sa.String(length=36), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("district", "stream", "seq", name=op.f("pk_reseals")),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
    )
    op.create_table(
        "streams",
        sa.Column("district", sa.String(length=6), nullable=False),
        sa.Column("stream", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=36), nullable=False),
        sa.Column("known_seq", sa.BigInteger(), nullable=False),
        sa.Column("known_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("district", "stream", name=op.f("pk_streams")),
    )
    op.create_index(op.f("ix_streams_district_device_id"), "streams", ["district", "device_id"])
    op.create_table(
        "users",
        sa.Column("district", sa.String(length=6), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("no", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("scope_codes", DOCUMENT, nullable=False),
        sa.Column("password_hash", sa.String(length=200)),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.Column("failed_sign_ins", sa.Integer(), nullable=False),
        sa.Column("locked_until", TIME),
        sa.Column("session_mark", sa.String(length=32), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("district", "user_id", name=op.f("pk_users")),
        sa.UniqueConstraint("district", "no", name=op.f("uq_users_district_no")),
    )
