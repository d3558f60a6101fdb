"""The tables of field work: patrols, visits and leaflets as narrow rows, for lists and counts.

Everything in them follows from the records and can be made anew; ``field_marks`` tells up to which
change that was done. ``base_grid`` is the grid a micro-grid belongs to, else the grid itself; a
``day`` is Shanghai's, of the corrected time.
"""

from __future__ import annotations

import sqlalchemy as sa

from sync_server.store.columns import CODE, KEY, Utc, metadata
from sync_server.store.columns import district_key as _district
from sync_server.store.columns import id_column as _id


def _came_late(table: str) -> sa.Index:
    """Return the index of what came late, the newest of which a page lists."""
    came = sa.text("came_late")
    return sa.Index(f"ix_{table}_came_late", "district", "day", "base_grid",
                    sqlite_where=came, postgresql_where=came)  # fmt: skip


patrol_lines = sa.Table(
    "patrol_lines",
    metadata,
    _district(),
    _id("patrol_id", primary_key=True),
    sa.Column("base_grid", sa.String(15), nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("slot", sa.String(CODE), nullable=False),
    sa.Column("at", Utc, nullable=False),
    sa.Column("late", sa.Boolean, nullable=False),  # entered more than a day after
    sa.Column("received_at", Utc, nullable=False),
    # Received more than a day after; null of what no laptop brought.
    sa.Column("came_late", sa.Boolean),
    # All that patrol completion and punctual sync ask, so that they read the index alone.
    sa.Index(None, "district", "base_grid", "day", "slot", "late", "came_late"),
    sa.Index(None, "district", "day"),
    _came_late("patrol_lines"),
)
"""Every patrol that stands."""

patrol_points = sa.Table(
    "patrol_points",
    metadata,
    _district(),
    _id("patrol_id", primary_key=True),
    _id("compound_id", primary_key=True),
    sa.Column("base_grid", sa.String(15), nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Index(None, "district", "base_grid", "compound_id", "day"),
)
"""Which compounds a patrol went through."""

visit_lines = sa.Table(
    "visit_lines",
    metadata,
    _district(),
    _id("visit_id", primary_key=True),
    sa.Column("base_grid", sa.String(15), nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("at", Utc, nullable=False),
    _id("household_id"),
    _id("shop_id"),
    sa.Column("result", sa.String(CODE), nullable=False),
    sa.Column("met", sa.Boolean, nullable=False),
    sa.Column("by_phone", sa.Boolean, nullable=False),
    sa.Column("late", sa.Boolean, nullable=False),
    _id("campaign_id"),
    sa.Column("rating", sa.Integer),
    sa.Column("received_at", Utc, nullable=False),
    sa.Column("came_late", sa.Boolean),
    sa.Index(None, "district", "base_grid", "day", "came_late"),
    sa.Index(None, "district", "day"),
    _came_late("visit_lines"),
    # When each household was last met: read from the index alone.
    sa.Index(None, "district", "household_id", "met", "by_phone", "day"),
    sa.Index(
        "ix_visit_lines_campaign",
        "district",
        "campaign_id",
        sqlite_where=sa.text("campaign_id IS NOT NULL"),
        postgresql_where=sa.text("campaign_id IS NOT NULL"),
    ),
)
"""Every visit that stands."""

visit_checks = sa.Table(
    "visit_checks",
    metadata,
    _district(),
    _id("visit_id", primary_key=True),
    sa.Column("resident_id", sa.String(KEY), primary_key=True),
    sa.Column("base_grid", sa.String(15), nullable=False),
    sa.Column("at", Utc, nullable=False),
    sa.Column("state", sa.String(CODE), nullable=False),
    sa.Column("reached", sa.Boolean, nullable=False),
    sa.Column("by_phone", sa.Boolean, nullable=False),
    sa.Column("next_on", sa.Date),
    sa.Index(None, "district", "resident_id", "at"),
    sa.Index(None, "district", "base_grid", "at"),
)
"""How the people in care were found on visits."""

visit_opinions = sa.Table(
    "visit_opinions",
    metadata,
    _district(),
    _id("visit_id", primary_key=True),
    sa.Column("key", sa.String(KEY), primary_key=True),
    sa.Column("base_grid", sa.String(15), nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("at", Utc, nullable=False),
    sa.Column("category", sa.String(CODE), nullable=False),
    _id("campaign_id"),
    sa.Index(None, "district", "day", "base_grid"),
)
"""What residents said on visits, by category; the words stand in the visit."""

visit_answers = sa.Table(
    "visit_answers",
    metadata,
    _district(),
    _id("visit_id", primary_key=True),
    sa.Column("key", sa.String(KEY), primary_key=True),
    sa.Column("base_grid", sa.String(15), nullable=False),
    sa.Column("at", Utc, nullable=False),
    _id("campaign_id", nullable=False),
    sa.Index(None, "district", "campaign_id", "key", "at"),
)
"""Which questions of a knock campaign were answered; the words stand in the visit."""

material_lines = sa.Table(
    "material_lines",
    metadata,
    _district(),
    _id("record_id", primary_key=True),
    sa.Column("material", sa.String(KEY), primary_key=True),
    sa.Column("base_grid", sa.String(15), nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("move", sa.String(CODE), nullable=False),
    sa.Column("qty", sa.Integer, nullable=False),
    _id("campaign_id"),
    sa.Index(None, "district", "base_grid", "material", "move", "day"),
)
"""What moved of which leaflet, by visits and by records of their own."""

field_marks = sa.Table(
    "field_marks",
    metadata,
    _district(),
    sa.Column("change_no", sa.BigInteger, nullable=False),
)
"""The change number up to which the rows above were worked out."""


def _stale(table: str) -> sa.Index:
    """Return the index of the rows that are to be worked out anew."""
    stale = sa.text("stale")
    return sa.Index(f"ix_{table}_stale", "district", sqlite_where=stale, postgresql_where=stale)


DAYS = ("patrolled_1", "patrolled_2", "patrolled_3", "late_1", "late_2", "late_3", "active")
"""Days of a month as one number, 1 << day for each: on which a slot was patrolled, patrolled by
late entries alone; on which anything was recorded."""
COUNTS = (
    "patrols", "patrols_late", "visits", "met", "visits_late", "opened", "rated", "good",
    "leaflets",
)  # fmt: skip
"""What a month adds up to, as ``field_counts`` counts it."""

field_months = sa.Table(
    "field_months",
    metadata,
    _district(),
    sa.Column("base_grid", sa.String(15), primary_key=True),
    sa.Column("month", sa.Date, primary_key=True),
    sa.Column("stale", sa.Boolean, nullable=False),
    *(sa.Column(name, sa.BigInteger, nullable=False, default=0) for name in DAYS),
    *(sa.Column(name, sa.Integer, nullable=False, default=0) for name in COUNTS),
    sa.Column("newest", Utc),  # when the last of its patrols and visits came in
    _stale("field_months"),
)
"""What the rows above come to by grid and month (its first day); only where not ``stale``."""

field_homes = sa.Table(
    "field_homes",
    metadata,
    _district(),
    _id("household_id", primary_key=True),
    sa.Column("grid", sa.String(17)),
    sa.Column("met_on", sa.Date),
    sa.Column("stale", sa.Boolean, nullable=False),
    sa.Index(None, "district", "grid", "met_on"),
    _stale("field_homes"),
)
"""Every household: the grid of one that is occupied (null of others), and the day it was last met
wherever that was, calls included, by visits of those merged into it too."""
