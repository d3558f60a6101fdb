"""A round: everything up, everything down, marked only from a confirmed answer."""

from __future__ import annotations

import gzip
import json

import pytest

from field_app.domain.identity import MOST_OFFSET_S
from field_app.domain.progress import Progress
from field_app.services.receiving import prune
from field_app.services.records import (
    changes_of,
    find_view,
    get_view,
    new_id,
    save_record,
    unsent_count,
    views,
)
from field_app.services.sync import back_off, last_rounds
from field_app.services.titles import lookup
from field_app.services.today import today
from field_app.services.workspace import CHANGES, CONFLICTS
from schemas.catalogue import extended
from schemas.clock import written
from schemas.fields import Line
from schemas.kind import Kind, KindInfo
from schemas.labels import Label
from tests.field_app.centres import (
    HTML,
    answers,
    lost_request,
)
from tests.field_app.laptops import GRID, HOUSEHOLD, ISSUE, NEXT_GRID, save_issue

PHONE, OTHER_PHONE = "13900001111", "13900002222"


def household(laptop, **more):
    saved = save_record(laptop.ws, "household", "create", HOUSEHOLD | {"size": 3} | more)
    assert saved.saved, saved.problems
    return saved.record_id


def edit(laptop, record_id, **fields):
    saved = save_record(laptop.ws, "household", "update", fields, record_id=record_id)
    assert saved.saved, saved.problems
    return saved.change_id


def test_what_was_saved_offline_ends_stored(joined):
    laptop = joined()
    saved = save_issue(laptop.ws)
    save_record(laptop.ws, "issue", "update", {"title": "改了标题"}, record_id=saved.record_id)
    told = laptop.sync()
    assert (told.stage, told.confirmed, told.total) == ("done", 2, 2)
    assert told.outcomes == {"applied": 2}
    view = get_view(laptop.ws, "issue", saved.record_id)
    assert (view["state"], view["version"]) == ("stored", 2)
    assert view["fields"] == view["server"]
    assert view["fields"]["title"] == "改了标题"
    assert all(one["settled"] for one in changes_of(laptop.ws, saved.record_id))


def test_a_second_round_sends_nothing(joined, line):
    laptop = joined()
    save_issue(laptop.ws)
    laptop.sync()
    before = len(line.paths)
    told = laptop.sync()
    assert (told.stage, told.confirmed, told.received) == ("done", 0, 0)
    assert line.paths[before:] == ["/sync", "/sync/account"]


def test_many_changes_go_in_batches_within_the_limits(joined, line):
    laptop = joined()
    laptop.ws.keep_setting("identity", max_changes=4)
    for _ in range(10):
        save_issue(laptop.ws)
    told = laptop.sync()
    assert (told.confirmed, told.total, told.exchanges) == (10, 10, 3)
    assert unsent_count(laptop.ws) == 0


def test_records_of_colleagues_come_down(joined, line):
    first = joined("first")
    second = joined("second", line.worker("w2"))
    record_id = household(first, phone=PHONE)
    first.sync()
    told = second.sync()
    view = get_view(second.ws, "household", record_id)
    assert told.received == 1
    assert (view["fields"]["phone"], view["state"]) == (PHONE, "stored")
    assert view["author"] == first.ws.worker_id
    assert lookup(second.ws, "zh")("user", first.ws.worker_id) == "张w1"


def test_a_pull_leaves_unsent_edits_on_top(joined, line):
    first, second = joined("first"), joined("second", line.worker("w2"))
    record_id = household(first, phone=PHONE)
    first.sync()
    second.sync()
    edit(first, record_id, size=5)
    first.sync()
    edit(second, record_id, phone=OTHER_PHONE)
    line.faults.append(lost_request)
    line.faults.append(lost_request)
    line.faults.append(lost_request)
    assert second.sync().stage == "failed"
    assert get_view(second.ws, "household", record_id)["fields"]["phone"] == OTHER_PHONE
    second.sync()
    first.sync()
    for laptop in (first, second):
        fields = get_view(laptop.ws, "household", record_id)["fields"]
        assert (fields["size"], fields["phone"]) == (5, OTHER_PHONE)


