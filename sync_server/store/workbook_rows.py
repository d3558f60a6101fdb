"""The rows of one sheet of an XLSX workbook, straight from its XML, in bounded memory.

openpyxl opens the workbook and knows its sheets, shared texts and formats; of a sheet it would
build an object for each cell, which takes most of the time of a large import.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import IO, Any
from xml.parsers import expat

from openpyxl.utils.datetime import from_excel

from sync_server.domain.sheets.cells import Cell, Date

READ = 262_144


class SheetParser:
    """Takes a sheet's XML in pieces and gives out rows as they are complete."""

    def __init__(
        self, shared: Sequence[str], dates: frozenset[int], epoch: datetime, most_columns: int
    ) -> None:
        self._shared = shared
        self._dates = dates
        self._epoch = epoch
        self._most = most_columns
        self.ready: list[tuple[int, list[Cell]]] = []
        self._row: list[Cell] = []
        self._number = 0
        self._column = 0
        self._type = "n"
        self._style = 0
        self._parts: list[str] = []
        self._reading = False
        self._phonetic = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def feed(self, piece: bytes, final: bool = False) -> None:
        """Take the next piece; raise ValueError for XML that is none."""
        try:
            self._parser.Parse(piece, final)
        except expat.ExpatError as err:
            raise ValueError("broken XML") from err

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        name = name.rpartition(" ")[2]
        if name == "c":
            place = attributes.get("r")
            self._column = _column_of(place) if place else self._column + 1
            self._type = attributes.get("t", "n")
            style = attributes.get("s", "0")
            self._style = int(style) if style.isdigit() else 0
            self._parts = []
        elif name in ("v", "t"):
            self._reading = not self._phonetic
        elif name == "rPh":
            self._phonetic += 1
        elif name == "row":
            number = attributes.get("r", "")
            self._number = int(number) if number.isdigit() else self._number + 1
            self._row = []
            self._column = 0

    def _end(self, name: str) -> None:
        name = name.rpartition(" ")[2]
        if name == "c":
            if self._parts and 0 < self._column <= self._most:
                missing = self._column - len(self._row) - 1
                if missing >= 0:
                    self._row += [None] * missing
                    self._row.append(self._value("".join(self._parts)))
        elif name in ("v", "t"):
            self._reading = False
        elif name == "rPh":
            self._phonetic -= 1
        elif name == "row":
            self.ready.append((self._number, self._row))

    def _text(self, data: str) -> None:
        if self._reading:
            self._parts.append(data)

    def _value(self, text: str) -> Cell:
        kind = self._type
        if kind == "s":
            place = int(text)
            return self._shared[place] if 0 <= place < len(self._shared) else None
        if kind in ("inlineStr", "str", "e"):
            return text
        if kind == "b":
            return text == "1"
        if kind == "d":
            return Date(text.replace("T00:00:00", "").rstrip("Z"))
        return self._number_of(text)

    def _number_of(self, text: str) -> Cell:
        broken = "." in text or "e" in text or "E" in text
        value: int | float = float(text) if broken else int(text)
        if self._style not in self._dates:
            return value
        try:
            moment = from_excel(value, self._epoch)
        except (ValueError, OverflowError, TypeError):
            return value
        if isinstance(moment, timedelta):
            return str(moment)
        if not isinstance(moment, datetime):
            return str(moment)  # a time of day alone
        plain = moment.isoformat(" ", "seconds")
        return Date(plain.removesuffix(" 00:00:00"))


def rows_of_sheet(
    source: IO[bytes], shared: Sequence[str], dates: Sequence[int], epoch: Any, most_columns: int
) -> Iterator[tuple[int, list[Cell]]]:
    """Yield ``(number, cells)`` of every row of a sheet's XML.

    ``dates`` are the cell formats that show a date. Raises ValueError for XML that is none.
    """
    parser = SheetParser(shared, frozenset(dates), epoch, most_columns)
    while piece := source.read(READ):
        parser.feed(piece)
        yield from parser.ready
        parser.ready.clear()
    parser.feed(b"", final=True)
    yield from parser.ready


def _column_of(place: str) -> int:
    """Return the number of a column from 1: C7 → 3."""
    number = 0
    for char in place:
        if not char.isalpha():
            break
        number = number * 26 + ord(char.upper()) - 64
    return number
