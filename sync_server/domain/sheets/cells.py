"""What one cell of a spreadsheet says, as the value of a declared field.

A cell is a text, a whole or broken number, yes or no, a :class:`Date`, or None. What a spreadsheet
may have damaged is refused with its reason and never guessed at: numbers beyond 15 digits, room
numbers that became dates.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from marshmallow import ValidationError

from schemas.clock import SHANGHAI
from schemas.codes import CodeList, Item
from schemas.fields import (
    Code,
    Codes,
    Day,
    Declared,
    Flag,
    IdNumber,
    Location,
    Moment,
    Month,
    Paragraph,
    Phone,
    Whole,
)
from sync_server.domain.sheets.problems import CellProblem


@dataclass(frozen=True)
class Date:
    """A cell with a date's format: RFC 3339 day, or day and time, without an offset."""

    text: str


Cell = str | int | float | bool | Date | None

LARGEST_EXACT = 10**15
"""A spreadsheet keeps 15 digits of a number."""
SCIENTIFIC = re.compile(r"\d(\.\d+)?E\+?\d{1,3}\Z", re.IGNORECASE)
ERRORS = frozenset({"#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!"})
EMPTY = frozenset({"", "-", "--", "—", "——", "/", "\\", "无数据", "null", "NULL"})
YES = frozenset({"是", "有", "√", "✓", "✔", "对", "y", "yes", "true", "1", "已", "具备", "已安装"})
NO = frozenset(
    {"否", "无", "×", "✗", "没有", "n", "no", "false", "0", "未", "不", "不具备", "未安装", "x"}
)
UNITS = re.compile(r"(人|户|层|个|栋|幢|部|台|间|位|元|年|天|岁|口|名)\Z")
FULL_WIDTH = {
    code: code - 0xFEE0
    for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
} | {0x3000: 0x20}
"""Digits, letters and the space in full width; Chinese punctuation stays as it is."""
DAY_BY_WORDS = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*[日号]?")
DAY_BY_DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})\Z")
MONTH_BY_WORDS = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*月?\Z")
MONTH_BY_DIGITS = re.compile(r"(\d{4})(\d{2})\Z")
CLOCK = re.compile(r"[T\s日号]+(\d{1,2})[:：时](\d{1,2})(?:[:：分](\d{1,2}))?")
FIRST_SERIAL = date(1899, 12, 30)
SERIALS = range(3_654, 80_000)
"""Spreadsheets' days by number, from 1910 to 2119. Lower ones are something else: a year (1951
would be a day of May 1905), an age, a day of the month."""
MONTH_CUT = re.compile(r"\d{4}\.1\Z")
"""January, or 1951.10 that lost its last digit as a number, in whichever file it was written."""
SEVERAL = re.compile(r"[、,，;；/|\n]+|\s{2,}")


