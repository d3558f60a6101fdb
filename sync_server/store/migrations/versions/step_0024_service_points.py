"""At which service point a request was made, for counting by point; read off the requests' records.

It says nothing the records do not say, so the rows of old requests are filled at once.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"

LONGEST = 80
DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)


def upgrade() -> None:
    """Take the step."""
    op.add_column("service_cases", sa.Column("point", sa.String(LONGEST)))
    cases = sa.table(
        "service_cases", sa.column("district"), sa.column("service_id"), sa.column("point")
    )
    records = sa.table(
        "records", sa.column("district"), sa.column("record_id"), sa.column("fields", DOCUMENT)
    )
    said = (
        sa.select(sa.func.substr(records.c.fields["point"].as_string(), 1, LONGEST))
        .where(
            records.c.district == cases.c.district,
            records.c.record_id == cases.c.service_id,
        )
        .scalar_subquery()
    )
    op.execute(sa.update(cases).values(point=said))
