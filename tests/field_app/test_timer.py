"""What happens by itself: locking, syncing, the daily copy, and never stopping for good."""

from __future__ import annotations

import json
import logging
import time

import pytest

from field_app import timer
from field_app.domain.progress import Progress
from field_app.services.preferences import choose
from field_app.services.records import unsent_count
from field_app.store.errors import StoreDamaged
from field_app.timer import LONGEST_ASKED_S, PROBE_S, Timer
from tests.field_app.centres import answers, lost_request
from tests.field_app.laptops import OTHER_WORKER, PASSPHRASE, WORKER, save_issue


class Ticking:
    """A timer whose seconds the test counts."""

    def __init__(self, laptop, **options):
        self.laptop = laptop
        self.listening = True
        self.timer = Timer(laptop.desk, steady=lambda: laptop.hands.steady,
                           probe=lambda url: self.listening, **options)  # fmt: skip

    def tick(self, seconds=0.0):
        self.laptop.hands.passes(seconds)
        self.timer.tick()
        while self.laptop.desk.rounds.running:
            time.sleep(0.005)
        self.timer.tick()


@pytest.fixture
def ticking(joined):
    laptop = joined()
    choose(laptop.ws, idle_minutes=120)
    return Ticking(laptop)


def rounds(line):
    return line.paths.count("/sync")


def test_a_round_starts_soon_after_unlocking_and_then_at_its_interval(ticking, line):
    save_issue(ticking.laptop.ws)
    ticking.tick()
    assert rounds(line) == 0
    ticking.tick(21)
    assert (rounds(line), unsent_count(ticking.laptop.ws)) == (1, 0)
    ticking.tick(60)
    assert rounds(line) == 1
    ticking.tick(20 * 60)
    assert rounds(line) == 2


def test_the_centre_spreads_the_next_round(ticking, line):
    choose(ticking.laptop.ws, sync_minutes=1)
    ticking.tick()
    ticking.tick(21)
    ticking.tick(120)
    assert rounds(line) == 1  # the centre asked for about a quarter of an hour
    ticking.tick(20 * 60)
    assert rounds(line) == 2


