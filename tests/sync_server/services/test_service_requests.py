"""Service requests at the centre: steps by the table, clocks over desk hours, figures, journeys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas import service_flow as flow
from schemas.clock import SHANGHAI, written
from schemas.codes import code_list
from schemas.service_clocks import NAMES
from sync_server.domain.errors import Refusal
from sync_server.domain.service_counts import Counts
from sync_server.services import (
    accounts,
    doubtful_times,
    service_cases,
    service_desk,
    service_steps,
)
from sync_server.services.accounts import User
from sync_server.services.centre import Centre
from sync_server.services.ids import new_id
from sync_server.store.service_cases import Wanted, walk
from tests.sync_server.world import COMMUNITY, DISTRICT, GRID, OTHER_GRID, Laptop, add_worker, join

ASKED = {
    "requested_at": "2026-09-30T08:40", "kind": "order", "item": "repair", "words": "灯不亮",
    "applicant": "林示例", "phone": "10000001234", "channel": "hotline",
}  # fmt: skip


def staff(centre: Centre, role: str = "community", scope: str = COMMUNITY) -> User:
    """Make somebody at the centre."""
    with centre.store.writing() as connection:
        return accounts.add_user(
            connection, centre.code, no=f"{role}-{new_id()[-4:]}", name="职员", role=role,
            scope_codes=(scope,), now=centre.clock(),
        )  # fmt: skip


def at(centre: Centre, text: str) -> None:
    """Move the clock to a time of day in Shanghai."""
    centre.clock.now = datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)  # type: ignore[attr-defined]


def take_in(centre: Centre, person: User, area: str = GRID, **more: str) -> str:
    """Take a request in at the desk, accepted."""
    form = {**ASKED, "requested_at": written(centre.clock())[:16], **more}
    record_id = new_id()
    refused = service_steps.take_in(
        centre.store, person, record_id, area, "", lambda name: [form.get(name, "")], list(form),
        centre.clock(), "zh",
    )  # fmt: skip
    assert refused is None, refused and refused.problems
    return record_id


def step(centre: Centre, person: User, service: str, action: str, **said: str) -> Any:
    """Take a step at the desk; return its form when something is wrong with it."""
    return service_steps.take_step(
        centre.store, person, service, new_id(), action, lambda name: [said.get(name, "")],
        list(said), centre.clock(), "zh",
    )  # fmt: skip


def case(centre: Centre, person: User, service: str) -> service_desk.CasePage:
    with centre.store.reading() as connection:
        return service_desk.open_case(connection, person, service, centre.clock(), "zh")


def counts(centre: Centre, person: User) -> Counts:
    service_cases.bring_up_to_date(centre.store, centre.code)
    found = Counts()
    with centre.store.reading() as connection:
        for row in walk(connection, centre.code, Wanted(person.scope_codes)):
            found.add(row, centre.clock())
    return found


def laptop_step(laptop: Laptop, service: str, action: str, after: list[str], **said: Any) -> str:
    """Take a step on a laptop that is offline; it is sent with the next exchange."""
    fields = {
        "service_id": service, "action": action, "role": "worker", "after": after,
        "at": written(laptop.centre.clock()), **said,
    }  # fmt: skip
    return str(laptop.write("service_step", "step", fields)["record_id"])


def test_a_request_taken_in_is_accepted_and_says_when_its_clocks_run_out(centre: Centre) -> None:
    desk = staff(centre)
    at(centre, "2026-09-29T09:00")
    found = case(centre, desk, take_in(centre, desk))
    assert found.case.state == "accepted"
    assert [written(one.due)[5:16] for one in found.clocks] == [
        "09-29T09:20", "09-29T09:30", "09-29T13:00", "09-30T17:30",
    ]  # fmt: skip
    assert found.steps[0].row["fields"]["due_reply"] == "2026-09-29T09:30:00+08:00"
    assert found.shown["applicant"] == "林**"
    assert found.shown["phone"] == "100****1234"


# Hours 8:30-12:00 and 14:00-17:30. 2026-09-30 is a Wednesday; 1-7 October are holidays, and
# 2026-11-06 is an ordinary Friday. Accepted, responded, replied, solved, planned; what is met.
TABLE = [
    # During the morning: limits run from the minute itself.
    ("11-04 09:00", "11-04 09:20", "11-04 09:30", "11-04 13:00", "", "met met met waived", True),
    ("11-04 09:00", "11-04 09:21", "11-04 09:30", "11-04 13:01", "", "late met late met", False),
    # At noon: from 14:00; the plan is due at the end of the next working day.
    ("11-04 12:30", "11-04 14:20", "11-04 14:30", "11-04 18:00", "", "met met met waived", True),
    ("11-04 12:30", "11-04 14:05", "11-04 14:31", "", "11-05 17:30", "met late late met", False),
    ("11-04 12:30", "11-04 14:05", "11-04 14:30", "", "11-05 17:30", "met met late met", True),
    ("11-04 12:30", "11-04 14:05", "11-04 14:30", "", "11-05 17:31", "met met late late", False),
    # Late on Friday: from Monday 8:30, so the plan has until Tuesday evening.
    ("11-06 19:00", "11-09 08:50", "11-09 09:00", "11-09 12:30", "", "met met met waived", True),
    ("11-06 19:00", "11-06 19:01", "11-09 09:01", "", "11-10 17:30", "met late late met", False),
    # On Friday in time: limits run on by the clock, the plan over the weekend until Monday.
    ("11-06 17:20", "11-06 17:40", "11-06 17:50", "11-06 21:21", "", "met met late met", True),
    ("11-06 17:20", "11-06 17:41", "11-06 17:50", "", "11-09 17:30", "late met late met", False),
]


@pytest.mark.parametrize(("row"), TABLE, ids=lambda row: f"{row[0]} {row[5]}")
def test_2341_across_desk_hours_and_a_weekend(centre: Centre, row: tuple[Any, ...]) -> None:
    desk = staff(centre)
    accepted, responded, replied, solved, planned, states, whole = row
    at(centre, f"2026-{accepted}")
    service = take_in(centre, desk)
    words = {"text": "已说明"}
    steps = [(responded, "respond", {}), (replied, "reply", words), (planned, "plan", words),
             (solved, "solve", {"result": "solved", "person_times": "2"})]  # fmt: skip
    for moment, action, said in sorted(one for one in steps if one[0]):
        at(centre, f"2026-{moment}")
        assert step(centre, desk, service, action, **said) is None
    at(centre, "2026-11-30 09:00")
    assert " ".join(one.state for one in case(centre, desk, service).clocks) == states
    found = counts(centre, desk)
    for name, state in zip(NAMES, states.split(), strict=True):
        share = found.clocks[name]
        assert (share.met, share.late) == (int(state == "met"), int(state == "late")), name
    assert (found.whole.met, found.whole.late) == (int(whole), int(not whole))


def test_items_and_person_times_are_counted_apart_and_the_unrated_is_not_satisfied(
    centre: Centre,
) -> None:
    desk = staff(centre)
    for times, rating in (("3", "5"), ("2", "3"), ("1", None)):
        service = take_in(centre, desk)
        step(centre, desk, service, "solve", result="solved", person_times=times)
        if rating:
            step(centre, desk, service, "rate", rating=rating)
    take_in(centre, desk)
    gone = take_in(centre, desk)
    step(centre, desk, gone, "cancel", text="不需要了")
    found = counts(centre, desk)
    assert (found.items, found.done, found.open, found.cancelled) == (4, 3, 1, 1)
    assert (found.person_times, found.each) == (6, 2.0)
    assert (found.ratings, found.satisfied, found.satisfaction) == (2, 1, 50.0)
    assert found.response_rate == pytest.approx(66.7, abs=0.1)


@pytest.mark.parametrize("role", ["admin", "district", "street", "community", "leader"])
def test_the_desk_takes_only_the_steps_the_table_gives_a_role(centre: Centre, role: str) -> None:
    desk, person = staff(centre), staff(centre, role, DISTRICT if role != "leader" else GRID)
    service = take_in(centre, desk)
    said = {"text": "话", "result": "solved", "person_times": "1", "rating": "5"}
    every = [item.code for item in code_list("SERVICE_ACTION").items]
    offered = {form.action for form in case(centre, person, service).forms}
    allowed = {
        one
        for one in every
        if not flow.blocked(case(centre, person, service).case, one, role, person.user_id)
    }
    assert offered == allowed
    for action in sorted(set(every) - allowed):
        with pytest.raises(Refusal, match="step_overtaken"):
            step(centre, person, service, action, **said)
    assert step(centre, person, service, "note", **said) is None


@pytest.mark.parametrize("role", ["auditor", "department", "company", "worker"])
def test_other_roles_take_no_part(centre: Centre, role: str) -> None:
    desk = staff(centre)
    service = take_in(centre, desk)
    person = staff(centre, role, DISTRICT if role != "worker" else GRID)
    with pytest.raises(Refusal, match="not_allowed"):
        step(centre, person, service, "note", text="话")
    with pytest.raises(Refusal, match="not_allowed"):
        case(centre, person, service)


def test_a_request_of_another_area_does_not_exist(centre: Centre) -> None:
    service = take_in(centre, staff(centre))
    neighbour = staff(centre, scope="990101100008")
    with pytest.raises(Refusal, match="unknown_record"):
        step(centre, neighbour, service, "note", text="话")
    with pytest.raises(AssertionError):
        take_in(centre, neighbour)


def test_only_who_holds_the_area_can_be_given_a_request(centre: Centre) -> None:
    desk, here = staff(centre), add_worker(centre)
    elsewhere = add_worker(centre, "w2", (OTHER_GRID,))
    service = take_in(centre, desk)
    wrong = step(centre, desk, service, "assign", taker_id=elsewhere.user_id)
    assert "taker_id" in wrong.problems
    assert "taker_id" in step(centre, desk, service, "assign").problems
    assert step(centre, desk, service, "assign", taker_id=here.user_id) is None
    assert case(centre, desk, service).case.taker_id == here.user_id


def test_the_same_form_sent_twice_takes_one_step(centre: Centre) -> None:
    desk = staff(centre)
    service, step_id = take_in(centre, desk), new_id()
    for _ in range(2):
        assert service_steps.take_step(
            centre.store, desk, service, step_id, "note", lambda name: ["电话打不通"], ["text"],
            centre.clock(), "zh",
        ) is None  # fmt: skip
    assert len(case(centre, desk, service).steps) == 2


def test_a_request_done_on_a_laptop_shows_its_clocks_at_the_desk(centre: Centre) -> None:
    desk, worker = staff(centre), add_worker(centre)
    laptop = join(centre, worker)
    fields = {**ASKED, "requested_at": written(centre.clock())}
    service = laptop.write("service", "create", fields)["record_id"]
    first = laptop_step(laptop, service, "accept", [service])
    second = laptop_step(laptop, service, "claim", [first])
    centre.clock.passes(hours=2)  # type: ignore[attr-defined]
    laptop_step(laptop, service, "solve", [second], result="solved", person_times=2)
    outcomes = {one["outcome"] for one in laptop.send()["receipts"]}
    assert outcomes == {"applied"}
    found = case(centre, desk, service)
    assert (found.case.state, found.taker) == ("solved", worker.name)
    # Accepted at noon outside desk hours: the clocks begin at 14:00.
    assert [one.state for one in found.clocks] == ["met", "met", "met", "waived"]
    assert counts(centre, desk).person_times == 2


def test_a_worker_who_is_offline_gets_what_was_assigned_and_what_overtook_him_is_kept(
    centre: Centre,
) -> None:
    desk, worker = staff(centre), add_worker(centre)
    other = add_worker(centre, "w2")
    laptop, second = join(centre, worker), join(centre, other, "cd" * 32)
    service = take_in(centre, desk, COMMUNITY)
    laptop.send()
    second.send()
    accepted = case(centre, desk, service).steps[0].row["record_id"]
    # Both are offline now: one claims it, the desk gives it to the other.
    laptop_step(laptop, service, "claim", [accepted])
    assert step(centre, desk, service, "assign", taker_id=other.user_id) is None
    second.send()
    [given] = [one for one in second.records.values() if one["fields"].get("action") == "assign"]
    assert given["fields"]["taker_id"] == other.user_id
    assert second.records[accepted]["fields"]["due_reply"]
    laptop.send()
    found = case(centre, desk, service)
    assert (found.case.state, found.case.taker_id) == ("assigned", other.user_id)
    assert [one.reading.why for one in found.steps] == ["", "", "taker"]


def test_a_laptop_cannot_pass_for_the_desk(centre: Centre) -> None:
    desk, worker = staff(centre), add_worker(centre)
    laptop = join(centre, worker)
    service = take_in(centre, desk)
    laptop_step(laptop, service, "solve", [service], role="community", result="solved",
                person_times=1)  # fmt: skip
    laptop_step(laptop, service, "note", [service], central=True, text="冒充")
    assert {one["outcome"] for one in laptop.send()["receipts"]} == {"quarantined"}
    assert case(centre, desk, service).case.state == "accepted"


def test_the_queue_puts_what_is_due_next_first_and_finds_what_is_late(centre: Centre) -> None:
    desk = staff(centre)
    at(centre, "2026-11-04T09:00")
    first = take_in(centre, desk)
    centre.clock.passes(minutes=15)  # type: ignore[attr-defined]
    second = take_in(centre, desk)
    service_cases.bring_up_to_date(centre.store, centre.code)

    def lines(state: str) -> list[str]:
        service_cases.bring_up_to_date(centre.store, centre.code)
        with centre.store.reading() as connection:
            found = service_desk.queue(connection, desk, area="", state=state, kind="", page=1,
                                       now=centre.clock(), lang="zh")  # fmt: skip
        return [one.record_id for one in found.lines]

    assert lines("open") == [first, second]
    assert lines("late") == []
    centre.clock.passes(minutes=10)  # type: ignore[attr-defined]
    assert lines("late") == [first]
    step(centre, desk, first, "reply", text="下午去")
    assert lines("late") == []
    assert lines("open") == [second, first]
    assert lines("solved") == []


def test_a_confirmed_time_moves_the_clocks_of_the_queue(centre: Centre) -> None:
    desk, worker = staff(centre), add_worker(centre)
    at(centre, "2026-11-04T09:00")
    laptop = join(centre, worker)
    laptop.send()
    service = take_in(centre, desk)
    accepted = case(centre, desk, service).steps[0].row["record_id"]
    laptop.slow_s = 7 * 86400  # its clock is a week behind
    change = laptop.write("service_step", "step", {
        "service_id": service, "action": "claim", "role": "worker", "after": [accepted],
        "at": "2026-10-28T09:05:00+08:00",
    })  # fmt: skip
    centre.clock.passes(hours=1)  # type: ignore[attr-defined]
    laptop.send()
    before = counts(centre, desk).clocks["respond"]
    typed = {change["change_id"]: "2026-11-04T09:40"}
    assert doubtful_times.confirm(centre.store, desk, typed, centre.clock()).done == 1
    after = counts(centre, desk).clocks["respond"]
    assert (before.met, before.late) == (1, 0)
    assert (after.met, after.late) == (0, 1)


def test_rows_are_worked_out_once_and_again_when_something_new_came(centre: Centre) -> None:
    desk = staff(centre)
    service = take_in(centre, desk)
    assert counts(centre, desk).open == 1
    centre.clock.passes(minutes=timedelta(minutes=1).seconds // 60)  # type: ignore[attr-defined]
    step(centre, desk, service, "solve", result="solved", person_times="1")
    assert counts(centre, desk).open == 0
