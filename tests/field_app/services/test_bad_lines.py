"""Slow lines, small doors, a centre failing at one change: the work gets through all the same."""

from __future__ import annotations

import gzip
import json
import random
from functools import partial

import pytest
import sqlalchemy as sa

from field_app.domain.pace import Pace
from field_app.services.records import unsent_count, views
from field_app.services.sync import last_rounds
from field_app.services.workspace import CHANGES
from field_app.sync_client import SyncFault
from sync_server.domain import envelope
from sync_server.services.intake import Intake
from sync_server.store import tables, writing
from tests.field_app.centres import answers, timed_out
from tests.field_app.laptops import save_issue


class Broken(Exception):
    """What a centre fails with at a change it cannot bear."""


@pytest.fixture
def laptop(joined):
    laptop = joined()
    laptop.sync()
    return laptop


@pytest.fixture
def sizes(line, monkeypatch):
    """How many changes each exchange carried; None for one that was answered as text."""
    found = []
    carry = line._carry

    def seen(request):
        if request.url.endswith("/sync"):
            packed = request.headers.get("Content-Encoding") == "gzip"
            body = json.loads(gzip.decompress(request.body) if packed else request.body)
            aside = any("quarantine_me" in one for one in body["changes"])
            found.append("text" if aside else len(body["changes"]))
        return carry(request)

    monkeypatch.setattr(line, "_carry", seen)
    line._line.reset()
    line.__enter__()
    return found


def issues(laptop, count):
    return [save_issue(laptop.ws).record_id for _ in range(count)]


def poisoned(monkeypatch, change_id):
    """Let the centre fail at one change as long as it tries to understand it."""
    take = Intake.take

    def failing(self):
        arrivals = (one for part in self._parts for one in part.arrivals)
        if any(one.change_id == change_id and one.kind is not None for one in arrivals):
            raise Broken
        take(self)

    monkeypatch.setattr(Intake, "take", failing)


# A slow line ------------------------------------------------------------------------------------


def test_a_batch_that_takes_too_long_is_halved_and_grows_again(laptop, line, sizes):
    issues(laptop, 12)
    line.faults.extend([timed_out, timed_out])
    assert laptop.sync().stage == "done"
    assert sizes[:4] == [12, 6, 3, 3]
    assert unsent_count(laptop.ws) == 0


def test_the_pace_is_remembered_from_round_to_round(laptop, line, sizes):
    issues(laptop, 8)
    line.faults.extend([timed_out] * 3)
    told = laptop.sync()
    assert (told.stage, told.error, sizes) == ("failed", "timeout", [8, 4, 2])
    assert laptop.ws.setting("pace") == Pace(1, 62, failed=2).document()
    assert laptop.sync().stage == "done"
    assert sizes[3:11] == [1] * 8
    issues(laptop, 40)
    laptop.sync()
    assert sizes[-1] > 1
    assert laptop.ws.setting("pace")["changes"] > 1


def test_a_door_too_small_is_found_by_halving(laptop, line, sizes):
    issues(laptop, 8)
    line.faults.extend([answers(413, "<html>too large</html>", Content_Type="text/html")] * 2)
    assert laptop.sync().stage == "done"
    assert sizes[:4] == [8, 4, 2, 2]
    assert laptop.waits == []


def test_a_line_that_is_down_is_not_taken_for_a_slow_one(laptop, line, monkeypatch):
    from tests.field_app.centres import lost_request

    issues(laptop, 8)
    line.faults.extend([lost_request] * 3)
    assert laptop.sync().error == "unreachable"
    assert laptop.ws.setting("pace")["changes"] == 500


def test_what_an_exchange_carried_is_measured(laptop):
    issues(laptop, 3)
    told = laptop.sync()
    assert told.up_bytes > 500
    assert told.down_bytes > 500
    assert told.rate > 0
    assert told.document()["left_s"] is None
    assert last_rounds(laptop.ws)[0]["up_bytes"] == told.up_bytes


# A change the centre fails at ---------------------------------------------------------------------


