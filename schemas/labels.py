"""Words for people, always in both languages."""

from __future__ import annotations

from typing import Literal, NamedTuple

Lang = Literal["zh", "en"]
LANGS: tuple[Lang, ...] = ("zh", "en")


class Label(NamedTuple):
    """One text in Chinese and English."""

    zh: str
    en: str

    def text(self, lang: str) -> str:
        """Return the text in ``lang``; Chinese for every language but English."""
        return self.en if lang == "en" else self.zh
