"""A refused create that its writer corrected while staff let it in: he corrects a record.

He could not know. What he sends, a create of the same record, becomes an update of all it says.
His log holds what he had sent first, so he had seen that; what staff made of it he had not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from schemas.values import keyed_names
from sync_server.domain.envelope import Arrival
from sync_server.domain.merge import DEFAULT
from sync_server.store import streams

Row = Mapping[str, Any]
LONGEST_CHAIN = 10
"""So many corrections in a row of one create are followed."""


@dataclass
class Corrected:
    """The creates that the changes of one transaction correct."""

    connection: sa.Connection
    district: str
    _rows: dict[str, Row] = field(default_factory=dict)

    def load(self, change_ids: Iterable[str | None]) -> None:
        """Read these changes, and those that they correct themselves."""
        for _ in range(LONGEST_CHAIN):
            wanted = {one for one in change_ids if one} - self._rows.keys()
            if not wanted:
                return
            found = streams.received(self.connection, self.district, wanted)
            self._rows |= found
            change_ids = [row["corrects"] for row in found.values()]

    def let_in(self, arrival: Arrival, record: Row | None) -> Row | None:
        """Return the create that this one corrects and that made the record; None for others."""
        if arrival.action != "create" or arrival.kind is None or record is None:
            return None
        if record["kind"] != arrival.kind.info.name or "update" not in arrival.kind.info.laptop:
            return None
        first = record["origins"][DEFAULT]["change_id"]
        row, seen = self._rows.get(arrival.members.get("corrects") or ""), set[str]()
        while row is not None and row["change_id"] not in seen:
            if row["change_id"] == first:
                return row if row["author"] == arrival.members["author"] else None
            seen.add(row["change_id"])
            row = self._rows.get(row["corrects"] or "")
        return None


def as_update(arrival: Arrival, first: Row, added: Iterable[str]) -> Arrival:
    """Return a correction of the create ``first`` as an update: what it says, and what it leaves
    out of what had been sent first and of what its writer had ``added`` since, by path."""
    assert arrival.kind is not None
    said, sent = dict(arrival.fields), first["fields"]
    keyed = keyed_names(arrival.kind)
    for name in sent.keys() & arrival.kind.declared().keys():
        if name not in keyed:
            said.setdefault(name, None)
        elif isinstance(sent[name], Mapping):
            now = dict(said.get(name) or {})
            gone = set(sent[name].get("add") or ()) - set(now.get("add") or ())
            said[name] = now | {"remove": sorted(gone)} if gone else now
    for path in sorted(added):
        name, dot, key = path.partition(".")
        if not dot:
            said.setdefault(name, None)
        elif key not in ((now := dict(said.get(name) or {})).get("add") or {}):
            said[name] = now | {"remove": sorted({*(now.get("remove") or ()), key})}
    members = {**arrival.members, "action": "update", "base_version": None}
    return replace(arrival, members=members, fields=said, stored=None, found_by="")


def put_right(row: Row) -> frozenset[str]:
    """Return the fields of which staff made something else before they let a change in."""
    if not row.get("fixed"):
        return frozenset()
    sent, made = row["fields"], row["fixed"]["fields"]
    return frozenset(name for name in {*sent, *made} if sent.get(name) != made.get(name))
