"""The chain over the audit: whoever changes or removes a row afterwards is found out (0037).

Rows are linked by the minute that follows them, not in the transaction that writes them: pages
would queue for the chain's end. Each link's hash covers its row and the link before, so whoever
rewrites a row has to rewrite every later link, and the head that was written down elsewhere shows
it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from sync_server.store import audit_chain as chain
from sync_server.store.audit_chain import Head
from sync_server.store.engine import Store
from sync_server.store.writing import lock_district

PIECE = 1_000
"""So many rows are linked in one transaction, which holds the district's turn, and checked at a
time."""


@dataclass(frozen=True)
class Fault:
    """Where the chain does not hold: the link's number, the row's id, and what is wrong: the row
    was ``changed`` or ``removed``, or links are ``missing`` before this one."""

    no: int
    audit_id: str
    what: str


def extend(store: Store, district: str, since: datetime | None = None) -> int:
    """Link every audit row that no link covers yet (``since``: those from then on); return how
    many that were."""
    done = 0
    while True:
        with store.reading() as connection:
            if not chain.unlinked(connection, district, since, 1):
                return done
        with store.writing() as connection:
            lock_district(connection, district)
            last = chain.head(connection, district)
            rows = []
            for row in chain.unlinked(connection, district, since, PIECE):
                last = Head(last.no + 1, digest(last.hash, district, row))
                rows.append(
                    {"district": district, "no": last.no, "hash": last.hash,
                     "audit_id": row["audit_id"]}
                )  # fmt: skip
            if rows:
                chain.add(connection, rows)
            done += len(rows)


def digest(before: str, district: str, row: sa.RowMapping) -> str:
    """Return the hash of a link, of its row and the hash of the link before it."""
    at: datetime = row["at"]
    said = [
        before, district, row["audit_id"], at.astimezone(UTC).isoformat(timespec="microseconds"),
        row["user_id"], row["action"], row["target"], row["detail"],
    ]  # fmt: skip
    text = json.dumps(said, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def verify(connection: sa.Connection, district: str) -> list[Fault]:
    """Return where the chain does not hold, by number; nothing when it holds."""
    found: list[Fault] = []
    last = Head(0, "")
    while rows := chain.linked(connection, district, last.no, PIECE):
        for row in rows:
            what = ""
            if row["no"] != last.no + 1:
                what = "missing"
            elif row["row_id"] is None:
                what = "removed"
            elif row["hash"] != digest(last.hash, district, row):
                what = "changed"
            if what:
                found.append(Fault(row["no"], row["audit_id"], what))
            last = Head(row["no"], row["hash"])
    return found


def holds(connection: sa.Connection, district: str, noted: Head) -> bool:
    """Tell whether the chain still has a link that was written down as its head once."""
    return chain.link_at(connection, district, noted.no) == noted
