"""The tables of what guards the centre: second factors of its staff, the chain of its audit."""

from __future__ import annotations

import sqlalchemy as sa

from sync_server.store.columns import Document, Utc, metadata
from sync_server.store.columns import district_key as _district
from sync_server.store.columns import id_column as _id

second_factors = sa.Table(
    "second_factors",
    metadata,
    _district(),
    _id("user_id", primary_key=True),
    sa.Column("secret", sa.String(200), nullable=False),  # encrypted (services/second_factor.py)
    sa.Column("begun_at", Utc, nullable=False),
    # null: shown, and not yet confirmed by a code; nothing is asked for at sign-in until then.
    sa.Column("confirmed_at", Utc),
    # The time step of the last code that was taken: none of it or before it is taken again.
    sa.Column("last_step", sa.BigInteger, nullable=False),
    sa.Column("recovery", Document, nullable=False),  # hashes of the recovery codes that are left
)
"""Second factors by person (RFC 6238); none for who signs in by password alone."""

audit_links = sa.Table(
    "audit_links",
    metadata,
    _district(),
    sa.Column("no", sa.BigInteger, primary_key=True, autoincrement=False),  # from 1 on, no gap
    _id("audit_id", nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.UniqueConstraint("district", "audit_id"),
)
"""The chain over the audit: each link's hash covers its row and the link before (decision 0037)."""
