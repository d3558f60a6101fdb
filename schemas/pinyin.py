"""How Chinese is read: the toneless syllables of a text, for searching by pinyin.

Readings come from the pypinyin library and are read as it reads them: the longest phrase at each
place, else the character alone. Its own dictionary takes 55 MB and half a second in every process;
``pinyin.txt`` (drawn by ``.ci/pinyin.py``) holds what is asked here in half a megabyte, and is
opened when somebody first asks.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources

_PLANES = 0x33480
"""Beyond the last code point that has a reading."""


def syllables(text: str) -> list[str]:
    """Return the toneless syllables of ``text``; every character without one stays as typed."""
    return list(_book().read(text))


class _Book:
    """The dictionary: a number for each code point, phrases as one text by first character."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._alone = array("H", bytes(2 * _PLANES))
        self._names = [""]
        self._phrases: dict[str, str] = {}
        self._longest = 0
        next(lines)  # where it comes from
        for line in lines:
            name, _, characters = line.partition(" ")
            if not name:
                break
            for character in characters:
                self._alone[ord(character)] = len(self._names)
            self._names.append(name)
        for line in lines:
            first, _, rest = line.partition(" ")
            self._phrases[first] = f",{rest},"
            longest = max(len(one.partition("=")[0]) for one in rest.split(","))
            self._longest = max(self._longest, longest)

    def read(self, text: str) -> Iterator[str]:
        """Yield the syllables of a text."""
        at = 0
        while at < len(text):
            length, reading = self._phrase(text, at)
            if reading:
                yield from reading.split(" ")
            else:
                yield from map(self._one, text[at : at + length])
            at += length

    def _one(self, character: str) -> str:
        point = ord(character)
        return (self._names[self._alone[point]] if point < _PLANES else "") or character

    def _phrase(self, text: str, at: int) -> tuple[int, str]:
        """Return how long the longest phrase at a place is, at least 1, and its reading where that
        is not the one of its characters."""
        phrases = self._phrases.get(text[at])
        if phrases is None or f",{text[at + 1 : at + 2]}" not in phrases:
            return 1, ""
        for length in range(min(self._longest, len(text) - at - 1), 0, -1):
            rest = text[at + 1 : at + 1 + length]
            if f",{rest}," in phrases:
                return length + 1, ""
            found = phrases.find(f",{rest}=")
            if found >= 0:
                begin = found + len(rest) + 2
                return length + 1, phrases[begin : phrases.index(",", begin)]
        return 1, ""


@lru_cache(maxsize=1)
def _book() -> _Book:
    """Open the dictionary, once."""
    with resources.files("schemas").joinpath("pinyin.txt").open(encoding="utf-8") as file:
        return _Book(line.rstrip("\n") for line in file)
