"""The life of a service request: every row of its table, and an outcome no order can change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import service_flow as flow
from schemas.check import check
from schemas.codes import code_list
from schemas.kind import Action
from schemas.kinds.service_step import NEEDED, ServiceStep, from_laptop
from schemas.service_flow import TRANSITIONS, WORKERS, Case, fold, offered
from schemas.steps_order import Step, heads

SERVICE = "01998a00-0000-7000-8000-000000000001"
AUTHOR, TAKER, STRANGER = "author", "taker", "stranger"

# Who may, by state and action: w workers, t only the worker who has it, o also who wrote it down,
# l leaders, c the centre's offices. Written by hand, not read from the table.
MAY = {
    "requested": {"accept": "w c", "cancel": "o c", "note": "w c"},
    "accepted": {
        "assign": "l c", "claim": "w c", "respond": "c", "reply": "c", "plan": "c", "solve": "c",
        "cancel": "o c", "note": "w c",
    },
    "assigned": {
        "assign": "l c", "claim": "t", "release": "t c", "respond": "t c", "reply": "t c",
        "plan": "t c", "solve": "t c", "cancel": "o c", "note": "w c",
    },
    "doing": {
        "assign": "l c", "release": "t c", "respond": "t c", "reply": "t c", "plan": "t c",
        "solve": "t c", "cancel": "o c", "note": "w c",
    },
    "solved": {"rate": "w c", "reopen": "t c", "note": "w c"},
    "rated": {"reopen": "c", "note": "w c"},
    "cancelled": {"note": "w c"},
}  # fmt: skip
LEADS_TO = {
    "accept": "accepted", "assign": "assigned", "claim": "doing", "release": "accepted",
    "solve": "solved", "rate": "rated", "reopen": "doing", "cancel": "cancelled",
}  # fmt: skip
AT_THE_CENTRE_ONLY = {"assign"}
EVERY_ROLE = [item.code for item in code_list("ROLE").items]
EVERY_ACTION = [item.code for item in code_list("SERVICE_ACTION").items]


def expected(state: str, action: str, role: str, person: str) -> bool:
    """Whether the hand-written table lets somebody act."""
    who = MAY[state].get(action, "").split()
    if role in ("community", "street", "district", "admin"):
        # At the centre too a request somebody was given is his alone to take on.
        return "c" in who or ("t" in who and person == TAKER and action == "claim")
    if role not in ("worker", "leader"):
        return False
    if role == "leader" and "l" in who:
        return True
    own = person == TAKER or ("o" in who and person == AUTHOR)
    return "w" in who or (bool({"t", "o"} & set(who)) and own)


def case_in(state: str) -> Case:
    """A case that has come as far as ``state``; in every state somebody has it."""
    return Case(AUTHOR, state=state, taker_id=TAKER)


@pytest.mark.parametrize("state", flow.STATES)
@pytest.mark.parametrize("role", EVERY_ROLE)
@pytest.mark.parametrize("person", [AUTHOR, TAKER, STRANGER])
def test_every_row_of_the_table_says_who_may(state: str, role: str, person: str) -> None:
    case = case_in(state)
    may = {one for one in EVERY_ACTION if not flow.blocked(case, one, role, person)}
    assert may == {one for one in EVERY_ACTION if expected(state, one, role, person)}
    assert set(offered(case, role, person)) == may
    if role in flow.WORKERS:
        here = may - AT_THE_CENTRE_ONLY
        assert set(offered(case, role, person, offline=True)) == here


def test_the_table_names_known_words_and_each_row_leads_where_its_action_says() -> None:
    assert {row.source for row in flow.TRANSITIONS} == set(flow.STATES)
    assert {item.code for item in code_list("SERVICE_STATE").items} == set(flow.STATES)
    assert {row.action for row in flow.TRANSITIONS} == set(EVERY_ACTION)
    for row in flow.TRANSITIONS:
        assert row.target == LEADS_TO.get(row.action, row.source), row


def test_a_first_response_is_not_asked_for_twice() -> None:
    case = case_in("doing")
    assert "respond" in offered(case, "worker", TAKER)
    case.responded_at = "2026-09-30T08:00:00+08:00"
    assert "respond" not in offered(case, "worker", TAKER)


class Maker:
    """Somebody who takes steps upon what he has seen, and may learn of others'."""

    def __init__(self, role: str, person: str, central: bool = False) -> None:
        self.role, self.person, self.central = role, person, central
        self.seen: dict[str, Step] = {}

    def take(self, action: str, number: int, **said: Any) -> Step:
        fields = {
            "action": action, "role": self.role, "central": self.central,
            "after": heads(SERVICE, self.seen.values()),
            "at": f"2026-09-30T09:{number % 60:02d}:00+08:00", **said,
        }  # fmt: skip
        step = Step(f"step-{number:04d}", self.person, fields["at"], fields)
        self.seen[step.step_id] = step
        return step

    def learns(self, other: Maker) -> None:
        self.seen |= other.seen


def whole(case: Case) -> tuple[Any, ...]:
    """Everything a case says, comparable."""
    told = [(one.step.step_id, one.before, one.after, one.why) for one in case.readings]
    return (*(value for name, value in vars(case).items() if name != "readings"), told)