def text_of(cell: Cell) -> str:
    """Return a cell as text, whatever it is; empty for nothing and for what stands for nothing."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, Date):
        return cell.text
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < LARGEST_EXACT else repr(cell)
    text = str(cell).strip().removeprefix("\ufeff")
    return "" if text in EMPTY else text


def half_width(text: str) -> str:
    """Return ``text`` with digits, letters and spaces in half width."""
    return text if text.isascii() else text.translate(FULL_WIDTH)


def read_cell(field: Declared, cell: Cell) -> object:
    """Return what ``cell`` says of ``field`` as a JSON value, None when it says nothing.

    Raises CellProblem for what cannot be read. What is read is still to be checked by the field's
    own rule.
    """
    text = text_of(cell)
    if not text:
        return None
    if text in ERRORS:
        raise CellProblem("formula_error")
    if isinstance(field, Codes):
        return [_code(field.codes, one) for one in SEVERAL.split(half_width(text)) if one.strip()]
    if isinstance(field, Code):
        return _code(field.codes, text)
    if isinstance(field, Flag):
        return _flag(text)
    if isinstance(field, Whole):
        return _whole(cell, text)
    if isinstance(field, Day):
        return read_day(cell).isoformat()
    if isinstance(field, Month):
        return _month(cell)
    if isinstance(field, Moment):
        return _moment(cell, text)
    if isinstance(field, Location):
        return _location(field, text)
    return _text(field, cell, text)


def _text(field: Declared, cell: Cell, text: str) -> str:
    """Text fields: full width made plain, and nothing taken that the spreadsheet has damaged."""
    if isinstance(cell, Date):
        raise CellProblem("became_date")
    if isinstance(cell, float) and (
        abs(cell) >= LARGEST_EXACT
        or (not cell.is_integer() and isinstance(field, IdNumber | Phone))
    ):
        raise CellProblem("number_damaged")
    text = unicodedata.normalize("NFC", half_width(text)).strip().removeprefix("'")
    if SCIENTIFIC.match(text):
        raise CellProblem("number_damaged")
    if isinstance(field, IdNumber):
        return _id_number(field, cell, text)
    if isinstance(cell, int) and abs(cell) >= LARGEST_EXACT and text.endswith("00"):
        raise CellProblem("number_damaged")
    return text if isinstance(field, Paragraph) else " ".join(text.split())


def _id_number(field: IdNumber, cell: Cell, text: str) -> str:
    """A number whose last three digits became 000 was cut by a spreadsheet, unless it checks."""
    plain = re.sub(r"[\s\-]", "", text)
    try:
        field.check(plain)
    except ValidationError:
        whole = isinstance(cell, int) and not isinstance(cell, bool)
        if (whole and abs(int(cell)) >= LARGEST_EXACT) or (  # type: ignore[arg-type]
            len(plain) == 18 and plain.endswith("000")
        ):
            raise CellProblem("number_damaged") from None
    return plain


def _code(codes: CodeList, typed: str) -> str:
    """Return the code a cell names by its code, its words in either language, or as is common."""
    found = _table(codes).get(_folded(typed))
    if found is not None:
        return found
    choices = "、".join(item.label.zh for item in codes.active[:12])
    english = ", ".join(item.label.en for item in codes.active[:12])
    raise CellProblem("unknown_choice", value=typed[:30], choices=[choices, english])


_tables: dict[int, tuple[CodeList, dict[str, str]]] = {}


def _table(codes: CodeList) -> dict[str, str]:
    """Return the words of a list by their folded form; a code's own come before others' halves."""
    known = _tables.get(id(codes))
    if known is not None and known[0] is codes:
        return known[1]
    table: dict[str, str] = {}
    for words_of in (_own_words, _part_words):
        for item in codes.items:
            for word in words_of(codes.name, item):
                table.setdefault(_folded(word), item.code)
    table.pop("", None)
    _tables[id(codes)] = (codes, table)
    return table


def _own_words(name: str, item: Item) -> tuple[str, ...]:
    return (item.code, item.label.zh, item.label.en, item.code.lstrip("0"))


def _part_words(name: str, item: Item) -> tuple[str, ...]:
    head = re.split(r"[（(]", item.label.zh)[0]
    return (head, *re.split(r"[/或]", head), *COMMON_WORDS.get((name, item.code), ()))


COMMON_WORDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("SEX", "1"): ("男性", "M", "male"),
    ("SEX", "2"): ("女性", "F", "female"),
    ("RELATION", "02"): ("本人或户主", "户主本人"),
    ("RELATION", "10"): ("配偶", "爱人"),
    ("RELATION", "11"): ("丈夫",),
    ("RELATION", "12"): ("妻子",),
    ("RELATION", "20"): ("儿子", "子"),
    ("RELATION", "30"): ("女儿", "女"),
    ("RELATION", "51"): ("父", "爸爸"),
    ("RELATION", "52"): ("母", "妈妈"),
    ("RELATION", "97"): ("亲属",),
    ("RELATION", "99"): ("非亲属", "租客", "合租"),
    ("RESIDE", "registered"): ("常住", "户籍", "户籍人口", "户在人在"),
    ("RESIDE", "non_registered"): ("非户籍", "流动人口", "人在户不在"),
    ("RESIDE", "tenant"): ("租户", "租客", "承租"),
    ("ROOM_STATE", "owner"): ("自有", "自用", "自住房"),
    ("ROOM_STATE", "rent"): ("出租房", "租赁", "已出租"),
    ("ROOM_STATE", "vacant"): ("空房", "空闲", "无人"),
    ("ROOM_STATE", "unknown"): ("不明", "未知"),
    ("AREA_LEVEL", "street"): ("街道", "乡镇", "镇"),
    ("AREA_LEVEL", "micro"): ("微格",),
    ("CARE_CAT", "alone"): ("独居",),
    ("CARE_CAT", "empty_nest"): ("空巢",),
    ("CARE_CAT", "low_income"): ("低保", "困难"),
    ("CARE_CAT", "severe_disability"): ("残疾", "重残"),
    ("CARE_RISK", "high"): ("高", "红色"),
    ("CARE_RISK", "key"): ("中", "黄色"),
    ("CARE_RISK", "general"): ("低", "绿色"),
    ("BASIS", "consent"): ("同意",),
    ("BASIS", "statutory"): ("法定",),
}
"""What registers call a code besides its own words."""


@lru_cache(maxsize=4096)
def _folded(text: str) -> str:
    return re.sub(r"[\s（）()·]", "", unicodedata.normalize("NFKC", text)).lower()


def _flag(text: str) -> bool:
    folded = half_width(text).strip().lower()
    if folded in YES:
        return True
    if folded in NO:
        return False
    raise CellProblem("not_flag")


def _whole(cell: Cell, text: str) -> int:
    if isinstance(cell, bool | Date):
        raise CellProblem("not_whole")
    if isinstance(cell, int):
        return cell
    plain = UNITS.sub("", half_width(text).replace(",", "").replace("，", "").strip()).strip()
    if re.match(r"-?\d{1,15}(\.0+)?\Z", plain, re.ASCII):
        return int(float(plain))
    raise CellProblem("not_whole")


def read_day(cell: Cell) -> date:
    """Return the day a cell says: a date, words, eight digits, or a spreadsheet's number."""
    text = half_width(text_of(cell)).strip()
    if isinstance(cell, int | float) and not isinstance(cell, bool) and cell in SERIALS:
        return FIRST_SERIAL + timedelta(days=int(cell))
    if re.match(r"\d{5}(\.\d+)?\Z", text) and int(float(text)) in SERIALS:
        return FIRST_SERIAL + timedelta(days=int(float(text)))
    found = DAY_BY_WORDS.match(text) or DAY_BY_DIGITS.match(text)
    if not found:
        raise CellProblem("bad_day")
    try:
        return date(*(int(part) for part in found.groups()))
    except ValueError:
        raise CellProblem("bad_day") from None


