"""Retention classes: how long what is personal in records is kept after they came to their end, and
what of them is emptied then (Personal Information Protection Law, articles 19 and 47).

A kind names its class (``KindInfo.retention``); the periods are the district's. What is emptied is
what its declaration calls personal or sensitive, and the free words it names: what is open stays,
and so do all figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.fields import Declared, Keyed
from schemas.kind import Kind
from schemas.labels import Label


@dataclass(frozen=True)
class RetentionClass:
    """Records that come to their end together; ``ends`` tells when that is, in words."""

    name: str
    label: Label
    ends: Label
    years: int
    """What is suggested; nothing is emptied before a district has set its own period."""


CLASSES = (
    RetentionClass(
        "people",
        Label("居民和关怀档案", "Residents and care"),
        Label(
            "居民作废或迁出之后，连同其关怀记录、照片和有关的退回修改；居民仍在的，只算已作废的关怀记录。",
            "After a resident was voided or moved out, with care records, photos and what staff"
            " asked about them; of a resident who is still there, voided care records alone.",
        ),
        3,
    ),
)
MOST_YEARS = 30


def class_of(name: str) -> RetentionClass | None:
    """Return a class by its name, None where there is none."""
    return next((one for one in CLASSES if one.name == name), None)


def emptied(kind: type[Kind]) -> tuple[str, ...]:
    """Return the fields of a kind that its class empties; none of a kind without a class."""
    if kind.info.retention is None:
        return ()
    return tuple(
        name
        for name, field in kind.declared().items()
        if _is_personal(field) or name in kind.info.retention_words
    )


def _is_personal(field: Declared) -> bool:
    """Whether a field is personal, or a list some member of whose entries is."""
    members = field.entry_fields.values() if isinstance(field, Keyed) else ()
    return any(one.privacy != "open" for one in (field, *members))


def without_personal(kind: type[Kind], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's fields without those that its class empties."""
    gone = set(emptied(kind))
    return {name: value for name, value in stored.items() if name not in gone}
