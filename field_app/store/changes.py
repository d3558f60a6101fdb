"""What a commit may consist of, and the SQL that carries it out."""

from __future__ import annotations

from typing import NamedTuple


class PutRow(NamedTuple):
    """Store a document's JSON text under table and id; an existing row keeps its place."""

    tbl: str
    id: str
    ord: int
    body: str


class DropRow(NamedTuple):
    """Remove one document."""

    tbl: str
    id: str


class KeepTable(NamedTuple):
    """Remember a table, and the highest number its ids have reached."""

    tbl: str
    last_id: int


class EmptyTable(NamedTuple):
    """Remove all documents of a table."""

    tbl: str


class DropTable(NamedTuple):
    """Forget a table with all its documents."""

    tbl: str


Change = PutRow | DropRow | KeepTable | EmptyTable | DropTable

STATEMENTS: dict[type, tuple[str, ...]] = {
    PutRow: (
        "INSERT INTO rows (tbl, id, ord, body) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (tbl, id) DO UPDATE SET body = excluded.body",
    ),
    DropRow: ("DELETE FROM rows WHERE tbl = ?1 AND id = ?2",),
    KeepTable: ("INSERT OR REPLACE INTO tables (name, last_id) VALUES (?1, ?2)",),
    EmptyTable: ("DELETE FROM rows WHERE tbl = ?1",),
    DropTable: ("DELETE FROM rows WHERE tbl = ?1", "DELETE FROM tables WHERE name = ?1"),
}
