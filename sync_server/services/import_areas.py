"""The areas and people that rows of a register name: found by code or number, or by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from schemas.search import fold
from sync_server.domain.areas import inside
from sync_server.domain.sheets.problems import CellProblem
from sync_server.store import people_read
from sync_server.store.records_read import areas_within

GRID_DIGITS = 15


@dataclass
class Areas:
    """A district's areas by code and by name; ``workers`` by grid."""

    district: str
    known: set[str] = field(default_factory=set)
    workers: dict[str, str] = field(default_factory=dict)
    _named: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, connection: sa.Connection, district: str) -> Areas:
        """Return the areas there are now."""
        found = cls(district, {district})
        for row in areas_within(connection, district, (district,)):
            found.add(row["fields"])
        return found

    def add(self, fields: Any) -> None:
        """Know one area more."""
        code = str(fields.get("code") or "")
        if not code:
            return
        self.known.add(code)
        names = {fold(str(fields.get("name") or ""))}
        names |= {fold(str(one.get("name"))) for one in (fields.get("old_names") or {}).values()}
        for name in names - {""}:
            mine = self._named.setdefault(name, [])
            if code not in mine:
                mine.append(code)
        workers = fields.get("worker_ids") or [fields.get("leader_id")]
        if workers[0]:
            self.workers[code] = workers[0]

    def find(self, text: str, within: Sequence[str]) -> str:
        """Return the code of the area a cell names, inside the areas of ``within``.

        Raises CellProblem: area_unknown, area_several.
        """
        if text.isdecimal() and text.isascii() and len(text) >= 6:
            if text not in self.known:
                raise CellProblem("area_unknown", value=text)
            return text
        name = fold(text)
        for one in (name, f"{name}社区", f"{name}网格", name.removesuffix("社区")):
            codes = [code for code in self._named.get(one, ()) if inside(code, within)]
            if len(codes) == 1:
                return codes[0]
            if codes:
                raise CellProblem("area_several", value=text)
        raise CellProblem("area_unknown", value=text)


class People:
    """The people of a centre by number and by name."""

    def __init__(self, connection: sa.Connection, district: str) -> None:
        self._by_no: dict[str, str] = {}
        self._by_name: dict[str, list[str]] = {}
        for row in people_read.everybody(connection, district):
            self._by_no[fold(row["no"])] = row["user_id"]
            if row["active"]:
                self._by_name.setdefault(fold(row["name"]), []).append(row["user_id"])

    def find(self, text: str) -> str:
        """Return who a cell names: by number, by name, or by both (“张演示 W001”).

        Raises CellProblem: user_unknown, user_several.
        """
        whole = fold(text)
        if whole in self._by_no:
            return self._by_no[whole]
        named = self._by_name.get(whole, [])
        if len(named) == 1:
            return named[0]
        for part in text.replace("（", " ").replace("(", " ").rstrip("）)").split():
            if fold(part) in self._by_no:
                return self._by_no[fold(part)]
        raise CellProblem("user_several" if named else "user_unknown", value=text[:30])
