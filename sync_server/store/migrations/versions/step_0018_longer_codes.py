"""Room for every code and key that a change may carry, also those of a newer program."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

CODE, KEY = sa.String(40), sa.String(64)
LONGER = {
    "cases": {
        "level": CODE, "category": CODE, "urgency": CODE, "source": CODE, "mode": CODE,
        "path": CODE, "result": CODE, "lookback_result": CODE,
    },
    "overtaken_steps": {"action": CODE},
    "service_cases": {"kind": CODE, "item": CODE, "result": CODE},
    "visit_checks": {"resident_id": KEY},
    "material_lines": {"material": KEY},
}  # fmt: skip


def upgrade() -> None:
    """Take the step."""
    for name, columns in LONGER.items():
        with op.batch_alter_table(name) as table:
            for column, longer in columns.items():
                table.alter_column(column, type_=longer)
