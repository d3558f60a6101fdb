"""Registers counted at the centre, on each database: world B's published coverage, what stands and
what does not, and that every figure is as long as its list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.domain.register_counts import CONDITIONS
from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.year_places import BRANCHES, COINCIDING, OVERLAPS, Places
from sync_server.services import register_figures, register_lists
from sync_server.services.accounts import User, add_user
from sync_server.services.centre import Centre, open_centre
from sync_server.services.ids import new_id
from sync_server.services.import_records import ImportedRecord, import_records
from sync_server.services.register_figures import Line, Report
from sync_server.settings import Settings
from sync_server.store.duplicates import put_alias
from sync_server.store.tables import records
from tests.sync_server.web.staff import load
from tests.sync_server.world import COMMUNITY, DISTRICT, GRID, NOON, OTHER_GRID, StillClock

BEGINS = datetime.fromisoformat("2025-01-01T00:00:00+08:00")
WORLD_B = "990102"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def year(request, tmp_path_factory) -> Iterator[Centre]:
    """World B's areas, units and compounds, on each database in turn."""
    url = ""
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        server.run_sql("CREATE DATABASE register_figures")
        url = server.url("register_figures")
    folder = tmp_path_factory.mktemp("registers")
    centre = open_centre(Settings(folder, url, WORLD_B, testing=True), StillClock())
    drawn = Places(Seed(1), BEGINS)
    made = (
        ImportedRecord(one.record_id, one.kind, one.grid, one.fields, one.author, one.made_at)
        for one in drawn.records()
    )
    with centre.store.writing() as connection:
        import_records(connection, WORLD_B, made, author=None, at=NOON)
    yield centre
    centre.store.close()


def hire(centre: Centre, role: str, scope: str) -> User:
    with centre.store.writing() as connection:
        return add_user(
            connection, centre.code, no=f"{role}{new_id()[-6:]}", name="职员", role=role,
            scope_codes=(scope,), now=NOON,
        )  # fmt: skip


def report(centre: Centre, person: User, area: str = "", kind: str = "") -> Report:
    with centre.store.reading() as connection:
        return register_figures.report(connection, person, area, kind, NOON, "zh")


def names(centre: Centre, person: User, what: str, area: str = "", kind: str = "") -> list[str]:
    with centre.store.reading() as connection:
        found = register_lists.listed(connection, person, what, area, kind, NOON, "zh")
    return [line.title for line in found.lines]


def pair(line: Line, name: str) -> tuple[int, int]:
    return line.rate(name).part, line.rate(name).whole


def test_world_bs_coverage_is_the_published_one(year: Centre) -> None:
    whole = report(year, hire(year, "district", WORLD_B)).whole
    assert pair(whole, "org") == (BRANCHES, sum(OVERLAPS.values())) == (357, 977)
    assert pair(whole, "coinciding") == (COINCIDING, BRANCHES) == (247, 357)
    assert (whole.rate("org").percent, whole.rate("coinciding").percent) == (36.5, 69.2)
    assert {name: whole.counts[f"overlap={name}"] for name in OVERLAPS} == OVERLAPS
    levels = [whole.counts[f"level={name}"] for name in register_figures.LEVELS]
    assert levels == [12, 90, 675, 1_819]


def test_streets_and_communities_add_up_to_the_whole(year: Centre) -> None:
    found = report(year, hire(year, "district", WORLD_B))
    district, streets, communities = ([one for one in found.areas if len(one.code) == length]
                                      for length in (6, 9, 12))  # fmt: skip
    assert (len(district), len(streets), len(communities)) == (1, 12, 90)
    for name in (*CONDITIONS, "overlap=equal", "property_mode=company", "level=micro"):
        for some in (district, streets, communities):
            assert sum(one.counts[name] for one in some) == found.whole.counts[name], name


def test_every_figure_is_as_long_as_its_list(year: Centre) -> None:
    me, street = hire(year, "district", WORLD_B), f"{WORLD_B}001"
    found = report(year, me, street)
    line = next(one for one in found.areas if one.code == f"{street}002")
    asked = [name for name in found.whole.counts if name != "buildings"]
    assert len(asked) > 30
    for name in asked:
        assert len(names(year, me, name, street)) == found.whole.counts[name], name
        assert len(names(year, me, name, line.code)) == line.counts[name], name


