"""Rows as a spreadsheet program wrote them, whatever it holds of days, numbers and gaps."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from zipfile import ZipFile

import pytest
import xlsxwriter

from sync_server.domain.errors import Refusal
from sync_server.domain.sheets.cells import Date
from sync_server.store.sheet_reading import MOST_COLUMNS, rows_of, sheets_of


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A workbook with one cell of each sort in its third row, and a gap below."""
    path = tmp_path / "register.xlsx"
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd hh:mm"}) as written:
        sheet = written.add_worksheet("居民")
        written.add_worksheet("说明").hide()
        sheet.write_row(2, 0, ["王样本", "007", 42, 3.5, True])
        sheet.write_datetime(2, 5, date(2026, 9, 30))
        sheet.write_datetime(2, 6, datetime(2026, 9, 30, 8, 5))
        sheet.write_datetime(2, 7, time(8, 5), written.add_format({"num_format": "hh:mm"}))
        sheet.write_formula(2, 8, "=1+1", None, 2)
        sheet.write_number(2, 9, 330102195104035678)
        sheet.write_string(5, 1, "最后一行")
        sheet.write_string(5, MOST_COLUMNS + 5, "太远")
    return path


def test_each_sort_of_cell_comes_as_it_was_written(book: Path) -> None:
    rows = dict(rows_of(book, "居民"))
    assert rows[3] == [
        "王样本", "007", 42, 3.5, True, Date("2026-09-30"), Date("2026-09-30 08:05:00"),
        "08:05:00", 2, pytest.approx(330102195104035678),
    ]  # fmt: skip


def test_rows_keep_their_numbers_and_empty_ones_are_left_out(book: Path) -> None:
    assert [number for number, _ in rows_of(book, "居民")] == [3, 6]
    assert dict(rows_of(book, "居民"))[6] == [None, "最后一行"]


def test_a_file_that_is_wrong_about_its_size_is_read_whole(book: Path) -> None:
    wrong = book.with_name("wrong.xlsx")
    with ZipFile(book) as source, ZipFile(wrong, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("sheet1.xml"):
                start = content.index(b'<dimension ref="') + len(b'<dimension ref="')
                content = content[:start] + b"A1:A1" + content[content.index(b'"', start) :]
            target.writestr(name, content)
    assert list(rows_of(wrong, "居民")) == list(rows_of(book, "居民"))


def test_hidden_sheets_are_not_offered(book: Path) -> None:
    assert [sheet.name for sheet in sheets_of(book)] == ["居民"]


def test_a_torn_workbook_is_refused(book: Path) -> None:
    torn = book.with_name("torn.xlsx")
    torn.write_bytes(book.read_bytes()[:-200])
    with pytest.raises(Refusal, match="sheet_unreadable"):
        sheets_of(torn)
