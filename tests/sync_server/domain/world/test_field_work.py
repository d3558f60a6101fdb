"""The month's patrols, visits and issues, and the day the demo tells."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta

import pytest

from schemas import workflow
from schemas.cases import fold
from schemas.kinds.issue_step import from_laptop
from schemas.materials import SIGNS, moves_of
from schemas.steps_order import Step
from sync_server.domain.world.cast import MOVING_IN
from sync_server.domain.world.duty import duty_days, is_duty_day
from sync_server.domain.world.issue_texts import CATEGORIES
from sync_server.domain.world.staff import PERSONA_GRID

DAYS = 21
"""Duty days from 1 to 29 September 2026."""


@pytest.fixture(scope="module")
def steps(tier_s):
    """Return the steps of each issue, in the order they were drawn."""
    steps = {}
    for record in tier_s.by_kind["issue_step"]:
        steps.setdefault(record.fields["issue_id"], []).append(record)
    return steps


def test_the_calendar_knows_the_holiday_and_its_make_up_day():
    days = duty_days(date(2026, 9, 1), date(2026, 9, 29))
    assert len(days) == DAYS
    assert is_duty_day(date(2026, 9, 20))
    assert not is_duty_day(date(2026, 9, 25))


def test_nothing_has_happened_yet_today_or_later(tier_s):
    today = tier_s.world.today.isoformat()
    assert max(record.made_at for record in tier_s.records)[:10] < today


def test_patrols_fill_the_slots_but_for_a_few(tier_s):
    patrols = tier_s.by_kind["patrol"]
    slots = {(p.grid, p.fields["started_at"][:10], p.fields["slot"]) for p in patrols}
    assert len(slots) == len(patrols)
    assert 0.88 < len(patrols) / (6 * DAYS * 3) < 0.98
    assert all(is_duty_day(date.fromisoformat(day)) for _, day, _ in slots)


def test_late_entries_say_why_and_others_do_not(tier_s):
    late = 0
    for record in tier_s.by_kind["patrol"] + tier_s.by_kind["visit"]:
        happened = record.fields.get("started_at") or record.fields["visited_at"]
        wait = datetime.fromisoformat(record.made_at) - datetime.fromisoformat(happened)
        assert ("late_reason" in record.fields) == (wait > timedelta(hours=24))
        late += "late_reason" in record.fields
    assert late > 0


def test_a_reported_check_item_and_its_issue_name_each_other(tier_s):
    reported = 0
    for patrol in tier_s.by_kind["patrol"]:
        for item, entry in patrol.fields["items"].items():
            assert (entry["result"] == "problem_reported") == ("issue_id" in entry)
            if "issue_id" in entry:
                issue = tier_s.by_id[entry["issue_id"]].fields
                assert (issue["source_id"], issue["source_item"]) == (patrol.record_id, item)
                reported += 1
    assert reported == sum("source_id" in r.fields for r in tier_s.by_kind["issue"]) > 0


def test_checks_come_out_in_their_shares(tier_s):
    results = Counter(
        entry["result"]
        for patrol in tier_s.by_kind["patrol"]
        for entry in patrol.fields["items"].values()
    )
    shares = {result: 100 * count / sum(results.values()) for result, count in results.items()}
    assert shares["ok"] > 92
    assert 3 < shares["problem_fixed"] < 5
    assert 0.3 < shares["not_checked"] < 1.4
    assert 0.1 < shares["problem_reported"] < 1


def test_visits_come_in_their_number(tier_s):
    per_day = Counter(
        (visit.grid, visit.fields["visited_at"][:10])
        for visit in tier_s.by_kind["visit"]
        if visit.fields["visited_at"] >= "2026-09" and "campaign_id" not in visit.fields
    )
    assert 4.5 < sum(per_day.values()) / (6 * DAYS) < 6.0
    assert max(per_day.values()) <= 14


def test_issues_come_in_their_number_and_most_are_small(tier_s):
    issues = [record.fields for record in tier_s.by_kind["issue"]]
    assert 25 < len(issues) < 75
    levels = Counter(issue["level"] for issue in issues)
    assert levels["1"] > levels["3"] > 0


def test_every_step_counts_by_the_guards_in_the_order_it_was_drawn(tier_s, steps):
    for issue in tier_s.by_kind["issue"]:
        mine = steps.get(issue.record_id, [])
        case = _case(issue, mine)
        assert case.overtaken == []
        assert [one.step.step_id for one in case.readings] == [one.record_id for one in mine]
        at = issue.made_at
        for step, reading in zip(mine, case.readings, strict=True):
            said = step.fields
            assert reading.counted, said["action"]
            assert (said["from_state"], said["to_state"]) == (reading.before, reading.after)
            assert said["after"]
            assert said["at"] >= at
            at = said["at"]


def test_steps_carry_what_only_the_centre_says_unless_a_laptop_made_them(tier_s, steps):
    made = tier_s.by_kind["issue_step"]
    for step in made:
        if step.fields.get("central"):
            assert step.fields["role"] not in ("worker", "")
        else:
            assert from_laptop(step.fields) is None
    for issue in tier_s.by_kind["issue"]:
        case = _case(issue, steps.get(issue.record_id, []))
        assert (case.due_at is not None) == (case.accepted_at is not None)
        assert case.accepted_at is None or case.no
    numbers = [step.fields["no"] for step in made if "no" in step.fields]
    assert numbers[0] == "990101-2026-000001"
    assert len(numbers) == len(set(numbers))


def test_units_lead_their_categories_and_have_somebody_who_acts_for_them(tier_s):
    units = {record.record_id: record for record in tier_s.by_kind["unit"]}
    acting = {user.unit_id for user in tier_s.world.users if user.unit_id}
    assert acting == units.keys()
    led = {one for unit in units.values() for one in unit.fields.get("categories", [])}
    assert led == set(CATEGORIES)
    for step in tier_s.by_kind["issue_step"]:
        named = {step.fields.get("target_id"), step.fields.get("unit_id")} - {None}
        assert named | set(step.fields.get("calls", {})) <= units.keys()


def test_steps_are_taken_by_those_who_may(tier_s, steps):
    roles = {user.user_id: user.role for user in tier_s.world.users}
    roles[workflow.SYSTEM_ID] = workflow.SYSTEM
    for step in tier_s.by_kind["issue_step"]:
        fields = step.fields
        rows = [
            row
            for row in workflow.TRANSITIONS
            if (row.action, row.source) == (fields["action"], fields["from_state"])
        ]
        assert any(roles[step.author] in row.roles for row in rows), fields["action"]


def test_the_scripted_grid_is_ready_for_its_day(tier_s, steps):
    persona = tier_s.world.persona()
    assert persona.grid == PERSONA_GRID
    households = [r for r in tier_s.by_kind["household"] if r.grid == PERSONA_GRID]
    assert len(households) == 362
    alone = tier_s.by_id[persona.alone_household].fields
    assert (alone["size"], tier_s.field(alone["head_id"], "name")) == (1, "王样本")
    tenant = tier_s.by_id[persona.tenant_household].fields
    assert (tenant["kind"], tenant["remarks"]) == ("tenant", MOVING_IN)
    assert tier_s.by_id[persona.notice].kind == "notice"
    reaching = [n for n in tier_s.by_kind["notice"] if PERSONA_GRID.startswith(n.grid)]
    assert [notice.record_id for notice in reaching] == [persona.notice]
    returned = [
        issue.record_id
        for issue in tier_s.by_kind["issue"]
        if issue.grid == PERSONA_GRID
        and issue.author == persona.worker_id
        and _state(issue, steps.get(issue.record_id, [])) == workflow.RETURNED
    ]
    assert returned == [persona.returned_issue]


def _state(issue, steps):
    return _case(issue, steps).state


def _case(issue, steps):
    held = [Step(one.record_id, one.author, one.made_at, one.fields) for one in steps]
    return fold(issue.record_id, issue.author, issue.fields, held)


def test_a_campaign_is_half_way_through_and_leaves_care_to_its_visits(tier_s):
    (campaign,) = tier_s.by_kind["campaign"]
    assert campaign.fields["starts_on"] < "2026-09-30" < campaign.fields["ends_on"]
    knocks = [v.fields for v in tier_s.by_kind["visit"] if "campaign_id" in v.fields]
    doors = {visit["household_id"] for visit in knocks}
    assert 0.3 < len(doors) / 2155 < 0.6
    in_care = {
        tier_s.by_id[care.fields["resident_id"]].fields["household_id"]
        for care in tier_s.by_kind["care"]
    }
    assert not doors & in_care
    met = [visit for visit in knocks if visit["result"] == "met"]
    assert 0.7 < len(met) / len(knocks) < 0.9
    assert all(set(visit.get("materials", ())) == {"fraud", "safety"} for visit in met)
    assert sum("opinions" in visit for visit in met) > 20


def test_no_grid_hands_out_leaflets_it_does_not_have(tier_s):
    stock = defaultdict(int)
    for kind in ("material_move", "visit"):
        for record in tier_s.by_kind[kind]:
            for material, move, qty in moves_of(kind, record.fields):
                stock[record.grid, material] += SIGNS[move] * qty
    assert len(stock) == 6 * 4
    assert min(stock.values()) >= 0
