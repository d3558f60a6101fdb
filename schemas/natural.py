"""Sorting as people count: 2 before 10."""

from __future__ import annotations

import re


def natural(text: str) -> tuple[tuple[int, int | str], ...]:
    """Return a key that sorts 2 before 10: (0, number) and (1, text) in turn."""
    parts = re.findall(r"\d+|\D+", text)
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in parts)
