"""Where the heads of a register stand, what kind it is of, and which column is which field.

Registers begin with a title, merge cells over groups of columns, write heads in one to three lines
and call things by many names. All of it is a proposal that people see and correct.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from schemas.catalogue import kind_of
from sync_server.domain.sheets.cells import Cell, text_of
from sync_server.domain.sheets.columns import ORDER, columns_of

LOOKED_AT = 20
"""So many rows are looked at for heads."""
MOST_LINES = 3
LONGEST_HEAD = 40
EXACT, COMMON, PART = 100, 90, 45
TITLES: Mapping[str, tuple[str, ...]] = {
    "area": ("区域", "网格台账", "网格信息", "网格花名册", "网格名册", "社区信息"),
    "unit": ("单位名录", "部门", "物业企业", "物业公司"),
    "compound": ("小区", "平房区", "院落"),
    "building": ("楼栋", "楼幢", "楼房"),
    "room": ("房屋", "房间", "出租房"),
    "shop": ("商铺", "门店", "商户", "九小场所", "沿街"),
    "household": ("家庭户", "住户", "户信息", "户台账"),
    "resident": ("居民", "人口", "人员", "户籍", "花名册"),
    "issue": ("工单", "热线", "督查", "诉求", "信访", "信箱", "事件"),
    "care": ("关怀", "关爱", "独居", "空巢", "特殊群体", "重点人群", "帮扶"),
}
"""What sheets and files of a kind are called."""


@dataclass(frozen=True)
class Heads:
    """Where the heads are: their first row's place among the rows looked at, how many lines, and
    the text over each column (lines joined by a dash, empty where there is none)."""

    first: int
    lines: int
    texts: tuple[str, ...]


def fold_head(text: str) -> str:
    """Return a head for comparing: half width, without spaces, marks and what is in brackets."""
    plain = unicodedata.normalize("NFKC", text)
    bare = re.sub(r"[(\[【（].*?[)\]】）]", "", plain)
    return re.sub(r"[\s*:：、,，.。/\\\-_—]", "", bare or plain).lower()


def read_heads(rows: Sequence[Sequence[Cell]], first: int, lines: int) -> Heads:
    """Return the heads that stand in these rows; a group's cell counts for the empty ones right of
    it, in all lines but the last."""
    some = [[text_of(cell) for cell in row] for row in rows[first : first + lines]]
    width = max((len(row) for row in some), default=0)
    filled = []
    for place, row in enumerate(some):
        row = row + [""] * (width - len(row))
        last = place == len(some) - 1
        filled.append(row if last else list(_spread(row, some[place + 1 :])))
    texts = []
    for column in range(width):
        parts = list(dict.fromkeys(row[column].replace("\n", "") for row in filled if row[column]))
        texts.append("-".join(parts)[:LONGEST_HEAD])
    while texts and not texts[-1]:
        texts.pop()
    return Heads(first, lines, tuple(texts))


def _spread(row: Sequence[str], below: Sequence[Sequence[str]]) -> Iterator[str]:
    """A merged cell holds its text in its first column alone; where nothing stands below, it is a
    head of its own and spreads no further."""
    group = ""
    for column, text in enumerate(row):
        under = any(column < len(line) and line[column] for line in below)
        if text:
            group = text if under else ""
            yield text
        else:
            yield group if under else ""


def find_heads(rows: Sequence[Sequence[Cell]], title: str = "") -> tuple[str, Heads]:
    """Return the kind a sheet is of, and its heads; ``title`` is its name and its file's.

    With nothing known the first row with anything in it is taken for the heads, of residents.
    """
    best: tuple[float, str, Heads] | None = None
    for first in range(min(len(rows), LOOKED_AT)):
        if not any(text_of(cell) for cell in rows[first]):
            continue
        for lines in range(1, MOST_LINES + 1):
            if first + lines > len(rows):
                break
            heads = read_heads(rows, first, lines)
            for kind in ORDER:
                score = _score(kind, heads, title) - 0.05 * (lines - 1)
                if best is None or score > best[0]:
                    best = (score, kind, heads)
    return (best[1], best[2]) if best else ("resident", Heads(0, 1, ()))


def _score(kind: str, heads: Heads, title: str) -> float:
    named = [text for text in heads.texts if text]
    if not named:
        return -1.0
    found = propose(kind, heads.texts)
    columns = {column.name: column for column in columns_of(kind)}
    must = [
        one.name for one in columns.values() if one.needed and not one.usual and not one.worked_out
    ]
    have = set(found.values())
    known = len(found) / len(named)
    needed = sum(name in have for name in must) / max(1, len(must))
    called = max((len(word) for word in TITLES[kind] if word in title), default=0)
    label = 2 if kind_of(kind).info.label.zh in title else 0
    return known + needed + 0.2 * max(called, label) + 0.2 * len(found)


def propose(kind: str, texts: Sequence[str]) -> dict[int, str]:
    """Return, by place, the column of ``kind`` that each head most likely names, each once."""
    offers = []
    for place, text in enumerate(texts):
        if text:
            for order, (score, name) in enumerate(_offers(kind, text)):
                offers.append((-score, order, place, name))
    found: dict[int, str] = {}
    taken: set[str] = set()
    for _, _, place, name in sorted(offers):
        if place not in found and name not in taken:
            found[place] = name
            taken.add(name)
    return found


@lru_cache(maxsize=8_192)
def _offers(kind: str, text: str) -> tuple[tuple[int, str], ...]:
    """Return what a head may name among the columns of a kind, with how surely."""
    spellings = _spellings(text)
    return tuple(
        (score, words.column) for words in _words_of(kind) if (score := _alike(spellings, words))
    )


@dataclass(frozen=True)
class _Words:
    """What a column may be called, folded: its own names, other ones, and its label alone."""

    column: str
    names: frozenset[str]
    others: frozenset[str]
    label: str


@lru_cache(maxsize=16)
def _words_of(kind: str) -> tuple[_Words, ...]:
    label = kind_of(kind).info.label.zh
    found = []
    for column in columns_of(kind):
        names = {fold_head(column.label.zh), fold_head(column.label.en), column.name.lower()}
        others = {fold_head(word) for word in column.synonyms}
        if column.own:
            others.add(fold_head(label + column.label.zh))
        zh = fold_head(column.label.zh)
        found.append(_Words(column.name, frozenset(names), frozenset(others), zh))
    return tuple(found)


def _spellings(text: str) -> list[str]:
    """A head alone, and with the group above it: 户主信息-姓名 is 户主姓名 before it is 姓名."""
    parts = text.split("-")
    last = fold_head(parts[-1])
    if len(parts) == 1:
        return [last]
    group = re.sub(r"(基本)?(信息|情况|资料)$", "", fold_head(parts[-2]))
    joined = [group + last, f"{group}的{last}"]
    return [*joined, last]


def _alike(spellings: Sequence[str], words: _Words) -> int:
    for place, text in enumerate(spellings):
        less = 2 * place
        if text in words.names:
            return EXACT - less
        if text in words.others:
            return COMMON - less
    last = spellings[-1]
    inside = [word for word in (words.label, *words.others) if len(word) >= 2 and word in last]
    around = len(last) >= 3 and last in words.label
    return PART + max(map(len, inside), default=0) if inside or around else 0


def shape_of(texts: Sequence[str]) -> str:
    """Return what identifies a file's heads, so that a mapping is remembered for the next one."""
    folded = "\n".join(fold_head(text) for text in texts)
    return hashlib.sha256(folded.encode()).hexdigest()[:32]
