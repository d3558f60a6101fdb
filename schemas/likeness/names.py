"""Names as they are heard and typed: readings with surnames, and how two names differ.

Most slips in a Chinese name are made by an input method or by ear: another character of the same
sound, or of one that a dialect does not tell apart. So names are compared by characters and by
pinyin, which knows surnames' own readings (单 shan, 曾 zeng), with the usual fuzzy sounds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rapidfuzz.distance import OSA, JaroWinkler

from schemas.pinyin import syllables
from schemas.search import SAME, SURNAMES, fold

How = Literal[
    "same", "reordered", "homophone", "near_sound", "one_char", "missing_char", "given_same",
    "surname", "other",
]  # fmt: skip
"""In what two names agree, the closest first."""

COMPOUND = frozenset({
    "欧阳", "上官", "司马", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒", "长孙",
    "宇文", "夏侯", "万俟", "闻人", "端木", "独孤", "南宫", "百里",
})  # fmt: skip
"""Surnames of two characters."""
_FUZZY = (
    (re.compile(r"^zh"), "z"), (re.compile(r"^ch"), "c"), (re.compile(r"^sh"), "s"),
    (re.compile(r"^n(?=[a-z])"), "l"), (re.compile(r"^hu(?=[a-z])"), "f"),
    (re.compile(r"(?<=[aei])ng$"), "n"),
)  # fmt: skip
"""Sounds that many speakers do not tell apart and input methods offer together."""
LONG = 3
"""From so many characters on a name says much more than a short one."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name read once: folded characters, its syllables and their fuzzy sounds."""

    text: str
    syllables: tuple[str, ...]
    fuzzy: tuple[str, ...]
    family: int
    """How many of the characters are the surname."""

    @property
    def long(self) -> bool:
        """Whether agreeing by chance is rare."""
        return len(self.text) >= LONG

    @property
    def sound(self) -> str:
        """What names that sound alike have in common, whatever the order they were typed in."""
        return " ".join(sorted(self.fuzzy))

    @property
    def family_sound(self) -> str:
        """The surname's fuzzy sound."""
        return " ".join(self.fuzzy[: self.family])

    @property
    def given_sound(self) -> str:
        """The given name's fuzzy sound."""
        return " ".join(self.fuzzy[self.family :])


@lru_cache(maxsize=40_000)
def _reading(char: str) -> str:
    return syllables(SAME.get(char, char))[0].lower()


@lru_cache(maxsize=4_000)
def _fuzzy(syllable: str) -> str:
    for pattern, sound in _FUZZY:
        syllable = pattern.sub(sound, syllable)
    return syllable


@lru_cache(maxsize=20_000)
def read_name(text: str) -> Name:
    """Return a name as it is compared; characters without a reading stand for themselves."""
    folded = fold(text)
    family = 2 if folded[:2] in COMPOUND and len(folded) > 2 else 1
    head: list[str] = []
    if folded[:2] in SURNAMES and family == 2:
        whole = SURNAMES[folded[:2]]
        head = _two(whole)
    elif folded[:1] in SURNAMES:
        head = [SURNAMES[folded[0]]]
    syllables = (*head, *(_reading(char) for char in folded[len(head) :]))
    return Name(
        folded, syllables, tuple(_fuzzy(one) for one in syllables), min(family, len(folded))
    )


def _two(reading: str) -> list[str]:
    """Return the two syllables of a compound surname's reading, as ``schemas.search`` splits it."""
    return {"yuchi": ["yu", "chi"], "moqi": ["mo", "qi"], "zhangsun": ["zhang", "sun"]}.get(
        reading, [reading[:2], reading[2:]]
    )


@lru_cache(maxsize=20_000)
def compare(one: Name, other: Name) -> tuple[How, float]:
    """Return in what two names agree and how similar they are, from 0 to 1."""
    if one.text == other.text:
        return "same", 1.0
    how = _how(one, other)
    chars = JaroWinkler.similarity(one.text, other.text)
    sounds = JaroWinkler.similarity(" ".join(one.syllables), " ".join(other.syllables))
    top = {"reordered": 0.97, "homophone": 0.97, "near_sound": 0.95}.get(how, 0.92)
    least = {"reordered": 0.93, "homophone": 0.93, "near_sound": 0.88}.get(how, 0.0)
    return how, round(min(top, max(least, chars, 0.97 * sounds)), 2)


def _how(one: Name, other: Name) -> How:
    if len(one.text) >= 2 and sorted(one.text) == sorted(other.text):
        return "reordered"
    if one.syllables == other.syllables:
        return "homophone"
    if one.fuzzy == other.fuzzy or _slipped(one, other):
        return "near_sound"
    family = one.text[: one.family] == other.text[: other.family]
    heard = family or one.fuzzy[: one.family] == other.fuzzy[: other.family]
    if family and len(one.text) == len(other.text) >= LONG:
        differing = sum(a != b for a, b in zip(one.text, other.text, strict=True))
        if differing == 1:
            return "one_char"
    if heard and one.family == other.family and _lacks_one(one.fuzzy, other.fuzzy):
        return "missing_char"
    given = one.text[one.family :]
    if given and (given == other.text[other.family :] or one.given_sound == other.given_sound):
        return "given_same"
    return "surname" if heard else "other"


def _slipped(one: Name, other: Name) -> bool:
    """Whether one letter of the pinyin was mistyped, or all characters sound alike but for one
    letter (wei, wie)."""
    first, second = "".join(one.syllables), "".join(other.syllables)
    same_length = len(one.text) == len(other.text)
    return same_length and len(first) >= 6 and OSA.distance(first, second, score_cutoff=1) <= 1


def _lacks_one(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one name is the other without one of its given syllables."""
    short, full = sorted((one, other), key=len)
    if len(full) - len(short) != 1 or len(short) < 2:
        return False
    return any(full[:place] + full[place + 1 :] == short for place in range(1, len(full)))
