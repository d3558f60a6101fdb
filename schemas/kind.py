"""What a record kind is: a marshmallow schema of declared fields plus the facts about the kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Literal, cast

from marshmallow import Schema

from schemas.fields import Declared
from schemas.fields.accept import Accepter, compiled
from schemas.labels import Label
from schemas.messages import Problem

Action = Literal["create", "update", "void", "step"]
Group = Literal["place", "people", "field", "issue", "service", "notice"]
Reach = Literal["grid", "community"]
Rule = Callable[[Mapping[str, Any]], "tuple[str, Problem] | None"]
"""A rule over a whole record: the field at fault and what is wrong, or None."""

GROUPS: dict[str, Label] = {
    "place": Label("地方", "Places"),
    "people": Label("人和户", "People"),
    "field": Label("巡查走访", "Field work"),
    "issue": Label("事件", "Issues"),
    "service": Label("服务", "Services"),
    "notice": Label("通知", "Notices"),
}


@dataclass(frozen=True)
class KindInfo:
    """The facts of a kind.

    ``title`` names the fields that name a record; a dotted path goes through references
    (``room_id.label``). ``reach`` tells at which level a record lives: a ``grid`` record belongs
    to one grid, a ``community`` record is seen (and, where ``laptop`` allows, edited) by every grid
    inside its area. ``laptop`` and ``staff`` list the actions either side may take. ``parent``
    is the reference under which a record is listed. ``rules`` look at whole records.
    """

    name: str
    label: Label
    group: Group
    title: tuple[str, ...]
    version: int = 1
    reach: Reach = "grid"
    laptop: frozenset[Action] = frozenset({"create", "update", "void"})
    staff: frozenset[Action] = frozenset()
    parent: str | None = None
    rules: tuple[Rule, ...] = field(default=())
    laptop_rules: tuple[Rule, ...] = field(default=())
    """Rules over the fields of one change, kept by the centre when a laptop sent it."""
    dated_by: str | None = None
    """The field that tells when it happened; None: when it was made."""
    only_author: bool = False
    """Whether only its author may change it (field records)."""
    addressee: str | None = None
    """The field that names the only worker whose laptop may change it, if there is one."""
    answers: frozenset[str] = frozenset()
    """The fields he may change."""
    protected: bool = False
    """Whether even its existence is personal (care): shown to roles of its area only."""
    retention: str | None = None
    """The class by which what is personal is emptied in the end (``schemas/retention.py``)."""
    retention_words: tuple[str, ...] = ()
    """Its fields of free words, which may name somebody: emptied with what is personal."""


class Kind(Schema):
    """The base of every record kind; a subclass sets ``info`` and declares its fields."""

    class Meta:
        """Unknown fields are refused by name (the exchange quarantines them)."""

        unknown = "raise"

    info: ClassVar[KindInfo]
    error_messages = {  # noqa: RUF012 (marshmallow declares it so)
        "unknown": Problem("unknown_field"),
        "type": Problem("not_an_object"),
    }

    @classmethod
    def declared(cls) -> dict[str, Declared]:
        """Return the fields in the order they were declared."""
        return _declared(cls)


@cache
def instance(kind: type[Kind]) -> Kind:
    """Return the one instance of ``kind`` used for loading (schemas keep no state)."""
    return kind()


@cache
def _declared(kind: type[Kind]) -> dict[str, Declared]:
    return cast(dict[str, Declared], dict(instance(kind).fields))


@cache
def accepter(kind: type[Kind]) -> Accepter | None:
    """Return the kind's declaration compiled to a short yes; None when it has to be loaded."""
    return compiled(instance(kind))
