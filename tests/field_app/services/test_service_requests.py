"""Service requests on the laptop: what is open to whom, clocks without a network, first steps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from field_app.services import drafts, service_requests
from field_app.services.drafts import MAIN, DraftGone, Finished, Typed
from field_app.services.records import save_record, views
from field_app.services.service_requests import Standing
from field_app.services.workspace import Workspace
from schemas import service_flow
from schemas.service_clocks import as_fields
from tests.field_app.laptops import GRID, WORKER, Hands, Laptop
from tests.field_app.small_grid import COLLEAGUE, COMMUNITY, fill, pull_in, rid

AT_0830 = "2026-09-30T08:30:00+08:00"
ASKED = {
    "requested_at": AT_0830, "kind": "order", "item": "repair", "words": "灯不亮",
    "applicant": "林示例", "channel": "hotline",
}  # fmt: skip


@pytest.fixture
def ws(laptop: Laptop) -> Workspace:
    """A worker who holds the small grid."""
    fill(laptop.ws.db)
    return laptop.ws


def from_centre(ws: Workspace, area: str = GRID, **more: Any) -> str:
    """A request the desk took in."""
    pull_in(ws, "service", rid("service", 1), {**ASKED, **more}, area)
    return rid("service", 1)


def centre_step(ws: Workspace, number: int, action: str, area: str = GRID, **more: Any) -> str:
    """A step of the desk, upon all that went before at the centre."""
    before = [rid("service_step", number - 1)] if number > 1 else [rid("service", 1)]
    fields = {
        "service_id": rid("service", 1), "action": action, "role": "community", "central": True,
        "after": before, "at": f"2026-09-30T08:3{number}:00+08:00", **more,
    }  # fmt: skip
    pull_in(ws, "service_step", rid("service_step", number), fields, area)
    return rid("service_step", number)


def found(ws: Workspace, service_id: str) -> Standing:
    standing = service_requests.standing(ws, service_id)
    assert standing is not None
    return standing


def typed_in(ws: Workspace, draft_id: str, **texts: str) -> Typed:
    """What a window sends: what the form stood at, and what was typed over it."""
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    changed = {name: [text] for name, text in texts.items()}
    return Typed({MAIN: draft["parts"][MAIN]["texts"] | changed}, revision=draft["revision"])


def take(ws: Workspace, service_id: str, action: str, **texts: str) -> Finished:
    """Take a step the way its form does, or at once."""
    if action in service_requests.AT_ONCE:
        saved = service_requests.take_at_once(ws, service_id, action)
        return Finished(saved.saved)
    draft_id = service_requests.start_step(ws, service_id, action)
    typed = typed_in(ws, draft_id, **texts)
    return service_requests.finish_step(ws, draft_id, typed)


def test_a_request_at_the_door_is_accepted_and_taken_on_in_one_commit(ws: Workspace) -> None:
    draft_id = service_requests.start_request(ws, rid("household", 1))
    typed = typed_in(ws, draft_id, item="medicine", words="取降压药")
    assert service_requests.finish_and_take(ws, draft_id, typed).saved
    (service,) = views(ws, "service")
    assert service["fields"]["household_id"] == rid("household", 1)
    standing = found(ws, service["record_id"])
    assert (standing.case.state, standing.case.taker_id) == ("doing", WORKER)
    assert [one.reading.step.action for one in standing.steps] == ["accept", "claim"]
    assert standing.taker == "林示例"
    assert service_requests.my_requests(ws)[0].view["record_id"] == service["record_id"]


def test_the_head_of_the_household_is_offered_as_the_applicant(ws: Workspace) -> None:
    draft_id = service_requests.start_request(ws, rid("household", 1))
    draft = drafts.find(ws, draft_id)
    assert draft is not None
    texts = draft["parts"][MAIN]["texts"]
    assert (texts["applicant"], texts["phone"]) == (["林示例"], ["13800015677"])


def test_a_request_handed_over_waits_for_the_community(ws: Workspace) -> None:
    draft_id = service_requests.start_request(ws)
    typed = typed_in(ws, draft_id, item="other")
    assert not service_requests.finish_and_take(ws, draft_id, typed).saved
    typed = typed_in(ws, draft_id, words="想学剪纸", applicant="王样本")
    assert service_requests.finish_and_hand_over(ws, draft_id, typed).saved
    (service,) = views(ws, "service")
    assert views(ws, "service_step") == []
    assert found(ws, service["record_id"]).case.state == "requested"


def test_an_open_request_of_the_community_is_claimed_and_done(ws: Workspace) -> None:
    service = from_centre(ws, COMMUNITY)
    centre_step(ws, 1, "accept", COMMUNITY)
    (free,) = service_requests.claimable(ws)
    assert free.view["record_id"] == service
    assert take(ws, service, "claim").saved
    assert take(ws, service, "solve", result="solved", person_times="2").saved
    standing = found(ws, service)
    assert (standing.case.state, standing.case.person_times) == ("solved", 2)
    (claim, solve) = views(ws, "service_step")[1:]
    assert claim["grid"] == solve["grid"] == COMMUNITY
    assert claim["fields"]["after"] == [rid("service_step", 1)]
    assert solve["fields"]["after"] == [claim["record_id"]]
    assert take(ws, service, "rate", rating="5").saved
    assert found(ws, service).case.rating == 5


@pytest.mark.parametrize("taker", [WORKER, COLLEAGUE])
@pytest.mark.parametrize("state", ["requested", "accepted", "assigned", "doing", "solved", "rated"])
def test_only_what_the_flow_would_accept_is_offered(ws: Workspace, state: str, taker: str) -> None:
    service = from_centre(ws)
    steps = {
        "accepted": [("accept", {})],
        "assigned": [("accept", {}), ("assign", {"taker_id": taker})],
        "solved": [("accept", {}), ("assign", {"taker_id": taker}),
                   ("solve", {"result": "solved", "person_times": 1})],
        "requested": [],
    }  # fmt: skip
    steps["doing"] = [*steps["solved"], ("reopen", {"text": "还没好"})]
    steps["rated"] = [*steps["solved"], ("rate", {"rating": 4})]
    for number, (action, more) in enumerate(steps[state], 1):
        centre_step(ws, number, action, **more)  # type: ignore[arg-type]
    standing = found(ws, service)
    assert standing.case.state == state
    offered = service_requests.offered_steps(ws, standing)
    for item in service_flow.OFFLINE_ACTIONS:
        blocked = service_flow.blocked(standing.case, item, "worker", WORKER)
        again = item == "respond" and standing.case.responded_at is not None
        assert (item in offered) == (not blocked and not again), item
        if item not in offered:
            with pytest.raises(DraftGone):
                take(ws, service, item)


def test_clocks_run_offline_and_become_red_only_on_the_centres_word(
    ws: Workspace, hands: Hands
) -> None:
    service = from_centre(ws)
    centre_step(ws, 1, "accept")
    hands.wall += timedelta(minutes=25)
    states = [(one.name, one.state, one.certain) for one in found(ws, service).clocks]
    assert states[0] == ("respond", "late", False)
    assert states[2] == ("solve", "running", False)
    dues = {
        name: hands.wall + timedelta(minutes=minutes)
        for name, minutes in (("respond", -1), ("reply", 9), ("solve", 200), ("plan", 2000))
    }
    centre_step(ws, 2, "assign", taker_id=WORKER, **as_fields(dues))  # type: ignore[arg-type]
    clocks = found(ws, service).clocks
    assert [one.state for one in clocks] == ["late", "running", "running", "running"]
    assert all(one.certain for one in clocks)
    assert found(ws, service).next_due == clocks[1].due


def test_a_step_the_centre_overtook_stays_as_a_note(ws: Workspace) -> None:
    service = from_centre(ws)
    centre_step(ws, 1, "accept")
    assert take(ws, service, "claim").saved
    # The desk had not seen it when it gave the request to somebody else.
    centre_step(ws, 2, "assign", taker_id=COLLEAGUE)
    standing = found(ws, service)
    assert (standing.case.state, standing.case.taker_id) == ("assigned", COLLEAGUE)
    assert [one.reading.why for one in standing.steps] == ["", "", "taker"]


def test_a_voided_request_offers_nothing(ws: Workspace) -> None:
    draft_id = service_requests.start_request(ws, rid("household", 1))
    typed = typed_in(ws, draft_id, item="other", words="重复了")
    service_requests.finish_and_take(ws, draft_id, typed)
    service = views(ws, "service")[0]["record_id"]
    assert save_record(ws, "service", "void", {"reason": "重复"}, record_id=service).saved
    assert service_requests.offered_steps(ws, found(ws, service)) == []
    assert service_requests.my_requests(ws) == []