def test_the_same_field_edited_twice_is_shown_with_both_values(joined, line):
    first, second = joined("first"), joined("second", line.worker("w2"))
    record_id = household(first)
    first.sync()
    second.sync()
    edit(first, record_id, phone=PHONE)
    change_id = edit(second, record_id, phone=OTHER_PHONE)
    first.sync()
    told = second.sync()
    assert told.outcomes == {"conflict": 1}
    view = get_view(second.ws, "household", record_id)
    assert (view["state"], view["fields"]["phone"]) == ("conflict", PHONE)
    conflict = second.ws.table(CONFLICTS).get(doc_id=change_id)
    assert conflict["pairs"] == [{"path": "phone", "mine": OTHER_PHONE, "theirs": PHONE}]
    assert conflict["decision"] is None


def test_a_value_overruled_by_time_is_told_to_who_lost(joined, line, hands):
    first, second = joined("first"), joined("second", line.worker("w2"))
    record_id = household(first)
    first.sync()
    second.sync()
    change_id = edit(second, record_id, size=4)
    hands.passes(60)
    edit(first, record_id, size=9)
    first.sync()
    second.sync()
    assert get_view(second.ws, "household", record_id)["fields"]["size"] == 9
    conflict = second.ws.table(CONFLICTS).get(doc_id=change_id)
    assert conflict["pairs"] == [{"path": "size", "mine": 4, "theirs": 9}]
    assert conflict["decision"] == "kept"
    assert get_view(second.ws, "household", record_id)["state"] == "stored"


def test_a_refused_record_stays_and_can_be_corrected(joined, line):
    laptop = joined()
    # The centre moved the worker to another grid meanwhile; the laptop has not heard of it.
    laptop.ws.keep_setting("identity", grids=["990101100009004"])
    saved = save_record(laptop.ws, "issue", "create", ISSUE, grid="990101100009004")
    told = laptop.sync()
    assert told.outcomes == {"quarantined": 1}
    view = get_view(laptop.ws, "issue", saved.record_id)
    assert (view["state"], view["fields"]["title"]) == ("refused", "楼道堆物")
    assert laptop.ws.grids == ("990101100009003",)
    fixed = save_record(
        laptop.ws, "issue", "update", {"title": "改正"}, record_id=saved.record_id,
        grid="990101100009003", corrects=saved.change_id,
    )  # fmt: skip
    assert fixed.saved, fixed.problems
    told = laptop.sync()
    assert told.outcomes == {"applied": 1}
    view = get_view(laptop.ws, "issue", saved.record_id)
    assert (view["state"], view["fields"]["title"], view["grid"]) == (
        "stored", "改正", "990101100009003",
    )  # fmt: skip
    assert view["fields"]["text"] == ISSUE["text"]


def test_one_refused_change_delays_no_other(joined):
    laptop = joined()
    laptop.ws.keep_setting("identity", grids=["990101100009004", "990101100009003"])
    for grid in ("990101100009003", "990101100009004", "990101100009003"):
        save_record(laptop.ws, "issue", "create", ISSUE, grid=grid)
    told = laptop.sync()
    assert told.stage == "done"
    assert told.outcomes == {"applied": 2, "quarantined": 1}


def test_a_record_edited_during_the_round_stays_queued_until_it_was_sent(joined, line):
    laptop = joined()
    saved = save_issue(laptop.ws)

    def edited_meanwhile(carry):
        answer = carry()
        save_record(laptop.ws, "issue", "update", {"title": "边传边改"}, record_id=saved.record_id)
        return answer

    line.faults.append(edited_meanwhile)
    told = laptop.sync()
    assert (told.stage, told.confirmed, told.total) == ("done", 2, 2)
    view = get_view(laptop.ws, "issue", saved.record_id)
    assert (view["server"]["title"], view["version"]) == ("边传边改", 2)


