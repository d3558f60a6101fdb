"""Steps of several laptops and of staff reach a real centre in a random order: none is dropped, the
state is one the table allows, and it does not depend on the order they are read in."""

from __future__ import annotations

import random

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import workflow as flow
from schemas.cases import fold
from schemas.clock import written
from schemas.steps_order import Step, heads
from sync_server.domain.errors import Refusal
from sync_server.services.ids import new_id
from sync_server.services.issues import may_do, open_case, take_step
from sync_server.store.case_tables import cases
from sync_server.store.tables import records
from tests.sync_server.services.desks import hire, two_laptops
from tests.sync_server.world import COMMUNITY, DISTRICT, issue

SAYS = {
    "accept": {"level": "2"}, "return": {"text": "x"}, "resend": {"text": "x"},
    "ask_void": {"text": "x"}, "classify": {"level": "2"}, "escalate": {"text": "x"},
    "ask_suspend": {"text": "x", "until": "2026-10-20"}, "conclude": {"text": "x"},
    "ask_extend": {"text": "x", "due_at": "2026-10-20T12:00:00+08:00"}, "reopen": {"text": "x"},
    "resolve": {"result": "solved", "text": "x"}, "rework": {"text": "x"}, "rate": {"rating": 2},
    "plan_lookback": {"until": "2026-10-30"}, "lookback": {"lookback": "pass"},
    "unmerge": {"text": "x"}, "recall": {"text": "x"}, "remind": {"remind": "onsite"},
}  # fmt: skip
OFFLINE = sorted(flow.OFFLINE_ACTIONS)


@pytest.fixture
def people(centre):
    return [hire(centre, "community", (COMMUNITY,)), hire(centre, "street", (DISTRICT + "100",)),
            hire(centre, "district", (DISTRICT,))]  # fmt: skip


@pytest.fixture
def laptops(centre):
    return two_laptops(centre)


@settings(
    max_examples=8, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(seed=st.integers(0, 2**32))
def test_no_step_is_dropped_and_every_order_folds_alike(seed, centre, laptops, people):
    chance = random.Random(seed)
    issue_id = laptops[0].write("issue", "create", issue())["record_id"]
    laptops[0].send()
    held = {laptop.device_id: {} for laptop in laptops}  # the steps each laptop knows
    made = set()
    for _ in range(14):
        if chance.random() < 0.5:
            _work_offline(chance, chance.choice(laptops), issue_id, held, made)
        else:
            _work_at_the_desk(chance, centre, chance.choice(people), issue_id)
        if chance.random() < 0.4:
            laptop = chance.choice(laptops)
            laptop.send()
            held[laptop.device_id] = _steps(centre, issue_id)
    for laptop in laptops:
        laptop.send()
    steps = _steps(centre, issue_id)
    assert made <= steps.keys()
    with centre.store.reading() as connection:
        row, case = open_case(connection, people[0], issue_id)
        stands = connection.execute(
            sa.select(cases.c.state).where(cases.c.issue_id == issue_id)
        ).scalar_one()
    assert {one.step.step_id for one in case.readings} == steps.keys()
    assert stands == case.state
    shuffled = list(steps.values())
    for _ in range(3):
        chance.shuffle(shuffled)
        assert fold(issue_id, row["author"], row["fields"], shuffled).state == case.state
    for one in case.readings:
        if one.counted and one.before != one.after and one.step.action != "unmerge":
            assert any(
                one.after in (line.target, line.swerve[2] if line.swerve else line.target)
                for line in flow.rows_for(one.step.action, one.before)
            )


def _work_offline(chance, laptop, issue_id, held, made):
    """Append any step a laptop may append, legal in the state it believes in or not."""
    action = chance.choice(OFFLINE)
    known = held[laptop.device_id]
    fields = {
        "issue_id": issue_id, "action": action, "at": written(laptop.centre.clock()),
        "after": heads(issue_id, known.values()), **SAYS.get(action, {}),
    }  # fmt: skip
    step_id = new_id()
    laptop.write("issue_step", "step", fields, step_id)
    known[step_id] = Step(step_id, laptop.worker_id, fields["at"], fields)
    made.add(step_id)


def _work_at_the_desk(chance, centre, person, issue_id):
    """Take a step the page offers, or one it does not, which must be refused."""
    with centre.store.reading() as connection:
        _, case = open_case(connection, person, issue_id)
        offered = [row.action for row in may_do(person, case) if row.action in SAYS]
    if offered and chance.random() < 0.8:
        action = chance.choice(offered)
        take_step(centre.store, person, issue_id, action, SAYS[action], centre.clock())
        return
    action = chance.choice(sorted(SAYS.keys() - set(offered)))
    with pytest.raises(Refusal):
        take_step(centre.store, person, issue_id, action, SAYS[action], centre.clock())


def _steps(centre, issue_id):
    with centre.store.reading() as connection:
        rows = connection.execute(
            sa.select(records).where(
                records.c.parent_id == issue_id, records.c.kind == "issue_step"
            )
        ).mappings()
        return {
            row["record_id"]: Step(
                row["record_id"], row["author"], written(row["happened_at"]), row["fields"]
            )
            for row in rows
        }
