"""What the rows of a register say, cell by cell, before it is known what is there already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.fields import Declared, IdNumber, Line, Refs
from sync_server.domain.areas import inside
from sync_server.domain.sheets import completing
from sync_server.domain.sheets.cells import Cell, read_cell, text_of
from sync_server.domain.sheets.columns import (
    COMMUNITY,
    GRID,
    SheetColumn,
    columns_of,
    is_area,
    is_people,
)
from sync_server.domain.sheets.plan import Plan, fixed_cell
from sync_server.domain.sheets.problems import CellProblem, RowProblem
from sync_server.services.import_areas import Areas, People
from sync_server.store.import_files import StagedRow

_TEXT = Line("", "")
_ID = IdNumber("", "")


@dataclass
class Said:
    """One row: what its own fields say (``given``), what is filled in for a new record besides
    (``filled``), and by what it names the records above (``around``)."""

    row: StagedRow
    given: dict[str, Any] = field(default_factory=dict)
    filled: dict[str, Any] = field(default_factory=dict)
    around: dict[str, str] = field(default_factory=dict)
    area: str = ""
    """The code of the grid or community it names, or that was chosen for the file."""
    problems: list[RowProblem] = field(default_factory=list)

    @property
    def whole(self) -> dict[str, Any]:
        """Everything a new record gets from it."""
        return {**self.filled, **self.given}

    def wrong(self, column: str, code: str, **params: Any) -> None:
        """Note a fault; the cell is kept with it."""
        value = self.around.get(column) or str(params.get("value", ""))
        self.problems.append(RowProblem(column, value, code, params))


class RowReader:
    """Reads the rows of one import by its plan."""

    def __init__(
        self, plan: Plan, areas: Areas, people: People, scope: Sequence[str],
        unused: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        """``unused`` are the groups of fields that the district does not collect: what a file says
        of them is not read."""
        self.plan = plan
        self.areas = areas
        self.people = people
        self.scope = tuple(scope)
        self._columns = {
            column.name: column
            for column in columns_of(plan.kind)
            if column.field is None or column.field.group not in unused
        }
        self._places = sorted(plan.columns.items())
        # Where a row lies is read first: it tells areas of one name apart.
        self._places.sort(key=lambda pair: pair[1] not in (COMMUNITY, "community_code"))

    def read(self, row: StagedRow, now: datetime) -> Said:
        """Return what one row says; what cannot be read is among its problems."""
        said = Said(row)
        for place, name in self._places:
            cell = row.cells[place] if place < len(row.cells) else None
            column = self._columns.get(name)
            if column is not None and text_of(cell):
                self._take(said, column, cell, said.given)
        for name, text in self.plan.fixed.items():
            column = self._columns.get(name)
            if column is not None and text and name not in said.given:
                self._take(said, column, fixed_cell(text, now), said.filled)
        if not said.area:
            said.area = self.plan.area
        told = completing.complete(self.plan.kind, said.whole, said.around)
        for name, value in told.items():
            said.filled[name] = value
        return said

    def _take(self, said: Said, column: SheetColumn, cell: Cell, into: dict[str, Any]) -> None:
        try:
            if column.name in (GRID, COMMUNITY):
                self._lies_in(said, column.name, self._text(cell))
            elif column.field is None:
                kind_of_text = _ID if column.name.endswith(".id_no") else _TEXT
                said.around[column.name] = self._text(cell, kind_of_text)
            else:
                value = self._value(said, column, column.field, cell)
                if value is not None:
                    into[column.name] = value
        except CellProblem as fault:
            said.problems.append(
                RowProblem(column.name, text_of(cell), fault.code, dict(fault.params))
            )

    def _value(self, said: Said, column: SheetColumn, field_: Declared, cell: Cell) -> object:
        if is_area(field_, column.name, self.plan.kind):
            code = self.areas.find(self._text(cell), self._within(said))
            if column.name == "community_code":
                said.area = code
            return code
        if is_people(field_):
            found = [self.people.find(one) for one in _parted(self._text(cell))]
            return found if isinstance(field_, Refs) else found[0]
        return read_cell(field_, cell)

    def _lies_in(self, said: Said, name: str, text: str) -> None:
        code = self.areas.find(text, self._within(said))
        if name == GRID or not said.area:
            said.area = code

    def _within(self, said: Said) -> tuple[str, ...]:
        """A grid's name is looked for in the row's community first."""
        if said.area and inside(said.area, self.scope):
            return (said.area[:12],)
        return self.scope if self.plan.kind != "area" else (self.areas.district,)

    @staticmethod
    def _text(cell: Cell, field_: Declared = _TEXT) -> str:
        return str(read_cell(field_, cell) or "")


def _parted(text: str) -> list[str]:
    for mark in "、,，;；/":
        text = text.replace(mark, "\n")
    return [part.strip() for part in text.split("\n") if part.strip()]


def shown_cells(row: StagedRow, columns: Mapping[int, str]) -> dict[str, str]:
    """Return the cells of a row as text, by column name."""
    return {
        name: text_of(row.cells[place]) if place < len(row.cells) else ""
        for place, name in columns.items()
    }
