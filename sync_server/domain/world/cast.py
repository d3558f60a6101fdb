"""Who plays in the scripted day of grid 990101100009003: the names and states the script needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync_server.domain.world.care import Care
from sync_server.domain.world.households import Home
from sync_server.domain.world.staff import PERSONA_GRID

ALONE_NAME, SECOND_NAME, TENANT_NAME = "王样本", "张演示", "刘样例"
MOVING_IN = "房东告知有新租户搬入，待登记。"


@dataclass(frozen=True)
class Cast:
    """The homes of the script: two with a care visit due today, one whose tenant moves in."""

    alone: Care
    second: Care
    tenant: Home

    @property
    def due_homes(self) -> frozenset[str]:
        """Return the households whose care visit is due today."""
        return frozenset({self.alone.person.home.record_id, self.second.person.home.record_id})


def find_cast(homes: Sequence[Home], register: Sequence[Care]) -> Cast | None:
    """Name the people of the script and give them the risk it needs; None in other communities.

    A raised risk is taken from somebody in another grid, so that the shares stay exact.
    """
    here = [entry for entry in register if entry.person.home.grid == PERSONA_GRID]
    if not here:
        return None
    only = [entry for entry in here if _registered_alone(entry, here)]
    only.sort(key=lambda entry: entry.risk != "high")
    alone = next(entry for entry in only if "alone" in entry.cats)
    second = next(entry for entry in only if entry is not alone)
    lenders = [e for e in register if e.risk == "high" and e.person.home.grid != PERSONA_GRID]
    for entry in (alone, second):
        if entry.risk != "high":
            lender = lenders.pop()
            entry.risk, lender.risk = lender.risk, entry.risk
    in_care = {entry.person.home.record_id for entry in here}
    tenant = next(
        home
        for home in homes
        if home.grid == PERSONA_GRID
        and home.room.state == "rent"
        and home.size == 1
        and home.record_id not in in_care
    )
    alone.person.name, second.person.name = ALONE_NAME, SECOND_NAME
    tenant.head.name, tenant.remarks = TENANT_NAME, MOVING_IN
    return Cast(alone, second, tenant)


def _registered_alone(entry: Care, here: Sequence[Care]) -> bool:
    home = entry.person.home
    return sum(other.person.home is home for other in here) == 1
