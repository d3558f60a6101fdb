"""The tables of service requests: where each stands, and up to which change that was worked out.

Both follow from the records and can be made anew.
"""

from __future__ import annotations

import sqlalchemy as sa

from sync_server.store.columns import CODE, Utc, metadata
from sync_server.store.columns import district_key as _district
from sync_server.store.columns import id_column as _id

POINT = 80
"""The longest name of a service point kept for counting."""

service_cases = sa.Table(
    "service_cases",
    metadata,
    _district(),
    _id("service_id", primary_key=True),
    sa.Column("grid", sa.String(17), nullable=False),
    sa.Column("kind", sa.String(CODE), nullable=False),
    sa.Column("item", sa.String(CODE), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    _id("taker_id"),
    sa.Column("requested_at", Utc, nullable=False),
    sa.Column("accepted_at", Utc),
    # The four clocks: when each is due and when it was reached. A solution is a plan as well.
    sa.Column("respond_due", Utc),
    sa.Column("respond_at", Utc),
    sa.Column("reply_due", Utc),
    sa.Column("reply_at", Utc),
    sa.Column("solve_due", Utc),
    sa.Column("solve_at", Utc),
    sa.Column("plan_due", Utc),
    sa.Column("plan_at", Utc),
    # When the next of its running clocks runs out; none when nothing is left to reach.
    sa.Column("next_due", Utc),
    sa.Column("result", sa.String(CODE)),
    sa.Column("person_times", sa.Integer),
    sa.Column("rating", sa.Integer),
    # Where it was taken in, as the request says; none for one that names no service point.
    sa.Column("point", sa.String(POINT)),
    sa.Index(None, "district", "state", "grid"),
    sa.Index(None, "district", "requested_at"),
)
"""Where every service request stands, folded from its steps: for lists and counts."""

service_marks = sa.Table(
    "service_marks",
    metadata,
    _district(),
    sa.Column("change_no", sa.BigInteger, nullable=False),
)
"""The change number up to which the requests' rows were worked out."""
