"""The sizes of World A: its table by community, and every total split down to the communities.

Tier S is World A's community 009 and nothing else, record by record the same, which is why the
splits are always made over all nine communities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sync_server.domain.world.seeds import Seed, apportion, dealt

WorldName = Literal["S", "A"]
Case = Literal["compound_larger", "equal", "compound_smaller"]

DISTRICT, DISTRICT_NAME = "990101", "繁山县"
TOWN, TOWN_NAME = "990101100", "繁河镇"
COMMUNITIES = ("东关", "西街", "南城", "北园", "新华", "河滨", "平安", "学苑", "工人村")
WEIGHTS = (16, 14, 13, 12, 11, 10, 9, 8, 7)
GRIDS, COMPOUNDS, BUNGALOWS, SHOPS = 85, 215, 61, 3_089
HOUSEHOLDS, PEOPLE, BUNGALOW_HOUSEHOLDS = 30_779, 79_903, 3_693
OCCUPIED_SHARE = 0.85
CASES: Mapping[Case, float] = {"compound_larger": 6, "equal": 8, "compound_smaller": 86}
TYPES = {"residential": 28.16, "transitional": 5.40, "old": 50.71, "unit": 15.74}
MODES = {"company": 34, "public": 6, "big_help": 6, "self": 15, "unit_help": 8, "none": 31}
THREE_NONE_SHARE = 0.18
CARE = {
    "alone": 1278,
    "empty_nest": 1438,
    "left_behind": 80,
    "disabled_elder": 479,
    "severe_disability": 559,
    "special_fp": 120,
    "aged80": 1998,
    "low_income": 479,
    "extreme_poor": 80,
    "child": 160,
    "mobility": 639,
    "chronic": 400,
}
CARE_PEOPLE, CARE_HOUSEHOLDS = 4_954, 3_663


@dataclass(frozen=True)
class CompoundPlan:
    """What a compound will be, before anything of it is drawn."""

    no: int
    case: Case
    type_ty4: str
    mode: str
    three_none: bool


@dataclass(frozen=True)
class CommunityPlan:
    """The exact sizes of one community."""

    no: int
    code: str
    name: str
    grids: int
    compounds: tuple[CompoundPlan, ...]
    bungalows: int
    first_bungalow: int
    shops: int
    households: int
    people: int
    bungalow_households: int
    care: Mapping[str, int]
    care_people: int
    care_households: int

    @property
    def rooms(self) -> int:
        """How many rooms it has: households by the occupied share."""
        return round(self.households / OCCUPIED_SHARE)

    def grid_code(self, no: int) -> str:
        """Return the code of its grid number ``no`` (from 1)."""
        return f"{self.code}{no:03d}"


def plan(world: WorldName, seed: Seed) -> tuple[CommunityPlan, ...]:
    """Return the communities of ``world``; raises ValueError for a world that is not built."""
    if world not in ("S", "A"):
        raise ValueError(f"no world {world!r}: S or A")
    grids, compounds, bungalows, shops, households, people = (
        apportion(total, WEIGHTS)
        for total in (GRIDS, COMPOUNDS, BUNGALOWS, SHOPS, HOUSEHOLDS, PEOPLE)
    )
    care = {name: apportion(total, people) for name, total in CARE.items()}
    bungalow_households = apportion(BUNGALOW_HOUSEHOLDS, bungalows)
    care_people = apportion(CARE_PEOPLE, people)
    care_households = apportion(CARE_HOUSEHOLDS, households)
    compound_plans = _compounds(seed, compounds)
    communities = []
    for i, name in enumerate(COMMUNITIES):
        communities.append(
            CommunityPlan(
                no=i + 1,
                code=f"{TOWN}{i + 1:03d}",
                name=name,
                grids=grids[i],
                compounds=compound_plans[i],
                bungalows=bungalows[i],
                first_bungalow=sum(bungalows[:i]) + 1,
                shops=shops[i],
                households=households[i],
                people=people[i],
                bungalow_households=bungalow_households[i],
                care={category: split[i] for category, split in care.items()},
                care_people=care_people[i],
                care_households=care_households[i],
            )
        )
    return tuple(communities[8:] if world == "S" else communities)


def _compounds(seed: Seed, counts: list[int]) -> list[tuple[CompoundPlan, ...]]:
    """Deal types and property modes over all compounds in their exact shares.

    Sizes follow the case: the largest compounds are more often new than chance would have it.
    """
    rng = seed.stream("shape", "compounds")
    totals = dict(zip(CASES, apportion(COMPOUNDS, list(CASES.values())), strict=True))
    larger = apportion(totals["compound_larger"], counts)
    equal = apportion(totals["equal"], counts)
    types = dealt(rng, COMPOUNDS, TYPES)
    modes = _modes(seed, types)
    plans = []
    first = 0
    for i, count in enumerate(counts):
        mine = sorted(range(first, first + count), key=lambda n: types[n] != "residential")
        here: dict[Case, int] = {"compound_larger": larger[i], "equal": equal[i]}
        here["compound_smaller"] = count - larger[i] - equal[i]
        cases = [case for case, times in here.items() for _ in range(times)]
        plans.append(
            tuple(
                CompoundPlan(first + place + 1, case, types[n], *modes[n])
                for place, (case, n) in enumerate(zip(cases, mine, strict=True))
            )
        )
        first += count
    return plans


def _modes(seed: Seed, types: list[str]) -> list[tuple[str, bool]]:
    """Return property mode and 三无 of each compound: new ones lean to companies, old to none."""
    rng = seed.stream("shape", "modes")
    lean = {"residential": 0.0, "transitional": 0.5, "unit": 1.0, "old": 1.5}
    order = sorted(range(len(types)), key=lambda n: (lean[types[n]] + rng.random() * 2, n))
    counts = apportion(len(types), list(MODES.values()))
    modes = [mode for mode, count in zip(MODES, counts, strict=True) for _ in range(count)]
    by_compound = dict(zip(order, modes, strict=True))
    unmanaged = [n for n in order if by_compound[n] == "none"]
    three_none = set(unmanaged[-round(len(types) * THREE_NONE_SHARE) :])
    return [(by_compound[n], n in three_none) for n in range(len(types))]