def test_a_change_the_centre_fails_at_is_set_aside_and_blocks_no_other(
    laptop, line, sizes, monkeypatch
):
    made = issues(laptop, 7)
    bad = next(one for one in laptop.ws.table(CHANGES) if one["record_id"] == made[4])
    poisoned(monkeypatch, bad["change_id"])
    told = laptop.sync()
    assert told.stage == "done"
    assert told.outcomes == {"applied": 6, "quarantined": 1}
    assert sizes.count("text") == 1
    states = {view["record_id"]: view["state"] for view in views(laptop.ws, "issue")}
    assert states[made[4]] == "refused"
    assert set(states.values()) == {"stored", "refused"}
    assert laptop.sync().stage == "done"


def test_a_centre_that_recovers_gets_the_change_itself(laptop, line, sizes):
    issues(laptop, 1)
    line.faults.extend([answers(500, "{}", Content_Type="application/problem+json")] * 3)
    assert laptop.sync().stage == "done"
    assert sizes == [1, 1, 1, 0, 1]
    assert [view["state"] for view in views(laptop.ws, "issue")] == ["stored"]


def test_a_centre_that_fails_at_everything_is_left_alone(laptop, line, sizes):
    issues(laptop, 1)
    line.faults.extend([answers(502, "", Content_Type="text/html")] * 9)
    told = laptop.sync()
    assert (told.error, sizes) == ("server_error", [1, 1, 1, 0, 0])
    assert unsent_count(laptop.ws) == 1


def gateway(carry):
    """Somebody before the centre answers for it."""
    carry()
    return 502, {"Content-Type": "text/html"}, "<html>Bad Gateway</html>"


def failing_at(line, change_id, *, for_requests=1):
    """Let the line answer 502 whenever a request carries this change whole, and as long as the
    centre takes to start anew: ``for_requests`` in all."""
    carry, down = line._carry, iter(())

    def weigh(request):
        nonlocal down
        packed = request.headers.get("Content-Encoding") == "gzip"
        body = gzip.decompress(request.body) if packed else request.body or b""
        if f'"change_id":"{change_id}"'.encode() in body and b"quarantine_me" not in body:
            down = iter(range(for_requests))
        return carry(request) if next(down, None) is None else gateway(lambda: None)

    line._carry = weigh
    line._line.reset()
    line.__enter__()


@pytest.mark.parametrize("for_requests", [1, 2])
def test_where_a_gateway_answers_for_the_centre_two_rounds_must_show_the_same(
    laptop, line, sizes, for_requests
):
    """A change that takes the centre's process down is told by the proxy before it alone."""
    issues(laptop, 3)
    assert laptop.sync().stage == "done"
    made = issues(laptop, 2)
    bad = next(one for one in laptop.ws.table(CHANGES) if one["record_id"] == made[0])
    failing_at(line, bad["change_id"], for_requests=for_requests)
    sizes.clear()
    told = laptop.sync()
    assert (told.error, told.confirmed) == ("server_error", 0)
    assert "text" not in sizes
    told = laptop.sync()
    assert (told.stage, told.outcomes) == ("done", {"quarantined": 1, "applied": 1})
    assert sizes.count("text") == 1


def test_a_line_that_fails_at_random_sets_no_change_aside(laptop, line, sizes):
    chance = random.Random(3)
    carry = line._carry

    def lame(request):
        if chance.random() < 0.5:
            return gateway(lambda: None)
        return carry(request)

    line._carry = lame
    line._line.reset()
    line.__enter__()
    issues(laptop, 1)
    while "text" not in sizes and len(laptop.ws.table(CHANGES)) < 20:
        if laptop.sync().stage == "done":
            issues(laptop, 1)
    assert "text" not in sizes


def test_that_the_centre_works_is_shown_by_a_change_it_has(laptop, line, sizes, monkeypatch):
    """An exchange without changes would not wait for the district's turn, where it may be stuck."""
    issues(laptop, 1)
    laptop.sync()
    (made,) = issues(laptop, 1)
    bad = next(one for one in laptop.ws.table(CHANGES) if one["record_id"] == made)
    turn_of = writing.turn_of

    def stuck(connection, district, *, take=True):
        if take:
            raise Broken
        return turn_of(connection, district, take=take)

    monkeypatch.setattr(writing, "turn_of", stuck)
    sizes.clear()
    assert laptop.sync().error == "server_error"
    assert sizes == [1, 1, 1, 1, 1]
    monkeypatch.setattr(writing, "turn_of", turn_of)
    poisoned(monkeypatch, bad["change_id"])
    assert laptop.sync().outcomes == {"quarantined": 1}


