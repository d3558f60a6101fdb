"""Tier S, drawn once for all tests of the world."""

import pytest

from sync_server.domain.world import World, WorldRecord, generate


class Drawn:
    """A world's records at hand: all of them, by kind and by id."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.records = list(world.records())
        self.by_id = {record.record_id: record for record in self.records}
        self.by_kind: dict[str, list[WorldRecord]] = {}
        for record in self.records:
            self.by_kind.setdefault(record.kind, []).append(record)

    def field(self, record_id: str, name: str):
        """Return one field of a record."""
        return self.by_id[record_id].fields.get(name)

    def age(self, resident: WorldRecord) -> int:
        """Return somebody's age on the world's day, by months."""
        year, month = (int(part) for part in resident.fields["birth"].split("-"))
        today = self.world.today
        return ((today.year - year) * 12 + today.month - month) // 12

    def families(self) -> dict[str, list[WorldRecord]]:
        """Return the residents of each household."""
        families: dict[str, list[WorldRecord]] = {}
        for resident in self.by_kind["resident"]:
            families.setdefault(resident.fields["household_id"], []).append(resident)
        return families


@pytest.fixture(scope="session")
def tier_s() -> Drawn:
    """Tier S of seed 1."""
    return Drawn(generate("S"))
