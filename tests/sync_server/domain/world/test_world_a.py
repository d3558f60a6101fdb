"""World A whole, drawn once: every golden number of its sources, community by community."""

from collections import Counter

import pytest

from schemas.catalogue import kind_of
from schemas.check import check
from schemas.values import apply, to_wire
from sync_server.domain.world import generate
from sync_server.domain.world.shape import CARE
from tests.sync_server.domain.world.test_shape import TABLE

# One worker draws it once, whichever way the tests are dealt out.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("world a")]

EVERY = 40
"""Of World A's records, one in so many is checked in full; Tier S is checked whole."""


class Tally:
    """What can be counted of a world while its records pass."""

    def __init__(self) -> None:
        self.world = generate("A")
        self.kinds: Counter[tuple[str, str]] = Counter()
        self.care: Counter[str] = Counter()
        self.risks: Counter[str] = Counter()
        self.ids: set[str] = set()
        self.names: Counter[tuple[str, str]] = Counter()
        self.nines: dict[str, dict] = {}
        self.faults: list[str] = []
        self.levels: Counter[str] = Counter()
        for n, record in enumerate(self.world.records()):
            self.take(n, record)

    def take(self, n: int, record) -> None:
        """Count one record."""
        kind = record.kind
        if kind == "compound":
            kind = record.fields["kind"]
        self.kinds[(record.grid[9:12], kind)] += 1
        self.ids.add(record.record_id)
        if record.kind == "area":
            self.levels[record.fields["level"]] += 1
        elif record.kind == "care":
            self.care.update(record.fields["cats"])
            self.risks[record.fields["risk"]] += 1
        elif record.kind in ("compound", "household"):
            self.names[(record.kind, record.fields["code"])] += 1
            self.names[(record.kind, record.fields.get("name", record.record_id))] += 1
        for name in ("phone", "id_no"):
            if name in record.fields and record.kind == "resident":
                self.names[(name, record.fields[name])] += 1
        if record.grid.startswith("990101100009"):
            self.nines[record.record_id] = record.fields
        if n % EVERY == 0:
            declared = kind_of(record.kind)
            checked = check(declared, "create", to_wire(declared, record.fields))
            if not checked.ok or checked.doubts:
                self.faults.append(f"{record.kind} {checked.problems} {checked.doubts}")
            elif apply(declared, {}, checked.fields) != record.fields:
                self.faults.append(f"{record.kind} is not in normal form")


@pytest.fixture(scope="module")
def tally() -> Tally:
    return Tally()


def test_world_a_has_its_golden_sizes(tally):
    kinds = ("compound", "bungalow", "shop", "household", "resident")
    found = {
        one.name: (one.grids, *(tally.kinds[(one.code[9:], kind)] for kind in kinds))
        for one in tally.world.communities
    }
    assert found == TABLE
    totals = tuple(sum(row[n] for row in found.values()) for n in range(6))
    assert totals == (85, 215, 61, 3089, 30779, 79903)
    assert tally.levels == {"district": 1, "street": 1, "community": 9, "grid": 85}


def test_the_care_register_of_world_a_is_exact(tally):
    assert dict(tally.care) == CARE
    assert sum(tally.risks.values()) == 4954
    assert tally.risks["high"] == pytest.approx(4954 * 0.08, abs=5)


def test_every_grid_has_a_worker_and_a_leader(tally):
    roles = Counter(user.role for user in tally.world.users)
    assert (roles["worker"], roles["leader"]) == (85, 85)
    assert len({user.no for user in tally.world.users}) == len(tally.world.users)
    assert len({user.user_id for user in tally.world.users}) == len(tally.world.users)


def test_a_sample_of_world_a_passes_the_check(tally):
    assert tally.faults == []


def test_nothing_of_world_a_is_called_or_numbered_twice(tally):
    assert len(tally.ids) == sum(tally.kinds.values())
    assert [name for name, count in tally.names.items() if count > 1] == []


def test_field_work_of_world_a_is_bounded(tally):
    patrols = sum(count for (_, kind), count in tally.kinds.items() if kind == "patrol")
    assert 0.90 < patrols / (85 * 3 * 7) < 0.96
    assert 140 < sum(count for (_, kind), count in tally.kinds.items() if kind == "issue") < 280
    services = sum(count for (_, kind), count in tally.kinds.items() if kind == "service")
    assert services / (85 * 7) == pytest.approx(0.25, abs=0.05)


def unlinked(visit: dict) -> dict:
    """Return a visit without what it led to, which only the days of the period have."""
    checks = {
        who: {name: said for name, said in check.items() if name != "action"}
        for who, check in visit.get("care_checks", {}).items()
    }
    rest = {name: said for name, said in visit.items() if name not in ("issue_ids", "service_ids")}
    return rest | {"care_checks": checks}


def test_tier_s_is_world_a_s_community_009(tally, tier_s):
    """Base data are the same records; Tier S only has more field work, and so more links to it."""
    for record_id, fields in tally.nines.items():
        mine = dict(tier_s.by_id[record_id].fields)
        if tier_s.by_id[record_id].kind == "visit":
            mine, fields = unlinked(mine), unlinked(fields)
        mine.pop("no", None)  # numbers are given out in order over the whole world
        assert mine == {name: value for name, value in fields.items() if name != "no"}
    field_kinds = {"patrol", "visit", "issue", "issue_step", "service", "service_step"}
    more = {r.kind for r in tier_s.records if r.record_id not in tally.nines and r.grid[9:]}
    assert more <= field_kinds
