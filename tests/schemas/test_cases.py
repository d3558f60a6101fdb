"""An issue's fold: every row of the table, who may, and one result for every order of arrival."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import workflow as flow
from schemas.cases import Case, fold
from schemas.guards import Actor, failing
from schemas.steps_order import Step, heads, in_order

ISSUE = {"level": "2", "category": "FIRE", "urgency": "normal", "happened_at": "2026-09-30T08:00"}
UNIT, OTHER_UNIT = "unit-a", "unit-b"
PEOPLE = {
    "worker": Actor("w1"),
    "community": Actor("c1", "community"),
    "street": Actor("s1", "street"),
    "district": Actor("d1", "district"),
    "department": Actor("p1", "department", UNIT),
    "company": Actor("p2", "company", UNIT),
    "system": Actor(flow.SYSTEM_ID, "system"),
}


class Story:
    """Steps one after the other, each made by somebody who has seen all before."""

    def __init__(self, issue=ISSUE):
        self.issue = dict(issue)
        self.steps: list[Step] = []

    @property
    def case(self) -> Case:
        return fold("issue", "w1", self.issue, self.steps)

    def add(self, who, action, *, after=None, **said):
        actor = PEOPLE[who] if isinstance(who, str) else who
        number = len(self.steps)
        fields = {"action": action, "after": after or heads("issue", self.steps), **said}
        if actor.role:
            fields |= {"central": True, "role": actor.role}
        if actor.unit_id:
            fields["unit_id"] = actor.unit_id
        step = Step(f"step-{number:03d}", actor.user_id, f"2026-09-30T09:{number:02d}", fields)
        self.steps.append(step)
        return self

    def accepted(self, level="2"):
        return self.add("community", "accept", level=level)

    def dispatched(self):
        return self.accepted().add("community", "dispatch", target_id=UNIT)

    def taken(self):
        return self.dispatched().add("department", "take")

    def handled(self, **said):
        return self.accepted().add("community", "handle", **said)

    def resolved(self):
        return self.handled().add("community", "resolve", result="solved", text="x")

    def verified(self):
        return self.resolved().add("worker", "verify")

    def closed(self):
        return self.verified().add("worker", "rate", rating=5).add("community", "close")


def returned():
    return Story().add("community", "return", text="x")


def self_handled():
    return Story({**ISSUE, "level": "1", "self_handled": True, "handled_text": "x"})


def whistled():
    return Story().accepted("3").add("street", "handle").add(
        "street", "whistle", text="x", calls={UNIT: {"due_at": "t"}}
    )  # fmt: skip


def asked(action, who="community", story=None, **said):
    return (story or Story().handled()).add(who, f"ask_{action}", text="x", **said)


def suspended():
    return asked("suspend", until="2026-12-01").add("street", "suspend")


SAYS = {
    "accept": {"level": "2"}, "return": {"text": "x"}, "resend": {"text": "x"},
    "ask_void": {"text": "x"}, "classify": {"level": "3"}, "dispatch": {"target_id": UNIT},
    "refuse": {"refuse": "not_ours", "text": "x"}, "ask_escalate": {"text": "x"},
    "escalate": {"text": "x"}, "whistle": {"text": "x", "calls": {UNIT: {}}},
    "conclude": {"text": "x"}, "ask_suspend": {"text": "x", "until": "2026-12-01"},
    "ask_extend": {"text": "x", "due_at": "t2"}, "resolve": {"result": "solved", "text": "x"},
    "rework": {"text": "x"}, "rate": {"rating": 4}, "plan_lookback": {"until": "2026-12-01"},
    "lookback": {"lookback": "pass"}, "reopen": {"text": "x"}, "merge": {"into_id": "other"},
    "recall": {"text": "x"},
    "unmerge": {"text": "x"}, "remind": {"remind": "onsite"}, "due": {"due_at": "t3"},
}  # fmt: skip

ROWS = [
    # action, how the issue got there, who may (of PEOPLE), where it leads
    ("accept", Story, {"community"}, "20"),
    ("return", Story, {"community"}, "15"),
    ("resend", returned, {"worker"}, "10"),
    ("ask_void", Story, {"community"}, "10"),
    ("void", lambda: Story().add(Actor("c2", "community"), "ask_void", text="x"),
     {"community"}, "90"),
    ("void", lambda: Story().add("community", "ask_void", text="x"), set(), "10"),  # himself
    ("decline", lambda: Story().add("community", "ask_void", text="x"), {"community"}, "10"),
    ("classify", lambda: Story().accepted(), {"community"}, "20"),
    ("classify", lambda: Story().handled(), {"community"}, "40"),
    ("classify", lambda: Story().accepted("3"), {"street"}, "20"),
    ("handle", lambda: Story().accepted(), {"community"}, "40"),
    ("handle", lambda: Story().accepted("3"), {"street"}, "40"),
    ("handle", lambda: Story().accepted("4"), {"district"}, "40"),
    ("dispatch", lambda: Story().accepted(), {"community"}, "30"),
    ("dispatch", lambda: Story().accepted("3"), {"street"}, "30"),
    ("take", lambda: Story().dispatched(), {"department", "company"}, "40"),
    ("take", lambda: Story().accepted().add("community", "dispatch", target_id=OTHER_UNIT),
     set(), "30"),
    ("refuse", lambda: Story().dispatched(), {"department", "company"}, "20"),
    ("recall", lambda: Story().dispatched(), {"community", "street"}, "20"),
    ("recall", lambda: Story().taken(), {"community", "street"}, "20"),
    ("recall", lambda: Story().handled(), set(), "40"),  # no unit has it
    ("ask_escalate", lambda: Story().taken(), {"department", "company"}, "40"),
    ("ask_escalate", lambda: Story().handled(assignee_id="w1"), {"worker"}, "40"),
    ("escalate", lambda: Story().handled(), {"community"}, "20"),
    ("escalate", lambda: Story().accepted("4").add("district", "handle"), set(), "40"),
    ("whistle", lambda: Story().accepted("3").add("street", "handle"), {"street"}, "40"),
    ("report_in", whistled, {"department", "company"}, "40"),
    ("report_in", lambda: Story().handled(), set(), "40"),
    ("conclude", whistled, {"street"}, "40"),
    ("ask_suspend", lambda: Story().handled(), {"community"}, "40"),
    ("ask_suspend", lambda: Story().taken(), {"department", "company"}, "40"),
    ("suspend", lambda: asked("suspend", until="2026-12-01"), {"street", "district"}, "45"),
    ("suspend", lambda: Story().handled(), set(), "40"),  # nobody asked
    ("decline", lambda: asked("suspend", until="2026-12-01"), {"street", "district"}, "40"),
    ("resume", suspended, {"community", "street", "district", "system"}, "40"),
    ("ask_extend", lambda: Story().handled(), {"community"}, "40"),
    ("extend", lambda: asked("extend", due_at="t2"), {"street", "district"}, "40"),
    ("extend", lambda: asked("extend", due_at="t3", story=asked("extend", due_at="t2").add(
        "street", "extend")), {"district"}, "40"),  # more than once: the next level
    ("resolve", lambda: Story().handled(), {"community"}, "50"),
    ("resolve", lambda: Story().handled(assignee_id="w1"), {"community", "worker"}, "50"),
    ("resolve", lambda: Story().taken(), {"department", "company"}, "50"),
    ("verify", lambda: Story().resolved(), {"worker", "community"}, "60"),
    ("rework", lambda: Story().resolved(), {"worker", "community"}, "40"),
    ("verify", self_handled, set(), "50"),
    ("close", self_handled, {"community"}, "70"),
    ("return", self_handled, {"community"}, "15"),
    ("close", lambda: Story().resolved(), set(), "50"),
    ("rate", lambda: Story().verified(), {"worker", "community"}, "60"),
    ("close", lambda: Story().verified(), {"system"}, "70"),  # three days without a rating
    ("close", lambda: Story().verified().add("worker", "rate", rating=5),
     {"community", "system"}, "70"),
    ("rate", lambda: Story().closed(), {"worker", "community"}, "70"),
    ("plan_lookback", lambda: Story().closed(), {"street", "district", "system"}, "70"),
    ("lookback", lambda: Story().closed().add("street", "plan_lookback", until="2026-12-01"),
     {"worker", "street", "district"}, "70"),
    ("lookback", lambda: Story().closed(), set(), "70"),  # none is planned
    ("reopen", lambda: Story().closed(), {"street", "district"}, "40"),
    *[("merge", how, {"community"}, "80") for how in (
        Story, returned, lambda: Story().accepted(), lambda: Story().dispatched(),
        lambda: Story().handled(), suspended, lambda: Story().resolved(),
        lambda: Story().verified())],
    ("merge", lambda: Story().closed(), set(), "70"),
    ("unmerge", lambda: Story().accepted().add("community", "merge", into_id="other"),
     {"community"}, "20"),
    ("remind", lambda: Story().handled(), {"community", "street", "district"}, "40"),
    ("due", lambda: Story().handled(), {"system"}, "40"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "how", "who_may", "target"), ROWS,
                         ids=[f"{n}-{row[0]}" for n, row in enumerate(ROWS)])  # fmt: skip
def test_a_row_is_for_those_the_table_names_and_for_nobody_else(action, how, who_may, target):
    for name, actor in PEOPLE.items():
        case = how().case
        rows = [
            row
            for row in flow.rows_for(action, case.state)
            if (actor.role or "worker") in row.roles and failing(row, case, actor) is None
        ]
        assert bool(rows) == (name in who_may), name
        if name in who_may:
            after = how().add(actor, action, **SAYS.get(action, {})).case
            assert after.readings[-1].counted
            assert after.state == target


def test_every_row_of_the_table_is_tried():
    tried = {(action, how().case.state) for action, how, _, _ in ROWS}
    notes = {(row.action, row.source) for row in flow.TRANSITIONS if row.action in flow.SPEAKING}
    dues = {(row.action, row.source) for row in flow.TRANSITIONS if row.action == "due"}
    assert {(row.action, row.source) for row in flow.TRANSITIONS} - tried - notes - dues == set()


def test_a_step_without_what_it_must_say_does_not_count():
    case = Story().accepted().add("community", "dispatch").case
    assert (case.state, case.overtaken[0].why) == (flow.ACCEPTED, "target_id")


def test_a_second_refusal_goes_up_by_itself():
    story = Story()
    story.dispatched().add("department", "refuse", refuse="not_ours", text="x")
    assert story.case.level == "2"
    story.add("community", "dispatch", target_id=UNIT)
    story.add("department", "refuse", refuse="no_power", text="x")
    case = story.case
    assert (case.state, case.level, case.unit_id, case.units) == ("20", "3", None, set())


def test_a_recalled_issue_keeps_its_due_time_and_what_the_unit_says_too_late():
    story = Story().add("community", "accept", level="2", due_at="t1")
    story.add("community", "dispatch", target_id=UNIT)
    seen = heads("issue", story.steps)
    story.add("community", "recall", text="x").add("department", "take", after=seen)
    takes = Story()
    takes.steps = [*story.steps[:2], story.steps[3], story.steps[2]]
    for case in (story.case, takes.case):  # in whichever order they came
        assert (case.state, case.unit_id, case.due_at) == (flow.ACCEPTED, None, "t1")
        assert (case.units, case.refusals, case.former_dues) == ({UNIT}, 0, [])
        assert len(case.steps) == 4
    assert story.add("community", "dispatch", target_id=OTHER_UNIT).case.unit_id == OTHER_UNIT


def test_a_recall_says_why():
    case = Story().dispatched().add("community", "recall").case
    assert (case.state, case.overtaken[0].why) == (flow.DISPATCHED, "text")


def test_a_relapse_reopens_what_was_closed():
    story = Story().closed().add("street", "plan_lookback", until="2026-10-30")
    case = story.add("worker", "lookback", lookback="relapse", text="x").case
    assert (case.state, case.reopened, case.rating) == (flow.HANDLING, 1, None)
    assert case.lookbacks[0].result == "relapse"


def test_an_undone_merge_stands_where_it_stood():
    story = Story().handled().add("community", "merge", into_id="other")
    assert (story.case.state, story.case.into_id) == (flow.MERGED, "other")
    assert story.add("community", "unmerge", text="x").case.state == flow.HANDLING


def test_what_staff_did_first_overtakes_a_step_made_without_knowing_it():
    story = Story().resolved()
    seen = heads("issue", story.steps)
    story.add("community", "verify").add("worker", "rework", after=seen, text="not done")
    case = story.case
    assert case.state == flow.VERIFIED
    assert [one.step.action for one in case.overtaken] == ["rework"]


def test_what_staff_built_upon_is_not_undone_by_a_late_step():
    story = Story().resolved()
    seen = heads("issue", story.steps)
    story.add("worker", "verify").add("worker", "rate", rating=5).add("community", "close")
    for number in range(20):  # whatever its digest
        late = Step(f"late-{number}", "w2", "2026-09-30T08:00",
                    {"action": "rework", "after": seen, "text": "x"})  # fmt: skip
        case = fold("issue", "w1", ISSUE, [*story.steps, late])
        assert case.state == flow.CLOSED
        assert [one.step.step_id for one in case.overtaken] == [late.step_id]


def test_steps_of_before_count_as_they_were_made():
    actions = ("accept", "note", "handle", "resolve", "close")
    steps = [Step(f"s{n}", "x", f"2026-09-30T09:0{n}", {"action": action})
             for n, action in enumerate(actions)]  # fmt: skip
    case = fold("issue", "w1", ISSUE, reversed(steps))
    assert case.state == flow.CLOSED
    assert [one.step.action for one in case.readings] == [one.action for one in steps]


def _random_history(chance: random.Random) -> list[Step]:
    """Steps of two laptops and of staff, who learn of each other now and then."""
    issue = ISSUE if chance.random() < 0.8 else {**ISSUE, "level": "1", "self_handled": True}
    known = {"w1": [], "w2": [], "centre": []}
    made: list[Step] = []
    for number in range(chance.randrange(2, 16)):
        place = chance.choice(("w1", "w2", "centre", "centre"))
        if chance.random() < 0.6:  # a sync: both know what either knew
            laptop = chance.choice(("w1", "w2"))
            both = {one.step_id: one for one in (*known["centre"], *known[laptop])}
            known["centre"], known[laptop] = list(both.values()), list(both.values())
        case = fold("issue", "w1", issue, known[place])
        legal = [row.action for row in flow.TRANSITIONS if row.source == case.state]
        action = chance.choice(legal or ["note"]) if chance.random() < 0.8 else chance.choice(
            sorted(SAYS))  # fmt: skip
        fields = {"action": action, "after": heads("issue", known[place]), **SAYS.get(action, {})}
        if place == "centre":
            actor = chance.choice([one for one in PEOPLE.values() if one.role])
            fields |= {"central": True, "role": actor.role, "unit_id": actor.unit_id}
            author = actor.user_id
        else:
            author = place
        step = Step(f"{chance.random()}-{number}", author, f"{chance.random()}", fields)
        known[place].append(step)
        made.append(step)
    return made


def _arrival(steps: list[Step], chance: random.Random) -> list[Step]:
    """Some order of arrival that keeps causality."""
    left, order, there = list(steps), [], {"issue"}
    while left:
        ready = [one for one in left if there.issuperset(one.fields["after"])]
        one = chance.choice(ready)
        left.remove(one)
        order.append(one)
        there.add(one.step_id)
    return order


@given(st.integers(0, 2**32))
def test_the_state_is_allowed_and_the_same_for_every_order_of_arrival(seed):
    chance = random.Random(seed)
    steps = _random_history(chance)
    cases = [fold("issue", "w1", ISSUE, _arrival(steps, chance)) for _ in range(4)]
    first = cases[0]
    for case in cases[1:]:
        assert case == first
    assert {one.step.step_id for one in first.readings} == {one.step_id for one in steps}
    assert first.state in (*flow.LIVING_STATES, *flow.OVER_STATES)
    for one in first.readings:  # each stride is one the table has
        if one.counted and one.before != one.after and one.step.action != "unmerge":
            assert any(
                one.after in (row.target, row.swerve[2] if row.swerve else row.target)
                for row in flow.rows_for(one.step.action, one.before)
            )
    places = {one.step.step_id: n for n, one in enumerate(first.readings)}
    for step in steps:  # and no step counts before what it came after
        assert all(places[one] < places[step.step_id] for one in step.fields["after"]
                   if one != "issue")  # fmt: skip


def test_a_circle_somebody_made_up_loses_no_step():
    one = Step("a", "w1", "1", {"action": "note", "after": ["b"]})
    two = Step("b", "w1", "2", {"action": "note", "after": ["a"]})
    for steps in itertools.permutations((one, two)):
        assert len(in_order(steps)) == 2
