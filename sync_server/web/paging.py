"""Pages of long lists: which one an address asks for."""

from __future__ import annotations

from flask import request

MOST = 100_000


def asked_page() -> int:
    """Return the number of the page asked for, 1 for anything that is none."""
    text = request.args.get("page", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 1
    return min(max(1, number), MOST)
