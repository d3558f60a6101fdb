"""Which patrols and visits came in more than a day after they happened, for punctual sync.

Filled from the rows' own times; null where no laptop brought the record. One index of each table
holds it besides what it held, and another one only what came late.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

TABLES = {
    "patrol_lines": ("patrol_id", ("district", "base_grid", "day", "slot", "late")),
    "visit_lines": ("visit_id", ("district", "base_grid", "day")),
}
NEW = "came_late"
A_DAY_AFTER = {
    "postgresql": "{table}.at + INTERVAL '24 hours'",
    # The microseconds are put on again, which its function drops.
    "sqlite": "datetime({table}.at, '+1 day') || substr({table}.at, 20)",
}


def upgrade() -> None:
    """Take the step."""
    limit = A_DAY_AFTER[op.get_bind().dialect.name]
    for table, (key, columns) in TABLES.items():
        op.add_column(table, sa.Column(NEW, sa.Boolean()))
        late = f"{table}.received_at > {limit.format(table=table)}"
        op.execute(
            f"UPDATE {table} SET {NEW} = ({late}) WHERE EXISTS (SELECT 1 FROM records"
            f" WHERE records.district = {table}.district AND records.record_id = {table}.{key}"
            " AND records.device_id IS NOT NULL)"
        )
        op.drop_index("_".join(("ix", table, *columns)), table)
        op.create_index("_".join(("ix", table, *columns, NEW)), table, [*columns, NEW])
        came = sa.text(NEW)
        op.create_index(
            f"ix_{table}_{NEW}", table, ["district", "day", "base_grid"],
            sqlite_where=came, postgresql_where=came,
        )  # fmt: skip