def test_somebody_of_a_street_sees_that_street_alone(year: Centre) -> None:
    street = f"{WORLD_B}003"
    me = hire(year, "street", street)
    found = report(year, me)
    assert {one.code[:9] for one in found.areas} == {street}
    assert found.whole.counts == next(one for one in found.areas if one.code == street).counts
    with pytest.raises(Refusal, match="unknown_record"):
        report(year, me, f"{WORLD_B}004")
    with pytest.raises(Refusal, match="unknown_record"):
        names(year, me, "all", f"{WORLD_B}004")
    with pytest.raises(Refusal, match="unknown_record"):
        names(year, me, "nothing")
    with pytest.raises(Refusal, match="not_allowed"):
        report(year, hire(year, "auditor", WORLD_B))


def compound(name: str, **more: Any) -> dict[str, Any]:
    return {"code": name, "name": name, "kind": "compound", "address": "路1号",
            "community_code": COMMUNITY, "property_mode": "company", "guard": True,
            "barrier": True, "cctv": True, "self_gov": "owners", **more}  # fmt: skip


def put(centre: Centre, kind: str, fields: dict[str, Any], grid: str = COMMUNITY) -> str:
    return load(centre, new_id(), kind, grid, fields)


def test_only_what_stands_today_counts(any_centre: Centre) -> None:
    me = hire(any_centre, "community", COMMUNITY)
    kept, twin, void = (put(any_centre, "compound", compound(name)) for name in "甲乙丙")
    put(any_centre, "compound", compound("丁", kind="bungalow", property_mode="none"))
    org = {"org_kind": "branch", "name": "支部"}
    put(any_centre, "org", {**org, "compound_ids": [twin]})
    put(any_centre, "org", {**org, "name": "将来", "compound_ids": [kept], "founded": "2026-10-01"})
    put(any_centre, "org", {"org_kind": "owners", "name": "业委会", "compound_ids": [kept]})
    gone = put(any_centre, "org", {**org, "name": "撤销"})
    for code, days in (
        (GRID, {"valid_to": "2026-09-29"}), (OTHER_GRID, {"valid_to": "2026-09-30"}),
        (f"{COMMUNITY}009", {"valid_from": "2026-10-01"}),
    ):  # fmt: skip
        said = {"code": code, "name": code, "level": "grid", "valid_from": "2026-01-01", **days}
        put(any_centre, "area", said, code)
    with any_centre.store.writing() as connection:
        ended = sa.update(records).where(records.c.record_id.in_((void, gone)))
        connection.execute(ended.values(voided=True))
    found = report(any_centre, me)
    assert pair(found.whole, "org") == (1, 3)
    assert names(any_centre, me, "org") == ["乙"]
    assert found.whole.counts["kind=bungalow"] == 1
    assert (found.whole.counts["org=branch"], found.whole.counts["orgs"]) == (1, 2)
    assert names(any_centre, me, "level=grid") == [OTHER_GRID]
    merge(any_centre, twin, kept)
    found = report(any_centre, me)
    assert pair(found.whole, "org") == (1, 2)  # the branch goes with the compound it names
    assert names(any_centre, me, "org") == ["甲"]


def merge(centre: Centre, gone: str, kept: str) -> None:
    """Let one compound have gone into another, as records of other kinds do."""
    with centre.store.writing() as connection:
        here = sa.update(records).where(records.c.record_id == gone)
        connection.execute(here.values(merged_into=kept))
        put_alias(connection, DISTRICT, gone, kept, NOON)


def test_a_kind_of_compounds_narrows_shares_but_not_the_levels(any_centre: Centre) -> None:
    me = hire(any_centre, "community", COMMUNITY)
    put(any_centre, "compound", compound("甲"))
    put(any_centre, "compound", compound("丁", kind="bungalow", property_mode="none"))
    found = report(any_centre, me, kind="bungalow").whole
    assert pair(found, "property") == (0, 1)
    assert (found.counts["all"], found.counts["compounds"]) == (1, 2)
    assert names(any_centre, me, "all", kind="bungalow") == ["丁"]
    assert names(any_centre, me, "compounds", kind="bungalow") == ["丁", "甲"]


def test_a_grid_leader_sees_the_compounds_with_a_building_in_the_grid(any_centre: Centre) -> None:
    me = hire(any_centre, "leader", GRID)
    near, far = (put(any_centre, "compound", compound(name)) for name in ("近", "远"))
    put(any_centre, "building", {"compound_id": near, "no": "1"}, GRID)
    put(any_centre, "building", {"compound_id": far, "no": "2"}, OTHER_GRID)
    found = report(any_centre, me)
    assert (found.whole.counts["all"], found.whole.counts["buildings"]) == (1, 1)
    assert names(any_centre, me, "managed") == ["近"]
