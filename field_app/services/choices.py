"""What a reference can be set to: the records this laptop holds, by name and by what is typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from field_app.domain.doors import by_reading
from field_app.services.overview import look
from field_app.services.records import kind_names
from field_app.services.titles import title_of
from field_app.services.workspace import Workspace
from schemas.catalogue import UnknownKind
from schemas.fields import Lookup
from schemas.search import common, fold

AT_ONCE = 40
"""Records offered at once; more are found by typing."""


class Choice(NamedTuple):
    """One thing that can be chosen."""

    value: str
    text: str
    chosen: bool = False


@dataclass(frozen=True)
class Offer:
    """What a reference offers: the chosen ones first; ``left`` more exist that were not listed."""

    choices: tuple[Choice, ...]
    left: int = 0


def names(ws: Workspace) -> Lookup:
    """Return what names records for the worker, who knows the people of his own grids."""
    identity = ws.identity

    def name_of(kind_name: str, record_id: str) -> str | None:
        if kind_name == "user":
            return identity.worker_name if record_id == identity.worker_id else None
        try:
            return title_of(ws, kind_name, record_id, ws.lang, unmask=True) or None
        except UnknownKind:
            return None

    return name_of


def offer(
    ws: Workspace, kind_name: str, chosen: Sequence[str] = (), query: str = "", limit: int = AT_ONCE
) -> Offer:
    """Return what a reference to ``kind_name`` offers: ``chosen`` always, others by ``query``."""
    name_of = names(ws)
    found = [Choice(one, name_of(kind_name, one) or f"…{one[-6:]}", True) for one in chosen if one]
    known = {choice.value for choice in found}
    others = [pair for pair in _matching(ws, kind_name, query) if pair[0] not in known]
    # Naming a record reads what it refers to: with many, only those that will be listed.
    listed = others if len(others) <= limit else others[:limit]
    named = [Choice(one, name_of(kind_name, one) or f"…{one[-6:]}") for one, _ in listed]
    named.sort(key=lambda choice: by_reading(choice.text))
    return Offer((*found, *named), len(others) - len(listed))


def _matching(ws: Workspace, kind_name: str, query: str) -> list[tuple[str, str]]:
    """Return ``(record_id, words)`` of the records every typed word is found in."""
    if kind_name == "user":
        return [(ws.worker_id, "")]
    if kind_name not in kind_names():
        return []
    held = look(ws, kind_name)
    words = [fold(word) for word in common(query).split()]
    if not words:
        return [(view["record_id"], "") for view in held]
    name_of = names(ws)
    pairs = [
        (one, f"{view['search']} {fold(common(name_of(kind_name, one) or ''))}")
        for view in held
        for one in [view["record_id"]]
    ]
    return [pair for pair in pairs if all(word in pair[1] for word in words)]
