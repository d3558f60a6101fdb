"""What can be wrong with a row of a spreadsheet: a code, its facts, a plain sentence.

Faults of a field's own value carry the codes and sentences of ``schemas/messages.py``; here are
those that only a spreadsheet can have.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from schemas.labels import Label
from schemas.messages import MESSAGES, Problem

LONGEST_VALUE = 60
"""So much of a cell is kept with its fault."""

LIKELY_REASONS = {
    "same_name": [
        "同一社区里已有同名的小区，编码不同",
        "A compound of this name with another code",
    ],
    "same_id": [
        "另一户已有同一身份证号的居民",
        "A resident of another household has this ID number",
    ],
}
"""Why a row is likely a record that is there although its surest key says otherwise."""

SENTENCES: dict[str, Label] = {
    "number_damaged": Label(
        "表格软件只保留了前15位数字，后面的已丢失。请把这一列设为文本格式，重新填写。",
        "The spreadsheet kept only 15 digits and lost the rest. Format the column as text and fill "
        "it in again.",
    ),
    "became_date": Label(
        "表格软件把它变成了日期。请把这一列设为文本格式，重新填写。",
        "The spreadsheet turned this into a date. Format the column as text and fill it in again.",
    ),
    "month_unclear": Label(
        "看不出是1月还是10月，请写作 1951-01 或 1951-10。",
        "This may be January or October; write 1951-01 or 1951-10.",
    ),
    "formula_error": Label("单元格里是出错的公式。", "The cell holds a formula that failed."),
    "unknown_choice": Label(
        "没有“{value}”这个选项，可填：{choices}。",
        "There is no choice “{value}”; possible are: {choices}.",
    ),
    "area_unknown": Label("没有找到区域“{value}”。", "There is no area “{value}”."),
    "area_several": Label(
        "有几个区域叫“{value}”，请改填区域代码。",
        "Several areas are called “{value}”; give the code.",
    ),
    "area_missing": Label("缺少网格或社区，不知道它在哪里。", "The grid or community is missing."),
    "not_a_grid": Label("这里要填网格，“{value}”不是网格。", "“{value}” is no grid."),
    "outside": Label("不在您的辖区内。", "This lies outside your areas."),
    "outside_parent": Label(
        "上级“{value}”还没有，也不在本文件前面的行里。",
        "The area above, “{value}”, is neither here nor in an earlier row.",
    ),
    "parent_missing": Label(
        "没有找到{what}“{value}”。请先导入{what}，或改正这一格。",
        "There is no {what} “{value}”. Import it first, or correct this cell.",
    ),
    "parent_several": Label(
        "有几个{what}叫“{value}”，请填编码，或填明社区。",
        "Several {what} are called “{value}”; give the code or the community.",
    ),
    "parent_empty": Label(
        "缺少{what}，不知道它属于哪里。", "The {what} is missing, so it belongs nowhere."
    ),
    "user_unknown": Label(
        "没有工号或姓名为“{value}”的人员。", "Nobody has the number or name “{value}”."
    ),
    "user_several": Label(
        "有几个人叫“{value}”，请改填工号。", "Several people are called “{value}”; give the number."
    ),
    "repeated": Label("与第{row}行是同一条。", "This is the same as row {row}."),
    "same_id_elsewhere": Label(
        "身份证号与另一户的居民相同。", "A resident of another household has this ID number."
    ),
    "moves": Label(
        "已有的记录在别处；要移动请在记录页操作。",
        "The record lies elsewhere; move it on its own page.",
    ),
    "failed": Label(
        "这一行没能导入，请把文件交给管理员。",
        "This row could not be imported; tell the administrator.",
    ),
}


@dataclass(frozen=True)
class RowProblem:
    """One fault of a row: the column's name, the cell as it was, a code and its facts."""

    column: str
    value: str
    code: str
    params: dict[str, Any] = field(default_factory=dict)

    def text(self, lang: str) -> str:
        """Return the sentence in ``lang``; facts may be labels in both languages."""
        label = SENTENCES.get(self.code) or MESSAGES[self.code]
        facts = {
            name: (fact[1 if lang == "en" else 0] if isinstance(fact, list | tuple) else fact)
            for name, fact in self.params.items()
        }
        return label.text(lang).format(**facts)

    def as_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {
            "column": self.column,
            "value": self.value[:LONGEST_VALUE],
            "code": self.code,
            "params": self.params,
        }


class CellProblem(ValueError):
    """A cell cannot be read: ``code`` and its facts."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def from_field(column: str, value: str, problem: Problem) -> RowProblem:
    """Return a field's own fault as one of the row."""
    return RowProblem(column, value[:LONGEST_VALUE], problem.code, dict(problem.params))


def read_problem(stored: dict[str, Any]) -> RowProblem:
    """Return a fault as it was stored."""
    return RowProblem(stored["column"], stored["value"], stored["code"], dict(stored["params"]))
