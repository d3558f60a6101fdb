"""The folder of imports: the file as it was uploaded, and its rows laid down for going through.

<folder>/<import id>/upload     the file
<folder>/<import id>/rows       a line for each row: [number, cells] as JSON
<folder>/<import id>/read-by    in which way they were read (``READING``): the same file is not read
                                twice

The rows are read from any place on, so that work goes on where it stopped. Both hold personal
information; they are deleted some weeks after the import (``drop``).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from sync_server.domain.sheets.cells import Cell, Date
from sync_server.store.engine import compact
from sync_server.store.folders import disk_trouble, make_folder
from sync_server.store.relay_folder import whole_file
from sync_server.store.sheet_reading import rows_of

PIECE = 1_048_576
READING = "1"
"""Raised whenever the same file gives other rows than before."""


@dataclass(frozen=True)
class StagedRow:
    """One row of a file: its number in the sheet, where its line begins and ends, its cells."""

    number: int
    place: int
    end: int
    cells: list[Cell]


class ImportFolder:
    """One import's files. Raises Refusal disk_full or folder_unusable."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.upload = folder / "upload"
        self.rows = folder / "rows"
        self.read_by = folder / "read-by"

    def take(self, source: BinaryIO) -> str:
        """Lay an uploaded file down and return its SHA-256."""
        digest = hashlib.sha256()
        with whole_file(self.upload) as out:
            while piece := source.read(PIECE):
                digest.update(piece)
                out.write(piece)
        return digest.hexdigest()

    def share(self, other: ImportFolder) -> None:
        """Use another import's upload as well: a file's sheets are imports of their own."""
        with disk_trouble(self.folder):
            make_folder(self.folder)
            try:
                os.link(other.upload, self.upload)
            except OSError:
                shutil.copyfile(other.upload, self.upload)

    def lay_down(self, sheet: str) -> int:
        """Read the upload's sheet into the file of rows; return how many there are.

        Raises Refusal as ``sheet_reading.rows_of``. A reader that dies leaves no half file.
        """
        count = 0
        with whole_file(self.rows) as out:
            for number, cells in rows_of(self.upload, sheet):
                line = compact([number, [_plain(cell) for cell in cells]])
                out.write(line.encode("utf-8", "replace") + b"\n")
                count += 1
        self._say_read()
        return count

    def lay_down_as(self, other: ImportFolder) -> bool:
        """Take over the rows of another import of the same sheet of the same file; return whether
        they are there and were read as they would be now."""
        with disk_trouble(self.folder):
            try:
                if other.read_by.read_text(encoding="ascii") != READING:
                    return False
                self.rows.unlink(missing_ok=True)
                os.link(other.rows, self.rows)
            except (OSError, UnicodeDecodeError):
                return False
            self._say_read()
        return True

    def _say_read(self) -> None:
        with disk_trouble(self.folder):
            self.read_by.write_text(READING, encoding="ascii")

    def read(self, place: int = 0) -> Iterator[StagedRow]:
        """Yield the rows from a place on; nothing when the files are gone."""
        if not self.rows.is_file():
            return
        with disk_trouble(self.folder), self.rows.open("rb") as file:
            file.seek(place)
            for line in file:
                number, cells = json.loads(line)
                yield StagedRow(number, place, place + len(line), [_cell(one) for one in cells])
                place += len(line)

    def row_at(self, place: int) -> StagedRow | None:
        """Return the row at a place, None when the files are gone."""
        return next(self.read(place), None)

    @property
    def there(self) -> bool:
        """Whether the rows are (still) there."""
        return self.rows.is_file()

    def drop(self) -> None:
        """Delete the import's files."""
        with contextlib.suppress(OSError):
            shutil.rmtree(self.folder)


def _plain(cell: Cell) -> object:
    return {"d": cell.text} if isinstance(cell, Date) else cell


def _cell(value: object) -> Cell:
    if isinstance(value, dict):
        return Date(str(value.get("d", "")))
    return cast(Cell, value)
