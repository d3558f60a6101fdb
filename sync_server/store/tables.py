"""The centre's tables (SQLAlchemy Core), the same on SQLite and PostgreSQL.

Every key starts with ``district``, the county-level area code: a city is many small, independent
histories, and a database can be partitioned or distributed by that column (types: ``columns.py``).
"""

from __future__ import annotations

from typing import Any, cast

import sqlalchemy as sa

from sync_server.store import case_tables as case_tables  # its tables belong to the metadata
from sync_server.store import duplicate_tables as duplicate_tables  # its tables belong to it too
from sync_server.store import field_tables as field_tables  # its tables belong to the metadata
from sync_server.store import frozen_tables as frozen_tables  # its tables belong to the metadata
from sync_server.store import guard_tables as guard_tables  # its tables belong to it too
from sync_server.store import import_tables as import_tables  # its tables belong to the metadata
from sync_server.store import privacy_tables as privacy_tables  # its tables belong to it too
from sync_server.store import retention_tables as retention_tables  # its tables belong to it too
from sync_server.store import service_tables as service_tables  # its tables belong to the metadata
from sync_server.store.columns import Document, Utc
from sync_server.store.columns import district_key as _district
from sync_server.store.columns import id_column as _id
from sync_server.store.columns import metadata as metadata  # whole only once this module is read
from sync_server.store.mark_tables import history_marks as history_marks
from sync_server.store.mark_tables import search_marks as search_marks

_INTO = sa.text("into_id IS NOT NULL")


def _change_no(context: Any) -> int:
    """The number a row is inserted with."""
    return cast(int, context.get_current_parameters()["change_no"])


