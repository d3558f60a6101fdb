"""What a window was shown of a form, by marks: what it left as it was is no answer of its own.

A window that comes after another one's saving holds old texts besides those typed in it. Only the
latter may stand against the record; so may what was typed, kept and then set back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from field_app.domain.taken_back import mark_of
from field_app.domain.typed import Texts


def shown_marks(salt: str, texts: Texts) -> dict[str, str]:
    """Return the marks of the texts a form is drawn with, by control; empty ones have none."""
    empty = mark_of(salt, ())
    marks = {name: mark_of(salt, said) for name, said in texts.items()}
    return {name: mark for name, mark in marks.items() if mark != empty}


def said_otherwise(salt: str, shown: Mapping[str, str], texts: Texts) -> list[str]:
    """Return the controls at which a window sends other ``texts`` than it was ``shown`` (marks)."""
    empty = mark_of(salt, ())
    return sorted(
        name
        for name in {*texts, *shown}
        if mark_of(salt, texts.get(name, ())) != shown.get(name, empty)
    )


def left_alone(
    salt: str,
    shown: Mapping[str, str] | None,
    texts: Texts,
    path: str,
    *,
    seen: bool,
    sent: Collection[str] = (),
) -> bool:
    """Tell whether a window still holds at ``path`` what it was ``shown`` (marks, or None when that
    is not known), so that nothing is lost when the record says otherwise.

    What is not empty counts as its own unless whoever saved had ``seen`` it. So does, empty or not,
    what the window had last ``sent`` otherwise (see :func:`said_otherwise`): it was set back since.
    """
    empty = mark_of(salt, ())
    names = [
        name
        for name in {*texts, *(shown or ()), *sent}
        if name == path or name.startswith(f"{path}.")
    ]
    if any(name in sent for name in names):
        return False
    held = {name: mark_of(salt, texts.get(name, ())) for name in names}
    if shown is not None and any(mark != shown.get(name, empty) for name, mark in held.items()):
        return False
    return (seen and shown is not None) or all(mark == empty for mark in held.values())
