"""Telling a person's own data from other people's, for his extract: names, numbers, free text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from schemas.privacy import mask_text

PHONE = re.compile(r"(?<![0-9])(?:1[0-9]{10}|0[0-9]{2,3}-?[0-9]{7,8})(?![0-9])")
ID_NUMBER = re.compile(r"(?<![0-9])[0-9]{17}[0-9Xx](?![0-9])")
NAME = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff·]{2,}")
"""What in a line of a contact may be a name."""


@dataclass(frozen=True)
class Own:
    """What is the person's own: the ids of his records, his name, and his numbers."""

    ids: frozenset[str]
    name: str
    numbers: frozenset[str]

    def says(self, value: object) -> bool:
        """Whether a value is his name or one of his numbers."""
        return isinstance(value, str) and bool(value) and value in {self.name, *self.numbers}

    def match(self, name: object, phone: object) -> str:
        """Tell whether somebody named is he: ``yes`` when the number says so too, ``perhaps`` when
        there is a name alone, else empty."""
        if not self.name or name != self.name:
            return ""
        if phone in (None, ""):
            return "perhaps"
        return "yes" if phone in self.numbers else ""

    def scrub(self, text: str, others: Collection[str]) -> str:
        """Return free text with other people's names, as far as they are known, and any numbers but
        his own masked."""
        for other in sorted({one for one in others if len(one) > 1}, key=len, reverse=True):
            if other != self.name and other not in self.name:
                text = text.replace(other, mask_text(other, "name"))
        text = ID_NUMBER.sub(lambda found: self._number(found[0], "id_no"), text)
        return PHONE.sub(lambda found: self._number(found[0], "phone"), text)

    def _number(self, number: str, style: str) -> str:
        if number in self.numbers:
            return number
        return mask_text(number, "id_no" if style == "id_no" else "phone")


def names_in(texts: Iterable[object]) -> set[str]:
    """Return what may be names in fields that hold one: of a line, its runs of characters."""
    found: set[str] = set()
    for text in texts:
        if isinstance(text, str) and text:
            found |= {text, *NAME.findall(text)} if len(text) <= 4 else set(NAME.findall(text))
    return found
