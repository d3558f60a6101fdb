"""Single values of records as people read them: by merge path, masked or not, never raw.

A path is a field's name, or ``name.key`` for one entry of a keyed list; ``voided`` stands for the
record being void. What no declaration describes is hidden, for nobody said that it is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import NewerSchema, UnknownKind, kind_of, upcast
from schemas.fields import Keyed
from schemas.kind import Kind
from schemas.privacy import HIDDEN
from sync_server.domain.merge import VOIDED
from sync_server.services.titles import Titles


@dataclass(frozen=True)
class Value:
    """One value as shown; ``masked`` when it hides something, ``empty`` when there is none."""

    text: str
    masked: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self.text


def label_of(kind: type[Kind] | None, path: str, lang: str) -> str:
    """Return the words for a path: the field's label, with the entry's words after it."""
    name, dot, key = path.partition(".")
    declared = kind.declared().get(name) if kind else None
    if declared is None:
        return name
    words = declared.label.text(lang)
    if dot and isinstance(declared, Keyed):
        entry = declared.entry_name(key, lang)
        return f"{words} · {entry}" if entry else words
    return words


def show_path(
    kind: type[Kind] | None, path: str, value: Any, lang: str, titles: Titles, *, unmask: bool
) -> Value:
    """Return the value at ``path`` as text."""
    if value in (None, "", [], {}):
        return Value("")
    if path == VOIDED:
        return Value(str(value.get("reason") or "") if isinstance(value, Mapping) else str(value))
    name, dot, key = path.partition(".")
    declared = kind.declared().get(name) if kind else None
    if declared is None:
        return Value(HIDDEN, True)
    whole = {key: value} if dot else value
    try:
        full = declared.show(whole, lang, titles.lookup)
        shown = full if unmask else declared.show_masked(whole, lang, titles.lookup)
    except (TypeError, ValueError, AttributeError, KeyError):
        # A refused change may hold anything under a known name; it was kept, not understood.
        return Value(HIDDEN, True)
    return Value(shown, shown != full)


def understood(change: sa.RowMapping) -> tuple[type[Kind] | None, dict[str, Any]]:
    """Return the kind of a stored change and its fields as of today's version.

    The kind is None when it is unknown or newer than this program; a void's fields are its reason.
    """
    schema, fields = said(change)
    try:
        kind = kind_of(change["kind"])
        if change["action"] == "void":
            return kind, fields
        return kind, upcast(change["kind"], schema, fields)
    except (UnknownKind, NewerSchema, KeyError):
        return None, fields


def said(change: sa.RowMapping) -> tuple[int, dict[str, Any]]:
    """Return what counts of a stored change: what staff made of it, else what was sent."""
    fixed = change["fixed"]
    if fixed:
        return fixed["schema"], dict(fixed["fields"])
    return change["schema"], dict(change["fields"])
