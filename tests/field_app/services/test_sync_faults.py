"""A round over a line that fails: nothing is marked that was not confirmed, nothing is lost."""

from __future__ import annotations

import json

import pytest

from field_app.domain.errors import sentence
from field_app.domain.progress import Progress
from field_app.services.records import new_id, unsent_count, views
from field_app.services.sync import run_round
from tests.field_app.centres import answers, cut_reply, lost_reply, lost_request, timed_out
from tests.field_app.laptops import PASSPHRASE, save_issue


def states(laptop):
    return [view["state"] for view in views(laptop.ws, "issue")]


@pytest.mark.parametrize("fault", [lost_reply, timed_out, cut_reply])
def test_an_answer_lost_on_the_way_counts_for_nothing_and_harms_nothing(joined, line, fault):
    laptop = joined()
    save_issue(laptop.ws)
    line.faults.extend([fault] * 3)
    told = laptop.sync()
    assert (told.stage, told.confirmed) == ("failed", 0)
    assert (states(laptop), unsent_count(laptop.ws)) == (["local"], 1)
    line.faults.clear()
    told = laptop.sync()
    assert (told.stage, told.outcomes) == ("done", {"duplicate": 1})
    assert states(laptop) == ["stored"]


def test_a_passing_fault_is_tried_again_within_the_round(joined, line):
    laptop = joined()
    save_issue(laptop.ws)
    line.faults.extend([lost_request, lost_reply])
    told = laptop.sync()
    assert (told.stage, told.outcomes) == ("done", {"duplicate": 1})
    assert len(laptop.waits) == 2


CAPTIVE = "<html>请先登录上网认证</html>"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (answers(200, CAPTIVE, Content_Type="text/html"), "not_our_server"),
        (answers(200, '{"ok": true}', Content_Type="application/json"), "not_our_server"),
        (answers(200, "[]", Content_Type="application/json"), "not_our_server"),
        (answers(200, '{"protocol": 1}', Content_Type="application/json"), "bad_reply"),
        (answers(302, "", Location="http://login.example/"), "not_our_server"),
        (answers(307, "", Location="http://login.example/"), "not_our_server"),
        (answers(401, CAPTIVE, Content_Type="text/html"), "not_our_server"),
        (answers(511, CAPTIVE, Content_Type="text/html"), "not_our_server"),
        (answers(404, CAPTIVE, Content_Type="text/html"), "not_our_server"),
        (answers(204, ""), "not_our_server"),
    ],
)  # fmt: skip
def test_a_captive_portal_is_never_success(joined, line, fault, code):
    laptop = joined()
    save_issue(laptop.ws)
    line.faults.extend([fault] * 3)
    told = laptop.sync()
    assert (told.stage, told.error) == ("failed", code)
    assert (states(laptop), unsent_count(laptop.ws)) == (["local"], 1)
    line.faults.clear()
    assert laptop.sync().stage == "done"


def test_a_busy_centre_says_when_to_come_again(joined, line):
    laptop = joined()
    save_issue(laptop.ws)
    line.faults.append(answers(503, "", Retry_After="240"))
    told = laptop.sync()
    assert (told.error, told.retry_after_s, told.facts) == ("server_busy", 240.0, {"seconds": 240})
    assert laptop.waits == []


def test_a_server_that_fails_is_told_with_what_it_answered(joined, line):
    laptop = joined()
    save_issue(laptop.ws)
    line.faults.extend([answers(502, "", Content_Type="text/html")] * 9)
    told = laptop.sync()
    assert (told.error, told.facts) == ("server_error", {"status": 502})
    assert "（502）" in sentence(told.error, "zh", **told.facts)


def test_a_short_pause_the_centre_asks_for_is_kept_within_the_round(joined, line):
    laptop = joined()
    save_issue(laptop.ws)
    line.faults.append(answers(429, "", Retry_After="7"))
    assert laptop.sync().stage == "done"
    assert laptop.waits == [7.0]


