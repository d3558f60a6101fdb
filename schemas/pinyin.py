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
_MOST_BEGUN = 4_000
"""How many pairs of characters are remembered with the phrases that begin with them."""


def syllables(text: str) -> list[str]:
    """Return the toneless syllables of ``text``; every character without one stays as typed."""
    return _book().read(text)


class _Book:
    """The dictionary: a number for each code point, phrases as one text by first character."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._alone = array("H", bytes(2 * _PLANES))
        self._names = [""]
        self._phrases: dict[str, str] = {}
        self._seconds: dict[str, str] = {}
        """The second characters of the phrases by their first, of those met so far."""
        self._known: dict[str, str] = {}
        """How characters met so far are read alone."""
        self._begun: dict[str, tuple[tuple[str, str], ...]] = {}
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
            self._phrases[first] = rest

    def read(self, text: str) -> list[str]:
        """Return the syllables of a text."""
        found: list[str] = []
        known, seconds = self._known, self._seconds
        at, end = 0, len(text)
        while at < end:
            character = text[at]
            after = seconds.get(character)
            if after is None:
                after = seconds[character] = self._seconds_of(character)
            length = 1
            if after and at + 1 < end and text[at + 1] in after:
                length, reading = self._phrase(text, at)
                if reading:
                    found += reading.split(" ")
                    at += length
                    continue
            for one in text[at : at + length] if length > 1 else character:
                found.append(known.get(one) or self._reading_of(one))
            at += length
        return found

    def _reading_of(self, character: str) -> str:
        """Return how a character alone is read, itself when it is not; remembered from then on."""
        point = ord(character)
        reading = (self._names[self._alone[point]] if point < _PLANES else "") or character
        if len(self._known) >= _MOST_BEGUN:
            self._known.clear()
        self._known[character] = reading
        return reading

    def _seconds_of(self, character: str) -> str:
        phrases = self._phrases.get(character, "").split(",")
        return "".join(sorted({one[0] for one in phrases if one}))

    def _phrase(self, text: str, at: int) -> tuple[int, str]:
        """Return how long the longest phrase at a place is, at least 1, and its reading where that
        is not the one of its characters."""
        pair = text[at : at + 2]
        begun = self._begun.get(pair)
        if begun is None:
            if len(self._begun) >= _MOST_BEGUN:
                self._begun.clear()
            begun = self._begun[pair] = self._beginning(pair)
        for rest, reading in begun:
            if text.startswith(rest, at + 1):
                return len(rest) + 1, reading
        return 1, ""

    def _beginning(self, pair: str) -> tuple[tuple[str, str], ...]:
        """Return the phrases that begin with two characters, without the first one, each with its
        reading, the longest first."""
        phrases = self._phrases[pair[0]].split(",")
        found = [one.partition("=") for one in phrases if one.startswith(pair[1])]
        return tuple(sorted(((one, said) for one, _, said in found), key=lambda one: -len(one[0])))


@lru_cache(maxsize=1)
def _book() -> _Book:
    """Open the dictionary, once."""
    with resources.files("schemas").joinpath("pinyin.txt").open(encoding="utf-8") as file:
        return _Book(line.rstrip("\n") for line in file)
