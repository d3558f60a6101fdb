"""Proposing a change: what the worker entered, checked, cut to what differs, and sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas import seal as chain
from schemas.check import Checked, FieldProblem, check
from schemas.exchange import MAX_CHANGE_BYTES, plain
from schemas.fields import Keyed
from schemas.kind import Action, Kind
from schemas.messages import Problem
from schemas.values import apply, difference, to_wire


@dataclass(frozen=True)
class Head:
    """Where a stream stands: the last number given and its hash."""

    stream: str
    seq: int = 0
    hash: str = chain.ZEROS


@dataclass(frozen=True)
class Occasion:
    """Everything about a change but its fields: ids, time, who, and on what it was based."""

    change_id: str
    record_id: str
    grid: str
    made_at: str
    author: str
    base_version: int | None = None
    corrects: str | None = None


def propose(
    kind: type[Kind], action: Action, values: Mapping[str, Any], before: Mapping[str, Any]
) -> Checked:
    """Return the wire fields that ``values`` (in stored form) ask for, checked and normalised.

    An update is cut to its difference from ``before``; when nothing differs its fields are empty
    and nothing is refused. Never raises.
    """
    if action == "void":
        return check(kind, "void", dict(values))
    odd = [name for name in values if not _fit(kind, name, values[name])]
    if odd:
        return Checked({}, [FieldProblem(f"/{name}", Problem("not_an_object")) for name in odd])
    if action != "update":
        return check(kind, action, to_wire(kind, values) | _strangers(kind, values))
    asked = difference(kind, before, {**before, **values}) | _strangers(kind, values)
    if not asked:
        return Checked({})
    checked = check(kind, "update", asked, before=before)
    if not checked.ok:
        return checked
    # Normalising may have made an entered value what it was before ("张 " is 张).
    real = difference(kind, before, apply(kind, before, checked.fields))
    return Checked(real, [], [one for one in checked.doubts if one.pointer.split("/")[1] in real])


def _fit(kind: type[Kind], name: str, value: Any) -> bool:
    """Whether a keyed list is given as stored (``{key: entry}``)."""
    if not isinstance(kind.declared().get(name), Keyed) or value is None:
        return True
    return isinstance(value, dict) and all(isinstance(entry, dict) for entry in value.values())


def _strangers(kind: type[Kind], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values no field is declared for, so that the check names them."""
    return {name: value for name, value in values.items() if name not in kind.declared()}


def sealed(
    kind: type[Kind], action: Action, fields: Mapping[str, Any], occasion: Occasion, head: Head
) -> dict[str, Any]:
    """Return the change as it will travel, numbered after ``head``."""
    change: dict[str, Any] = {
        "change_id": occasion.change_id,
        "kind": kind.info.name,
        "schema": kind.info.version,
        "record_id": occasion.record_id,
        "action": action,
        "grid": occasion.grid,
        "base_version": occasion.base_version,
        "made_at": occasion.made_at,
        "author": occasion.author,
        "fields": dict(fields),
    }
    if occasion.corrects:
        change["corrects"] = occasion.corrects
    return chain.seal(change, head.seq + 1, head.hash)


def resealed(change: Mapping[str, Any], head: Head) -> dict[str, Any]:
    """Return a change of another stream sealed after ``head``; its change_id stays."""
    return chain.seal({name: change[name] for name in WIRE_MEMBERS if name in change}, head.seq + 1,
                      head.hash)  # fmt: skip


WIRE_MEMBERS = (
    "seq", "change_id", "kind", "schema", "record_id", "action", "grid", "base_version",
    "made_at", "author", "fields", "corrects", "prev", "hash",
)  # fmt: skip
"""The members of a change that travel; a stored change has the laptop's own besides."""


def as_sent(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored change as it travels."""
    return {name: stored[name] for name in WIRE_MEMBERS if name in stored}


def as_text(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored change as text under its place, for a centre that fails at the change itself.

    The text is what its hash was taken over, so the chain goes on as if it had been sent whole.
    """
    text = chain.canonical({k: v for k, v in as_sent(stored).items() if k != "hash"}).decode()
    place = {name: stored[name] for name in ("seq", "change_id", "prev", "hash")}
    return place | {"quarantine_me": text}


def unfit(change: Mapping[str, Any]) -> list[FieldProblem]:
    """Return why a sealed change may not travel (a value JSON cannot hold everywhere, too long)."""
    problem = plain(change)
    if problem is None and len(chain.canonical(change)) > MAX_CHANGE_BYTES:
        problem = Problem("too_large")
    return [FieldProblem("", problem)] if problem else []
