"""The one door to the pinyin dictionary, which is opened when somebody first asks it something.

Reading its phrases takes longer than anything else a program does at its start, and a program that
only answers `--help`, migrates a database or waits on the sign-in page never asks.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any


def syllables(text: str) -> list[str]:
    """Return the toneless syllables of ``text``; every character without one stays as typed."""
    from pypinyin import Style  # late: see above

    found: list[str] = _reader().lazy_pinyin(text, style=Style.NORMAL, errors=_as_typed)
    return found


@lru_cache(maxsize=1)
def _reader() -> Any:
    """Return a reader that reads each word once: texts are new every day, their words are not."""
    from pypinyin import Style
    from pypinyin.converter import DefaultConverter
    from pypinyin.core import Pinyin

    @lru_cache(maxsize=50_000)
    def readings(words: str) -> list[list[str]]:
        return DefaultConverter().convert(words, Style.NORMAL, False, _as_typed, True)

    class Remembering(DefaultConverter):
        def convert(self, words: str, *_args: Any, **_more: Any) -> list[list[str]]:
            return readings(words)

    return Pinyin(Remembering())


def _as_typed(characters: str) -> Any:
    return list(characters)