districts = sa.Table(
    "districts",
    metadata,
    _district(),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("server_epoch", sa.String(64), nullable=False),
    # The last change_no given out; taken with the row locked, so commit order is cursor order.
    sa.Column("change_no", sa.BigInteger, nullable=False),
    # Versions of records begin above it: it jumps with every epoch, so none is given out twice.
    sa.Column("version_floor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("synthetic", sa.Boolean, nullable=False),
    sa.Column("settings", Document, nullable=False),
)

secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""The server's own keys: cursor and session signing, its X25519 key (hex)."""

users = sa.Table(
    "users",
    metadata,
    _district(),
    _id("user_id", primary_key=True),
    sa.Column("no", sa.String(40), nullable=False),
    sa.Column("name", sa.String(60), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("scope_codes", Document, nullable=False),  # areas staff see into, a worker's grids
    sa.Column("password_hash", sa.String(200)),
    sa.Column("password_given", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("second_factor", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("demo", sa.Boolean, nullable=False),
    sa.Column("failed_sign_ins", sa.Integer, nullable=False),
    sa.Column("locked_until", Utc),
    sa.Column("session_mark", sa.String(32), nullable=False),
    sa.Column("ended_sessions", Document, nullable=False, server_default="{}"),  # id: when
    sa.Column("created_at", Utc, nullable=False),
    _id("unit_id"),  # the department or company somebody of that role acts for
    sa.UniqueConstraint("district", "no"),
)

join_codes = sa.Table(
    "join_codes",
    metadata,
    _district(),
    sa.Column("code_hash", sa.String(64), primary_key=True),
    _id("worker_id", nullable=False),
    _id("made_by"),
    sa.Column("made_at", Utc, nullable=False),
    sa.Column("expires_at", Utc, nullable=False),
    _id("device_id"),
    sa.Column("used_at", Utc),
)

devices = sa.Table(
    "devices",
    metadata,
    _district(),
    _id("device_id", primary_key=True),
    _id("worker_id", nullable=False),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("public_key", sa.String(64), nullable=False),
    sa.Column("token_hash", sa.String(64), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),  # active | lost | revoked
    sa.Column("app", sa.String(40), nullable=False),
    sa.Column("joined_at", Utc, nullable=False),
    sa.Column("last_sync_at", Utc),
    sa.Column("clock_offset_s", sa.BigInteger),
    sa.Column("clock_jumped_at", Utc),  # when it was last found far from where it had been
    # What the laptop last said of its own log: {"at", "made", "unsent", "differences"}.
    sa.Column("account", Document),
    sa.UniqueConstraint("district", "token_hash"),
)

holdings = sa.Table(
    "holdings",
    metadata,
    _district(),
    _id("user_id", primary_key=True),
    sa.Column("code", sa.String(17), primary_key=True),
    sa.Column("since", Utc, primary_key=True),
    sa.Column("until", Utc),
)
"""Who held which area when: late work of a former worker is judged and credited by it."""

streams = sa.Table(
    "streams",
    metadata,
    _district(),
    _id("stream", primary_key=True),
    _id("device_id", nullable=False),
    sa.Column("known_seq", sa.BigInteger, nullable=False),
    sa.Column("known_hash", sa.String(64), nullable=False),
    # What of the device's earlier streams its store held when this one began: {stream: seq}.
    sa.Column("follows", Document),
    sa.Column("made_until", Utc),  # the latest time by which one of its changes was made, no doubt
    sa.Index(None, "district", "device_id"),
)

batches = sa.Table(
    "batches",
    metadata,
    _district(),
    _id("batch_id", primary_key=True),
    _id("device_id", nullable=False),
    _id("stream"),
    sa.Column("road", sa.String(10), nullable=False),  # link | relay | import
    sa.Column("sent_at", sa.String(40)),
    sa.Column("received_at", Utc, nullable=False),
    sa.Column("clock_offset_s", sa.BigInteger),
    sa.Column("changes", sa.Integer, nullable=False),
    sa.Column("outcomes", Document, nullable=False),  # {outcome: count}
    sa.Column("raw", sa.Text),  # kept whole only when the envelope was unusable
    sa.Index(None, "district", "device_id", "received_at"),
    sa.Index(None, "district", "received_at"),
)

changes = sa.Table(
    "changes",
    metadata,
    _district(),
    _id("change_id", primary_key=True),
    _id("stream"),
    sa.Column("seq", sa.BigInteger),
    _id("device_id"),  # null: made at the centre
    _id("batch_id"),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("schema", sa.BigInteger, nullable=False),
    _id("record_id", nullable=False),
    sa.Column("action", sa.String(10), nullable=False),
    sa.Column("grid", sa.String(17)),
    sa.Column("base_version", sa.BigInteger),
    # The last versions, in the runs before, of the copy it is based on, as its laptop tells.
    sa.Column("base_trail", Document),
    sa.Column("made_at", sa.String(40), nullable=False),
    _id("author", nullable=False),
    sa.Column("fields", Document, nullable=False),
    _id("corrects"),
    sa.Column("prev", sa.String(64)),
    sa.Column("hash", sa.String(64)),
    sa.Column("received_at", Utc, nullable=False),
    sa.Column("clock_offset_s", sa.BigInteger),
    sa.Column("doubtful", sa.Boolean, nullable=False),
    sa.Column("happened_at", Utc, nullable=False),  # made_at corrected by the offset
    sa.Column("outcome", sa.String(12), nullable=False),
    sa.Column("version", sa.BigInteger),
    sa.Column("problem", Document),
    sa.Column("doubts", Document),
    _id("conflict_id"),
    _id("waits_for"),  # a held change: the record whose create has not come yet
    sa.Column("former_version", sa.BigInteger),  # before a restore, as its laptop remembers
    # Staff have looked at a doubtful time; ``happened_at`` is then what they took for true.
    _id("time_confirmed_by"),
    # What became of a refused change at the desk: null (waits for staff) | returned | dismissed |
    # answered (its writer sent another in its place) | released (judged again and taken).
    sa.Column("desk", sa.String(10)),
    # What staff made of it before they released it, {"schema", "fields"}; ``fields`` stays as sent.
    sa.Column("fixed", Document),
    # Its record had been merged: the survivor it was passed on to, and that one's version by it.
    _id("into_id"),
    sa.Column("into_version", sa.BigInteger),
    sa.Column("emptied", sa.String(64)),  # a hash of what it said before a retention run
    sa.UniqueConstraint("district", "stream", "seq"),
    sa.Index(None, "district", "record_id"),
    sa.Index(
        "ix_changes_corrects",
        "district",
        "corrects",
        sqlite_where=sa.text("corrects IS NOT NULL"),
        postgresql_where=sa.text("corrects IS NOT NULL"),
    ),
    # Times staff should look at: few, wanted on every first page.
    sa.Index(
        "ix_changes_unsure",
        "district",
        "received_at",
        sqlite_where=sa.text("doubtful AND time_confirmed_by IS NULL"),
        postgresql_where=sa.text("doubtful AND time_confirmed_by IS NULL"),
    ),
    sa.Index(None, "district", "device_id", "received_at"),
    sa.Index(None, "district", "outcome"),
    sa.Index(None, "district", "batch_id"),
    sa.Index("ix_changes_into", "district", "into_id", sqlite_where=_INTO, postgresql_where=_INTO),
    sa.Index(
        "ix_changes_waiting",
        "district",
        "waits_for",
        sqlite_where=sa.text("waits_for IS NOT NULL"),
        postgresql_where=sa.text("waits_for IS NOT NULL"),
    ),
)

reseals = sa.Table(
    "reseals",
    metadata,
    _district(),
    _id("stream", primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True),
    _id("change_id", nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Index(None, "district", "change_id"),
)
"""Places of a stream whose change had been received under another number already."""

records = sa.Table(
    "records",
    metadata,
    _district(),
    _id("record_id", primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("schema", sa.Integer, nullable=False),
    # The area it belongs to: a grid, or a community and above for kinds of that reach.
    sa.Column("grid", sa.String(17), nullable=False),
    _id("parent_id"),
    sa.Column("fields", Document, nullable=False),
    # {path: {"version", "change_id", "author", "device_id", "happened_at"}}; "" stands for every
    # value that has no entry of its own, so that a new record needs one entry (domain/merge.py).
    sa.Column("origins", Document, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    # Its last version in each earlier run that changed it (domain/merge.py); null: none.
    sa.Column("trail", Document),
    sa.Column("change_no", sa.BigInteger, nullable=False),
    # The number it came with: a laptop that stood before it cannot have got the record.
    sa.Column("first_no", sa.BigInteger, nullable=False, default=_change_no, server_default="0"),
    sa.Column("voided", sa.Boolean, nullable=False),
    _id("merged_into"),
    _id("author", nullable=False),
    sa.Column("made_at", sa.String(40), nullable=False),
    sa.Column("happened_at", Utc, nullable=False),
    sa.Column("received_at", Utc, nullable=False),
    _id("device_id"),
    _id("last_author", nullable=False),
    sa.Column("last_made_at", sa.String(40), nullable=False),
    sa.Column("search_text", sa.Text, nullable=False),
    sa.UniqueConstraint("district", "change_no"),
    sa.Index(None, "district", "kind", "happened_at"),
    # Lists and searches of a kind. SQLite reads whole rows, documents included, unless an index
    # holds all that is asked for; PostgreSQL keeps documents apart and bounds an index's entries.
    sa.Index(
        "ix_records_search",
        "district",
        "kind",
        "grid",
        "happened_at",
        "voided",
        "merged_into",
        "parent_id",
        "record_id",
        "search_text",
        info={"only": "sqlite"},
    ).ddl_if(dialect="sqlite"),
    sa.Index(None, "district", "kind", "grid", info={"only": "postgresql"}).ddl_if(
        dialect="postgresql"
    ),
    sa.Index(None, "district", "grid", "change_no"),
    sa.Index(None, "district", "parent_id"),
)

moves = sa.Table(
    "moves",
    metadata,
    _district(),
    sa.Column("change_no", sa.BigInteger, primary_key=True, autoincrement=False),
    _id("record_id", nullable=False),
    sa.Column("from_area", sa.String(17), nullable=False),
    sa.Column("to_area", sa.String(17), nullable=False),
    sa.Column("at", Utc, nullable=False),
    _id("user_id"),
    sa.Index(None, "district", "record_id", "change_no"),
)
"""Records that staff put into another area: the laptops of the old one are told that they left."""

conflicts = sa.Table(
    "conflicts",
    metadata,
    _district(),
    _id("conflict_id", primary_key=True),
    _id("record_id", nullable=False),
    sa.Column("path", sa.String(120), nullable=False),  # a merge path, or "voided"
    sa.Column("base", Document),
    sa.Column("visible", Document),
    _id("visible_change_id"),
    sa.Column("other", Document),
    _id("change_id", nullable=False),
    _id("author", nullable=False),
    _id("device_id"),
    sa.Column("happened_at", Utc, nullable=False),
    sa.Column("opened_at", Utc, nullable=False),
    # null: open; kept | replaced (the other value became visible) | both | rewritten (staff) |
    # withdrawn (its writer wrote again after he had seen what stands).
    sa.Column("decision", sa.String(20)),
    # Decided at once by corrected time; ``first_decision`` keeps how, when staff decide anew.
    sa.Column("automatic", sa.Boolean, nullable=False),
    sa.Column("first_decision", sa.String(20)),
    _id("decided_by"),
    sa.Column("decided_at", Utc),
    # The worker was asked; the entry stays open until staff decide.
    sa.Column("asked_at", Utc),
    sa.Index(None, "district", "record_id"),
    sa.Index(None, "district", "decision"),
)

aliases = sa.Table(
    "aliases",
    metadata,
    _district(),
    _id("record_id", primary_key=True),
    _id("survivor_id", nullable=False),
    sa.Column("made_at", Utc, nullable=False),
    sa.Index(None, "district", "survivor_id"),
)
"""Merged records: the one that each went into directly (that may have gone into a third)."""

audit = sa.Table(
    "audit",
    metadata,
    _district(),
    _id("audit_id", primary_key=True),
    sa.Column("at", Utc, nullable=False),
    _id("user_id"),
    sa.Column("action", sa.String(40), nullable=False),
    sa.Column("target", sa.String(120)),
    sa.Column("detail", Document),
    sa.Index(None, "district", "at"),
)

photo_files = sa.Table(
    "photo_files",
    metadata,
    _district(),
    _id("device_id", primary_key=True),
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("media_type", sa.String(40), nullable=False),
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    sa.Column("received_at", Utc, nullable=False),
    sa.Column("gone_at", Utc),  # since when its file is not on the disk any more
    sa.Index(None, "district", "sha256"),
)
"""Photos complete on disk, by the device that brought them; a file is named by its hash."""

photo_uploads = sa.Table(
    "photo_uploads",
    metadata,
    _district(),
    _id("upload_id", primary_key=True),
    _id("device_id", nullable=False),
    sa.Column("sha256", sa.String(64)),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("said", Document, nullable=False),  # Upload-Metadata, decoded
    sa.Column("begun_at", Utc, nullable=False),
    sa.Column("expires_at", Utc, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),
    sa.Index(None, "district", "device_id"),
    sa.Index(None, "district", "expires_at"),
)
"""Uploads under way; how much has come is the size of the file, not a number here."""

relay_files = sa.Table(
    "relay_files",
    metadata,
    _district(),
    sa.Column("sha256", sa.String(64), primary_key=True),  # of the file as it was handed in
    _id("device_id", nullable=False),
    _id("user_id"),
    sa.Column("received_at", Utc, nullable=False),
    sa.Column("requests", sa.Integer, nullable=False),
    sa.Column("changes", sa.Integer, nullable=False),
    sa.Column("photos", sa.Integer, nullable=False),
    sa.Index(None, "district", "received_at"),
)
"""Relay files that were taken in; handing one in again is harmless and told apart here."""

calendar_days = sa.Table(
    "calendar_days",
    metadata,
    _district(),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("working", sa.Boolean, nullable=False),
    sa.Column("note", sa.String(200), nullable=False),
    _id("set_by", nullable=False),
    sa.Column("set_at", Utc, nullable=False),
)
"""Days a district decided about; every other day follows the official calendar."""

time_limits = sa.Table(
    "time_limits",
    metadata,
    _district(),
    sa.Column("clock", sa.String(40), primary_key=True),
    # Each a code of its list, or "*" for any.
    sa.Column("category", sa.String(20), primary_key=True),
    sa.Column("level", sa.String(20), primary_key=True),
    sa.Column("urgency", sa.String(20), primary_key=True),
    sa.Column("amount", sa.Integer, nullable=False),
    sa.Column("unit", sa.String(20), nullable=False),
    _id("set_by", nullable=False),
    sa.Column("set_at", Utc, nullable=False),
)
"""Limits a district set; every other one is a default of domain/time_limits.py."""
