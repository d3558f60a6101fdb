"""Every record kind by name, and how older versions of a kind become today's.

A new kind is one module in ``schemas/kinds/`` and one line here; forms, validation, merge, lists,
masking, export and the API description follow from its declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from schemas.kind import Kind
from schemas.kinds.area import Area
from schemas.kinds.building import Building
from schemas.kinds.campaign import Campaign
from schemas.kinds.care import Care
from schemas.kinds.compound import Compound
from schemas.kinds.correction import Correction
from schemas.kinds.decision import Decision
from schemas.kinds.household import Household
from schemas.kinds.issue import Issue
from schemas.kinds.issue_step import IssueStep
from schemas.kinds.material_move import MaterialMove
from schemas.kinds.notice import Notice
from schemas.kinds.notice_read import NoticeRead
from schemas.kinds.org import Org
from schemas.kinds.patrol import Patrol
from schemas.kinds.photo import Photo
from schemas.kinds.resident import Resident
from schemas.kinds.room import Room
from schemas.kinds.seen import Seen
from schemas.kinds.service import Service
from schemas.kinds.service_step import ServiceStep
from schemas.kinds.shop import Shop
from schemas.kinds.unit import Unit
from schemas.kinds.visit import Visit

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
"""A pure function from the fields of version n to those of version n + 1."""

KINDS: dict[str, type[Kind]] = {
    kind.info.name: kind
    for kind in (
        Area,
        Unit,
        Compound,
        Org,
        Building,
        Room,
        Shop,
        Household,
        Resident,
        Care,
        Campaign,
        Patrol,
        Visit,
        MaterialMove,
        Photo,
        Issue,
        IssueStep,
        Service,
        ServiceStep,
        Notice,
        NoticeRead,
        Seen,
        Decision,
        Correction,
    )
}
UPCASTS: dict[tuple[str, int], Upcast] = {
    # Version 2 added fields; a step without ``after`` counts as it did.
    ("issue_step", 1): dict,
    # Version 2 names the knock campaign and what was answered there.
    ("visit", 1): dict,
    # Version 2 added fields; what version 1 said still says it.
    ("area", 1): dict,
    ("area", 2): dict,
    ("area", 3): dict,
    ("compound", 1): dict,
    # Version 3 lists tags by date; ``tag`` still says today's (the centre sees to it).
    ("compound", 2): dict,
    ("resident", 1): dict,
    # Version 2 says what number its source gave it, and that the centre entered it.
    ("issue", 1): dict,
    ("resident", 2): dict,
    # Version 2 says how Party members were found when last looked up.
    ("org", 1): dict,
    # Version 2 says what it achieved.
    ("campaign", 1): dict,
}
"""``(kind, from_version)`` to the function of that step; kept for ever."""


class UnknownKind(LookupError):
    """There is no kind of this name."""


class NewerSchema(ValueError):
    """The fields were written by a newer version of the kind than this program knows."""


def kind_of(name: str) -> type[Kind]:
    """Return the kind called ``name``; raise UnknownKind."""
    try:
        return KINDS[name]
    except KeyError:
        raise UnknownKind(name) from None


def kinds() -> tuple[type[Kind], ...]:
    """Return every kind, parents before their children."""
    return tuple(KINDS.values())


def upcast(name: str, schema: int, fields: dict[str, Any]) -> dict[str, Any]:
    """Return ``fields`` of version ``schema`` as those of today's version.

    Raises UnknownKind, or NewerSchema when ``schema`` is beyond today's version.
    """
    today = kind_of(name).info.version
    if schema > today or schema < 1:
        raise NewerSchema(f"{name} {schema}")
    for version in range(schema, today):
        fields = UPCASTS[(name, version)](fields)
    return fields


@contextmanager
def extended(*more: type[Kind]) -> Iterator[None]:
    """Know ``more`` kinds as well while the block runs (trial kinds of a deployment, tests)."""
    for kind in more:
        if kind.info.name in KINDS:
            raise ValueError(f"kind {kind.info.name} exists already")
    for kind in more:
        KINDS[kind.info.name] = kind
    try:
        yield
    finally:
        for kind in more:
            KINDS.pop(kind.info.name, None)
