"""How one file is to be imported: its heads, its columns, what is filled in for all rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from schemas.clock import SHANGHAI
from sync_server.domain.sheets.cells import Cell, Date
from sync_server.domain.sheets.columns import FIXED_NOW, FIXED_TODAY, IN_ENGLISH, columns_of
from sync_server.domain.sheets.heads import Heads, propose

LIKELY = ("skip", "new", "update")
"""What happens to a row that is likely there already, unless it is chosen otherwise."""


@dataclass(frozen=True)
class Plan:
    """``first`` is the row of the sheet (from 1) on which the heads begin. ``columns``: the column
    of the kind by its place in the file. ``fixed``: what new records get where their rows say
    nothing. ``area``: where rows lie that do not say it. ``along``: records above that are missing
    are made from the row."""

    kind: str
    first: int = 1
    lines: int = 1
    heads: tuple[str, ...] = ()
    columns: Mapping[int, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    area: str = ""
    along: bool = True
    likely: str = "skip"
    checked: bool = False
    """Whether staff saw what would become of it before it ran."""

    @property
    def data_from(self) -> int:
        """The first row of the sheet that is no head."""
        return self.first + self.lines

    def as_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {
            "kind": self.kind, "first": self.first, "lines": self.lines,
            "heads": list(self.heads),
            "columns": {str(place): name for place, name in self.columns.items()},
            "fixed": dict(self.fixed), "area": self.area, "along": self.along,
            "likely": self.likely, "checked": self.checked,
        }  # fmt: skip

    def missing(self) -> list[str]:
        """Return the needed columns that neither the file nor a fixed value gives."""
        have = {*self.columns.values(), *(name for name, text in self.fixed.items() if text)}
        return [
            column.name
            for column in columns_of(self.kind)
            if column.needed and not column.worked_out and column.name not in have
        ]


def read_plan(stored: Mapping[str, Any]) -> Plan:
    """Return a plan as it was stored."""
    plain = {name: value for name, value in stored.items() if name not in ("columns", "heads")}
    columns = {int(place): name for place, name in (stored.get("columns") or {}).items()}
    return Plan(**plain, columns=columns, heads=tuple(stored.get("heads") or ()))


def proposed(kind: str, heads: Heads, first_row: int) -> Plan:
    """Return the plan that is proposed for a file with these heads."""
    columns = propose(kind, heads.texts)
    return Plan(kind, first_row, heads.lines, heads.texts, columns, usual(kind, columns))


def usual(kind: str, columns: Mapping[int, str]) -> dict[str, str]:
    """Return what is proposed for all rows of a file that lacks these columns."""
    return {
        column.name: column.usual
        for column in columns_of(kind)
        if column.usual and column.name not in columns.values()
    }


def remembered(plan: Plan, stored: Mapping[str, Any]) -> Plan:
    """Return the plan with the columns and values that were chosen for a file of this shape."""
    known = {column.name for column in columns_of(plan.kind)}
    columns = {
        int(place): name for place, name in (stored.get("columns") or {}).items() if name in known
    }
    fixed = {name: text for name, text in (stored.get("fixed") or {}).items() if name in known}
    return replace(plan, columns=columns, fixed=fixed, along=bool(stored.get("along", True)))


def fixed_cell(text: str, now: datetime) -> Cell:
    """Return the cell a fixed value stands for."""
    here = now.astimezone(SHANGHAI)
    if text in (FIXED_NOW, IN_ENGLISH[FIXED_NOW]):
        return here.isoformat(timespec="seconds")
    today = text in (FIXED_TODAY, IN_ENGLISH[FIXED_TODAY])
    return Date(here.date().isoformat()) if today else text
