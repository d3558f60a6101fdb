"""Shares as the statistics show them: never without what was divided by what."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.labels import Label


@dataclass(frozen=True)
class Rate:
    """A share: its two counts, and the words (name, definition) printed wherever it is shown."""

    name: str
    part: int
    whole: int
    words: tuple[Label, Label]

    @property
    def percent(self) -> float | None:
        """The share in percent, to one decimal; None of nothing."""
        return round(100 * self.part / self.whole, 1) if self.whole else None

    def label(self, lang: str) -> str:
        """Return what it is called."""
        return self.words[0].text(lang)

    def definition(self, lang: str) -> str:
        """Return how it is worked out."""
        return self.words[1].text(lang)
