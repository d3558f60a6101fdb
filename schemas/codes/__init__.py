"""The code lists as data (``codes.csv``): list, code, zh, en, active, std_map.

A list is read once. Codes are never deleted, only made inactive, so that old records keep their
words. ``std_map`` names a standard's code where one exists (domain reference, section 4.9).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

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


def code_list(name: str) -> CodeList:
    """Return the code list ``name``; raise KeyError when there is none."""
    return all_lists()[name]
