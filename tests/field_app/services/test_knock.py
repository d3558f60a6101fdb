"""Knock campaigns on the laptop: the doors left, read off the visits, and leaflets as a sum."""

from __future__ import annotations

import pytest

from field_app.services import drafts, households, knock, materials, visits
from field_app.services.drafts import MAIN, DraftGone, Typed
from field_app.services.records import get_view, save_record, views
from field_app.services.workspace import Workspace
from tests.field_app.laptops import GRID, Laptop
from tests.field_app.small_grid import COMMUNITY, fill, pull_in, rid

CAMPAIGN = "01998a00-0000-7000-8099-000000000001"
QUESTION = "01998a00-0000-7000-8099-000000000002"
SAYS = {
    "name": "秋季防诈骗敲门行动", "area_code": COMMUNITY, "starts_on": "2026-09-20",
    "ends_on": "2026-10-20", "purpose": "逐户宣传", "opinion_cats": ["facility"],
    "questions": {QUESTION: {"text": "家里有人在外地工作吗"}},
    "materials": {"fraud": {"qty": 2}},
}  # fmt: skip


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """A worker who holds the small grid, where a campaign runs."""
    fill(laptop.ws.db)
    pull_in(laptop.ws, "campaign", CAMPAIGN, SAYS, COMMUNITY)
    return laptop.ws


def knock_at(ws: Workspace, number: int, result: str, **typed: list[str]) -> str:
    draft_id = visits.start_visit(
        ws, household_id=rid("household", number), result=result, campaign_id=CAMPAIGN
    )
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    file = households.household_file(ws, rid("household", number))
    assert file is not None
    checks = {f"care_checks.{one.view['record_id']}.state": ["well"] for one in file.in_care}
    said = {"notice_given": ["1"], **(checks if result == "met" else {}), **typed}
    texts = {MAIN: dict(draft["parts"][MAIN]["texts"]) | said}
    assert visits.finish_visit(ws, draft_id, Typed(texts, draft["revision"], "a")).saved
    return draft_id


def test_every_door_of_the_grid_is_left_at_first(ws: Workspace) -> None:
    (one,) = knock.running(ws)
    assert (one.name, one.state) == ("秋季防诈骗敲门行动", "running")
    assert (one.progress.doors, one.progress.left, one.progress.percent) == (30, 30, 0.0)
    found = knock.doors(ws, CAMPAIGN)
    assert found is not None
    assert [one.name for one in found.buildings][:3] == ["幸福里 1", "幸福里 2", "幸福里 3"]
    assert found.chosen is not None
    assert [unit for unit, _ in found.chosen.units] == ["1", "2"]
    first = found.chosen.units[0][1][0]
    assert (first.label, first.people[0], first.state) == ("1-1-201", "林示例", "todo")


def test_a_doors_state_follows_its_visits_and_nobody_types_it(ws: Workspace) -> None:
    knock_at(ws, 1, "nobody")
    knock_at(ws, 2, "met")
    knock_at(ws, 3, "vacant")
    knock_at(ws, 4, "refused")
    one = knock.campaign(ws, CAMPAIGN)
    assert one is not None
    counts = {state: one.progress[state] for state in ("todo", "nobody", "done", "vacant")}
    assert counts == {"todo": 26, "nobody": 1, "done": 1, "vacant": 1}
    assert (one.progress.left, one.progress.asked, one.progress.percent) == (28, 29, 3.4)
    knock_at(ws, 1, "met")
    knock_at(ws, 1, "nobody")  # a leaflet left later does not undo it
    found = knock.doors(ws, CAMPAIGN, rid("building", 1), "done")
    assert found is not None
    assert found.chosen is not None
    listed = [door.household_id for _, doors in found.chosen.units for door in doors]
    assert sorted(listed) == [rid("household", 1), rid("household", 2)]
    visit = views(ws, "visit", household_id=rid("household", 3))[0]
    assert save_record(
        ws, "visit", "void", {"reason": "敲错门"}, record_id=visit["record_id"]
    ).saved
    one = knock.campaign(ws, CAMPAIGN)
    assert one is not None
    assert one.progress["vacant"] == 0


def test_a_visit_from_the_list_has_the_campaign_and_its_leaflets_filled_in(ws: Workspace) -> None:
    visit_id = knock_at(ws, 5, "met", **{f"answers.{QUESTION}.text": ["有，儿子在外地"]})
    view = get_view(ws, "visit", visit_id)
    assert view is not None
    fields = view["fields"]
    assert (fields["campaign_id"], fields["purposes"]) == (CAMPAIGN, ["knock"])
    assert fields["materials"] == {"fraud": {"qty": 2}}
    assert fields["answers"] == {QUESTION: {"text": "有，儿子在外地"}}


