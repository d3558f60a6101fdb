"""The care register: exact counts per category, and an exact number of people in any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from sync_server.domain.world.households import Home, Person
from sync_server.domain.world.seeds import Seed, apportion
from sync_server.domain.world.shape import CARE, CommunityPlan

RISKS = {"high": 8, "key": 32, "general": 60}


@dataclass(slots=True, eq=False)
class Care:
    """One person on the register."""

    person: Person
    cats: list[str] = field(default_factory=list)
    risk: str = "general"


def enrol(seed: Seed, plan: CommunityPlan, homes: Sequence[Home]) -> list[Care]:
    """Return the community's care register in the order of its homes.

    Categories that exclude each other come first and are all new people; the others go partly
    to people already on the register, as often as the total number of people demands.
    """
    register = _Register(seed.stream("care", plan.code), plan)
    everyone = [person for home in homes for person in home.people]
    for category, eligible in FIRST.items():
        register.add(category, [p for p in everyone if eligible(p)], plan.care[category])
    old = [person for person in everyone if person.age >= 80]
    register.rng.shuffle(old)
    register.put("aged80", old[: plan.care["aged80"]])
    left = plan.care_people - len(register.by_person)
    new = apportion(left, [plan.care[category] for category in LATER])
    for (category, eligible), fresh in zip(LATER.items(), new, strict=True):
        register.add(category, [p for p in everyone if eligible(p)], fresh)
    return register.entries(homes)


def _single_or_couple(person: Person) -> bool:
    return person.age >= 60 and all(other.age >= 60 for other in person.home.people)


FIRST: dict[str, Callable[[Person], bool]] = {
    "alone": lambda p: p.age >= 60 and p.home.size == 1,
    "empty_nest": lambda p: p.home.size == 2 and _single_or_couple(p),
    "child": lambda p: p.age <= 17,
}
LATER: dict[str, Callable[[Person], bool]] = {
    "disabled_elder": lambda p: p.age >= 60,
    "severe_disability": lambda p: p.age >= 6,
    "special_fp": lambda p: p.age >= 49 and p.home.size <= 2,
    "left_behind": lambda p: p.age >= 60,
    "low_income": lambda p: p.age >= 18,
    "extreme_poor": lambda p: p.age >= 50,
    "mobility": lambda p: p.age >= 40,
    "chronic": lambda p: p.age >= 18,
}


class _Register:
    """Who is on the register with which categories, while it is being filled."""

    def __init__(self, rng: Random, plan: CommunityPlan) -> None:
        self.rng = rng
        self.plan = plan
        self.by_person: dict[Person, list[str]] = {}
        self.homes: set[str] = set()

    def put(self, category: str, people: Iterable[Person]) -> None:
        """Add ``category`` to each of ``people``."""
        for person in people:
            self.by_person.setdefault(person, []).append(category)
            self.homes.add(person.home.record_id)

    def add(self, category: str, eligible: list[Person], new: int) -> None:
        """Give ``category`` to its number of people, ``new`` of them not yet registered."""
        total = self.plan.care[category]
        fresh = [person for person in eligible if person not in self.by_person]
        known = [person for person in eligible if person in self.by_person]
        self.rng.shuffle(fresh)
        self.rng.shuffle(known)
        if category == "empty_nest":
            fresh.sort(key=lambda person: person.home.record_id)
        elif category in LATER:
            fresh = self._spread(fresh, new)
        self.put(category, known[: total - new] + fresh[:new])

    def _spread(self, fresh: list[Person], new: int) -> list[Person]:
        """Return ``new`` of ``fresh``, so many from other homes that the homes come out right."""
        people_left = self.plan.care_people - len(self.by_person)
        homes_left = max(0, self.plan.care_households - len(self.homes))
        outside = [p for p in fresh if p.home.record_id not in self.homes]
        inside = [p for p in fresh if p.home.record_id in self.homes]
        other_homes = min(new, round(new * homes_left / people_left)) if people_left else 0
        other_homes = max(other_homes, new - len(inside))
        return outside[:other_homes] + inside[: new - other_homes]

    def entries(self, homes: Sequence[Home]) -> list[Care]:
        """Return the register with risks dealt, everybody's categories in the list's order."""
        order = list(CARE)
        entries = [
            Care(person, sorted(self.by_person[person], key=order.index))
            for home in homes
            for person in home.people
            if person in self.by_person
        ]
        _deal_risks(self.rng, entries)
        return entries


def _deal_risks(rng: Random, entries: list[Care]) -> None:
    """Deal risks in exact shares, the frailest first."""
    frail = {"disabled_elder": 2.0, "alone": 1.2, "aged80": 0.8, "chronic": 0.8, "mobility": 0.6}

    def need(entry: Care) -> float:
        return sum(frail.get(category, 0.3) for category in entry.cats) + rng.random() * 3

    counts = apportion(len(entries), list(RISKS.values()))
    ranked = sorted(((need(entry), n) for n, entry in enumerate(entries)), reverse=True)
    risks = [risk for risk, count in zip(RISKS, counts, strict=True) for _ in range(count)]
    for (_, n), risk in zip(ranked, risks, strict=True):
        entries[n].risk = risk
