"""Who lives together: households of a given size whose ages and relations are plausible.

Several families are drawn for each household and the one is kept that brings the community
nearest to the wanted shares of age and sex. So the shares hold to a fraction of a percent while
every family stays one that could be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from sync_server.domain.world.seeds import chosen

AGES = ((0, 13, 13.0), (14, 17, 5.0), (18, 59, 62.0), (60, 69, 11.0), (70, 79, 6.3), (80, 200, 2.7))
"""First age, last age and share of people in percent."""
AGE_GROUPS = tuple(
    group for group, (first, last, _) in enumerate(AGES) for _ in range(first, last + 1)
)
"""The place in AGES of every age, by age."""
MEN_PERCENT = 51.0
CANDIDATES = 6
OLDEST, OLDEST_CHILD_AT_HOME = 96, 40
HEAD, HUSBAND, WIFE, RELATIVE, NOT_RELATED = "02", "11", "12", "97", "99"

HEADS, SPOUSES, IN_LAWS, OWN = 0, 1, 2, 3
"""Whose surname somebody carries: the head's, the spouse's, a child-in-law's, one's own."""


@dataclass(slots=True)
class Member:
    """One person of a family: relation to the head (GB/T 4761), sex, age, whose surname."""

    relation: str
    sex: str
    age: int
    family: int


Family = list[Member]


class Unlikely(Exception):
    """The ages drawn do not make a family; draw again."""


def _couple(rng: Random, youngest: int, oldest: int) -> Family:
    """Return head and spouse, the husband mostly a little older."""
    man = rng.random() < 0.72
    age = rng.randint(max(youngest, 22 if man else 20), oldest)
    gap = round(rng.gauss(2, 2.2))
    other = age - gap if man else age + gap
    if not (20 if man else 22) <= other <= OLDEST:
        raise Unlikely
    head = Member(HEAD, "1" if man else "2", age, HEADS)
    return [head, Member(WIFE if man else HUSBAND, "2" if man else "1", other, SPOUSES)]


def _head(rng: Random, youngest: int, oldest: int, men: float = 0.5) -> Member:
    return Member(HEAD, "1" if rng.random() < men else "2", rng.randint(youngest, oldest), HEADS)


def _children(
    rng: Random, parents: Sequence[Member], count: int, family: int | None = None
) -> Family:
    """Return ``count`` children in order of age, their relation codes by GB/T 4761."""
    youngest = min(parent.age for parent in parents)
    age = youngest - rng.randint(21, 33)
    ages = []
    for _ in range(count):
        ages.append(age)
        age -= rng.randint(1, 6)
    if ages[-1] < 0 or youngest - ages[-1] > 45 or ages[0] > OLDEST_CHILD_AT_HOME:
        raise Unlikely
    if family is None:
        fathers = [parent for parent in parents if parent.sex == "1"]
        family = (fathers or list(parents))[0].family
    sexes = ["1" if rng.random() < 0.52 else "2" for _ in ages]
    return [
        Member(code, sex, age, family)
        for code, sex, age in zip(_child_codes(sexes), sexes, ages, strict=True)
    ]


def _child_codes(sexes: Sequence[str]) -> list[str]:
    """Return 独生子/女, 长子 次子 …, or plain 子/女 for an only one of its sex."""
    if len(sexes) == 1:
        return ["21" if sexes[0] == "1" else "31"]
    codes = []
    for place, sex in enumerate(sexes):
        tens = "2" if sex == "1" else "3"
        rank = sexes[: place + 1].count(sex)
        codes.append(tens + (str(rank + 1) if sexes.count(sex) > 1 else "0"))
    return codes


def _parents(rng: Random, child: Member, spouse: Member | None, count: int) -> Family:
    """Return one or two parents of the head, or now and then of the spouse."""
    of_head = spouse is None or rng.random() < 0.75
    of = child if of_head or spouse is None else spouse
    codes = ("51", "52") if of_head else (("53", "54") if child.sex == "2" else ("55", "56"))
    mother_age = of.age + rng.randint(20, 34)
    father_age = mother_age + round(rng.gauss(2, 2))
    if max(mother_age, father_age) > OLDEST or father_age - of.age < 18:
        raise Unlikely
    father = Member(codes[0], "1", father_age, of.family)
    mother = Member(codes[1], "2", mother_age, OWN)
    if count == 2:
        return [father, mother]
    return [mother if rng.random() < 0.62 else father]


def _married_child(rng: Random, parents: Sequence[Member]) -> Family:
    """Return a grown child with spouse."""
    (child,) = _children(rng, parents, 1)
    if child.age < 24:
        raise Unlikely
    man = child.sex == "1"
    other = child.age - round(rng.gauss(2, 2)) * (1 if man else -1)
    if other < 22:
        raise Unlikely
    return [child, Member("38" if man else "28", "2" if man else "1", other, IN_LAWS)]


def _grandchildren(rng: Random, couple: Sequence[Member], count: int) -> Family:
    """Return the children of a grown child with or without spouse."""
    through_son = couple[0].sex == "1"
    family = couple[0].family if through_son or len(couple) == 1 else couple[1].family
    boys, girls = ("41", "42") if through_son else ("43", "44")
    young = _children(rng, couple, count, family)
    return [Member(boys if c.sex == "1" else girls, c.sex, c.age, family) for c in young]


def _lodgers(rng: Random, count: int) -> Family:
    ages = [rng.randint(19, 45) for _ in range(count)]
    sexes = ["1" if rng.random() < 0.58 else "2" for _ in ages]
    return [Member(NOT_RELATED, sex, age, OWN) for sex, age in zip(sexes, ages, strict=True)]


def _skipped(rng: Random, elders: Family, count: int) -> Family:
    """Return grandchildren whose parents work elsewhere."""
    age = min(elder.age for elder in elders) - rng.randint(44, 58)
    if not 0 <= age <= 17:
        raise Unlikely
    codes = {"1": rng.choice(("41", "43")), "2": rng.choice(("42", "44"))}
    ages = [age, max(0, age - rng.randint(1, 5))][:count]
    sexes = [rng.choice("12") for _ in ages]
    return [Member(codes[s], s, a, HEADS) for s, a in zip(sexes, ages, strict=True)]


def single_adult(rng: Random) -> Family:
    """One person of working age."""
    return [_head(rng, 18, 59, men=0.56)]


def single_elder(rng: Random) -> Family:
    """An elder living alone."""
    return [_head(rng, *rng.choice(((60, 69), (68, 79), (76, 92))), men=0.42)]


def elder_couple(rng: Random) -> Family:
    """Two elders whose children have left."""
    family = _couple(rng, 60, 88)
    if family[1].age < 60:
        raise Unlikely
    return family


def _young_couple(rng: Random) -> Family:
    family = _couple(rng, 22, 58)
    if family[1].age > 59:
        raise Unlikely
    return family


def _single_parent(rng: Random, count: int) -> Family:
    head = _head(rng, 24, 62, men=0.35)
    return [head, *_children(rng, [head], count)]


def _adult_and_parent(rng: Random) -> Family:
    head = _head(rng, 28, 62, men=0.6)
    return [head, *_parents(rng, head, None, 1)]


def _couple_with(rng: Random, children: int, parents: int) -> Family:
    couple = _couple(rng, 23, 64)
    family = couple + _children(rng, couple, children)
    if parents:
        family += _parents(rng, couple[0], couple[1], parents)
    return family


def _three_generations(rng: Random, grandchildren: int) -> Family:
    elders = _couple(rng, 50, 75)
    young = _married_child(rng, elders)
    return elders + young + _grandchildren(rng, young, grandchildren)


def _elders_and_young_couple(rng: Random) -> Family:
    elders = _couple(rng, 52, 78)
    return elders + _married_child(rng, elders)


def _grandparents(rng: Random, elders: int, count: int) -> Family:
    heads = _couple(rng, 55, 72) if elders == 2 else [_head(rng, 55, 72, men=0.3)]
    return heads + _skipped(rng, heads, count)


def _sharing(rng: Random, size: int) -> Family:
    return [_head(rng, 19, 45, men=0.58), *_lodgers(rng, size - 1)]


def _couple_and_parents(rng: Random, parents: int) -> Family:
    couple = _couple(rng, 28, 62)
    return couple + _parents(rng, couple[0], couple[1], parents)


Draw = Callable[[Random], Family]
DRAWS: dict[int, dict[Draw, float]] = {
    1: {single_adult: 1},
    2: {
        _young_couple: 46,
        lambda rng: _single_parent(rng, 1): 20,
        _adult_and_parent: 16,
        lambda rng: _grandparents(rng, 1, 1): 3,
    },
    3: {
        lambda rng: _couple_with(rng, 1, 0): 66,
        lambda rng: _couple_and_parents(rng, 1): 14,
        lambda rng: _single_parent(rng, 2): 6,
        lambda rng: _grandparents(rng, 2, 1): 5,
    },
    4: {
        lambda rng: _couple_with(rng, 2, 0): 46,
        lambda rng: _couple_with(rng, 1, 1): 22,
        lambda rng: _couple_and_parents(rng, 2): 10,
        _elders_and_young_couple: 14,
        lambda rng: _grandparents(rng, 2, 2): 3,
    },
    5: {
        lambda rng: _couple_with(rng, 1, 2): 32,
        lambda rng: _couple_with(rng, 2, 1): 34,
        lambda rng: _three_generations(rng, 1): 34,
    },
    6: {
        lambda rng: _couple_with(rng, 2, 2): 52,
        lambda rng: _three_generations(rng, 2): 44,
    },
}
"""How often each make-up is drawn for a size; larger families add other relatives to the last."""


def draw(rng: Random, size: int, shared: bool) -> Family:
    """Return one plausible family of ``size`` people, the head first; some flats are shared."""
    if shared and size in (2, 3):
        return _sharing(rng, size)
    base = min(size, max(DRAWS))
    family = _first_likely(rng, chosen(rng, DRAWS[base]))
    for _ in range(size - base):
        sex = rng.choice("12")
        family.append(Member(RELATIVE, sex, rng.randint(18, 75), rng.choice((HEADS, OWN))))
    return family


def _first_likely(rng: Random, one: Draw) -> Family:
    while True:
        try:
            return one(rng)
        except Unlikely:
            continue


class Census:
    """Keeps the families whose people bring a community nearest to the wanted shares."""

    def __init__(self) -> None:
        self.people = 0
        self.by_age = [0] * len(AGES)
        self.men = 0

    def keep(self, rng: Random, one: Draw) -> Family:
        """Draw several families with ``one``, count and return the best."""
        families = [_first_likely(rng, one) for _ in range(CANDIDATES)]
        best = min(families, key=self._distance)
        self.people += len(best)
        self.men += sum(member.sex == "1" for member in best)
        for member in best:
            self.by_age[AGE_GROUPS[member.age]] += 1
        return best

    def _distance(self, family: Family) -> float:
        people = self.people + len(family)
        counts = self.by_age.copy()
        men = self.men
        for member in family:
            counts[AGE_GROUPS[member.age]] += 1
            men += member.sex == "1"
        distance = (men - people * MEN_PERCENT / 100) ** 2
        for count, (_, _, share) in zip(counts, AGES, strict=True):
            # Measured against the group's size, or the small groups would never be steered.
            distance += (count - people * share / 100) ** 2 / share * 10
        return distance
