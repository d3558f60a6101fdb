"""One number over everything a store holds, so that a page of another day cannot go unnoticed.

SQLCipher seals each page, but a page that is all zeros, and an older page of the same place, pass
its seal: a disk that confirmed a write and dropped it would change the store without a word. The
digest is a sum over rows and tables, so that a commit costs only what it touches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any

from field_app.store.changes import Change, DropRow, DropTable, EmptyTable, KeepTable, PutRow

DIGEST_BYTES = 16
_MODULUS = 1 << 8 * DIGEST_BYTES

Ask = Callable[..., Any]
"""Runs a statement with values and gives its rows to iterate over."""


def digest_of(tables: Iterable[tuple[str, int]], rows: Iterable[tuple[str, str, int, str]]) -> int:
    """The digest of tables as (name, last id) and rows as (table, id, ord, JSON text)."""
    total = sum(_of_row(*row) for row in rows) + sum(_of_table(*table) for table in tables)
    return total % _MODULUS


def digest_after(digest: int, change: Change, ask: Ask) -> int:
    """The digest once ``change`` will have been made; ``ask`` reads what it replaces."""
    match change:
        case PutRow(tbl, id_, ord_, body):
            before = _row(ask, tbl, id_)
            kept = before[0][2] if before else ord_  # an existing row keeps its place
            added, removed = _of_row(tbl, id_, kept, body), _sum(before)
        case DropRow(tbl, id_):
            added, removed = 0, _sum(_row(ask, tbl, id_))
        case KeepTable(tbl, last_id):
            added, removed = _of_table(tbl, last_id), _table(ask, tbl)
        case EmptyTable(tbl):
            added, removed = 0, _sum(_rows(ask, tbl))
        case DropTable(tbl):
            added, removed = 0, _sum(_rows(ask, tbl)) + _table(ask, tbl)
    return (digest + added - removed) % _MODULUS


def as_bytes(digest: int) -> bytes:
    """The digest as it is stored."""
    return digest.to_bytes(DIGEST_BYTES, "big")


def _of_row(tbl: str, id_: str, ord_: int, body: str) -> int:
    return _number(f"row {len(tbl)} {len(id_)} {ord_} {tbl}{id_}{body}")


def _of_table(name: str, last_id: int) -> int:
    return _number(f"table {last_id} {name}")


def _number(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=DIGEST_BYTES).digest(), "big")


def _sum(rows: Iterable[tuple[str, str, int, str]]) -> int:
    return sum(_of_row(*row) for row in rows)


def _row(ask: Ask, tbl: str, id_: str) -> list[tuple[str, str, int, str]]:
    found = ask("SELECT tbl, id, ord, body FROM rows WHERE tbl = ? AND id = ?", (tbl, id_))
    return list(found)


def _rows(ask: Ask, tbl: str) -> Iterable[tuple[str, str, int, str]]:
    return list(ask("SELECT tbl, id, ord, body FROM rows WHERE tbl = ?", (tbl,)))


def _table(ask: Ask, name: str) -> int:
    return sum(
        _of_table(*table)
        for table in ask("SELECT name, last_id FROM tables WHERE name = ?", (name,))
    )
