"""What SQLite is told about its tables when it chooses an index: figures of a large district.

Without statistics it takes every column of an index for equally telling, the district as well, and
reads all of a district where a few rows were asked for by their ids. Statistics of its own
(ANALYZE) would depend on the day they were made: plans would be others at the centre than in tests,
and bad ones for long after a database was small. So the same figures are written into every
database, of the size at which plans begin to matter; a small table is quick whatever the plan
(decision 0032). PostgreSQL keeps statistics of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import groupby

import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.store.engine import Store

log = logging.getLogger(__name__)

ROWS = 1_000_000
"""So many rows a table is said to have, unless it is a smaller one."""
FEWER = {
    "aliases": 10_000, "audit": 100_000, "audit_links": 100_000, "batches": 100_000,
    "calendar_days": 1_000,
    "case_numbers": 10, "case_units": 100_000, "cases": 100_000, "conflicts": 10_000,
    "deliveries": 100_000, "devices": 2_000, "districts": 1, "duplicate_pairs": 10_000,
    "export_layouts": 50, "field_marks": 1, "field_months": 50_000, "frozen_figures": 10_000,
    "history_marks": 1_000,
    "holdings": 5_000, "import_columns": 50, "imports": 200, "join_codes": 100, "ledgers": 50,
    "likeness_marks": 1, "merges": 10_000, "moves": 10_000, "overtaken_steps": 1_000,
    "photo_files": 100_000, "photo_uploads": 1_000, "privacy_requests": 1_000,
    "record_key_marks": 1, "relay_files": 1_000, "reseals": 1_000, "retention_periods": 5,
    "retention_records": 100_000, "retention_runs": 100, "search_marks": 1,
    "second_factors": 1_000, "secrets": 5,
    "service_cases": 10_000, "service_marks": 1, "streams": 3_000, "time_limits": 50,
    "users": 2_000,
}  # fmt: skip
VALUES = {
    "district": 1, "by_phone": 2, "came_late": 2, "late": 2, "met": 2, "over": 2, "voided": 2,
    "slot": 3, "move": 4, "kind": 16, "outcome": 8, "state": 10, "material": 20, "category": 40,
    "campaign_id": 50, "decision": 100, "unit_id": 100, "import_id": 200, "day": 1_000,
    "base_grid": 1_000, "grid": 1_000, "device_id": 2_000, "user_id": 2_000, "stream": 3_000,
    "compound_id": 5_000,
}  # fmt: skip
"""How many different values a column has in a large district (of kinds: among most records; of a
decision: what waits for one is little). Any other column tells rows apart."""
ALIKE = 10
"""So many rows at most have the same value in a column that tells rows apart."""
IN_A_PART = 100
"""One row in so many is in an index that holds a part of its table."""
ID_WIDTH, WIDTH = 37, 12
WIDER = {"search_text": 200, "grid": 30, "base_grid": 30}
"""How many bytes a column takes in an index. Those of areas are said to be wide: of a period and an
area, both of them stretches, the period is mostly the shorter one."""
_INDEXES = sa.text("""
    SELECT tables.name, own.name, own."unique", own.partial,
        own.name IN (SELECT name FROM sqlite_schema) AS apart, part.name
    FROM sqlite_schema AS tables, pragma_index_list(tables.name) AS own,
        pragma_index_info(own.name) AS part
    WHERE tables.type = 'table' ORDER BY tables.name, own.name, part.seqno
""")
_KNOWN = sa.text("SELECT tbl, idx, stat FROM sqlite_stat1")
_ANY_SAMPLE = sa.text("SELECT 1 FROM sqlite_stat4 LIMIT 1")
_TABLES = sa.text("SELECT name FROM sqlite_schema WHERE name IN ('sqlite_stat1', 'sqlite_stat4')")
_SAMPLES = "sqlite_stat4"
"""What ANALYZE, should anybody run it, leaves besides; it counts for more than the figures."""


def tell_sizes(store: Store) -> None:
    """Write the figures into an embedded database that has others or none.

    Where that cannot be done, on a full disk above all, the database is opened all the same, and
    asked as it was before.
    """
    if not store.is_sqlite:
        return
    with store.reading() as connection:
        wanted = set(_figures(connection))
        if _known(connection) == wanted:
            return
    try:
        with store.writing() as connection:
            connection.exec_driver_sql("ANALYZE sqlite_schema")  # makes the table, looks at none
            for table in connection.execute(_TABLES).scalars().all():
                connection.exec_driver_sql(f"DELETE FROM {table}")
            for row in sorted(wanted):
                connection.exec_driver_sql("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", row)
    except Refusal as refusal:
        log.warning("figures for choosing indexes not written: %s", refusal.code)
    store.engine.dispose()  # a connection reads them when it is opened


def _known(connection: sa.Connection) -> set[tuple[str, str, str]]:
    """Return the figures that count now; none when there are others' samples besides."""
    tables = connection.execute(_TABLES).scalars().all()
    if not tables or (_SAMPLES in tables and connection.execute(_ANY_SAMPLE).first()):
        return set()
    return {(row.tbl, row.idx, row.stat) for row in connection.execute(_KNOWN)}


def _figures(connection: sa.Connection) -> Iterator[tuple[str, str, str]]:
    """Yield table, index and figures: the rows in it, then how many share its first column, its
    first two, and so on (sqlite.org/fileformat2.html#stat1tab)."""
    found = groupby(connection.execute(_INDEXES), key=lambda row: row[:5])
    for (table, index, unique, partial, apart), parts in found:
        columns = [column for *_, column in parts]
        rows = share = max(FEWER.get(table, ROWS) // (IN_A_PART if partial else 1), 1)
        shares = []
        for column in columns:
            values = VALUES.get(column or "")
            share = max(share // values, 1) if values else min(share, ALIKE)
            shares.append(share)
        if unique:
            shares[-1] = 1
        width = sum(_width(column) for column in columns)
        # A key that is its table itself (WITHOUT ROWID) is called like it.
        yield table, index if apart else table, f"{rows} {' '.join(map(str, shares))} sz={width}"


def _width(column: str | None) -> int:
    """Return how many bytes a column takes; None: an expression."""
    return WIDER.get(column or "", ID_WIDTH if (column or "").endswith("_id") else WIDTH)
