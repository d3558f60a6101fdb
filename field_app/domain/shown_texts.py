"""What a window was shown of a form, by marks: what it left as it was is no answer of its own.

A window that comes after another one's saving holds old texts besides those typed in it. Only the
latter may stand against the record.
"""

from __future__ import annotations

from collections.abc import Mapping

from field_app.domain.taken_back import mark_of
from field_app.domain.typed import Texts


def shown_marks(salt: str, texts: Texts) -> dict[str, str]:
    """Return the marks of the texts a form is drawn with, by control; empty ones have none."""
    empty = mark_of(salt, ())
    marks = {name: mark_of(salt, said) for name, said in texts.items()}
    return {name: mark for name, mark in marks.items() if mark != empty}


def left_alone(
    salt: str, shown: Mapping[str, str] | None, texts: Texts, path: str, *, seen: bool
) -> bool:
    """Tell whether a window still holds at ``path`` what it was ``shown`` (marks, or None when that
    is not known), so that nothing is lost when the record says otherwise.

    What is not empty counts as its own unless whoever saved had ``seen`` it.
    """
    empty = mark_of(salt, ())
    names = [
        name for name in {*texts, *(shown or ())} if name == path or name.startswith(f"{path}.")
    ]
    held = {name: mark_of(salt, texts.get(name, ())) for name in names}
    if shown is not None and any(mark != shown.get(name, empty) for name, mark in held.items()):
        return False
    return (seen and shown is not None) or all(mark == empty for mark in held.values())