# A change that makes a batch unusable -------------------------------------------------------------


def written_otherwise(monkeypatch, change_id):
    """Let the centre write one change another way than the laptop that sealed it."""
    reals = {name: getattr(envelope, name) for name in ("canonical", "quick_canonical")}

    def writes(name, value):
        text = reals[name](value)
        return text + b" " if value.get("change_id") == change_id else text

    for name in reals:
        monkeypatch.setattr(envelope, name, partial(writes, name))


def change_of(laptop, record_id):
    return next(one for one in laptop.ws.table(CHANGES) if one["record_id"] == record_id)


def test_a_change_that_makes_its_batch_unusable_goes_as_text_and_blocks_no_other(
    laptop, line, sizes, monkeypatch
):
    made = issues(laptop, 7)
    bad = change_of(laptop, made[4])
    written_otherwise(monkeypatch, bad["change_id"])
    told = laptop.sync()
    assert (told.stage, told.outcomes) == ("done", {"applied": 6, "quarantined": 1})
    assert sizes == [7, 3, 3, 1, 1, 0, 1, "text", 2]
    states = {view["record_id"]: view["state"] for view in views(laptop.ws, "issue")}
    assert [one for one in made if states[one] != "stored"] == [made[4]]
    with line.centre.store.reading() as connection:
        kept = connection.execute(
            sa.select(tables.changes).where(tables.changes.c.change_id == bad["change_id"])
        ).one()
    assert (kept.outcome, kept.hash) == ("quarantined", bad["hash"])
    assert made[4] in kept.fields["text"]


def test_what_travels_beside_a_change_makes_it_go_as_text_too(laptop, sizes):
    made = issues(laptop, 3)
    bad = dict(change_of(laptop, made[1]))
    laptop.ws.put(CHANGES, bad["change_id"], {**bad, "base_trail": list(range(1, 102))})
    told = laptop.sync()
    assert (told.stage, told.outcomes) == ("done", {"applied": 2, "quarantined": 1})
    assert sizes.count("text") == 1


def test_a_centre_that_can_use_no_batch_at_all_is_left_alone(laptop, line, sizes):
    issues(laptop, 4)
    refusal = answers(422, '{"code": "bad_envelope"}', Content_Type="application/problem+json")
    line.faults.extend([refusal] * 20)
    told = laptop.sync()
    assert (told.stage, told.error, sizes) == ("failed", "bad_envelope", [4, 2, 1, 0])
    assert unsent_count(laptop.ws) == 4
    line.faults.clear()
    assert laptop.sync().outcomes == {"applied": 4}


def test_the_clock_is_measured_by_when_a_request_was_sent_not_made(laptop, line, hands):
    issues(laptop, 1)
    laptop.desk.rounds.sleep = hands.passes
    line.faults.extend([answers(503, "", Retry_After="15")] * 2)
    assert laptop.sync().stage == "done"
    with line.centre.store.reading() as connection:
        device = connection.scalar(sa.select(tables.devices.c.clock_offset_s))
        change = connection.scalar(sa.select(tables.changes.c.clock_offset_s))
    assert (device, change) == (0, 0)


# The round itself ---------------------------------------------------------------------------------


def test_a_round_that_finds_no_way_to_its_centre_ends_in_words(laptop):
    def connect(ws):
        raise SyncFault("plain_http")

    laptop.desk.rounds.connect = connect
    told = laptop.sync()
    assert (told.stage, told.error, told.over) == ("failed", "plain_http", True)
    assert last_rounds(laptop.ws)[0]["error"] == "plain_http"
    assert laptop.desk.start_round()


def test_the_rest_of_an_upload_is_estimated_from_what_was_confirmed():
    from field_app.domain.progress import Progress

    told = Progress(stage="sending", total=300, confirmed=100)
    told.measure(40_000, 10_000, 20.0)
    assert (told.left_s, told.rate) == (40, 2500)
    assert Progress(stage="sending", total=3).left_s is None
    told.stage = "done"
    assert told.left_s is None
