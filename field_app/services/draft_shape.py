"""How a draft is laid down in the store: its parts, its photos, what it became."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from field_app.domain.typed import Texts
from schemas.kind import Action

Journey = Literal["record", "patrol", "visit", "issue", "step", "service", "service_step"]
"""Which page a draft is filled in on."""


class Part(TypedDict):
    """One record of a draft.

    ``fixed`` are stored values no control asks for, ``only`` the fields asked when not all are,
    ``last`` what the last record of its kind said, ``corrects`` the refused change it replaces.
    """

    kind: str
    record_id: str
    action: Action
    grid: str | None
    base: dict[str, Any]
    fixed: dict[str, Any]
    texts: Texts
    finds: dict[str, str]
    spare: dict[str, list[str]]
    only: list[str] | None
    last: dict[str, Any]
    corrects: str | None


class Draft(TypedDict):
    """A draft as stored; a saved one keeps only what it became."""

    draft_id: str
    journey: Journey
    state: Literal["open", "saved", "deleted"]
    opened_at: str
    kept_at: str
    revision: int
    tab: str
    tab_since: int
    parts: dict[str, Part]
    became: dict[str, list[str]]
    """Of a saved draft: ``[kind, record_id]`` by the part's prefix."""
    filled: NotRequired[dict[str, Texts]]
    """Of a saved draft: by prefix, texts as typed of the controls that saving itself filled in."""
    taken_back: NotRequired[dict[str, list[Any]]]
    """By prefix, of parts taken out again: ``[kind, marks]`` (`domain.taken_back`)."""
    photos: NotRequired[list[dict[str, Any]]]
    """Photos taken while the form is open (see `photos.take_in`), with their part's ``prefix``."""
    apart: NotRequired[list[str]]
    """The records that the worker said a new one is not, though it looks alike."""
    no_photo: NotRequired[str]
    """Why there is no photo where one is usual, as the worker answered."""