def test_nothing_is_handed_out_where_nobody_opens(ws: Workspace) -> None:
    view = get_view(ws, "visit", knock_at(ws, 6, "nobody"))
    assert view is not None
    assert "materials" not in view["fields"]


def test_an_ordinary_visit_can_be_counted_and_taken_out_again(ws: Workspace) -> None:
    draft_id = visits.start_visit(ws, household_id=rid("household", 7), purpose="info")
    draft = visits.count_for(ws, draft_id, Typed({}, 0, "a"), CAMPAIGN)
    main = draft["parts"][MAIN]
    assert main["fixed"]["campaign_id"] == CAMPAIGN
    assert main["texts"]["purposes"] == ["", "info", "knock"]
    texts = {MAIN: dict(main["texts"]) | {f"answers.{QUESTION}.text": ["没有"]}}
    draft = visits.count_for(ws, draft_id, Typed(texts, draft["revision"], "a"), "")
    main = draft["parts"][MAIN]
    assert "campaign_id" not in main["fixed"]
    assert not [name for name in main["texts"] if name.startswith("answers.")]
    with pytest.raises(DraftGone):
        visits.count_for(ws, draft_id, Typed({}, draft["revision"], "a"), rid("household", 1))


def test_a_campaign_elsewhere_or_over_does_not_run(ws: Workspace) -> None:
    pull_in(ws, "campaign", CAMPAIGN, SAYS | {"ends_on": "2026-09-29"}, COMMUNITY, version=2)
    assert [one.state for one in knock.campaigns(ws)] == ["over"]
    assert knock.running(ws) == []
    pull_in(ws, "campaign", CAMPAIGN, SAYS, "990101100008", version=3)
    assert knock.campaigns(ws) == []


def test_a_merged_households_visits_count_for_its_survivor(ws: Workspace) -> None:
    knock_at(ws, 8, "met")
    said = {"code": "H0008", "room_id": rid("room", 8), "kind": "family"}
    pull_in(ws, "household", rid("household", 8), said, GRID, version=2,
            merged_into=rid("household", 9))  # fmt: skip
    one = knock.campaign(ws, CAMPAIGN)
    assert one is not None
    assert (one.progress.doors, one.progress["done"]) == (29, 1)


def test_a_door_is_told_with_all_who_live_there_after_room_and_household_were_merged(
    ws: Workspace,
) -> None:
    for kind, gone, left in (("household", 8, 7), ("room", 7, 8)):
        view = get_view(ws, kind, rid(kind, gone))
        assert view is not None
        pull_in(ws, kind, rid(kind, gone), view["fields"], version=2, merged_into=rid(kind, left))
    found = knock.doors(ws, CAMPAIGN, rid("building", 1), knock.ALL)
    assert found is not None
    assert "…" not in [one.name for one in found.buildings]
    assert found.chosen is not None
    told = {door.household_id: door for _, doors in found.chosen.units for door in doors}
    door = told[rid("household", 7)]
    room = get_view(ws, "room", rid("room", 8))
    assert room is not None
    assert (door.label, len(door.people)) == (room["fields"]["label"], 6)


@pytest.fixture
def both(laptop: Laptop) -> Workspace:
    """The worker's laptop after it pulled what a colleague's laptop of the grid recorded."""
    fill(laptop.ws.db)
    pull_in(laptop.ws, "material_move", "01998a00-0000-7000-8099-000000000011", {
        "moved_at": "2026-09-28T09:00:00+08:00", "material": "fraud", "move": "received",
        "qty": 100,
    }, GRID)  # fmt: skip
    return laptop.ws


def test_what_is_left_is_a_sum_that_two_laptops_add_to(both: Workspace) -> None:
    def left() -> int:
        return next(one.stock.left for one in materials.stock_of(both) if one.code == "fraud")

    assert left() == 100
    moved = {"moved_at": "2026-09-29T09:00:00+08:00", "material": "fraud"}
    for move, qty in (("received", 50), ("given", 30), ("lost", 5), ("returned", 10)):
        said = moved | {"move": move, "qty": qty}
        assert save_record(both, "material_move", "create", said, grid=GRID).saved
    assert left() == 105
    visit = {
        "visited_at": "2026-09-29T10:00:00+08:00", "household_id": rid("household", 1),
        "purposes": ["policy"], "mode": "door", "result": "met", "notice_given": True,
        "materials": {"fraud": {"qty": 2}},
    }  # fmt: skip
    saved = save_record(both, "visit", "create", visit, grid=GRID)
    assert saved.saved
    assert left() == 103
    assert save_record(both, "visit", "void", {"reason": "重复"}, record_id=saved.record_id).saved
    assert left() == 105
