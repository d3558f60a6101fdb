"""Registers for tests: small spreadsheets, taken in and imported as the program does it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import openpyxl

from sync_server.services import imports
from sync_server.services.centre import Centre
from sync_server.services.import_work import Worker
from sync_server.services.imports import Importer
from sync_server.store import imports as store_imports
from tests.sync_server.world import COMMUNITY, DISTRICT, GRID, OTHER_GRID

AREAS = [
    ["区域代码", "名称", "层级", "上级代码"],
    [DISTRICT, "繁山县", "区县", None],
    [DISTRICT + "100", "繁河镇", "街道", DISTRICT],
    [COMMUNITY, "工人村社区", "社区", DISTRICT + "100"],
    [GRID, "工人村第3网格", "网格", "工人村社区"],
    [OTHER_GRID, "工人村第4网格", "网格", COMMUNITY],
]
COMPOUNDS = [
    ["小区编码", "名称", "社区代码", "地址"],
    ["XQ-1", "幸福里", "工人村", "劳动路1号"],
    ["XQ-2", "向阳小区", COMMUNITY, "劳动路2号"],
]
HEADS = [
    "所在网格", "小区名称", "楼号", "单元号", "房号", "户主姓名", "姓名", "身份证号", "与户主关系",
    "电话",
]  # fmt: skip
_HERE = ["工人村第3网格", "幸福里", "3号楼", "1单元", "502", "林示例"]
_THERE = ["工人村第4网格", "向阳小区", "1栋", None, "101", "张演示"]
PEOPLE = [
    HEADS,
    [*_HERE, "林示例", "990101198001010014", "户主", "10000001234"],
    [*_HERE, "王样本", "990101198001010022", "妻子", None],
    [*_THERE, "张演示", "99010119520229008X", "户主", "10000005678"],
]


def workbook(*sheets: tuple[str, Sequence[Sequence[Any]]]) -> bytes:
    """Return an XLSX of these sheets."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


class Registry:
    """A centre into which registers are brought."""

    def __init__(self, centre: Centre, who: Importer | None = None) -> None:
        self.centre = centre
        self.who = who or imports.operator(centre.code)
        self.worker = Worker(centre)

    def take(self, data: bytes, name: str = "台账.xlsx") -> list[str]:
        """Take a file in and have its rows read; return its imports."""
        ids = imports.take_file(self.centre, self.who, name, io.BytesIO(data))
        self.worker.work()
        return ids

    def row(self, import_id: str) -> Mapping[str, Any]:
        """Return an import as it stands."""
        with self.centre.store.reading() as connection:
            return imports.get(connection, self.who, import_id)

    def run(self, data: bytes, name: str = "台账.xlsx") -> dict[str, int]:
        """Import a file as its proposed columns say; return the counts of its sheets together."""
        total: dict[str, int] = {}
        for import_id in self.take(data, name):
            row = self.row(import_id)
            assert row["state"] == "columns", row["problem"]
            imports.run_unchecked(self.centre, self.who, import_id, imports.plan_of(row))
            self.worker.work()
            row = self.row(import_id)
            assert row["state"] == "done", row["problem"]
            self.last = import_id
            for name_, count in row["counts"].items():
                total[name_] = total.get(name_, 0) + count
        return {name_: count for name_, count in total.items() if count}

    def rows(self, import_id: str, *outcomes: str) -> list[Mapping[str, Any]]:
        """Return rows of an import with these outcomes."""
        with self.centre.store.reading() as connection:
            return store_imports.rows_page(
                connection, self.centre.code, import_id, outcomes, size=1_000
            )

    def faults(self, import_id: str) -> list[tuple[int, str, str]]:
        """Return what was wrong: row, column, code."""
        return [
            (row["row"], fault["column"], fault["code"])
            for row in self.rows(import_id, "refused")
            for fault in row["problems"]
        ]
