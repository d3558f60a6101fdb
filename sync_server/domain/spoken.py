"""Random words that can be read out and typed: passwords set for somebody, recovery codes."""

from __future__ import annotations

import secrets as random

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that look like one another."""


def spoken_password() -> str:
    """Return a random password that can be read out and typed: k7mf-2xqa-9rtw."""
    parts = ("".join(random.choice(LETTERS) for _ in range(4)) for _ in range(3))
    return "-".join(parts)
