"""Writing the base data of a demo world as registers in spreadsheets, as a district keeps them.

The columns are those an import proposes (``domain/sheets/columns.py``), the words those of the code
lists. Importing the files into an empty centre makes the same places and people.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from schemas.catalogue import kind_of
from schemas.fields import Code, Declared, Location, Refs, Whole
from sync_server.domain.errors import Refusal
from sync_server.domain.sheets.columns import REGISTERS, SheetColumn, columns_of, is_people
from sync_server.domain.world import WorldRecord, generate
from sync_server.domain.world.assembly import TODAY
from sync_server.domain.world.shape import WorldName
from sync_server.store.sheet_writing import SheetWriter, Value

Progress = Callable[[int, int], None]
NAMES: Mapping[str, tuple[str, ...]] = {
    "building": ("no",),
    "room": ("unit_no", "no", "label"),
    "household": ("code",),
    "resident": ("name", "id_no"),
    "compound": ("name", "code"),
}
"""What is kept of a record for the rows below it."""
LEFT_OUT = frozenset({"household.head"})
"""A household's number tells it; the residents' file says who its head is."""
RUN = 500
TOLD_EVERY = 1_000


def write_sheets(
    name: WorldName,
    folder: Path,
    *,
    seed: int = 1,
    today: date = TODAY,
    progress: Progress = lambda done, about: None,
) -> dict[str, int]:
    """Write a world's base data into ``folder``, a file for each kind; return how many rows.

    Raises Refusal ``folder_unusable`` when the folder cannot be made or is not empty, ValueError
    for an unknown world.
    """
    world = generate(name, seed, today)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Refusal("folder_unusable", folder=str(folder))
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            books = _Books(folder, Path(scratch))
            about = world.about()
            for done, record in enumerate(world.base_records(), 1):
                if record.kind in REGISTERS:
                    books.add(record)
                if done % TOLD_EVERY == 0:
                    progress(done, max(done, about))
            return books.close()
    except OSError as err:
        raise Refusal("folder_unusable", folder=str(folder)) from err


class _Books:
    """The files under way, and what rows below need of those above."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._folder = folder
        self._scratch = scratch
        self._writers: dict[str, SheetWriter] = {}
        self._waiting: dict[str, list[list[Value]]] = {}
        self._counts: Counter[str] = Counter()
        self._around: dict[str, dict[str, str]] = {}
        """By record id: the columns by which rows below name it and what is above it."""

    def add(self, record: WorldRecord) -> None:
        """Write one record as a row."""
        kind = record.kind
        if kind not in self._writers:
            number = REGISTERS.index(kind) + 1
            label = kind_of(kind).info.label.zh
            path = self._folder / f"{number}-{label}.xlsx"
            self._writers[kind] = SheetWriter(path, self._scratch)
            self._writers[kind].begin(label, [column.label.zh for column in _columns(kind)])
        around = self._keep(record)
        cells = [self._cell(record, column, around) for column in _columns(kind)]
        waiting = self._waiting.setdefault(kind, [])
        waiting.append(cells)
        self._counts[kind] += 1
        if len(waiting) >= RUN:
            self._writers[kind].add(waiting)
            waiting.clear()

    def close(self) -> dict[str, int]:
        """Complete the files and return how many rows each kind has."""
        for kind, writer in self._writers.items():
            writer.add(self._waiting.get(kind, []))
            writer.close()
        return {kind: self._counts[kind] for kind in REGISTERS if self._counts[kind]}

    def _keep(self, record: WorldRecord) -> dict[str, str]:
        kind, fields = record.kind, record.fields
        parent = kind_of(kind).info.parent or ("room_id" if kind == "shop" else "")
        around = dict(self._around.get(str(fields.get(parent) or ""), {}))
        mine = dict(around)
        for name in NAMES.get(kind, ()):
            mine[f"{kind}.{name}"] = str(fields.get(name) or "")
        if kind in NAMES:
            self._around[record.record_id] = mine
        return around

    def _cell(self, record: WorldRecord, column: SheetColumn, around: Mapping[str, str]) -> Value:
        if column.field is None:
            if column.name == "grid":
                return record.grid
            return around.get(column.name, "")
        return cell_of(column.field, record.fields.get(column.name))


def _columns(kind: str) -> list[SheetColumn]:
    """The columns of a file: none for people, whom an empty centre does not know yet."""
    return [
        column
        for column in columns_of(kind)
        if not is_people(column.field)
        and column.name not in LEFT_OUT
        and not (column.name == "community" and column.field is None)
    ]


def cell_of(field: Declared, value: Any) -> Value:
    """Return a stored value as a cell that reads back as the same value."""
    if value in (None, "", [], {}):
        return None
    if isinstance(field, Whole):
        return int(value)
    if isinstance(field, Location):
        system = "" if value["crs"] == "WGS84" else f" {value['crs']}"
        return field.show(value, "zh") + system
    if isinstance(field, Code | Refs) or not isinstance(value, str):
        return field.show(value, "zh")
    return value