def test_from_the_order_to_the_rating() -> None:
    desk, worker = Maker("community", "desk", True), Maker("worker", TAKER)
    desk.take("accept", 1)
    desk.take("assign", 2, taker_id=TAKER)
    worker.learns(desk)
    worker.take("claim", 5)
    worker.take("reply", 10, text="下午去")
    worker.take("solve", 50, result="solved", person_times=2)
    worker.take("rate", 55, rating=5, text="满意")
    case = fold(AUTHOR, reversed(worker.seen.values()))
    assert (case.state, case.taker_id, case.person_times, case.rating) == ("rated", TAKER, 2, 5)
    times = (case.accepted_at, case.responded_at, case.replied_at, case.solved_at)
    assert [str(one)[14:16] for one in times] == ["01", "05", "10", "50"]
    assert all(one.counted for one in case.readings)


def test_of_two_who_take_on_one_request_the_first_in_order_has_it_and_nothing_is_lost() -> None:
    desk = Maker("community", "desk", True)
    desk.take("accept", 1)
    one, other = Maker("worker", "one"), Maker("worker", "other")
    one.learns(desk)
    other.learns(desk)
    steps = [*desk.seen.values(), one.take("claim", 2), other.take("claim", 3)]
    case, mirrored = fold(AUTHOR, steps), fold(AUTHOR, steps[::-1])
    assert whole(case) == whole(mirrored)
    assert case.taker_id in ("one", "other")
    assert [reading.why for reading in case.readings] == ["", "", "state"]


def test_what_the_centre_did_without_knowing_of_a_laptops_step_comes_first() -> None:
    desk, worker = Maker("community", "desk", True), Maker("worker", TAKER)
    desk.take("accept", 1)
    worker.learns(desk)
    worker.take("claim", 2)
    desk.take("cancel", 3, text="居民自己办了")
    case = fold(AUTHOR, {**worker.seen, **desk.seen}.values())
    assert case.state == "cancelled"
    assert [reading.why for reading in case.readings] == ["", "", "state"]


def test_reopening_forgets_the_end_and_keeps_the_first_signs() -> None:
    desk = Maker("community", "desk", True)
    desk.take("accept", 1)
    desk.take("solve", 5, result="solved", person_times=1)
    desk.take("rate", 6, rating=1)
    desk.take("reopen", 7, text="又坏了")
    case = fold(AUTHOR, desk.seen.values())
    assert (case.state, case.solved_at, case.person_times, case.rating) == (
        "doing", None, None, None,
    )  # fmt: skip
    assert case.responded_at is not None


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_outcome_depends_on_the_steps_alone(data: st.DataObject) -> None:
    makers = [
        Maker("community", "desk", True), Maker("worker", TAKER), Maker("worker", AUTHOR),
        Maker("leader", "leader"),
    ]  # fmt: skip
    everything: dict[str, Step] = {}
    for number in range(data.draw(st.integers(1, 12))):
        maker = data.draw(st.sampled_from(makers))
        if data.draw(st.booleans()):
            maker.learns(data.draw(st.sampled_from(makers)))
        action = data.draw(st.sampled_from(EVERY_ACTION))
        said = {"taker_id": data.draw(st.sampled_from([TAKER, AUTHOR]))}
        step = maker.take(action, number, **(said if action == "assign" else {}))
        everything[step.step_id] = step
    steps = list(everything.values())
    expected = whole(fold(AUTHOR, steps))
    for _ in range(3):
        assert whole(fold(AUTHOR, data.draw(st.permutations(steps)))) == expected
    assert len(expected[-1]) == len(steps)


@pytest.mark.parametrize("action", EVERY_ACTION)
def test_a_step_says_what_its_action_is_for(action: str) -> None:
    said = {"taker_id": SERVICE, "text": "话", "result": "solved", "person_times": 1, "rating": 4}
    base = {
        "service_id": SERVICE, "action": action, "role": "worker",
        "at": "2026-09-30T09:00:00+08:00",
    }  # fmt: skip
    step: Action = "step"
    full = base | {name: said[name] for name in NEEDED.get(action, ())}
    assert check(ServiceStep, step, full).ok
    for name in NEEDED.get(action, ()):
        problems = check(ServiceStep, step, {k: v for k, v in full.items() if k != name}).problems
        assert [one.pointer for one in problems] == [f"/{name}"]


def test_a_laptop_cannot_pass_for_the_centre() -> None:
    fields = {"action": "claim", "role": "worker"}
    assert from_laptop(fields) is None
    for more in (
        {"role": "community"}, {"central": True}, {"action": "assign"},
        {"due_reply": "2026-09-30T09:00:00+08:00"},
    ):  # fmt: skip
        fault = from_laptop(fields | more)
        assert fault is not None
        assert fault[0] in more


def test_offline_a_worker_may_do_what_a_leader_may() -> None:
    """As long as this holds the centre need not ask which of the two a laptop's step came from."""
    assert {row.roles & WORKERS for row in TRANSITIONS if row.offline} == {WORKERS}