def problem(status, code, **more):
    body = json.dumps({"type": "x", "status": status, "code": code, **more})
    return answers(status, body, Content_Type="application/problem+json")


def test_a_batch_too_large_for_the_centre_is_halved(joined, line):
    laptop = joined()
    for _ in range(8):
        save_issue(laptop.ws)
    line.faults.extend([problem(413, "too_large")] * 3)
    told = laptop.sync()
    assert (told.stage, told.confirmed, told.exchanges) == ("done", 8, 8)


def test_a_batch_the_centre_fails_on_is_halved_too(joined, line):
    laptop = joined()
    for _ in range(4):
        save_issue(laptop.ws)
    line.faults.extend([problem(500, "unexpected")] * 4)
    told = laptop.sync()
    assert (told.stage, told.confirmed) == ("done", 4)


def test_a_centre_that_always_fails_ends_the_round_in_words(joined, line):
    laptop = joined()
    for _ in range(4):
        save_issue(laptop.ws)
    line.faults.extend([problem(500, "unexpected")] * 30)
    told = laptop.sync()
    assert (told.stage, told.error, told.confirmed) == ("failed", "server_error", 0)
    assert len(line.faults) > 20


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [(401, "bad_token", "bad_token"), (403, "device_revoked", "revoked")],
)
def test_a_device_the_centre_refuses_keeps_everything(joined, line, status, code, state):
    laptop = joined()
    save_issue(laptop.ws)
    line.faults.append(problem(status, code))
    told = laptop.sync()
    assert told.error == code
    assert laptop.ws.identity.state == state
    assert (states(laptop), unsent_count(laptop.ws)) == (["local"], 1)


def test_an_unknown_refusal_is_named(joined, line):
    laptop = joined()
    save_issue(laptop.ws)
    line.faults.append(problem(422, "bad_request"))
    told = laptop.sync()
    assert (told.error, told.facts) == ("refused", {"reason": "bad_request"})


def test_a_receipt_for_something_else_marks_nothing(joined, line):
    laptop = joined()
    save_issue(laptop.ws)

    def others(carry):
        status, headers, body = carry()
        reply = json.loads(body)
        for receipt in reply["receipts"]:
            receipt["change_id"] = new_id()
        return status, headers, json.dumps(reply)

    line.faults.extend([others] * 9)
    told = laptop.sync()
    assert (told.stage, told.error) == ("failed", "bad_reply")
    assert unsent_count(laptop.ws) == 1
    line.faults.clear()
    assert laptop.sync().stage == "done"


def test_killed_between_sending_and_receiving_the_store_says_unsent(joined, line, open_laptop):
    laptop = joined()
    save_issue(laptop.ws)

    class Killed(BaseException):
        pass

    def kill(carry):
        carry()
        raise Killed

    line.faults.append(kill)
    with pytest.raises(Killed):
        laptop.sync()
    worker_id = laptop.ws.worker_id
    laptop.close()
    again = open_laptop()
    again.desk.unlock(worker_id, PASSPHRASE)
    assert (states(again), unsent_count(again.ws)) == (["local"], 1)
    told = again.sync()
    assert (told.stage, told.outcomes) == ("done", {"duplicate": 1})
    assert states(again) == ["stored"]


def test_locked_in_the_middle_of_a_round_nothing_is_lost(joined, line):
    laptop = joined()
    save_issue(laptop.ws)
    ws, client = laptop.ws, laptop.desk.rounds.connect(laptop.ws)

    def locked(carry):
        answer = carry()
        laptop.desk.lock()
        return answer

    line.faults.append(locked)
    told = Progress()
    run_round(ws, client, told)
    assert (told.stage, told.error) == ("failed", "store_closed")
    laptop.desk.unlock(laptop.desk.workers()[0].worker_id, PASSPHRASE)
    assert unsent_count(laptop.ws) == 1
    assert laptop.sync().outcomes == {"duplicate": 1}
