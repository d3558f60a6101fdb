"""A whole world: who works in it, and its records, parents first, community by community."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from schemas.seal import canonical
from sync_server.domain.world import areas, people, places, shops
from sync_server.domain.world.care import enrol
from sync_server.domain.world.households import settle
from sync_server.domain.world.records import WorldRecord
from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.shape import CommunityPlan, WorldName, plan
from sync_server.domain.world.sites import lay_out
from sync_server.domain.world.staff import Staff, hire

VERSION = 1
"""Raised whenever the same seed gives other bytes than before."""
TODAY = date(2026, 9, 30)


@dataclass(frozen=True)
class World:
    """A world that is not stored anywhere: its records are drawn when they are asked for."""

    name: WorldName
    seed: int
    today: date
    communities: tuple[CommunityPlan, ...]
    staff: Staff

    def records(self) -> Iterator[WorldRecord]:
        """Yield every record, parents first, one community in memory at a time."""
        seed = Seed(self.seed)
        yield from areas.areas(seed, self.today, self.communities, self.staff)
        yield from areas.notices(seed, self.today, self.communities, self.staff)
        for community in self.communities:
            yield from self._community(seed, community)

    def _community(self, seed: Seed, mine: CommunityPlan) -> Iterator[WorldRecord]:
        sites = lay_out(seed, mine, self.today)
        places.call_sites(mine, sites)
        places.decide_empty_rooms(seed, mine, sites)
        homes = settle(seed, mine, sites, self.today)
        register = enrol(seed, mine, homes)
        yield from places.compounds(seed, mine, sites, self.today, self.staff)
        yield from places.buildings(seed, mine, sites, self.staff)
        yield from places.rooms(seed, mine, sites, self.staff)
        yield from shops.shops(seed, mine, sites, self.today, self.staff)
        yield from people.households(seed, homes, self.staff)
        yield from people.residents(seed, homes, self.staff)
        yield from people.care_register(seed, mine, register, self.today, self.staff)

    def digest(self) -> str:
        """Return SHA-256 over the canonical JSON of every user and record, a line each."""
        whole = hashlib.sha256()
        for user in self.staff.users:
            whole.update(canonical(user.as_json()) + b"\n")
        for record in self.records():
            whole.update(canonical(record.as_json()) + b"\n")
        return whole.hexdigest()


def generate(world: WorldName, seed: int = 1, today: date = TODAY) -> World:
    """Return the world of this name, seed and day; raises ValueError for an unknown name."""
    communities = plan(world, Seed(seed))
    return World(world, seed, today, communities, hire(Seed(seed), today, communities))
