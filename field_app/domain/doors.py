"""Finding a door: matching what was typed against rooms, people, phones and shops.

Plain values only: a `Door` holds the folded words of one household or shop, `read_query` takes
what was typed apart, `score` tells how well they fit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from schemas.natural import natural as natural
from schemas.search import common, fold, forms, spell

PART = re.compile(r"\d+|[a-z]+|[^\d\sa-z]+")
FILLERS = frozenset({"号", "号楼", "楼", "栋", "幢", "座", "单元", "室", "房", "户", "层"})
"""Words between the numbers of an address that say nothing by themselves."""
TAIL = 4
"""Digits of a phone's end from which on a number is looked for in phones."""
ALIKE = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ng", "n"), ("l", "n"))
"""Sounds that many speakers do not tell apart."""
HEARD = 4
"""So many letters a word needs to be looked for by its sound; more sounds like a shorter one."""


Order = tuple[tuple[int, int | str], ...]
"""What texts are sorted by: their numbers by size, all else as text."""


@dataclass(frozen=True)
class Query:
    """What was typed: its numbers in order, its other words folded, and all of it folded."""

    numbers: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    whole: str = ""

    def __bool__(self) -> bool:
        return bool(self.numbers or self.words)


@dataclass(frozen=True, slots=True)
class Door:
    """One household or shop and the words it is found by.

    ``numbers`` are those of the room's label in order, ``places`` the words of compound, building
    and label, ``people`` the forms of each person's name, ``digits`` phone numbers.
    """

    kind: str
    record_id: str
    title: str
    numbers: tuple[str, ...]
    places: tuple[str, ...]
    people: tuple[tuple[str, tuple[str, ...]], ...]
    digits: tuple[str, ...] = ()
    order: Order = ()


@dataclass(frozen=True)
class Fit:
    """How well a door fits (higher is better) and whose name it was found by."""

    score: int
    persons: tuple[str, ...] = ()


def read_query(text: str) -> Query:
    """Take what was typed apart: 3-1-502, 3 1 502, 幸福502, 3号楼1单元502, zwq, 5678."""
    text = common(text)
    plain = unicodedata.normalize("NFKC", text).lower()
    # A name's middle dot and dashes join or separate nothing that matters.
    plain = re.sub(r"[·•.。,，#'’]", "", plain)
    numbers: list[str] = []
    words: list[str] = []
    for part in PART.findall(re.sub(r"[-/—_]", " ", plain)):
        if part.isdigit():
            numbers.append(part)
        elif part not in FILLERS and (folded := fold(part)):
            words.append(folded)
    return Query(tuple(numbers), tuple(words), fold(text))


def by_reading(text: str) -> tuple[Order, Order]:
    """Return a key that sorts names as they are read (𠮷田 among ji), and 2 before 10."""
    return natural(spell(common(text))[0] or text.lower()), natural(text)


def words_of(*texts: str | None) -> tuple[str, ...]:
    """Return the forms (characters, pinyin, initials) of texts, without repeats."""
    return tuple(dict.fromkeys(form for text in texts if text for form in forms(text) if form))


def numbers_of(label: str) -> tuple[str, ...]:
    """Return the numbers of a room's label in order: 3-1-502 → 3, 1, 502."""
    return tuple(re.findall(r"\d+", unicodedata.normalize("NFKC", label)))


def fit(query: Query, door: Door) -> Fit | None:
    """Return how well ``door`` fits, None when some of what was typed is not found in it."""
    if query.whole in door.places:  # a household's number, a compound's or a shop's whole name
        return Fit(50)
    score = _numbers(query.numbers, door)
    if score is None:
        return None
    persons: dict[str, None] = {}
    for word in query.words:
        place = _best(word, door.places)
        named = [(name, best) for name, forms_ in door.people if (best := _best(word, forms_))]
        if not place and not named:
            return None
        score += max([place, *(best + 1 for _, best in named)])
        persons |= {name: None for name, _ in named}
    return Fit(score, tuple(persons))


@lru_cache(maxsize=20_000)
def sound(word: str) -> str:
    """Return pinyin without what many speakers do not tell apart: wangyangben → wanyanben."""
    for one, other in ALIKE:
        word = word.replace(one, other)
    return word


def heard(query: Query) -> Query | None:
    """Return what was typed by its sound: other characters read the same, pinyin as many speak.

    None when a word is too short to be looked for so.
    """
    words = tuple(sound(spell(word)[0] or word) for word in query.words)
    if not words or any(len(word) < HEARD for word in words):
        return None
    return Query(query.numbers, words)


def as_heard(door: Door) -> Door:
    """Return a door with the words it is found by as they sound."""
    return replace(
        door,
        places=tuple(map(sound, door.places)),
        people=tuple((name, tuple(map(sound, known))) for name, known in door.people),
    )


def _numbers(numbers: Sequence[str], door: Door) -> int | None:
    """Return the score of the numbers typed: a whole room number, part of one, or a phone."""
    if not numbers:
        return 0
    if _in_order(numbers, door.numbers):
        whole = len(numbers) == len(door.numbers)
        ends = numbers[-1] == door.numbers[-1]
        return 40 if whole else (30 if ends else 10)
    joined = "".join(numbers)
    if len(joined) >= TAIL:
        if any(digits.endswith(joined) for digits in door.digits):
            return 25
        if any(joined in digits for digits in door.digits):
            return 15
        if joined == "".join(door.numbers):
            return 20
    return None


def _in_order(wanted: Iterable[str], numbers: Iterable[str]) -> bool:
    """Tell whether ``wanted`` all occur in ``numbers``, in the same order."""
    rest = iter(numbers)
    return all(any(number == one for number in rest) for one in wanted)


def _best(word: str, found: Iterable[str]) -> int:
    """Return how well a word fits the best of the words: whole 9, beginning 6, inside 3, not 0."""
    best = 0
    for one in found:
        if word in one:
            best = max(best, 9 if word == one else 6 if one.startswith(word) else 3)
            if best == 9:
                break
    return best