def test_every_round_is_kept_with_its_counts(joined, line):
    laptop = joined()
    save_issue(laptop.ws)
    line.faults.append(answers(404, "", **{"Content_Type": HTML["Content-Type"]}))
    laptop.sync()
    laptop.sync()
    last, first = last_rounds(laptop.ws)[:2]
    assert (first["stage"], first["error"]) == ("failed", "not_our_server")
    assert (last["stage"], last["confirmed"], last["outcomes"]) == ("done", 1, {"applied": 1})
    assert last["started_at"].startswith("2026-09-30T08:41")


def test_the_clocks_are_compared_in_every_exchange(joined, line):
    laptop = joined()

    def ahead(carry):
        status, headers, body = carry()
        reply = json.loads(body) | {"server_time": "2026-09-30T08:51:00+08:00"}
        return status, headers, json.dumps(reply)

    line.faults.append(ahead)
    laptop.sync()
    assert laptop.ws.identity.clock_offset_s == 600
    assert laptop.ws.setting("clock")["measured_at"] == "2026-09-30T08:41:00+08:00"


def test_a_centre_of_the_year_one_stops_neither_round_nor_lists(joined, line):
    laptop = joined()

    def long_ago(carry):
        status, headers, body = carry()
        return status, headers, json.dumps(json.loads(body) | {"server_time": "0001-01-02T00:00Z"})

    line.faults.append(long_ago)
    laptop.sync()
    assert last_rounds(laptop.ws)[0]["stage"] == "done"
    assert laptop.ws.identity.clock_offset_s == -MOST_OFFSET_S
    assert laptop.ws.true_now().year == 1826


@pytest.mark.parametrize("offset_s", [-2025 * 31_556_952, 7990 * 31_556_952])
def test_an_offset_kept_before_offsets_had_a_limit_does_no_harm(joined, offset_s):
    laptop = joined()
    laptop.ws.keep_setting("identity", clock_offset_s=offset_s)
    assert prune(laptop.ws) == 0
    assert today(laptop.ws).unsent == 0


def test_a_pull_that_takes_much_away_asks_first(joined, line):
    laptop = joined()
    ids = [save_issue(laptop.ws).record_id for _ in range(10)]
    laptop.sync()

    def takes_away(carry):
        status, headers, body = carry()
        reply = json.loads(body)
        reply["updates"] += [{"record_id": one, "gone": True} for one in ids[:5]]
        return status, headers, json.dumps(reply)

    unsent = save_issue(laptop.ws).record_id
    cursor = laptop.ws.setting("cursor")["cursor"]
    line.faults.append(takes_away)
    told = laptop.sync()
    assert (told.stage, told.error, told.facts) == (
        "stopped", "scope_shrinks", {"gone": 5, "total": 10},
    )  # fmt: skip
    assert len(views(laptop.ws, "issue")) == 11
    assert laptop.ws.setting("cursor")["cursor"] == cursor
    assert get_view(laptop.ws, "issue", unsent)["state"] == "stored"
    line.faults.append(takes_away)
    assert laptop.sync(agreed=True).stage == "done"
    assert {one["record_id"] for one in views(laptop.ws, "issue")} == {*ids[5:], unsent}


def test_a_record_that_leaves_with_unsent_work_stays_until_it_is_sent(joined, line):
    laptop = joined()
    record_id = save_issue(laptop.ws).record_id
    laptop.sync()
    save_record(laptop.ws, "issue", "update", {"title": "走之前改的"}, record_id=record_id)

    def takes_away(carry):
        status, headers, body = carry()
        reply = json.loads(body)
        reply |= {"receipts": [], "updates": [{"record_id": record_id, "gone": True}]}
        return status, headers, json.dumps(reply)

    line.faults.append(takes_away)
    laptop.sync()
    assert unsent_count(laptop.ws) == 0


