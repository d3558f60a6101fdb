"""The table of closed months: the figures of statistics as they stood when the month was closed."""

from __future__ import annotations

import sqlalchemy as sa

from sync_server.store.columns import Document, Utc, metadata
from sync_server.store.columns import district_key as _district

frozen_figures = sa.Table(
    "frozen_figures",
    metadata,
    _district(),
    sa.Column("month", sa.String(7), primary_key=True),  # 2026-09
    # An area of any level to a grid, by the code and name it had then.
    sa.Column("area", sa.String(15), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    # By indicator what was divided by what: {"resolution": [93, 100]}.
    sa.Column("figures", Document, nullable=False),
    sa.Column("frozen_at", Utc, nullable=False),
)
"""What is written here once is never changed: nothing of it can be worked out anew."""
