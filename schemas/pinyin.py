"""The one door to the pinyin dictionary, which is opened when somebody first asks it something.

Reading its phrases takes longer than anything else a program does at its start, and a program that
only answers `--help`, migrates a database or waits on the sign-in page never asks.
"""

from __future__ import annotations

from typing import Any


def syllables(text: str) -> list[str]:
    """Return the toneless syllables of ``text``; every character without one stays as typed."""
    from pypinyin import Style, lazy_pinyin  # late: see above

    return lazy_pinyin(text, style=Style.NORMAL, errors=_as_typed)


def _as_typed(characters: str) -> Any:
    return list(characters)
