"""Finding alike records among many: only those that share a key are compared at all.

A block is what shares one key. A block that holds very many says nothing (a phone of a company
written into hundreds of records), so it is passed over; its records share other keys.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from schemas.likeness import homes, people
from schemas.likeness.reasons import LISTED, Likeness

MOST_IN_BLOCK = 150
Facts = Any
"""What is compared of a record: a Person, Home, Door or Trade."""


@dataclass(frozen=True)
class Comparing:
    """How records of a kind are found and compared; ``hopeless`` spares a look that is none."""

    keys: Callable[[Facts], Iterable[str]]
    alike: Callable[[Facts, Facts], Likeness]
    hopeless: Callable[[Facts, Facts], bool] = lambda one, other: False


COMPARED: dict[str, Comparing] = {
    "resident": Comparing(people.keys, people.alike, people.hopeless),
    "household": Comparing(homes.home_keys, homes.homes_alike),
    "room": Comparing(homes.door_keys, homes.doors_alike),
    "shop": Comparing(homes.trade_keys, homes.trades_alike),
}
"""Kinds whose records are compared, by name."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records that may be one, in the order of their ids."""

    first_id: str
    second_id: str
    likeness: Likeness


def weighed(kind: str, one: Facts, other: Facts, least: float = LISTED) -> Likeness | None:
    """Return how alike two records are, None when less than ``least``."""
    how = COMPARED[kind]
    if how.hopeless(one, other):
        return None
    found = how.alike(one, other)
    return found if found.score >= least else None


@dataclass
class Blocks:
    """Records of one kind in memory, by what they share."""

    kind: str
    facts: dict[str, Facts] = field(default_factory=dict)
    blocks: dict[str, list[str]] = field(default_factory=dict)

    def put(self, record_id: str, facts: Facts) -> None:
        """Take a record in, in place of what it was before."""
        self.drop(record_id)
        self.facts[record_id] = facts
        for key in set(COMPARED[self.kind].keys(facts)):
            self.blocks.setdefault(key, []).append(record_id)

    def drop(self, record_id: str) -> None:
        """Forget a record; one that is not there is no error."""
        facts = self.facts.pop(record_id, None)
        if facts is None:
            return
        for key in set(COMPARED[self.kind].keys(facts)):
            block = self.blocks[key]
            block.remove(record_id)
            if not block:
                del self.blocks[key]

    def near(self, facts: Facts) -> set[str]:
        """Return the records that share a key with a new one."""
        found: set[str] = set()
        for key in COMPARED[self.kind].keys(facts):
            block = self.blocks.get(key, ())
            if len(block) <= MOST_IN_BLOCK:
                found.update(block)
        return found

    def like(
        self, facts: Facts, *, without: Collection[str] = (), least: float = LISTED
    ) -> list[tuple[str, Likeness]]:
        """Return the records like a new one with how alike they are, the likeliest first."""
        found = [
            (record_id, likeness)
            for record_id in self.near(facts)
            if record_id not in without
            and (likeness := weighed(self.kind, facts, self.facts[record_id], least)) is not None
        ]
        return sorted(found, key=lambda one: (-one[1].score, one[0]))

    def pairs(self, least: float = LISTED) -> Iterator[Pair]:
        """Yield all pairs that are alike, each once."""
        told: set[tuple[str, str]] = set()
        for block in self.blocks.values():
            if not 2 <= len(block) <= MOST_IN_BLOCK:
                continue
            for one, other in combinations(sorted(block), 2):
                # Most that share a key are not alike: to weigh some twice takes less room than to
                # remember all of them.
                found = weighed(self.kind, self.facts[one], self.facts[other], least)
                if found is not None and (one, other) not in told:
                    told.add((one, other))
                    yield Pair(one, other, found)
