"""Join codes: easy to read out and to type, hard to guess."""

from __future__ import annotations

import hashlib
import unicodedata

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Without I, L, O, 0 and 1, which are read for one another."""
GROUPS, GROUP = 3, 4
LENGTH = GROUPS * GROUP


def written(letters: str) -> str:
    """Return 12 letters as they are shown: ABCD-EFGH-JKMN."""
    return "-".join(letters[start : start + GROUP] for start in range(0, len(letters), GROUP))


def read(typed: str) -> str:
    """Return what was typed as plain letters: any case, width, spaces and dashes."""
    text = unicodedata.normalize("NFKC", typed).upper()
    return "".join(char for char in text if char.isalnum())


def code_hash(district: str, letters: str) -> str:
    """Return the hash a code is stored as."""
    return hashlib.sha256(f"join {district} {letters}".encode()).hexdigest()
