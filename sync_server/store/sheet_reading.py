"""Reading spreadsheets row by row in bounded memory: XLSX by openpyxl, CSV in whatever encoding a
spreadsheet program writes.

A file is untrusted: nothing in it is run, parts that are too large when unpacked or that declare
entities are refused, and of a formula only the value it had is read.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sync_server.domain.errors import Refusal
from sync_server.domain.sheets.cells import Cell, Date

MOST_UNPACKED = 1_500_000_000
MOST_RATIO = 400
MOST_COLUMNS = 200
MOST_ROWS = 1_000_000
LOOK = 65_536
ENCODINGS = ("utf-8-sig", "gb18030")
WORKBOOKS = (".xlsx", ".xlsm")
PAPERS = ("%PDF", "{\\rtf")
NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")
"""What no sheet holds as text; a last \\x1a is how DOS ended a file."""
SEPARATORS = ",\t;|"
csv.field_size_limit(1_000_000)


@dataclass(frozen=True)
class Sheet:
    """One sheet of a file; ``name`` is empty for a CSV file."""

    name: str


def is_workbook(path: Path) -> bool:
    """Whether a file is an XLSX, by its content."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def sheets_of(path: Path, name: str = "") -> list[Sheet]:
    """Return the visible sheets of a file, in order; ``name`` is what its bringer calls it.

    Raises Refusal: sheet_unreadable, sheet_old (an .xls file), sheet_locked (with a password).
    """
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise Refusal("sheet_old")
    if not head:
        raise Refusal("sheet_empty")
    if not head.startswith(b"PK"):
        if name.lower().endswith(WORKBOOKS):
            raise Refusal("sheet_unreadable")
        _look_over_text(path)
        return [Sheet("")]
    with _book(path) as book:
        return [Sheet(sheet.title) for sheet in book.worksheets if sheet.sheet_state == "visible"]


def rows_of(path: Path, sheet: str) -> Iterator[tuple[int, list[Cell]]]:
    """Yield the rows of a sheet that hold anything as ``(number from 1, cells)``.

    Raises Refusal: sheet_unreadable, sheet_too_long.
    """
    numbered = _workbook_rows(path, sheet) if is_workbook(path) else _text_rows(path)
    for number, cells in numbered:
        if number > MOST_ROWS:
            raise Refusal("sheet_too_long", most=MOST_ROWS)
        while cells and cells[-1] in (None, ""):
            cells.pop()
        if cells:
            yield number, cells[:MOST_COLUMNS]


@contextmanager
def _book(path: Path) -> Iterator[Any]:
    # Late: it is large, and hardly any start of the centre meets a spreadsheet.
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    _look_over(path)
    try:
        with path.open("rb") as file:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            try:
                yield book
            finally:
                book.close()
    except Refusal:
        raise
    except (
        InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError, TypeError,
        AttributeError, IndexError, EOFError, SyntaxError,
    ) as err:  # fmt: skip
        raise Refusal("sheet_unreadable") from err


def _look_over(path: Path) -> None:
    """Refuse an archive that unpacks to too much or declares entities."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            total = sum(part.file_size for part in parts)
            packed = max(1, sum(part.compress_size for part in parts))
            if total > MOST_UNPACKED or (total > 50_000_000 and total / packed > MOST_RATIO):
                raise Refusal("sheet_unreadable")
            if any(part.flag_bits & 1 for part in parts):
                raise Refusal("sheet_locked")
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    with archive.open(part) as stream:
                        if b"<!DOCTYPE" in stream.read(2_000).upper():
                            raise Refusal("sheet_unreadable")
    except (zipfile.BadZipFile, OSError, RuntimeError, EOFError, NotImplementedError) as err:
        raise Refusal("sheet_unreadable") from err


def _look_over_text(path: Path) -> None:
    """Refuse what is no text that a spreadsheet program writes: pictures, papers, rubbish."""
    try:
        with path.open(encoding=encoding_of(path), newline="") as file:
            start = file.read(LOOK)
    except UnicodeError as err:
        raise Refusal("sheet_unreadable") from err
    if start.startswith(PAPERS) or NO_TEXT.search(start):
        raise Refusal("sheet_unreadable")


def _workbook_rows(path: Path, name: str) -> Iterator[tuple[int, list[Cell]]]:
    with _book(path) as book:
        sheet = book[name] if name else book.worksheets[0]
        sheet.reset_dimensions()  # what a file says of its own size may be wrong
        rows = sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True)
        for number, values in enumerate(rows, 1):
            yield number, _cells(values)


def _cells(values: tuple[Any, ...]) -> list[Cell]:
    """Return a row's cells up to its last one: every row comes as wide as rows may be."""
    width = len(values)
    while width and values[width - 1] is None:
        width -= 1
    return [one if one.__class__ is str or one is None else _cell(one) for one in values[:width]]


def _cell(value: Any) -> Cell:
    """Return what a cell holds; days and times as written, without an offset."""
    if isinstance(value, datetime):
        return Date(value.isoformat(" ", "seconds").removesuffix(" 00:00:00"))
    if isinstance(value, date):
        return Date(value.isoformat())
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)  # a time of day, or a span


def _text_rows(path: Path) -> Iterator[tuple[int, list[Cell]]]:
    encoding = encoding_of(path)
    try:
        with path.open(encoding=encoding, newline="") as file:
            start = file.read(LOOK)
            if "\x00" in start:
                raise Refusal("sheet_unreadable")
            file.seek(0)
            separator = separator_of(start)
            lines: Iterator[str] = iter(file)
            if re.match(r"\ufeff?sep=.\r?\n", start):
                next(lines)
            for number, row in enumerate(csv.reader(lines, delimiter=separator), 1):
                yield number, list(row)
    except (UnicodeError, csv.Error) as err:
        raise Refusal("sheet_unreadable") from err


def encoding_of(path: Path) -> str:
    """Return the encoding of a CSV file: by its mark, else the first that reads all of it.

    Raises Refusal ``sheet_unreadable``.
    """
    with path.open("rb") as file:
        head = file.read(4)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if head.startswith(codecs.BOM_UTF8):
            return "utf-8-sig"
        if len(head) >= 4 and head[1] == 0 and head[3] == 0:
            return "utf-16-le"
    for encoding in ENCODINGS:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with path.open("rb") as file:
                while piece := file.read(LOOK):
                    decoder.decode(piece)
                decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    raise Refusal("sheet_unreadable")


def separator_of(text: str) -> str:
    """Return what parts the cells: what ``sep=`` says, else what is there most, and most evenly."""
    said = re.match(r"\ufeff?sep=(.)\r?\n", text)
    if said:
        return said[1]
    best, chosen = 0.0, ","
    for separator in SEPARATORS:
        counts = _counts(text, separator)
        if counts and max(counts) > 1:
            usual = max(set(counts), key=lambda n: (counts.count(n), n))
            score = (usual - 1) * counts.count(usual) / len(counts)
            if usual > 1 and score > best:
                best, chosen = score, separator
    return chosen


def _counts(text: str, separator: str) -> Sequence[int]:
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator))[:50]
    except csv.Error:
        return ()
    return [len(row) for row in rows if any(row)]
