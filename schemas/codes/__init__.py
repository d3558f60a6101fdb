"""The code lists as data (``codes.csv``): list, code, zh, en, active, std_map.

A list is read once. Codes are never deleted, only made inactive, so that old records keep their
words. ``std_map`` names a standard's code where one exists.

A district may have words of its own for a code (its names for the levels of an issue), not use some
codes, and name a standard's code for others. Whoever serves a page says so once with ``speak`` and
``settle``; every list, form and export then reads them here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

from schemas.labels import Label


@dataclass(frozen=True)
class Item:
    """One entry of a code list."""

    code: str
    label: Label
    active: bool = True
    std_map: str = ""


@dataclass(frozen=True)
class CodeList:
    """A named, ordered code list."""

    name: str
    items: tuple[Item, ...]

    def get(self, code: str) -> Item | None:
        """Return the entry of ``code``, or None."""
        return next((item for item in self.items if item.code == code), None)

    def __contains__(self, code: object) -> bool:
        return any(item.code == code for item in self.items)

    @property
    def active(self) -> tuple[Item, ...]:
        """The entries a form offers."""
        return tuple(item for item in self.items if item.active)

    def text(self, code: str, lang: str) -> str:
        """Return the words of ``code``; an unknown code is shown as such, never dropped."""
        item = self.get(code)
        if item is not None:
            return item.label.text(lang)
        return f"Unknown ({code})" if lang == "en" else f"未知（{code}）"


@lru_cache(maxsize=1)
def all_lists() -> dict[str, CodeList]:
    """Return every code list by name."""
    rows: dict[str, list[Item]] = {}
    text = resources.files(__name__).joinpath("codes.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        rows.setdefault(row["list"], []).append(
            Item(row["code"], Label(row["zh"], row["en"]), row["active"] == "1", row["std_map"])
        )
    return {name: CodeList(name, tuple(items)) for name, items in rows.items()}


OwnWords = Mapping[str, Mapping[str, str]]
"""By list and code what a district calls it; codes it has no words for keep theirs."""

_spoken: ContextVar[OwnWords | None] = ContextVar("own words of codes", default=None)


def speak(words: OwnWords) -> None:
    """Show codes in these own words from here on, within this request or thread."""
    _spoken.set(words)


def spoken() -> OwnWords:
    """Return the own words that hold here; empty when there are none."""
    return _spoken.get() or {}


@contextmanager
def speaking(words: OwnWords) -> Iterator[None]:
    """Show codes in these own words while the block runs."""
    before = _spoken.set(words)
    try:
        yield
    finally:
        _spoken.reset(before)


class Setting(NamedTuple):
    """What a district says of a code: that it does not use it, and its own standard's code."""

    unused: bool = False
    standard: str = ""


CodeSettings = Mapping[str, Mapping[str, Setting]]
"""By list and code what a district says of it."""

_settings: ContextVar[CodeSettings | None] = ContextVar("settings of codes", default=None)


def settle(settings: CodeSettings) -> None:
    """Offer codes as a district has set from here on, within this request or thread."""
    _settings.set(settings)


def code_list(name: str) -> CodeList:
    """Return the code list ``name`` in the words that hold here; raise KeyError for an unknown one.
    Codes the district does not use are inactive: shown where they stand, offered by no form.

    A code with own words shows itself before them ("2 小事"): its order stays plain, and two
    districts that call different levels alike can still be told apart.
    """
    own, said = spoken().get(name), (_settings.get() or {}).get(name)
    if not own and not said:
        return all_lists()[name]
    return _reworded(name, tuple(sorted((own or {}).items())), tuple(sorted((said or {}).items())))


@lru_cache(maxsize=1024)
def _reworded(
    name: str, own: tuple[tuple[str, str], ...], said: tuple[tuple[str, Setting], ...]
) -> CodeList:
    words = {code: f"{code} {text}" for code, text in own if text}
    settings = dict(said)
    return CodeList(
        name,
        tuple(
            Item(
                item.code,
                Label(words[item.code], words[item.code]) if item.code in words else item.label,
                item.active and not settings.get(item.code, Setting()).unused,
                settings.get(item.code, Setting()).standard or item.std_map,
            )
            for item in all_lists()[name].items
        ),
    )
