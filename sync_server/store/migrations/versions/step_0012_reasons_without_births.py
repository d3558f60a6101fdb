"""Birth months taken out of the reasons why two records may be one: they are personal."""

import re
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"

DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)
PAIRS = sa.table(
    "duplicate_pairs", sa.column("district"), sa.column("first_id"), sa.column("second_id"),
    sa.column("reasons", DOCUMENT),
)  # fmt: skip
ROWS = sa.table(
    "import_rows", sa.column("district"), sa.column("import_id"), sa.column("row"),
    sa.column("likely", DOCUMENT),
)  # fmt: skip
MONTHS = re.compile(
    r"(?<=出生年月相近)（[0-9-]+、[0-9-]+）|(?<=birth months close) \([0-9-]+, [0-9-]+\)"
)


def upgrade() -> None:
    """Take the step."""
    connection = op.get_bind()
    for row in _with(connection, PAIRS, PAIRS.c.reasons, "birth_near"):
        reasons = [
            one | {"facts": {}} if one["code"] == "birth_near" else one for one in row.reasons
        ]
        same = sa.and_(
            PAIRS.c.district == row.district,
            PAIRS.c.first_id == row.first_id,
            PAIRS.c.second_id == row.second_id,
        )
        connection.execute(sa.update(PAIRS).where(same).values(reasons=reasons))
    for row in _with(connection, ROWS, ROWS.c.likely, "birth months close"):
        likely = [
            one | {"reason": [MONTHS.sub("", text) for text in one.get("reason") or ()]}
            for one in row.likely
        ]
        same = sa.and_(
            ROWS.c.district == row.district,
            ROWS.c.import_id == row.import_id,
            ROWS.c.row == row.row,
        )
        connection.execute(sa.update(ROWS).where(same).values(likely=likely))


def _with(
    connection: sa.Connection, table: sa.TableClause, column: sa.ColumnClause[Any], word: str
) -> list[sa.Row[Any]]:
    """The rows whose document holds a word."""
    holds = sa.cast(column, sa.Text).contains(word)
    return list(connection.execute(sa.select(table).where(holds)))