def test_by_hand_only_means_by_hand_only(ticking, line):
    choose(ticking.laptop.ws, sync_minutes=0)
    for _ in range(5):
        ticking.tick(3600 // 5)
    assert rounds(line) == 0


def test_a_laptop_told_not_to_sync_by_itself_does_not(joined, line):
    ticking = Ticking(joined(), syncs=False)
    ticking.tick()
    ticking.tick(300)
    assert rounds(line) == 0


def test_a_failed_round_is_tried_again_by_itself_until_it_succeeds(ticking, line):
    laptop = ticking.laptop
    save_issue(laptop.ws)
    line.faults.extend([answers(404, "", Content_Type="text/html")] * 3)
    ticking.tick()
    ticking.tick(21)
    for _ in range(40):
        ticking.tick(60)
    assert unsent_count(laptop.ws) == 0
    assert not line.faults


def test_a_busy_centre_is_left_alone_for_as_long_as_it_asked(ticking, line):
    line.faults.append(answers(503, "", Retry_After="400"))
    ticking.tick()
    ticking.tick(21)
    ticking.tick(390)
    assert rounds(line) == 1
    ticking.tick(20)
    assert rounds(line) == 2


def test_when_the_network_returns_a_round_starts_at_once(ticking, line, monkeypatch):
    monkeypatch.setattr("field_app.timer.back_off", lambda failures, progress: 900.0)
    save_issue(ticking.laptop.ws)
    line.faults.extend([lost_request] * 3)
    ticking.listening = False
    ticking.tick()
    ticking.tick(21)
    assert rounds(line) == 3
    ticking.tick(PROBE_S + 1)
    assert rounds(line) == 3
    ticking.listening = True
    ticking.tick(PROBE_S + 1)
    assert (rounds(line), unsent_count(ticking.laptop.ws)) == (4, 0)


def test_nothing_runs_while_locked_and_unlocking_starts_over(ticking, line):
    laptop = ticking.laptop
    worker_id = laptop.ws.worker_id
    laptop.desk.lock()
    ticking.tick(3600)
    assert rounds(line) == 0
    laptop.desk.unlock(worker_id, PASSPHRASE)
    ticking.tick()
    ticking.tick(21)
    assert rounds(line) == 1


def test_an_unused_laptop_locks_by_the_timer_too(laptop):
    ticking = Ticking(laptop, syncs=False)
    ticking.tick(599)
    assert laptop.desk.present() is not None
    ticking.tick(1)
    assert laptop.desk.present() is None


def test_a_copy_is_made_once_a_day(laptop, hands):
    choose(laptop.ws, idle_minutes=120)
    ticking = Ticking(laptop, syncs=False)
    ticking.tick()
    ticking.tick(60)
    assert len(laptop.desk.vault.backups(WORKER)) == 1
    hands.passes(86400)
    laptop.desk.unlock(WORKER, PASSPHRASE)
    ticking.tick()
    assert len(laptop.desk.vault.backups(WORKER)) == 2


def test_each_worker_of_a_shared_laptop_has_a_copy_of_the_day(laptop):
    ticking = Ticking(laptop, syncs=False)
    ticking.tick()
    laptop.settle(OTHER_WORKER)
    ticking.tick()
    ticking.tick()
    laptop.desk.unlock(WORKER, PASSPHRASE)
    ticking.tick()
    for worker in (WORKER, OTHER_WORKER):
        assert len(laptop.desk.vault.backups(worker)) == 1


def test_whatever_goes_wrong_in_a_tick_the_next_one_comes(ticking, line, monkeypatch, caplog):
    def fail(*args):
        raise StoreDamaged

    with monkeypatch.context() as patch:
        patch.setattr(ticking.laptop.desk, "back_up", fail)
        patch.setattr(ticking.laptop.desk, "start_round", fail)
        with caplog.at_level(logging.ERROR):
            ticking.tick()
            ticking.tick(21)
    assert "tick failed" in caplog.text
    ticking.tick(20 * 60)
    assert rounds(line) == 1


class Tripwire:
    """Passes calls on, but fails at the ``at``-th one of all it watches."""

    def __init__(self, at):
        self.at, self.calls = at, 0

    def __call__(self, call):
        def watched(*args, **more):
            self.calls += 1
            if self.calls == self.at:
                raise StoreDamaged
            return call(*args, **more)

        return watched


class Watched:
    """A desk every use of which passes the wire."""

    def __init__(self, real, wire):
        self._real, self._wire = real, wire

    def __getattr__(self, name):
        found = getattr(self._real, name)
        if name == "rounds":
            return self._wire(lambda: found)()
        return self._wire(found) if callable(found) else found


@pytest.mark.parametrize("ends", ["done", "failed"])
def test_wherever_a_tick_fails_a_later_one_starts_a_round(laptop, hands, monkeypatch, ends):
    """The wire is laid at every call the timer makes, one after the other, over four ticks."""
    choose(laptop.ws, idle_minutes=120)
    logging.getLogger("field_app.timer").disabled = True
    rounds_begun = []

    class Rounds:
        running = False
        progress = Progress()

    def start_round():
        rounds_begun.append(1)
        Rounds.progress = Progress(stage=ends, error="unreachable" * (ends == "failed"))
        return True

    monkeypatch.setattr(laptop.desk, "rounds", Rounds)
    monkeypatch.setattr(laptop.desk, "start_round", start_round)
    monkeypatch.setattr(laptop.desk, "lock_if_idle", lambda: None)
    at, tripped = 0, True
    while tripped:
        at += 1
        wire = Tripwire(at)
        with monkeypatch.context() as patch:
            for name in ("preferences", "back_off", "local_time"):
                patch.setattr(f"field_app.timer.{name}", wire(getattr(timer, name)))
            ticking = Timer(Watched(laptop.desk, wire), steady=wire(lambda: hands.steady),
                            probe=wire(lambda url: False))  # fmt: skip
            for seconds in (0, 21, 1, 31):
                hands.passes(seconds)
                ticking.tick()
            tripped = wire.calls >= at
            begun = len(rounds_begun)
            for _ in range(8):
                hands.passes(600)
                ticking.tick()
            assert len(rounds_begun) > begun, f"no round after a failure at call {at}"
    assert at > 20
    logging.getLogger("field_app.timer").disabled = False


@pytest.fixture
def never_idle(ticking, monkeypatch):
    monkeypatch.setattr(ticking.laptop.desk, "lock_if_idle", lambda: None)


@pytest.mark.usefixtures("never_idle")
def test_a_centre_that_asks_for_next_year_is_asked_again_today(ticking, line):
    def next_year(carry):
        status, headers, body = carry()
        return status, headers, json.dumps(json.loads(body) | {"next_after_s": 9_000_000})

    line.faults.append(next_year)
    ticking.tick()
    ticking.tick(21)
    assert rounds(line) == 1
    ticking.tick(LONGEST_ASKED_S + 1)
    assert rounds(line) == 2


@pytest.mark.usefixtures("never_idle")
def test_a_revoked_laptop_asks_no_more_by_itself(ticking, line):
    refused = answers(403, '{"code": "device_revoked"}', Content_Type="application/problem+json")
    line.faults.append(refused)
    ticking.tick()
    ticking.tick(21)
    assert rounds(line) == 1
    for _ in range(10):
        ticking.tick(3600)
    assert rounds(line) == 1
    assert ticking.laptop.desk.start_round()  # the worker's button still asks
    while ticking.laptop.desk.rounds.running:
        time.sleep(0.005)
    assert ticking.laptop.ws.identity.state == "active"


def test_even_a_tick_that_raises_does_not_end_the_thread(laptop, monkeypatch):
    monkeypatch.setattr("field_app.timer.TICK_S", 0.01)
    ticked = []

    def fail(self):
        ticked.append(1)
        raise MemoryError

    monkeypatch.setattr(Timer, "tick", fail)
    timer = Timer(laptop.desk)
    timer.start()
    while len(ticked) < 3:
        time.sleep(0.005)
    timer.stop()


def test_it_ticks_in_a_thread_until_it_is_stopped(laptop, monkeypatch):
    monkeypatch.setattr("field_app.timer.TICK_S", 0.01)
    ticked = []
    monkeypatch.setattr(Timer, "tick", lambda self: ticked.append(1))
    timer = Timer(laptop.desk)
    timer.start()
    while len(ticked) < 3:
        time.sleep(0.005)
    timer.stop()
    count = len(ticked)
    time.sleep(0.05)
    assert len(ticked) == count
