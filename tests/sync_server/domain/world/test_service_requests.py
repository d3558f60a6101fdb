"""The demo world's service requests: their number, every step counts, clocks as they were drawn."""

from collections import Counter

import pytest

from schemas.kinds.service_step import from_laptop
from schemas.service_clocks import NAMES, reached_by, said_dues
from schemas.service_flow import CANCELLED, RATED, SOLVED, fold, steps_of
from sync_server.domain.official_days import PUBLISHED, official_days
from sync_server.domain.time_limits import Clockwork, Limits
from sync_server.domain.working_calendar import Calendar
from sync_server.domain.world.grids import period
from sync_server.domain.world.seeds import Seed
from sync_server.domain.world.service_lives import Lives
from sync_server.services.service_cases import dues_of

CLOCKWORK = Clockwork(Calendar(official_days(), published=PUBLISHED), Limits({}))


def lives_of(tier_s, seed=1):
    """Yield every request with the life its generator drew for it."""
    staff, days = tier_s.world.staff, period("S", tier_s.world.today)
    lives = Lives(Seed(seed), staff, days.end)
    for request in tier_s.by_kind["service"]:
        grid = tier_s.by_id[request.fields["household_id"]].grid
        yield request, lives.life(request, staff.workers[grid], staff.leaders[grid])


@pytest.fixture(scope="module")
def cases(tier_s):
    """The case of each request by its id, whatever order its steps come in."""
    steps = {}
    for one in tier_s.by_kind["service_step"]:
        row = {"record_id": one.record_id, "author": one.author, "fields": one.fields}
        steps.setdefault(one.fields["service_id"], []).insert(0, row)
    return {
        one.record_id: fold(one.author, steps_of(steps.get(one.record_id, ())))
        for one in tier_s.by_kind["service"]
    }


def test_requests_come_in_their_number_half_of_them_of_care_visits(tier_s):
    requests = tier_s.by_kind["service"]
    assert 0.15 < len(requests) / (6 * 21) < 0.35
    channels = Counter(one.fields["channel"] for one in requests)
    assert 0.3 < channels["door"] / len(requests) < 0.7
    assert channels["hotline"] > 0


def test_a_visit_and_the_requests_of_whom_it_found_in_need_name_each_other(tier_s):
    linked = []
    for visit in tier_s.by_kind["visit"]:
        checks = visit.fields.get("care_checks", {})
        for one in visit.fields.get("service_ids", ()):
            request = tier_s.by_id[one].fields
            assert request["visit_id"] == visit.record_id
            assert request["requested_at"] == visit.fields["visited_at"]
            assert checks[request["resident_id"]]["state"] == "need_help"
            linked.append(one)
    door = [one for one in tier_s.by_kind["service"] if one.fields["channel"] == "door"]
    assert sorted(linked) == sorted(one.record_id for one in door)


def test_every_step_counts_and_says_how_it_was_taken(tier_s, cases):
    users = {user.user_id: user for user in tier_s.world.users}
    faults = [
        (one.step.action, one.why)
        for case in cases.values()
        for one in case.readings
        if not one.counted
    ]
    assert faults == []
    for one in tier_s.by_kind["service_step"]:
        role = users[one.author].role
        assert one.fields["role"] == role
        assert ("central" in one.fields) == (role == "community")
        if role != "community":
            assert from_laptop(one.fields) is None


def test_steps_follow_each_other_in_one_line(tier_s):
    last = {}
    for one in tier_s.by_kind["service_step"]:
        request = one.fields["service_id"]
        before = last.get(request, request)
        assert one.fields["after"] == [before]
        assert one.fields["at"] >= tier_s.by_id[before].made_at
        last[request] = one.record_id


def test_the_centre_says_the_due_times_once_in_its_first_step_upon_acceptance(tier_s, cases):
    for case in cases.values():
        said = [one for one in case.steps if "due_plan" in one.fields]
        central = [one for one in case.steps if one.central]
        assert said == central[:1]
        if said:
            assert said_dues(case) == dues_of(case, CLOCKWORK)


def test_what_is_over_came_out_as_it_was_drawn(tier_s, cases):
    end, over = period("S", tier_s.world.today).end, 0
    for request, life in lives_of(tier_s):
        case = cases[request.record_id]
        if life.ends_at > end:
            continue
        over += 1
        if not life.kept:
            assert case.state == CANCELLED
            continue
        assert case.state == (RATED if life.rating else SOLVED)
        assert (case.person_times, case.rating) == (life.person_times, life.rating)
        dues, reached = dues_of(case, CLOCKWORK), reached_by(case)
        kept = {name: reached[name] <= dues[name] for name in NAMES}
        assert kept == life.kept | ({"plan": True} if life.kept["plan"] is None else {})
    assert over > 0.7 * len(cases)


def test_clocks_people_and_ratings_have_their_shares(tier_s):
    lives = [life for seed in range(60) for _, life in lives_of(tier_s, seed)]
    done = [life for life in lives if life.kept]
    shares = {}
    for name in NAMES:
        decided = [life.kept[name] for life in done if life.kept[name] is not None]
        shares[name] = sum(decided) / len(decided)
    assert shares == pytest.approx(
        {"respond": 0.93, "reply": 0.90, "solve": 0.78, "plan": 0.88}, abs=0.03
    )
    assert sum(life.person_times for life in done) / len(done) == pytest.approx(2.17, abs=0.1)
    assert sum(life.rating is not None for life in done) / len(done) == pytest.approx(
        0.46, abs=0.03
    )
    assert {one.action for life in lives for one in life.moves} == {
        "accept", "assign", "claim", "release", "respond", "reply", "plan", "solve", "rate",
        "cancel",
    }  # fmt: skip
