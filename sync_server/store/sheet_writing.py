"""Writing spreadsheets in constant memory (XlsxWriter): texts stay texts, whatever they begin with.

Nothing is ever written as a formula or a link, so that no cell runs; identity and phone numbers are
texts, so that none loses its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import xlsxwriter

LONGEST_SHEET = 1_000_000
LONGEST_TEXT = 32_767
MOST_EXACT = 10**15
WIDEST, NARROWEST = 40, 8

Value = str | int | float | None


class SheetWriter:
    """One workbook on disk; ``close`` completes it. Rows are written as they come."""

    def __init__(self, path: Path, scratch: Path) -> None:
        options = {
            "constant_memory": True,
            "tmpdir": str(scratch),
            "strings_to_formulas": False,
            "strings_to_numbers": False,
            "strings_to_urls": False,
        }
        self._book = xlsxwriter.Workbook(str(path), options)
        self._head = self._book.add_format(
            {"bold": True, "bg_color": "#EEF1F5", "border": 1, "border_color": "#C3CBD4"}
        )
        self._text = self._book.add_format({"num_format": "@"})
        self._names: set[str] = set()
        self._sheet: xlsxwriter.worksheet.Worksheet | None = None
        self._heads: tuple[str, ...] = ()
        self._name = ""
        self._row = 0

    def begin(self, name: str, heads: Sequence[str]) -> None:
        """Begin another sheet with these heads; its column widths follow from them."""
        self._name, self._heads = name, tuple(heads)
        self._new_sheet()

    def _new_sheet(self) -> None:
        self._sheet = self._book.add_worksheet(self._free(self._name))
        for column, head in enumerate(self._heads):
            width = min(WIDEST, max(NARROWEST, 2 * len(head) + 4))
            self._sheet.set_column(column, column, width, self._text)
        self._row = 0
        for column, head in enumerate(self._heads):
            self._sheet.write_string(0, column, head, self._head)
        self._sheet.freeze_panes(1, 0)

    def add(self, rows: Iterable[Sequence[Value]]) -> None:
        """Add rows; a sheet that is full goes on in another one."""
        for cells in rows:
            if self._row >= LONGEST_SHEET:
                self._new_sheet()
            self._row += 1
            assert self._sheet is not None
            for column, value in enumerate(cells):
                if value is None or value == "":
                    continue
                if isinstance(value, int | float) and abs(value) < MOST_EXACT:
                    self._sheet.write_number(self._row, column, value)
                else:
                    text = str(value)[:LONGEST_TEXT]
                    self._sheet.write_string(self._row, column, text, self._text)

    def close(self) -> None:
        """Complete the file."""
        if self._sheet is None:
            self._book.add_worksheet()
        self._book.close()

    def _free(self, name: str) -> str:
        """Return a sheet's name that is allowed and not taken."""
        bare = "".join(char for char in name if char not in "[]:*?/\\'")[:28] or "Sheet"
        found, number = bare, 1
        while found.lower() in self._names:
            number += 1
            found = f"{bare[:24]} ({number})"
        self._names.add(found.lower())
        return found
