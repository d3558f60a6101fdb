"""Tier S whole: exact sizes, valid records, nothing that could be somebody's."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from schemas.catalogue import kind_of
from schemas.check import check, quick_check
from schemas.fields import IdNumber, Keyed, Ref, Refs
from schemas.values import apply, to_wire
from schemas.workflow import SYSTEM_ID
from sync_server.domain.world import generate
from sync_server.domain.world.staff import ACCOUNTS, SHOWN

ROOT = Path(__file__).resolve().parents[4]


def test_tier_s_has_its_golden_sizes(tier_s):
    counts = {kind: len(records) for kind, records in tier_s.by_kind.items()}
    kinds = Counter(record.fields["kind"] for record in tier_s.by_kind["compound"])
    levels = Counter(record.fields["level"] for record in tier_s.by_kind["area"])
    assert levels == {"district": 1, "street": 1, "community": 1, "grid": 6}
    assert kinds == {"compound": 15, "bungalow": 4}
    assert (counts["shop"], counts["household"], counts["resident"]) == (216, 2155, 5593)
    assert counts["room"] == round(2155 / 0.85)
    assert counts["care"] == 347


def test_two_processes_with_other_hash_seeds_draw_the_same_bytes():
    program = "from sync_server.domain.world import generate; print(generate('S', 7).digest())"
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "4711")
    }
    assert len(digests) == 1


def test_another_seed_or_day_is_another_world(tier_s):
    other_day = tier_s.world.today.replace(day=28)
    digests = {world.digest() for world in (generate("S", 2), generate("S", 1, other_day))}
    assert len({*digests, tier_s.world.digest()}) == 3


def test_every_record_passes_the_check_without_a_doubt(tier_s):
    faults = []
    for record in tier_s.records:
        kind = kind_of(record.kind)
        checked = check(kind, "create", to_wire(kind, record.fields))
        if checked.problems or checked.doubts or apply(kind, {}, checked.fields) != record.fields:
            faults.append((record.kind, checked.problems, checked.doubts))
    assert faults == []


def test_ids_are_unique(tier_s):
    assert len(tier_s.by_id) == len(tier_s.records)


def test_references_resolve_to_records_of_the_right_kind(tier_s):
    kinds = {record_id: record.kind for record_id, record in tier_s.by_id.items()}
    kinds |= {user.user_id: "user" for user in tier_s.world.users}
    dangling = [
        (record.kind, name, target)
        for record in tier_s.records
        for name, wanted, target in references(record)
        if target not in kinds or wanted not in (kinds[target], "record")
    ]
    assert dangling == []
    kinds[SYSTEM_ID] = "user"
    assert {kinds[record.author] for record in tier_s.records} == {"user"}


def references(record):
    """Yield every reference of a record: the field, the kind it wants, the id it holds."""
    for name, declared in kind_of(record.kind).declared().items():
        value = record.fields.get(name)
        if isinstance(declared, Keyed):
            for entry in (value or {}).values():
                for inner, part in declared.entry_fields.items():
                    if isinstance(part, Ref) and entry.get(inner):
                        yield f"{name}.{inner}", part.kind, entry[inner]
        elif isinstance(declared, Refs):
            yield from ((name, declared.kind, one) for one in value or ())
        # A visit may also be where an issue was found; the field names the patrol's kind.
        elif isinstance(declared, Ref) and value:
            yield name, declared.kind, value


def test_parents_come_before_their_children(tier_s):
    seen = set()
    for record in tier_s.records:
        parent = kind_of(record.kind).info.parent
        if parent:
            assert record.fields[parent] in seen
        seen.add(record.record_id)


def test_a_child_lies_in_the_grid_of_its_building(tier_s):
    for kind, parent in (("room", "building_id"), ("household", "room_id")):
        for record in tier_s.by_kind[kind]:
            assert record.grid == tier_s.by_id[record.fields[parent]].grid
    for kind, parent in (("resident", "household_id"), ("care", "resident_id")):
        for record in tier_s.by_kind[kind]:
            assert record.grid == tier_s.by_id[record.fields[parent]].grid
    for record in tier_s.by_kind["building"]:
        assert record.grid.startswith(tier_s.by_id[record.fields["compound_id"]].grid)


def test_area_codes_are_nobodys_and_as_long_as_the_kind_reaches(tier_s):
    assert all(record.grid.startswith("990101") for record in tier_s.records)
    for record in tier_s.records:
        if kind_of(record.kind).info.reach == "grid":
            assert re.fullmatch(r"990101100009\d{3}", record.grid)


def test_no_phone_and_no_number_could_be_somebodys(tier_s):
    text = "\n".join(str(record.fields) for record in tier_s.records)
    phones = re.findall(r"(?<![0-9a-f-])1\d{10}(?!\d)", text)
    assert phones
    assert all(phone.startswith("100") for phone in phones)
    landlines = re.findall(r"(?<![0-9a-f-])0\d{2,3}-\d{7,8}(?!\d)", text)
    assert landlines
    assert all(line.startswith("0000-") for line in landlines)
    numbers = [r.fields["id_no"] for r in tier_s.by_kind["resident"] if "id_no" in r.fields]
    assert len(numbers) == len(set(numbers)) == round(5593 * 0.35)
    assert all(number.startswith("9901") for number in numbers)
    codes = [r.fields["uscc"] for r in tier_s.by_kind["shop"] if "uscc" in r.fields]
    assert codes
    assert all(code[2:8] == "990101" for code in codes)


def test_one_number_in_a_hundred_belongs_to_another_birth_month(tier_s):
    numbered = [r.fields for r in tier_s.by_kind["resident"] if "id_no" in r.fields]
    wrong = [f for f in numbered if f["id_no"][6:12] != f["birth"].replace("-", "")]
    assert len(wrong) == round(len(numbered) * 0.01)
    odd = [f for f in numbered if (int(f["id_no"][16]) % 2 == 1) != (f["sex"] == "1")]
    assert odd == []
    assert all(IdNumber("", "").check(fields["id_no"]) for fields in numbered)


def test_places_lie_on_the_local_map(tier_s):
    points = [r.fields["location"] for r in tier_s.records if "location" in r.fields]
    assert points
    for point in points:
        assert point["crs"] == "local-demo"
        assert abs(point["lat"] - 40_000_000) <= 18_500
        assert abs(point["lon"] - 100_000_000) <= 24_000


def test_households_and_compounds_have_names_of_their_own(tier_s):
    for kind, name in (("household", "code"), ("compound", "code"), ("compound", "name")):
        values = [record.fields[name] for record in tier_s.by_kind[kind]]
        assert len(values) == len(set(values))
    labels = [
        (tier_s.field(r.fields["building_id"], "compound_id"), r.fields["label"])
        for r in tier_s.by_kind["room"]
    ]
    assert len(labels) == len(set(labels))
    assert any(re.fullmatch(r"\d+-\d-\d{3,4}", label) for _, label in labels)
    assert any(re.fullmatch(r"\d+巷\d+号", label) for _, label in labels)


def test_three_none_compounds_have_nothing_and_nobody_else_is_one(tier_s):
    planned = {f"XQ-{one.no:04d}": one.three_none for one in tier_s.world.communities[0].compounds}
    found = {
        record.fields["code"]: record.fields["property_mode"] == "none"
        and "owner_unit" not in record.fields
        and not any(record.fields[name] for name in ("guard", "barrier", "cctv"))
        for record in tier_s.by_kind["compound"]
    }
    assert {code: is_one for code, is_one in found.items() if code in planned} == planned
    assert not any(is_one for code, is_one in found.items() if code.startswith("PF"))


def test_compounds_meet_grids_as_their_overlap_says(tier_s):
    for compound in tier_s.by_kind["compound"]:
        buildings = [
            b for b in tier_s.by_kind["building"] if b.fields["compound_id"] == compound.record_id
        ]
        grids = {building.grid for building in buildings}
        others = {
            b.fields["compound_id"] for b in tier_s.by_kind["building"] if b.grid in grids
        } - {compound.record_id}
        found = "compound_smaller" if others else "equal" if len(grids) == 1 else "compound_larger"
        assert found == compound.fields["overlap"]
        assert len(buildings) == compound.fields["buildings"]


def test_shops_have_the_shares_of_their_trades(tier_s):
    shops = [record.fields for record in tier_s.by_kind["shop"]]
    kinds = Counter(shop["kind"] for shop in shops)
    assert (kinds["retail"], kinds["catering"], kinds["beauty"]) == (73, 60, 19)
    assert sum(shop["sleep_in"] for shop in shops) == round(216 * 0.04)
    for shop in shops:
        if "room_id" in shop:
            assert tier_s.field(shop["room_id"], "state") == "business"


def test_ordinary_records_are_accepted_in_the_short_way(tier_s):
    missed = Counter(
        record.kind
        for record in tier_s.records
        if quick_check(kind_of(record.kind), "create", to_wire(kind_of(record.kind), record.fields))
        is None
    )
    assert missed == {}


def test_users_hold_their_grids_and_those_shown_can_sign_in(tier_s):
    users = {user.no: user for user in tier_s.world.users}
    assert len(users) == len(tier_s.world.users)
    assert Counter(user.role for user in users.values())["worker"] == 6
    assert Counter(user.role for user in users.values())["leader"] == 6
    worker = users["W009003"]
    assert (worker.name, worker.scope_codes) == ("林示例", ("990101100009003",))
    assert {no for no, user in users.items() if user.account} == {
        *SHOWN,
        *(no for no, *_ in ACCOUNTS),
        "L009003",
    }


@pytest.mark.parametrize("seed", [2, 3])
def test_other_seeds_give_the_same_sizes(seed):
    counts = Counter(record.kind for record in generate("S", seed).records())
    sizes = {kind: counts[kind] for kind in ("shop", "household", "resident", "care", "room")}
    assert sizes == {"shop": 216, "household": 2155, "resident": 5593, "care": 347, "room": 2535}
