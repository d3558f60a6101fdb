"""How the records a transaction touched get their numbers and into the store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from sync_server.store import duplicates, writing

Row = dict[str, Any]


class RecordWriting:
    """Numbers and writes the records of one transaction, each touched one once.

    ``last`` is the last change_no given out, the district's.
    """

    def __init__(self, connection: sa.Connection, district: str, last: int) -> None:
        self._connection = connection
        self._district = district
        self._last = last
        self._handed: dict[str, int] = {}
        """The version in which a new record was handed over already."""

    def hand_over(self, new: Mapping[str, Row], standing: Collection[str]) -> None:
        """Write the new records that are whole by now, so that the database stores them while the
        rest is worked out. One that is touched again afterwards is written again by ``write``."""
        some = {one: row for one, row in new.items() if one not in self._handed}
        self._list_under_survivors(some.values(), standing)
        self._number(some.values())
        writing.insert_records(self._connection, list(some.values()))
        self._handed |= {one: row["version"] for one, row in some.items()}

    def write(
        self, touched: Mapping[str, Row], new: Mapping[str, Row], standing: Collection[str]
    ) -> None:
        """Write what was not handed over as it stands; ``standing`` are ids that were not merged
        into others."""
        left = {one: row for one, row in touched.items() if self._handed.get(one) != row["version"]}
        self._list_under_survivors(left.values(), standing)
        self._number(left.values())
        made = [row for one, row in left.items() if one in new and one not in self._handed]
        changed = [row for one, row in left.items() if one not in new or one in self._handed]
        writing.update_records(self._connection, changed)
        if touched:
            writing.set_change_no(self._connection, self._district, self._last)
        writing.insert_records(self._connection, made)

    def _number(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._last += 1
            row["change_no"] = self._last

    def _list_under_survivors(self, rows: Collection[Row], standing: Collection[str]) -> None:
        """List what names a merged record under the one it was merged into."""
        parents = {row["parent_id"] for row in rows} - {None} - set(standing)
        roots = duplicates.roots(self._connection, self._district, parents)
        if roots:
            for row in rows:
                row["parent_id"] = roots.get(row["parent_id"], row["parent_id"])
