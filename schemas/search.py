"""Search text: what a record is found by, in characters, pinyin and initials."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

from schemas.fields import Declared
from schemas.kind import Kind
from schemas.pinyin import syllables

LEFT_OUT = re.compile(r"[\s\-·•.。,，#]")
HAN = re.compile(r"[㐀-鿿\U00020000-\U0003ffff]")
SURNAMES = {
    "单": "shan", "曾": "zeng", "解": "xie", "仇": "qiu", "查": "zha", "区": "ou", "朴": "piao",
    "盖": "ge", "种": "chong", "翟": "zhai", "乐": "yue", "任": "ren", "华": "hua", "覃": "qin",
    "缪": "miao", "尉迟": "yuchi", "万俟": "moqi", "长孙": "zhangsun",
}  # fmt: skip
"""Surnames that a word dictionary reads otherwise."""


RULES = 2
"""Counts up whenever :func:`forms` says something else, so that stored search texts are redone."""
DOTS = "\u2027\u30fb\uff65\u2219\u22c5\u02d9"
"""What stands in a name for its middle dot, besides those that `fold` leaves out."""
UNSEEN = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff" + "".join(
    map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)
"""Signs without a picture, which copying leaves in a text, and those that choose among pictures."""
SAME = {
    "𠮷": "吉", "𤋮": "熙", "𣶒": "渊", "𡈽": "土", "﨑": "崎", "髙": "高", "○": "〇",
    "⺟": "母", "⺠": "民", "⻄": "西", "⻅": "见", "⻆": "角", "⻉": "贝", "⻋": "车", "⻓": "长",
    "⻔": "门", "⻘": "青", "⻙": "韦", "⻚": "页", "⻛": "风", "⻜": "飞", "⻝": "食", "⻢": "马",
    "⻣": "骨", "⻤": "鬼", "⻥": "鱼", "⻦": "鸟", "⻧": "卤", "⻨": "麦", "⻩": "黄", "⻬": "齐",
    "⻮": "齿", "⻰": "龙", "⻳": "龟",
}  # fmt: skip
"""Characters that are written as another one when a name is looked for: variants that few can type
and that no dictionary reads, and the radicals that copying out of a PDF file gives for characters.
"""
_COMMON = str.maketrans(SAME | dict.fromkeys(DOTS, "·") | dict.fromkeys(UNSEEN, ""))
_ODD = frozenset(DOTS + UNSEEN + "".join(SAME))
_SOME_ODD = re.compile(
    "[\u00ad\u02d9\u2000-\u22ff○\u2e80-\u2eff〇・髙\ufa00-\ufaff\ufe00-\ufeff\uff65\U00010000-\U0010ffff]"
)
"""Where those may be: few ranges are passed over forty times as fast as a long list."""


def common(text: str) -> str:
    """Return ``text`` as somebody types it who looks for it: 𠮷 as 吉, ⻢ as 马, all dots alike."""
    if _SOME_ODD.search(text) is None or _ODD.isdisjoint(text):
        return text
    return text.translate(_COMMON)


def fold(text: str) -> str:
    """Return ``text`` for comparing: NFKC, lower case, without spaces, dashes and dots."""
    if text.isascii() and text.isalnum():
        return text.lower()
    kept = LEFT_OUT.sub("", text)
    # What is left out joins with no sign beside it, so that it may be left out before as well.
    if not unicodedata.is_normalized("NFKC", kept):
        kept = LEFT_OUT.sub("", unicodedata.normalize("NFKC", text))
    return kept.lower()


@lru_cache(maxsize=20_000)
def spell(text: str) -> tuple[str, str]:
    """Return full pinyin and initials of ``text`` (both empty without Chinese characters).

    The first word is read as a surname where its reading differs: 单雄信 → shanxiongxin, sxx.
    """
    if not HAN.search(text):
        return "", ""
    head: list[str] = []
    rest = text
    for length in (2, 1):
        if text[:length] in SURNAMES:
            reading = SURNAMES[text[:length]]
            head = [reading] if length == 1 else [reading[:2], reading[2:]]
            rest = text[length:]
            break
    read = head + syllables(rest)
    full = fold("".join(read))
    initials = fold("".join(syllable[0] for syllable in read if syllable))
    return full, initials


def words(kind: type[Kind], stored: Mapping[str, Any]) -> Iterator[str]:
    """Yield the folded words of a record's searched fields, with pinyin and initials."""
    for name, field in searched(kind).items():
        if name in stored:
            for word in field.search_words(stored[name]):
                yield from forms(word)


@cache
def searched(kind: type[Kind]) -> Mapping[str, Declared]:
    """Return the fields by which records of a kind are found."""
    return {name: field for name, field in kind.declared().items() if field.search}


def forms(word: str) -> list[str]:
    """Return a word as written, as commonly typed, in full pinyin and in initials."""
    found = [fold(word)]
    plain = common(word)
    if plain != word:
        found.append(fold(plain))
    if len(plain) <= 40:
        full, initials = spell(plain)
        if full:
            found += (full, initials)
    return found


def search_text(kind: type[Kind], stored: Mapping[str, Any]) -> str:
    """Return one line to look for folded words in."""
    return " ".join(dict.fromkeys(words(kind, stored)))
