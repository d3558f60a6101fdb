"""What field work comes to by grid and month, and when each household was last met.

Both follow from the rows there are. Households are filled at once; it is noted for which grids and
months the centre has to work out, in small pieces, what they come to.
"""

from datetime import date
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"

DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)
DAYS = ("patrolled_1", "patrolled_2", "patrolled_3", "late_1", "late_2", "late_3", "active")
COUNTS = (
    "patrols", "patrols_late", "visits", "met", "visits_late", "opened", "rated", "good",
    "leaflets",
)  # fmt: skip


def upgrade() -> None:
    """Take the step."""
    months = op.create_table(
        "field_months",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("base_grid", sa.String(15), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in DAYS),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS),
        sa.Column("newest", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("district", "base_grid", "month", name="pk_field_months"),
    )
    homes = op.create_table(
        "field_homes",
        sa.Column("district", sa.String(6), nullable=False),
        sa.Column("household_id", sa.String(36), nullable=False),
        sa.Column("grid", sa.String(17)),
        sa.Column("met_on", sa.Date()),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("district", "household_id", name="pk_field_homes"),
    )
    op.create_index(
        "ix_field_homes_district_grid_met_on", "field_homes", ["district", "grid", "met_on"]
    )
    _note_months(months)
    _fill_homes(homes)
    stale = sa.text("stale")
    for name in ("field_months", "field_homes"):
        op.create_index(
            f"ix_{name}_stale", name, ["district"], sqlite_where=stale, postgresql_where=stale
        )


def _note_months(months: sa.Table) -> None:
    own: list[sa.ColumnClause[Any]] = [sa.column(name) for name in ("district", "base_grid", "day")]
    lines = [
        sa.select(*own[:2], sa.func.substr(sa.cast(own[2], sa.Text), 1, 7).label("month"))
        .select_from(sa.table(name))
        for name in ("patrol_lines", "visit_lines", "material_lines")
    ]  # fmt: skip
    found = op.get_bind().execute(sa.union(*lines)).all()
    rows = [
        {
            "district": district, "base_grid": grid, "stale": True,
            "month": date.fromisoformat(f"{month}-01"), **dict.fromkeys((*DAYS, *COUNTS), 0),
        }
        for district, grid, month in found
    ]  # fmt: skip
    if rows:
        op.bulk_insert(months, rows)


def _fill_homes(homes: sa.Table) -> None:
    """Work out every household; those that have to do with a merged one are noted instead."""
    names = ("district", "record_id", "kind", "grid", "parent_id", "voided", "merged_into")
    home, room = (
        sa.table("records", *map(sa.column, names), sa.column("fields", DOCUMENT)).alias(one)
        for one in ("home", "room")
    )
    lines = sa.table("visit_lines", *map(sa.column, ("district", "household_id", "met", "day")))
    aliases = sa.table("aliases", *map(sa.column, ("district", "record_id", "survivor_id")))
    vacant = sa.exists().where(
        room.c.district == home.c.district, room.c.record_id == home.c.parent_id,
        room.c.kind == "room", sa.not_(room.c.voided), room.c.merged_into.is_(None),
        room.c.fields["state"].as_string() == "vacant",
    )  # fmt: skip
    stands = sa.and_(sa.not_(home.c.voided), home.c.merged_into.is_(None), sa.not_(vacant))
    met_on = (
        sa.select(sa.func.max(lines.c.day))
        .where(
            lines.c.district == home.c.district, lines.c.household_id == home.c.record_id,
            lines.c.met,
        )
        .scalar_subquery()
    )  # fmt: skip
    merged = sa.exists().where(
        aliases.c.district == home.c.district,
        sa.or_(
            aliases.c.record_id == home.c.record_id, aliases.c.survivor_id == home.c.record_id
        ),
    )  # fmt: skip
    every = sa.select(
        home.c.district, home.c.record_id, sa.case((stands, home.c.grid)), met_on, merged
    ).where(home.c.kind == "household")
    columns = ["district", "household_id", "grid", "met_on", "stale"]
    op.execute(sa.insert(homes).from_select(columns, every))
