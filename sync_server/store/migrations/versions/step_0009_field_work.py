"""Field work as narrow rows; an older database has none, and they are worked out anew."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Take the step."""
    _patrols()
    _visits()
    _table(
        "material_lines",
        ("record_id", "material"),
        _id("record_id"),
        sa.Column("material", sa.String(40), nullable=False),
        _grid(),
        _day(),
        sa.Column("move", sa.String(40), nullable=False),
        sa.Column("qty", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.String(36)),
    )
    _index("material_lines", "base_grid", "material", "move", "day")
    _table("field_marks", (), sa.Column("change_no", sa.BigInteger(), nullable=False))


def _patrols() -> None:
    _table(
        "patrol_lines",
        ("patrol_id",),
        _id("patrol_id"),
        _grid(),
        _day(),
        sa.Column("slot", sa.String(40), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("received_at", TIME, nullable=False),
    )
    _index("patrol_lines", "base_grid", "day", "slot", "late")
    _index("patrol_lines", "day")
    _table(
        "patrol_points",
        ("patrol_id", "compound_id"),
        _id("patrol_id"),
        _id("compound_id"),
        _grid(),
        _day(),
    )
    _index("patrol_points", "base_grid", "compound_id", "day")


def _visits() -> None:
    _table(
        "visit_lines",
        ("visit_id",),
        _id("visit_id"),
        _grid(),
        _day(),
        sa.Column("at", TIME, nullable=False),
        sa.Column("household_id", sa.String(36)),
        sa.Column("shop_id", sa.String(36)),
        sa.Column("result", sa.String(40), nullable=False),
        sa.Column("met", sa.Boolean(), nullable=False),
        sa.Column("by_phone", sa.Boolean(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("campaign_id", sa.String(36)),
        sa.Column("rating", sa.Integer()),
        sa.Column("received_at", TIME, nullable=False),
    )
    _index("visit_lines", "base_grid", "day")
    _index("visit_lines", "day")
    _index("visit_lines", "household_id", "met", "by_phone", "day")
    has_one = sa.text("campaign_id IS NOT NULL")
    op.create_index(
        "ix_visit_lines_campaign",
        "visit_lines",
        ["district", "campaign_id"],
        sqlite_where=has_one,
        postgresql_where=has_one,
    )
    _table(
        "visit_checks",
        ("visit_id", "resident_id"),
        _id("visit_id"),
        _id("resident_id"),
        _grid(),
        sa.Column("at", TIME, nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("reached", sa.Boolean(), nullable=False),
        sa.Column("by_phone", sa.Boolean(), nullable=False),
        sa.Column("next_on", sa.Date()),
    )
    _index("visit_checks", "resident_id", "at")
    _index("visit_checks", "base_grid", "at")
    _table(
        "visit_opinions",
        ("visit_id", "key"),
        _id("visit_id"),
        sa.Column("key", sa.String(64), nullable=False),
        _grid(),
        _day(),
        sa.Column("at", TIME, nullable=False),
        sa.Column("category", sa.String(40), nullable=False),
        sa.Column("campaign_id", sa.String(36)),
    )
    _index("visit_opinions", "day", "base_grid")
    _table(
        "visit_answers",
        ("visit_id", "key"),
        _id("visit_id"),
        sa.Column("key", sa.String(64), nullable=False),
        _grid(),
        sa.Column("at", TIME, nullable=False),
        _id("campaign_id"),
    )
    _index("visit_answers", "campaign_id", "key", "at")


def _table(name: str, key: tuple[str, ...], *columns: sa.Column[Any]) -> None:
    district = sa.Column("district", sa.String(6), nullable=False)
    primary = sa.PrimaryKeyConstraint("district", *key, name=op.f(f"pk_{name}"))
    op.create_table(name, district, *columns, primary)


def _index(table: str, *columns: str) -> None:
    named = op.f(f"ix_{table}_district_{'_'.join(columns)}")
    op.create_index(named, table, ["district", *columns])


def _id(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String(36), nullable=False)


def _grid() -> sa.Column[Any]:
    return sa.Column("base_grid", sa.String(15), nullable=False)


def _day() -> sa.Column[Any]:
    return sa.Column("day", sa.Date(), nullable=False)
