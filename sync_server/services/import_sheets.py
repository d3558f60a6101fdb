"""Spreadsheets that go with imports: an empty one to be filled in, the rows that were refused."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from schemas.catalogue import kind_of
from schemas.fields import Code, Day, Flag, IdNumber, Month, Phone
from schemas.purposes import is_asked
from sync_server.domain.errors import Refusal
from sync_server.domain.sheets.columns import ORDER, SheetColumn, columns_of
from sync_server.domain.sheets.problems import read_problem
from sync_server.services import imports
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.import_pages import in_full, shown_fault
from sync_server.store import imports as store_imports
from sync_server.store.folders import make_folder
from sync_server.store.sheet_writing import SheetWriter

RUN = 500
SCRATCH, LEFT_S = "tmp", 3_600
"""What is being written in the folder of workbooks begins so, and is left over after so long."""


@contextmanager
def writing(centre: Centre) -> Iterator[tuple[SheetWriter, Path]]:
    """Write a workbook in the data folder; ``opened`` returns it before the block ends, which
    leaves nothing of it under a name. What killed programs left is cleared away."""
    folder = centre.settings.data / "sheets"
    make_folder(folder)
    _clear(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=SCRATCH) as scratch:
        path = Path(scratch) / "book.xlsx"
        yield SheetWriter(path, Path(scratch)), path


def opened(path: Path) -> IO[bytes]:
    """Return a finished workbook for reading: its bytes, in a file without a name, gone as soon as
    it is closed or the program ends, however it ends."""
    file = tempfile.TemporaryFile(dir=path.parent.parent, prefix=SCRATCH)  # noqa: SIM115
    with path.open("rb") as made:
        shutil.copyfileobj(made, file)
    file.seek(0)
    return file


def _clear(folder: Path) -> None:
    """Delete what programs that were killed while they wrote have left; it may be unmasked."""
    for left in folder.glob(f"{SCRATCH}*"):
        with contextlib.suppress(OSError):
            made = (left, *(left.iterdir() if left.is_dir() else ()))
            if max(one.stat().st_mtime for one in made) < time.time() - LEFT_S:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def template(centre: Centre, kind: str, lang: str) -> IO[bytes]:
    """Return an empty register of a kind with the heads an import knows, and a sheet that says what
    goes into each column; without what the district does not collect. Raises Refusal
    ``unknown_kind``."""
    if kind not in ORDER:
        raise Refusal("unknown_kind")
    columns = [one for one in columns_of(kind) if one.field is None or is_asked(one.field)]
    with writing(centre) as (book, path):
        book.begin(kind_of(kind).info.label.text(lang), [one.label.text(lang) for one in columns])
        heads = ("列", "必填", "填法") if lang != "en" else ("Column", "Needed", "How")
        book.begin("说明" if lang != "en" else "How to", heads)
        yes = "必填" if lang != "en" else "needed"
        book.add(
            (one.label.text(lang), yes if one.needed else "", _how(one, lang)) for one in columns
        )
        book.close()
        return opened(path)


def _how(column: SheetColumn, lang: str) -> str:
    field, english = column.field, lang == "en"
    if isinstance(field, Code):
        return " / ".join(item.label.text(lang) for item in field.codes.active)
    if isinstance(field, Flag):
        return "Yes / No" if english else "是 / 否"
    if isinstance(field, Month):
        return "1951-04"
    if isinstance(field, Day):
        return "2026-09-30"
    if isinstance(field, IdNumber | Phone):
        return "text format" if english else "文本格式"
    return ""


def faults(centre: Centre, person: User, import_id: str, lang: str) -> IO[bytes]:
    """Return the rows of an import that were refused: row, column, value, sentence, code.

    Raises Refusal: not_allowed, unknown_record.
    """
    who = imports.importer(person)
    with centre.store.reading() as connection:
        row = imports.get(connection, who, import_id)
        masked = not in_full(person, row)
        heads = ("行", "列", "内容", "原因", "代码")
        if lang == "en":
            heads = ("Row", "Column", "Value", "Reason", "Code")
        with writing(centre) as (book, path):
            book.begin("未导入" if lang != "en" else "Not imported", heads)
            after = 0
            while some := store_imports.rows_page(
                connection, who.district, import_id, ("refused",), after=after, size=RUN
            ):
                after = some[-1]["row"]
                for one in some:
                    for stored in one["problems"] or ():
                        fault = shown_fault(row["kind"], read_problem(stored), lang, masked=masked)
                        cells = (one["row"], fault.column, fault.value, fault.text, fault.code)
                        book.add([cells])
            book.close()
            return opened(path)
