"""Slow lines, small doors, a centre failing at one change: the work gets through all the same."""

from __future__ import annotations

import gzip
import json

import pytest

from field_app.domain.pace import Pace
from field_app.services.records import unsent_count, views
from field_app.services.sync import last_rounds
from field_app.services.workspace import CHANGES
from field_app.sync_client import SyncFault
from sync_server.services.intake import Intake
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

    def failing(self, arrivals):
        if any(one.change_id == change_id and one.kind is not None for one in arrivals):
            raise Broken
        return take(self, arrivals)

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
    assert (told.error, sizes) == ("server_error", [1, 1, 1, 0])
    assert unsent_count(laptop.ws) == 1


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
