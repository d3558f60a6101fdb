"""The order in which the steps of one record count: the same wherever and whenever they arrived.

Every step names in ``after`` the newest steps its maker had seen, so that all steps form a graph in
which each comes after what it was made upon. Read in order: the centre's own steps, each directly
after everything it had seen; then what nobody at the centre has answered yet. Among steps whose
makers did not know of each other the digest of their ids decides, never a clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Step:
    """One step: its record id, who made it, when (as shown), and its stored fields.

    ``central``: made at the centre, where each sees all that went before. ``received_at``: when the
    centre received it, for its clocks only; None on a laptop and in a step not written yet.
    """

    step_id: str
    author: str
    at: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    received_at: datetime | None = None

    @property
    def action(self) -> str:
        """What was done."""
        return str(self.fields.get("action") or "")

    @property
    def central(self) -> bool:
        """Whether it was made at the centre."""
        return bool(self.fields.get("central"))

    @property
    def after(self) -> tuple[str, ...] | None:
        """The newest steps its maker had seen, the record's own id when there were none; None for
        a step of before this was said."""
        said = self.fields.get("after")
        return None if said is None else tuple(said)


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Return ``steps`` in the order they count; it depends on nothing but the steps."""
    known = {step.step_id: step for step in steps}
    parents = _parents(known)
    order: list[str] = []
    placed: set[str] = set()
    for one in _central_chain(known, parents):
        _place(_ancestors(one, parents) | {one}, known, parents, order, placed)
    _place(set(known), known, parents, order, placed)
    return [known[one] for one in order]


def heads(record_id: str, steps: Iterable[Step]) -> list[str]:
    """Return what a new step of ``record_id`` says in ``after``: the ids of the newest steps, those
    that no other came after; the record's own id when there are none."""
    known = {step.step_id: step for step in steps}
    parents = _parents(known)
    seen = {parent for found in parents.values() for parent in found}
    return sorted(known.keys() - seen) or [record_id]


def _parents(known: Mapping[str, Step]) -> dict[str, tuple[str, ...]]:
    """Return what each step comes after, of the steps at hand.

    Steps of before ``after`` was said follow each other as they were made.
    """
    parents: dict[str, tuple[str, ...]] = {}
    last: tuple[str, ...] = ()
    silent = [step for step in known.values() if step.after is None]
    for step in sorted(silent, key=lambda one: (one.at, one.step_id)):
        parents[step.step_id] = last
        last = (step.step_id,)
    for step in known.values():
        if step.after is not None:
            parents[step.step_id] = tuple(one for one in step.after if one in known)
    return parents


def _central_chain(known: Mapping[str, Step], parents: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the centre's steps, each after those it had seen.

    They are a chain, unless a restored centre went another way once.
    """
    central = [one for one, step in known.items() if step.central]
    before = {
        one: sum(known[other].central for other in _ancestors(one, parents)) for one in central
    }
    return sorted(central, key=lambda one: (before[one], _digest(one)))


def _ancestors(step_id: str, parents: Mapping[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    waiting = list(parents[step_id])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += parents[one]
    return found


def _place(
    wanted: Collection[str],
    known: Mapping[str, Step],
    parents: Mapping[str, tuple[str, ...]],
    order: list[str],
    placed: set[str],
) -> None:
    """Put the wanted steps behind those that have their place, parents first."""
    left = set(wanted) - placed
    while left:
        ready = [one for one in left if placed.issuperset(parents[one])]
        # Nothing is ready only where somebody made up a circle; then the digest decides as well.
        one = min(ready or left, key=lambda one: (not known[one].central, _digest(one)))
        order.append(one)
        placed.add(one)
        left.discard(one)


def _digest(step_id: str) -> str:
    return hashlib.sha256(step_id.encode()).hexdigest()