def _month(cell: Cell) -> str:
    text = half_width(text_of(cell)).strip()
    if MONTH_CUT.match(text):
        raise CellProblem("month_unclear")
    found = MONTH_BY_WORDS.match(text) or MONTH_BY_DIGITS.match(text)
    if found:
        number = int(found[2])
        if not 1 <= number <= 12:
            raise CellProblem("bad_month")
        return f"{found[1]}-{number:02d}"
    try:
        return read_day(cell).isoformat()[:7]
    except CellProblem:
        raise CellProblem("bad_month") from None


def _moment(cell: Cell, text: str) -> str:
    try:
        exact = datetime.fromisoformat(text)
        if exact.tzinfo is not None:
            return exact.isoformat(timespec="seconds")
    except ValueError:
        pass
    try:
        day = read_day(cell)
    except CellProblem:
        raise CellProblem("bad_moment") from None
    found = CLOCK.search(half_width(text), 8)
    hour, minute, second = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    try:
        moment = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=SHANGHAI)
    except ValueError:
        raise CellProblem("bad_moment") from None
    return moment.isoformat(timespec="seconds")


def _location(field: Location, text: str) -> object:
    """Degrees, and after them the coordinate system where it is not WGS-84."""
    plain = unicodedata.normalize("NFKC", text)
    system = next((one for one in field.systems if plain.endswith(one)), "")
    point = field.from_form([plain.removesuffix(system).strip()])
    if not isinstance(point, dict):
        raise CellProblem("bad_location")
    return {**point, "crs": system} if system else point
