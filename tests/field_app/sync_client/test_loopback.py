"""The real client and the real centre over loopback sockets: too slow, too large, too busy, cut."""

from __future__ import annotations

import gzip
import threading

import pytest
from werkzeug.serving import make_server

from field_app.services.joining import Request
from field_app.services.records import unsent_count, views
from field_app.sync_client import client as client_module
from schemas.exchange import MAX_BODY_BYTES
from sync_server.app import app_of
from sync_server.services.centre import open_centre
from sync_server.services.devices import issue_join_code
from sync_server.settings import Settings
from sync_server.web.context import GATE
from sync_server.web.gate import Gate
from tests.field_app.laptops import PASSPHRASE, save_issue
from tests.journeys.line import Answer, Line, carried, cut_reply, cut_request, delayed, lost_reply
from tests.sync_server.world import DISTRICT, add_worker


@pytest.fixture
def app(tmp_path, hands):
    centre = open_centre(Settings(tmp_path / "centre", district=DISTRICT, testing=True), hands)
    yield app_of(centre), centre
    centre.store.close()


@pytest.fixture
def road(app):
    """A line with faults in front of the centre, both listening on free ports."""
    server = make_server("127.0.0.1", 0, app[0], threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with Line(f"http://127.0.0.1:{server.server_port}") as line:
            yield line
            line.wait_until_quiet()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def laptop(app, road, open_laptop):
    _, centre = app
    worker = add_worker(centre)
    with centre.store.writing() as connection:
        code = issue_join_code(connection, DISTRICT, worker.user_id, centre.clock())
    laptop = open_laptop()
    laptop.desk.join(Request(road.address, code, PASSPHRASE, PASSPHRASE, "本"), laptop.call)
    for _ in range(8):
        save_issue(laptop.ws)
    return laptop


def sizes(road):
    return [len(body["changes"]) for body in road.sent]


def complete(laptop):
    return unsent_count(laptop.ws) == 0 and {
        view["state"] for view in views(laptop.ws, "issue")
    } == {"stored"}


def test_a_plain_round_travels_packed_both_ways_and_is_measured(laptop, road):
    seen = []

    def look(talk):
        answer = talk.carry()
        seen.append((dict(talk._handler.headers), talk._body, answer))
        talk.reply(answer)

    road.faults.append(look)
    told = laptop.sync()
    assert (told.stage, complete(laptop)) == ("done", True)
    headers, body, answer = seen[0]
    assert headers["Content-Encoding"] == "gzip"
    assert dict(answer.headers)["Content-Encoding"] == "gzip"
    assert (told.up_bytes, told.down_bytes) == (len(body), len(answer.body))
    assert len(body) < len(gzip.decompress(body)) / 2


def test_an_answer_that_does_not_come_in_time_halves_the_next_batch(laptop, road, monkeypatch):
    monkeypatch.setattr(client_module, "READ_S", 0.25)
    road.faults.append(delayed(0.6))
    assert laptop.sync().stage == "done"
    assert sizes(road)[:2] == [8, 4]
    assert complete(laptop)


@pytest.mark.parametrize("fault", [cut_request, lost_reply, cut_reply])
def test_a_connection_cut_in_the_middle_is_resumed_with_less(laptop, road, fault):
    road.faults.append(fault)
    told = laptop.sync()
    assert told.stage == "done"
    assert sizes(road)[0] == 8
    assert complete(laptop)


def test_a_proxy_that_takes_only_small_bodies_is_satisfied(laptop, road):
    def small_door(talk):
        if len(talk._body) > 1200:
            headers = [("Content-Type", "text/html")]
            talk.reply(Answer(413, headers, b"<h1>413 Request Entity Too Large</h1>"))
        else:
            carried(talk)
        road.faults.append(small_door)

    road.faults.append(small_door)
    told = laptop.sync()
    assert (told.stage, complete(laptop)) == ("done", True)
    assert sizes(road)[0] == 8
    assert sum(sizes(road)[-2:]) == 8


def test_a_busy_centre_is_asked_again_after_the_pause_it_named(laptop, road, app):
    gate = app[0].extensions[GATE] = Gate(1)
    entered = gate.enter()
    entered.__enter__()
    waits = []

    def leave(seconds):
        waits.append(seconds)
        entered.__exit__(None, None, None)

    laptop.desk.rounds.sleep = leave
    told = laptop.sync()
    if waits:
        assert (told.stage, complete(laptop)) == ("done", True)
        assert 5 <= waits[0] <= 20
    else:  # it asked for longer than a round waits: the timer comes again
        assert (told.error, 20 < told.retry_after_s <= 30) == ("server_busy", True)
        entered.__exit__(None, None, None)
        assert laptop.sync().stage == "done"


def test_the_centre_refuses_a_body_over_its_limit_and_says_which(laptop, road):
    client = laptop.desk.rounds.connect(laptop.ws)
    with pytest.raises(client_module.SyncFault, match="too_large") as caught:
        client.exchange(b'"' + b"x" * MAX_BODY_BYTES + b'"')
    client.close()
    assert caught.value.status == 413
