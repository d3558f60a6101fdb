"""What stood in a part of a form that was taken back: told again without being kept.

Another window may hold the part still. Whether that says anything else is asked of marks (digests)
of the texts: the words themselves are gone with the part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from field_app.domain.typed import Texts, asked, texts_of
from schemas.kind import Kind


def marks_of(
    salt: str, kind: type[Kind], base: Mapping[str, Any], texts: Texts
) -> dict[str, list[str]]:
    """Return by control the marks of what the record says (``base``) and of what was typed;
    ``salt`` is the draft's id."""
    marks: dict[str, list[str]] = {}
    for shown in (texts_of(kind, base), asked(kind, texts)):
        for name, said in shown.items():
            marks.setdefault(name, []).append(mark_of(salt, said))
    return marks


def says_more(
    salt: str, kind: type[Kind], marks: Mapping[str, Sequence[str]], texts: Mapping[str, list[str]]
) -> bool:
    """Tell whether a control of ``texts``, as posted, says what bears none of its marks."""
    return any(
        mark_of(salt, said) not in (*marks.get(name, ()), mark_of(salt, ()))
        for name, said in asked(kind, texts).items()
    )


def mark_of(salt: str, texts: Sequence[str]) -> str:
    """Return the mark of one control's texts; line ends and spaces around them do not count."""
    words = [text for one in texts if (text := one.replace("\r\n", "\n").strip())]
    return hashlib.sha256("\0".join([salt, *words]).encode()).hexdigest()[:16]
