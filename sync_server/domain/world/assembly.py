"""A whole world: who works in it, and its records, parents first, community by community."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from schemas.kinds.care import INTERVAL_DAYS
from sync_server.domain.world import areas, knock, people, places, shops
from sync_server.domain.world.care import Care, enrol
from sync_server.domain.world.cast import Cast, find_cast
from sync_server.domain.world.field_work import field_work
from sync_server.domain.world.grids import Grid, grids_of, period
from sync_server.domain.world.households import Home, settle
from sync_server.domain.world.issue_lives import Numbers
from sync_server.domain.world.issue_texts import SCRIPTED_RETURN
from sync_server.domain.world.records import Digest, Persona, WorldRecord, WorldUser
from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.shape import CommunityPlan, WorldName, plan
from sync_server.domain.world.sites import Site, lay_out
from sync_server.domain.world.staff import PERSONA_COMMUNITY, PERSONA_GRID, Staff, hire
from sync_server.domain.world.units import units

VERSION = 6
"""Raised whenever the same seed gives other bytes than before."""
TODAY = date(2026, 9, 30)
RISK_ORDER = list(INTERVAL_DAYS)


@dataclass(frozen=True)
class _Community:
    """One community as drawn, before its records are written."""

    plan: CommunityPlan
    sites: list[Site]
    homes: list[Home]
    register: list[Care]
    shops: list[WorldRecord]
    cast: Cast | None


@dataclass(frozen=True)
class World:
    """A world that is not stored anywhere: its records are drawn when they are asked for."""

    name: WorldName
    seed: int
    today: date
    communities: tuple[CommunityPlan, ...]
    staff: Staff

    @property
    def users(self) -> tuple[WorldUser, ...]:
        """Everybody who works in it."""
        return self.staff.users

    def records(self) -> Iterator[WorldRecord]:
        """Yield every record, parents first, one community in memory at a time."""
        seed = Seed(self.seed)
        yield from areas.areas(seed, self.today, self.communities, self.staff)
        yield from units(seed, self.today, self.staff)
        yield from areas.notices(seed, self.today, self.communities, self.staff)
        yield from knock.campaigns(seed, self.today, self.communities, self.staff)
        numbers = Numbers()
        for community in self.communities:
            drawn = self._draw(seed, community)
            yield from self._base(seed, drawn)
            yield from self._field_work(seed, drawn, numbers)
            yield from self._campaign(seed, drawn)

    def base_records(self) -> Iterator[WorldRecord]:
        """Yield what registers hold of it: places, people, the care register."""
        seed = Seed(self.seed)
        yield from areas.areas(seed, self.today, self.communities, self.staff)
        yield from units(seed, self.today, self.staff)
        for community in self.communities:
            yield from self._base(seed, self._draw(seed, community))

    def _draw(self, seed: Seed, mine: CommunityPlan) -> _Community:
        sites = lay_out(seed, mine, self.today)
        places.call_sites(mine, sites)
        places.decide_empty_rooms(seed, mine, sites)
        homes = settle(seed, mine, sites, self.today)
        register = enrol(seed, mine, homes)
        cast = find_cast(homes, register)
        for entry in register:
            home = entry.person.home
            home.care_risk = min(home.care_risk or entry.risk, entry.risk, key=RISK_ORDER.index)
        records = list(shops.shops(seed, mine, sites, self.today, self.staff))
        return _Community(mine, sites, homes, register, records, cast)

    def _base(self, seed: Seed, drawn: _Community) -> Iterator[WorldRecord]:
        mine, sites, homes = drawn.plan, drawn.sites, drawn.homes
        yield from places.compounds(seed, mine, sites, self.today, self.staff)
        yield from places.buildings(seed, mine, sites, self.staff)
        yield from places.rooms(seed, mine, sites, self.staff)
        yield from drawn.shops
        yield from people.households(seed, homes, self.staff)
        yield from people.residents(seed, homes, drawn.register, self.staff)
        yield from people.care_register(seed, mine, drawn.register, self.today, self.staff)

    def _grids(self, drawn: _Community) -> list[Grid]:
        return grids_of(
            drawn.plan, drawn.sites, drawn.homes, drawn.register, drawn.shops, self.staff
        )

    def _campaign(self, seed: Seed, drawn: _Community) -> Iterator[WorldRecord]:
        grids, days = self._grids(drawn), period(self.name, self.today)
        yield from knock.leaflets(seed, grids, days)
        yield from knock.knocks(seed, drawn.plan.code, grids, days)

    def _field_work(self, seed: Seed, drawn: _Community, numbers: Numbers) -> Iterator[WorldRecord]:
        grids = self._grids(drawn)
        due = drawn.cast.due_homes if drawn.cast else frozenset()
        yield from field_work(seed, grids, period(self.name, self.today), self.staff, due, numbers)

    def persona(self) -> Persona:
        """Return who and what the scripted day is about; draws its community once more."""
        seed = Seed(self.seed)
        (mine,) = (one for one in self.communities if one.code == PERSONA_COMMUNITY)
        drawn = self._draw(seed, mine)
        assert drawn.cast is not None
        worker = self.staff.workers[PERSONA_GRID]
        notices = areas.notices(seed, self.today, [mine], self.staff)
        returned = (
            record.record_id
            for record in self._field_work(seed, drawn, Numbers())
            if record.kind == "issue"
            and record.grid == PERSONA_GRID
            and record.fields["title"] == SCRIPTED_RETURN.title
        )
        due = (drawn.cast.alone, drawn.cast.second)
        return Persona(
            grid=PERSONA_GRID,
            worker_id=worker.user_id,
            worker_no=worker.no,
            due_today=tuple(entry.person.record_id for entry in due),
            alone_household=drawn.cast.alone.person.home.record_id,
            tenant_household=drawn.cast.tenant.record_id,
            returned_issue=next(returned),
            notice=next(notices).record_id,
        )

    def digest(self) -> str:
        """Return the digest of every user and record: equal digests are equal worlds."""
        digest = Digest()
        for user in self.users:
            digest.line(user)
        for record in self.records():
            digest.line(record)
        return digest.hex()

    def about(self) -> int:
        """Return roughly how many records there are, for a progress display."""
        fixed = sum(
            c.rooms + c.households + c.people + c.shops + c.care_people for c in self.communities
        )
        return round(fixed * 1.06) + knock.about(self.communities)


def generate(world: WorldName, seed: int = 1, today: date = TODAY) -> World:
    """Return the world of this name, seed and day; raises ValueError for an unknown name."""
    communities = plan(world, Seed(seed))
    return World(world, seed, today, communities, hire(Seed(seed), today, communities))
