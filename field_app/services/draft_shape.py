"""How a draft is laid down in the store (its parts, photos, what it became); what windows send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NotRequired, TypedDict

from field_app.domain.shown_texts import said_otherwise
from field_app.domain.typed import Texts, asked
from schemas.catalogue import kind_of
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
    prefilled: NotRequired[Texts]
    """Of a visit: whom it met and whether the notice was given, as the form began with them."""
    late: NotRequired[list[str]]
    """Paths at which a window that came too late says otherwise than the record."""


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
    sent: NotRequired[dict[str, dict[str, list[str]]]]
    """By window (``tab``; the last few of them) and part, the controls at which it last sent
    something else than it was drawn with."""
    forced_over: NotRequired[int]
    """The last revision that a window replaced unseen, as its worker chose."""
    no_photo: NotRequired[str]
    """Why there is no photo where one is usual, as the worker answered."""


@dataclass(frozen=True)
class Typed:
    """What one window sent: texts by the part's prefix, and what it had seen of the draft."""

    texts: Mapping[str, Texts]
    revision: int = 0
    tab: str = ""
    force: bool = False
    """Whether the worker chose this window's content over a newer one."""
    finds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    grid: str | None = None
    """The grid chosen for a new record; empty when none is chosen yet, None when none was asked."""
    no_photo: str | None = None
    apart: tuple[str, ...] = ()
    """The records the worker says a new one is not."""
    shown: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By part, marks of what the window was drawn with (`domain.shown_texts`)."""


WINDOWS = 6
"""Of how many windows a draft remembers what they sent."""


def remember_sent(draft: Draft, typed: Typed) -> None:
    """Note in a draft where the window that ``typed`` says otherwise than it was drawn with."""
    if not typed.tab:
        return
    said = {
        prefix: asked(kind_of(draft["parts"][prefix]["kind"]), texts)
        for prefix, texts in typed.texts.items()
        if prefix in draft["parts"]
    }
    if typed.grid is not None and "" in said:
        said[""]["_grid"] = [typed.grid]
    otherwise = {
        prefix: names
        for prefix, texts in said.items()
        if (names := said_otherwise(draft["draft_id"], typed.shown.get(prefix, {}), texts))
    }
    before = [(tab, names) for tab, names in draft.get("sent", {}).items() if tab != typed.tab]
    draft["sent"] = dict([*before, (typed.tab, otherwise)][-WINDOWS:])
