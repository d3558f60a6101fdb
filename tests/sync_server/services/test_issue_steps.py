"""Steps at the centre and from laptops: what counts, what follows by itself, what stays a note."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from schemas import workflow as flow
from schemas.clock import local_day, written
from sync_server.domain.errors import Refusal
from sync_server.services import accounts
from sync_server.services.casework import fold_missing
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.clock_steps import take_due_steps
from sync_server.services.ids import new_id
from sync_server.services.import_records import ImportedRecord, import_records
from sync_server.services.issues import may_do, open_case, take_step
from sync_server.store.case_counts import count_cases
from sync_server.store.case_tables import case_units, cases, deliveries, overtaken_steps
from sync_server.store.tables import conflicts, records
from tests.sync_server.services.desks import hire
from tests.sync_server.world import COMMUNITY, DISTRICT, GRID, add_worker, join

STREET = "990101100"


@pytest.fixture
def laptop(any_centre):
    return join(any_centre, add_worker(any_centre))


@pytest.fixture
def office(any_centre):
    """The people who handle issues, by role."""
    scopes = {"community": COMMUNITY, "street": STREET, "district": DISTRICT}
    people = {role: hire(any_centre, role, (scope,)) for role, scope in scopes.items()}
    with any_centre.store.writing() as connection:
        people["department"] = accounts.add_user(
            connection, any_centre.code, no="d1", name="城管局经办", role="department",
            scope_codes=(DISTRICT,), now=any_centre.clock(), unit_id=UNIT,
        )  # fmt: skip
    return people


UNIT = "01998a00-0000-7000-8000-00000000d001"


def report(laptop, **more):
    """Report an issue from the laptop, sync, and return its id."""
    made = {
        "happened_at": written(laptop.centre.clock()), "category": "FAC", "title": "路灯不亮",
        "text": "晚上看不见路。", "level": "2", "urgency": "normal", "source": "patrol",
        "place": "3号楼东侧",
    }  # fmt: skip
    issue = laptop.write("issue", "create", made | more)["record_id"]
    laptop.send()
    return issue


def do(centre, person, issue, action, **said):
    return take_step(centre.store, person, issue, action, said, centre.clock())


def stands(centre, issue):
    with centre.store.reading() as connection:
        query = sa.select(cases).where(cases.c.issue_id == issue)
        return connection.execute(query).mappings().one()


def seen(centre, issue):
    """Return what a step made with the knowledge of now says in ``after``."""
    with centre.store.reading() as connection:
        query = sa.select(records.c.record_id).where(records.c.parent_id == issue)
        return list(connection.execute(query.order_by(records.c.change_no.desc())).scalars())[:1]


def step(laptop, issue, action, after, **said):
    fields = {
        "issue_id": issue, "action": action, "at": written(laptop.centre.clock()),
        "after": after or [issue], **said,
    }  # fmt: skip
    return laptop.write("issue_step", "step", fields, new_id())


def resolved(centre, office, laptop):
    issue = report(laptop)
    do(centre, office["community"], issue, "accept", level="2")
    do(centre, office["community"], issue, "handle")
    do(centre, office["community"], issue, "resolve", result="solved", text="已换灯泡")
    return issue


def test_an_issue_goes_from_report_to_close(any_centre, laptop, office):
    issue = report(laptop)
    assert stands(any_centre, issue)["state"] == flow.REPORTED
    case = do(any_centre, office["community"], issue, "accept", level="2")
    assert (case.state, case.no) == (flow.ACCEPTED, "990101-2026-000001")
    do(any_centre, office["community"], issue, "dispatch", target_id=UNIT)
    do(any_centre, office["department"], issue, "take")
    do(any_centre, office["department"], issue, "resolve", result="solved", text="已修")
    laptop.send()
    step(laptop, issue, "verify", seen(any_centre, issue))
    laptop.send()
    step(laptop, issue, "rate", seen(any_centre, issue), rating=5)
    laptop.send()
    row = stands(any_centre, issue)
    assert (row["state"], row["rating"], row["over"]) == (flow.CLOSED, 5, True)
    assert row["resolved_level"] == 2


def test_a_rating_below_the_middle_leaves_closing_to_staff(any_centre, laptop, office):
    issue = resolved(any_centre, office, laptop)
    do(any_centre, office["community"], issue, "verify")
    do(any_centre, office["community"], issue, "rate", rating=2)
    assert stands(any_centre, issue)["state"] == flow.VERIFIED
    any_centre.clock.passes(days=13)
    assert take_due_steps(any_centre.store, any_centre.code, any_centre.clock()) == 0
    assert stands(any_centre, issue)["state"] == flow.VERIFIED


def test_nobody_rating_closes_after_three_days_and_a_suspension_ends(
    any_centre, laptop, office, clock
):
    issue = resolved(any_centre, office, laptop)
    do(any_centre, office["community"], issue, "verify")
    waiting = report(laptop)
    do(any_centre, office["community"], waiting, "accept", level="2")
    due = do(any_centre, office["community"], waiting, "handle").due_at
    do(any_centre, office["community"], waiting, "ask_suspend", text="等材料", until="2026-10-12")
    do(any_centre, office["street"], waiting, "suspend")
    assert take_due_steps(any_centre.store, any_centre.code, clock()) == 0
    clock.passes(days=13)
    assert take_due_steps(any_centre.store, any_centre.code, clock()) == 2
    assert take_due_steps(any_centre.store, any_centre.code, clock()) == 0
    row = stands(any_centre, issue)
    assert (row["state"], row["rating"]) == (flow.CLOSED, None)
    with any_centre.store.reading() as connection:
        _, case = open_case(connection, office["community"], waiting)
    assert case.state == flow.HANDLING
    assert case.due_at > due  # what was left counts on


def test_an_issue_whose_row_says_what_its_steps_do_not_keeps_no_other_waiting(
    any_centre, laptop, office, clock
):
    odd = report(laptop)
    issue = resolved(any_centre, office, laptop)
    do(any_centre, office["community"], issue, "verify")
    with any_centre.store.writing() as connection:
        row = {"state": flow.SUSPENDED, "suspended_until": clock().date()}
        connection.execute(sa.update(cases).where(cases.c.issue_id == odd).values(row))
    clock.passes(days=13)
    assert odd < issue  # it is looked at first
    assert take_due_steps(any_centre.store, any_centre.code, clock()) == 1
    assert stands(any_centre, issue)["state"] == flow.CLOSED


def test_a_step_the_table_does_not_allow_is_refused_with_its_reason(any_centre, laptop, office):
    issue = report(laptop)
    with pytest.raises(Refusal, match="step_not_possible") as refused:
        do(any_centre, office["community"], issue, "close")
    assert refused.value.facts["why"] == "state"
    do(any_centre, office["community"], issue, "accept", level="3")
    with pytest.raises(Refusal) as refused:
        do(any_centre, office["community"], issue, "handle")  # it is the street's now
    assert refused.value.facts["why"] == "owner"
    assert stands(any_centre, issue)["state"] == flow.ACCEPTED


def test_nobody_takes_a_step_of_another_role(any_centre, laptop, office):
    issue = report(laptop)
    for role in ("street", "district"):
        with pytest.raises(Refusal) as refused:
            do(any_centre, office[role], issue, "accept", level="2")
        assert refused.value.facts["why"] == "role"
    assert stands(any_centre, issue)["state"] == flow.REPORTED


def test_voiding_takes_a_second_person(any_centre, laptop, office):
    issue, other = report(laptop), None
    with any_centre.store.writing() as connection:
        other = accounts.add_user(
            connection, any_centre.code, no="c2", name="第二人", role="community",
            scope_codes=(COMMUNITY,), now=any_centre.clock(),
        )  # fmt: skip
    do(any_centre, office["community"], issue, "ask_void", text="重复误报")
    with pytest.raises(Refusal, match="step_not_possible"):
        do(any_centre, office["community"], issue, "void")
    assert do(any_centre, other, issue, "void").state == flow.VOIDED


def test_a_department_sees_what_was_dispatched_to_it_until_it_refuses(any_centre, laptop, office):
    issue = report(laptop)
    do(any_centre, office["community"], issue, "accept", level="2")
    with any_centre.store.reading() as connection, pytest.raises(Refusal, match="unknown_record"):
        open_case(connection, office["department"], issue)
    do(any_centre, office["community"], issue, "dispatch", target_id=UNIT)
    with any_centre.store.reading() as connection:
        _, case = open_case(connection, office["department"], issue)
        offered = {row.action for row in may_do(office["department"], case)}
    assert offered == {"take", "refuse", "note"}
    do(any_centre, office["department"], issue, "refuse", refuse="not_ours", text="不属职责")
    with any_centre.store.reading() as connection:
        with pytest.raises(Refusal, match="unknown_record"):
            open_case(connection, office["department"], issue)
        assert connection.execute(sa.select(case_units)).all() == []


def test_the_second_refusal_goes_up_and_gets_its_due_time(any_centre, laptop, office):
    issue = report(laptop)
    first = do(any_centre, office["community"], issue, "accept", level="2").due_at
    for _ in range(2):
        do(any_centre, office["community"], issue, "dispatch", target_id=UNIT)
        do(any_centre, office["department"], issue, "refuse", refuse="not_ours", text="不属职责")
    with any_centre.store.reading() as connection:
        _, case = open_case(connection, office["street"], issue)
    assert (case.state, case.level, case.refusals) == (flow.ACCEPTED, "3", 2)
    assert case.due_at > first
    assert case.former_dues == [first]


def test_a_laptop_takes_no_step_that_is_the_centres(any_centre, laptop, office):
    issue = report(laptop)
    step(laptop, issue, "accept", None, level="2")
    step(laptop, issue, "note", None, text="x", central=True)
    step(laptop, issue, "resend", None, text="x", due_at=written(any_centre.clock()))
    reply = laptop.send()
    assert [one["outcome"] for one in reply["receipts"]] == ["quarantined"] * 3
    assert stands(any_centre, issue)["state"] == flow.REPORTED


def test_what_staff_did_first_keeps_a_late_step_as_a_note_and_an_item(any_centre, laptop, office):
    issue = resolved(any_centre, office, laptop)
    known = seen(any_centre, issue)
    do(any_centre, office["community"], issue, "verify")
    late = step(laptop, issue, "rework", known, text="没修好")["record_id"]
    reply = laptop.send()
    assert [one["outcome"] for one in reply["receipts"]] == ["applied"]
    row = stands(any_centre, issue)
    assert (row["state"], row["overtaken"]) == (flow.VERIFIED, 1)
    with any_centre.store.reading() as connection:
        kept = connection.execute(sa.select(overtaken_steps)).mappings().one()
    assert (kept["step_id"], kept["action"], kept["before"]) == (late, "rework", flow.VERIFIED)


def test_a_rework_on_site_is_due_in_half_the_time(any_centre, laptop, office):
    issue = resolved(any_centre, office, laptop)
    step(laptop, issue, "rework", seen(any_centre, issue), text="没修好")
    laptop.send()
    with any_centre.store.reading() as connection:
        _, case = open_case(connection, office["community"], issue)
    assert (case.state, case.rework_count) == (flow.HANDLING, 1)
    assert case.readings[-1].step.action == "due"
    assert case.due_rule == "1.5 working_days"


def test_what_comes_days_late_from_a_laptop_is_due_from_when_it_came(any_centre, laptop, office):
    clock, community = any_centre.clock, office["community"]
    again, checked, taken_back = (resolved(any_centre, office, laptop) for _ in range(3))
    done, open_ = report(laptop), report(laptop)
    do(any_centre, community, done, "accept", level="2")
    do(any_centre, community, done, "handle", assignee_id=laptop.worker_id)
    do(any_centre, community, open_, "return", text="地点不清")
    clock.passes(days=1)
    step(laptop, again, "rework", seen(any_centre, again), text="没修好")
    step(laptop, checked, "verify", seen(any_centre, checked))
    step(laptop, done, "resolve", seen(any_centre, done), result="solved", text="已换灯泡")
    step(laptop, open_, "resend", seen(any_centre, open_), text="3号楼东侧路口")
    clock.passes(days=10)
    do(any_centre, community, taken_back, "rework", text="没修好")
    laptop.send()
    rows = {one: stands(any_centre, one) for one in (again, checked, taken_back, done, open_)}
    states = [flow.HANDLING, flow.VERIFIED, flow.HANDLING, flow.RESOLVED, flow.REPORTED]
    assert [row["state"] for row in rows.values()] == states
    for row in rows.values():
        assert row["stage_due_at"] > row["yellow_at"] > clock()
    # Like work found wanting at the centre that same moment, on the row and in the case.
    same = ("due_at", "stage_due_at", "yellow_at")
    assert [rows[again][name] for name in same] == [rows[taken_back][name] for name in same]
    kept = rows[again]
    with any_centre.store.writing() as connection:
        connection.execute(sa.delete(cases))
    fold_missing(any_centre.store, any_centre.code, clock())
    assert stands(any_centre, again) == kept


def test_the_same_day_is_the_day_it_happened_on(any_centre, laptop, office):
    noon = any_centre.clock.now
    told = {  # hours from noon: found, accepted, resolved; whether that is the same day
        "FAC": (-18, 45, 52, 0),  # over two nights, by its time limit
        "VEH": (-3, 2, 11.9, 1),
        "PROP": (-3, 2, 12, 0),  # at midnight
        "NOI": (-12, 1, 2, 1),  # since midnight
        "UTL": (-12.1, 1, 2, 0),
    }
    for category, (found, accepted, resolved, _same) in told.items():
        any_centre.clock.now = noon
        found_at = written(noon + timedelta(hours=found))
        issue = report(laptop, level="1", category=category, happened_at=found_at)
        any_centre.clock.now = noon + timedelta(hours=accepted)
        do(any_centre, office["community"], issue, "accept", level="1")
        do(any_centre, office["community"], issue, "handle")
        any_centre.clock.now = noon + timedelta(hours=resolved)
        do(any_centre, office["community"], issue, "resolve", result="solved", text="已修")
    span = [noon - timedelta(days=9), noon + timedelta(days=9)]
    with any_centre.store.reading() as connection:
        rows = count_cases(connection, any_centre.code, (DISTRICT,), span, any_centre.clock())
    assert {row["category"]: (row["resolved"], row["same_day"]) for row in rows} == {
        category: (1, same) for category, (*_hours, same) in told.items()
    }


def test_what_a_worker_settled_himself_is_to_be_confirmed_from_when_it_came(any_centre, laptop):
    ahead = written(any_centre.clock() + timedelta(days=10))  # a mistyped day, a clock ahead
    issues = [
        report(laptop, level="1", self_handled=True, handled_text="当场清理", happened_at=at)
        for at in (ahead, written(any_centre.clock()))
    ]
    due = {stands(any_centre, one)["stage_due_at"] for one in issues}
    assert len(due) == 1
    assert None not in due


def test_the_authors_edit_after_acceptance_is_a_proposal(any_centre, laptop, office):
    issue = report(laptop)
    laptop.write("issue", "update", {"place": "4号楼东侧"}, issue, base_version=1)
    assert [one["outcome"] for one in laptop.send()["receipts"]] == ["applied"]
    do(any_centre, office["community"], issue, "accept", level="2")
    laptop.write("issue", "update", {"place": "5号楼东侧"}, issue, base_version=2)
    assert [one["outcome"] for one in laptop.send()["receipts"]] == ["conflict"]
    with any_centre.store.reading() as connection:
        row, _ = open_case(connection, office["community"], issue)
        kept = connection.execute(sa.select(conflicts)).mappings().one()
    assert row["fields"]["place"] == "4号楼东侧"
    assert (kept["other"], kept["decision"]) == ("5号楼东侧", None)


def test_work_given_to_a_worker_is_delivered_when_his_laptop_says_so(any_centre, laptop, office):
    issue = report(laptop)
    do(any_centre, office["community"], issue, "accept", level="2")
    do(any_centre, office["community"], issue, "handle", assignee_id=laptop.worker_id)
    laptop.send()  # the answer brings it; that it arrived is known with the next request
    with any_centre.store.reading() as connection:
        assert connection.execute(sa.select(deliveries.c.delivered_at)).scalar_one() is None
    any_centre.clock.passes(hours=2)
    laptop.send()
    with any_centre.store.reading() as connection:
        row = connection.execute(sa.select(deliveries)).mappings().one()
    assert row["delivered_at"] == any_centre.clock()


def a_relapse(centre, laptop, office):
    """Let a look-back find that an issue came back; return it and its compound."""
    with centre.store.writing() as connection:
        compound = new_id()
        fields = {
            "code": "XQ-0001", "name": "示例小区", "kind": "compound", "community_code": COMMUNITY,
            "address": "示例路1号", "property_mode": "none", "guard": False, "barrier": False,
            "cctv": False, "self_gov": "none",
        }  # fmt: skip
        import_records(
            connection, DISTRICT,
            [ImportedRecord(compound, "compound", COMMUNITY, fields, laptop.worker_id,
                            "2026-09-01T08:00:00+08:00")],
            author=None, at=centre.clock(),
        )  # fmt: skip
    issue = report(laptop, category="FIRE", compound_id=compound)
    for action, said in (("accept", {"level": "2"}), ("handle", {}),
                         ("resolve", {"result": "solved", "text": "已清理"}), ("verify", {}),
                         ("rate", {"rating": 5})):  # fmt: skip
        do(centre, office["community"], issue, action, **said)
    assert str(stands(centre, issue)["lookback_on"]) == "2026-10-30"
    laptop.send()
    step(laptop, issue, "lookback", seen(centre, issue), lookback="relapse", text="又堆上了")
    laptop.send()
    return issue, compound


def tag_of(centre, compound):
    with centre.store.reading() as connection:
        query = sa.select(records.c.fields).where(records.c.record_id == compound)
        return connection.execute(query).scalar_one()["tag"]


def tagged(centre, compound, tag, person):
    """Let staff say what the compound is tagged with from today on."""
    day = local_day(centre.clock())
    said = {"tag": tag, "tag_from": day, "tags": {"add": {new_id(): {"tag": tag, "since": day}}}}
    with centre.store.writing() as connection:
        row = connection.execute(
            sa.select(records).where(records.c.record_id == compound)
        ).mappings().one()  # fmt: skip
        change = CentralChange("compound", compound, "update", said, person.user_id,
                               base_version=row["version"])  # fmt: skip
        apply_central_change(connection, DISTRICT, change, centre.clock())


def test_a_relapse_reopens_and_lists_the_compound_again(any_centre, laptop, office):
    issue, compound = a_relapse(any_centre, laptop, office)
    row = stands(any_centre, issue)
    assert (row["state"], row["lookback_result"]) == (flow.HANDLING, "relapse")
    assert row["due_at"] is not None
    assert tag_of(any_centre, compound) == "hard"
    assert row["grid"] == GRID


def test_a_relapse_lists_the_compound_once_whatever_else_is_done_with_the_issue(
    any_centre, laptop, office
):
    issue, compound = a_relapse(any_centre, laptop, office)
    any_centre.clock.passes(hours=48)
    tagged(any_centre, compound, "normal", office["community"])
    for action, said in (("remind", {"remind": "text", "text": "请抓紧"}),
                         ("resolve", {"result": "solved", "text": "已清理"}),
                         ("rework", {"text": "还有"})):  # fmt: skip
        any_centre.clock.passes(hours=1)
        do(any_centre, office["community"], issue, action, **said)
        assert tag_of(any_centre, compound) == "normal", action
    for action, said in (("resolve", {"result": "solved", "text": "已清理"}), ("verify", {}),
                         ("rate", {"rating": 5})):  # fmt: skip
        do(any_centre, office["community"], issue, action, **said)
    any_centre.clock.passes(hours=1)
    do(any_centre, office["street"], issue, "plan_lookback", until="2026-12-01")
    do(any_centre, office["street"], issue, "lookback", lookback="relapse", text="又堆上了")
    assert tag_of(any_centre, compound) == "hard"  # another relapse lists it anew


def test_a_recalled_issue_is_dispatched_anew_with_its_due_time(any_centre, laptop, office):
    issue = report(laptop)
    first = do(any_centre, office["community"], issue, "accept", level="2").due_at
    do(any_centre, office["community"], issue, "dispatch", target_id=UNIT)
    do(any_centre, office["department"], issue, "take")
    case = do(any_centre, office["street"], issue, "recall", text="派错了")
    assert (case.state, case.unit_id, case.due_at) == (flow.ACCEPTED, None, first)
    with pytest.raises(Refusal, match=r"step_not_possible|not_allowed|unknown_record"):
        do(any_centre, office["department"], issue, "resolve", result="solved", text="修好了")
    case = do(any_centre, office["community"], issue, "dispatch", target_id=UNIT)
    assert (case.state, case.unit_id) == (flow.DISPATCHED, UNIT)