def test_a_record_leaves_together_with_the_mark_about_it(joined, line):
    laptop = joined()
    record_id, mark_id = save_issue(laptop.ws).record_id, new_id()
    laptop.sync()
    mark = {
        "kind": "seen", "schema": 1, "record_id": mark_id, "version": 1, "change_no": 1,
        "grid": GRID, "voided": False, "last": {"author": "x", "made_at": written(line.hands())},
        "fields": {"target_kind": "issue", "target_id": record_id, "target_version": 1},
    }  # fmt: skip
    gone = [{"record_id": one, "gone": True} for one in (record_id, mark_id)]

    def brings(updates, more):
        def fault(carry):
            status, headers, body = carry()
            reply = json.loads(body)
            reply |= {"updates": updates, "scope": {"grids": [NEXT_GRID]}, "more": more}
            return status, headers, json.dumps(reply)

        return fault

    line.faults += [brings([mark], True), brings(gone, False)]
    assert laptop.sync().stage == "done"
    assert get_view(laptop.ws, "issue", record_id) is None
    assert get_view(laptop.ws, "seen", mark_id) is None


def test_confirmed_changes_are_kept_ninety_days(joined, hands):
    laptop = joined()
    save_issue(laptop.ws)
    laptop.sync()
    hands.passes(89 * 86400)
    assert prune(laptop.ws) == 0
    hands.passes(2 * 86400)
    save_issue(laptop.ws)
    assert prune(laptop.ws) == 1
    assert len(laptop.ws.table(CHANGES)) == 1
    assert len(views(laptop.ws, "issue")) == 2


def test_a_clock_years_ahead_forgets_no_confirmed_change(joined, line, hands):
    laptop = joined()
    save_issue(laptop.ws)
    laptop.sync()
    right = hands.wall
    hands.passes(10 * 365 * 86400)

    def told_by_a_right_clock(carry):
        status, headers, body = carry()
        reply = json.loads(body) | {"server_time": written(right)}
        return status, headers, json.dumps(reply)

    line.faults.append(told_by_a_right_clock)
    save_issue(laptop.ws)
    laptop.sync()
    assert unsent_count(laptop.ws) == 0
    assert len(laptop.ws.table(CHANGES)) == 2


def test_a_record_of_a_kind_to_come_is_kept_until_the_program_knows_it(joined, line):
    laptop = joined()
    saved = save_issue(laptop.ws)
    laptop.sync()

    class Lantern(Kind):
        """A made-up kind."""

        info = KindInfo(name="lantern", label=Label("灯笼", "Lantern"), group="place",
                        title=("name",))  # fmt: skip
        name = Line("名称", "Name", required=True, search=True)

    def brings_lanterns(carry):
        status, headers, body = carry()
        reply = json.loads(body)
        update = {"kind": "lantern", "schema": 1, "record_id": new_id(), "version": 1}
        update |= {"grid": "990101100009003", "voided": False, "fields": {"name": "大红灯笼"}}
        return status, headers, json.dumps(reply | {"updates": [update]})

    line.faults.append(brings_lanterns)
    told = laptop.sync()
    assert (told.stage, told.received) == ("done", 1)
    assert find_view(laptop.ws, saved.record_id)
    with extended(Lantern):
        laptop.sync()
        assert [one["fields"]["name"] for one in views(laptop.ws, "lantern")] == ["大红灯笼"]


def test_bodies_travel_compressed(joined, line):
    laptop = joined()
    for _ in range(5):
        save_issue(laptop.ws)
    laptop.sync()
    request = line.last_request
    assert request.headers["Content-Encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(request.body))["changes"]) == 5


def test_back_off_grows_with_jitter_and_stays_within_bounds():
    quiet = Progress()
    for failures in range(1, 40):
        assert 1 <= back_off(failures, quiet) <= 900
    assert max(back_off(1, quiet) for _ in range(200)) <= 10
    assert len({back_off(5, quiet) for _ in range(20)}) > 10
    asked = Progress(retry_after_s=60.0)
    assert 60 <= back_off(1, asked) <= 65
