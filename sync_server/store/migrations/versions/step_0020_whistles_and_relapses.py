"""How many units an issue's whistles called and how they reported in, and how often it relapsed.

Where an issue with either stands is forgotten here and folded anew when the centre opens, as that
of every issue without a row; of all others the numbers are 0.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

NEW = ("calls", "reports", "reports_on_time", "relapses")


def upgrade() -> None:
    """Take the step."""
    for name in NEW:
        op.add_column("cases", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    cases = sa.table(
        "cases", sa.column("district"), sa.column("issue_id"), sa.column("lookback_result")
    )
    units = sa.table("case_units", sa.column("district"), sa.column("issue_id"), sa.column("part"))
    called = sa.exists().where(
        units.c.district == cases.c.district,
        units.c.issue_id == cases.c.issue_id,
        units.c.part == "called",
    )
    op.execute(sa.delete(cases).where(sa.or_(cases.c.lookback_result.is_not(None), called)))
