"""The tables of duplicates: what records are found by, pairs that may be one, what was merged.

Keys and open pairs follow from the records and can be made anew; what people decided (two records
are not the same, two were merged) stands nowhere else.
"""

from __future__ import annotations

import sqlalchemy as sa

from sync_server.store.columns import Document, Utc, metadata
from sync_server.store.columns import district_key as _district
from sync_server.store.columns import id_column as _id

likeness_keys = sa.Table(
    "likeness_keys",
    metadata,
    _district(),
    sa.Column("kind", sa.String(40), primary_key=True),
    # Sixty-four bits of a hash of what the record shares with others like it.
    sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
    _id("record_id", primary_key=True),
    sa.Index(None, "district", "record_id"),
    sqlite_with_rowid=False,
)
"""Which live records may be alike: those under one key."""

likeness_marks = sa.Table(
    "likeness_marks",
    metadata,
    _district(),
    # Up to which change number records were compared; -1 when they never were.
    sa.Column("change_no", sa.BigInteger, nullable=False),
    # Until when a program that compares everything keeps others from beginning as well.
    sa.Column("busy_until", Utc),
    sa.Column("compared_at", Utc),
)
"""How far the search has come."""

duplicate_pairs = sa.Table(
    "duplicate_pairs",
    metadata,
    _district(),
    _id("first_id", primary_key=True),
    _id("second_id", primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    # Where each of the two lies: somebody must answer for both to see the pair.
    sa.Column("first_area", sa.String(17), nullable=False),
    sa.Column("second_area", sa.String(17), nullable=False),
    sa.Column("score", sa.Integer, nullable=False),  # in hundredths
    sa.Column("reasons", Document, nullable=False),
    sa.Column("found_at", Utc, nullable=False),
    # open | apart (somebody said that they are two); a merged pair stands in ``merges``.
    sa.Column("state", sa.String(10), nullable=False),
    _id("decided_by"),
    sa.Column("decided_at", Utc),
    sa.Column("words", sa.Text),
    sa.Index(None, "district", "state", "kind", "score"),
    sa.Index(None, "district", "second_id"),
)
"""Two records that may be one, the smaller id first."""

merges = sa.Table(
    "merges",
    metadata,
    _district(),
    _id("merge_id", primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    _id("record_id", nullable=False),
    _id("survivor_id", nullable=False),
    sa.Column("area", sa.String(17), nullable=False),
    sa.Column("survivor_area", sa.String(17), nullable=False),
    # What the survivor has from the merged record or has alike, by path: the change that wrote it
    # there, that one's version, and the change behind it here (domain/duplicates.py).
    sa.Column("carried", Document, nullable=False),
    # The survivor's change that carried values across; null when nothing had to change.
    _id("change_id"),
    _id("made_by", nullable=False),
    sa.Column("made_at", Utc, nullable=False),
    sa.Column("words", sa.Text),
    _id("undone_by"),
    sa.Column("undone_at", Utc),
    sa.Index(None, "district", "record_id"),
    sa.Index(None, "district", "survivor_id"),
    sa.Index(None, "district", "made_at"),
)
"""Every merge, undone ones too; the one in force of a record is repeated in ``aliases``."""
