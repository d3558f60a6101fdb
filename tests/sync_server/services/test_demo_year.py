"""A fortieth of World B's year, lived through the services: exact figures, sound lives."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
import sqlalchemy as sa

from schemas import workflow as flow
from sync_server.domain.errors import Refusal
from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.year import Year, expected
from sync_server.services.centre import open_centre, reopened
from sync_server.services.demo_year import build_year
from sync_server.services.demo_year_check import check_year
from sync_server.services.issue_figures import months_of
from sync_server.services.issue_life import case_of
from sync_server.settings import Settings
from sync_server.store.case_counts import count_cases
from sync_server.store.case_tables import cases, overtaken_steps
from sync_server.store.tables import changes, records
from tests.sync_server.world import NOON, StillClock

DISTRICT, PART = "990102", 40


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A centre that has lived through the fortieth, and what was built; tests only read it."""
    folder = tmp_path_factory.mktemp("year")
    centre = open_centre(Settings(folder / "c", district=DISTRICT, testing=True), StillClock())
    told = []
    built = build_year(centre.store, part=PART, now=NOON, progress=lambda *step: told.append(step))
    yield reopened(centre), built, told
    centre.store.close()


@pytest.fixture(scope="module")
def folded(lived):
    """Every issue's row and case, folded from what stands in the log of records."""
    centre, _, _ = lived
    with centre.store.reading() as connection:
        rows = connection.execute(
            sa.select(records).where(records.c.kind.in_(["issue", "issue_step"]))
        ).mappings().all()  # fmt: skip
    steps = {}
    for row in rows:
        if row["kind"] == "issue_step":
            steps.setdefault(row["parent_id"], []).append(row)
    return [(row, case_of(row, steps.get(row["record_id"], []))) for row in rows
            if row["kind"] == "issue"]  # fmt: skip


def test_the_whole_year_comes_to_the_public_figures():
    whole = expected()
    assert (whole.valid, whole.solved, whole.merged + whole.voided) == (11_925, 11_138, 370)
    assert round(100 * whole.solved / whole.valid, 1) == 93.4
    assert sum(whole.months) == sum(whole.levels.values()) == 11_925
    assert dict(whole.levels) == {"1": 6201, "2": 3697, "3": 1431, "4": 596}
    assert (whole.issues["ENV"], whole.resolved["ENV"]) == (2504, 2466)


def test_the_fortieth_comes_to_its_figures_exactly(lived):
    centre, built, _ = lived
    with centre.store.reading() as connection:
        compared = check_year(connection, built.year, PART, built.as_of)
    assert [one for one in compared if not one.fits] == []
    by_name = {one.name: one.found for one in compared}
    assert (by_name["issues valid"], by_name["issues resolved"]) == ("298", "278")
    assert (by_name["merged"], by_name["voided"]) == ("7", "2")


def test_about_nine_in_ten_of_level_1_are_settled_on_the_day_they_were_found(lived):
    centre, built, _ = lived
    bounds = months_of(date(built.year, 1, 1), date(built.year, 12, 31))
    with centre.store.reading() as connection:
        rows = count_cases(connection, DISTRICT, (DISTRICT,), bounds, built.as_of)
    same_day, valid = (sum(row[name] for row in rows) for name in ("same_day", "level_1"))
    assert same_day / valid == pytest.approx(0.91, abs=0.03)


def test_every_step_counts_and_the_kept_rows_say_what_the_steps_say(lived, folded):
    centre, _, _ = lived
    assert all(not case.overtaken for _, case in folded)
    assert all(one.counted for _, case in folded for one in case.readings)
    with centre.store.reading() as connection:
        kept = {row.issue_id: row for row in connection.execute(sa.select(cases))}
        assert connection.execute(sa.select(overtaken_steps)).first() is None
    assert {row["record_id"]: case.state for row, case in folded} == {
        one: row.state for one, row in kept.items()
    }


def test_issues_and_steps_stand_in_the_log_as_received_when_they_happened(lived, folded):
    centre, built, _ = lived
    with centre.store.reading() as connection:
        logged = connection.execute(
            sa.select(changes.c.kind, changes.c.action, changes.c.received_at, changes.c.made_at)
            .where(changes.c.kind.in_(["issue", "issue_step"]))
        ).all()  # fmt: skip
    steps = sum(len(case.readings) for _, case in folded)
    assert Counter((row.kind, row.action) for row in logged) == {
        ("issue", "create"): len(folded),
        ("issue_step", "step"): steps,
    }
    assert all(row.received_at.isoformat()[:16] <= built.as_of.isoformat() for row in logged)
    assert steps >= sum(built.steps.values())


def test_the_lives_are_of_every_sort(folded):
    actions = Counter(one.step.action for _, case in folded for one in case.readings)
    wanted = """accept return resend handle dispatch take refuse escalate whistle report_in conclude
        remind resolve verify rework rate close plan_lookback lookback merge ask_void void"""
    for action in wanted.split():
        assert actions[action] > 0, action
    numbers = [case.no for _, case in folded if case.no]
    assert len(numbers) == len(set(numbers))
    assert all(case.due_at for _, case in folded if case.accepted_at)


def test_voiding_took_two_people_and_the_merged_lie_beside_what_they_repeat(folded):
    by_id = {row["record_id"]: row for row, _ in folded}
    for row, case in folded:
        if case.state == flow.VOIDED:
            asked, agreed = case.readings[0].step, case.readings[-1].step
            assert asked.author != agreed.author
        if case.state == flow.MERGED:
            other = by_id[case.into_id]["fields"]
            assert (row["fields"]["category"], row["fields"]["compound_id"]) == (
                other["category"], other["compound_id"]
            )  # fmt: skip


def test_places_are_in_proportion_and_everybody_has_work(lived):
    _, built, told = lived
    assert built.places["streets"] == 1
    assert built.places["compounds"] == round(977 / PART)
    assert told[-1][0] == told[-1][1]
    assert {one.role for one in built.accounts} == {"community", "street", "district", "admin"}


def test_a_year_is_not_loaded_twice(lived):
    centre, _, _ = lived
    with pytest.raises(Refusal, match="district_not_empty"):
        build_year(centre.store, part=PART, now=NOON)


def test_the_same_seed_draws_the_same_year():
    first, second = (Year(Seed(3), 2025, 200).issues() for _ in range(2))
    assert [(one.record_id, one.fields) for one in first] == [
        (one.record_id, one.fields) for one in second
    ]
    assert all(date.fromisoformat(one.fields["happened_at"][:10]).year == 2025 for one in first)
