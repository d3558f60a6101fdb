"""The seat at the laptop: one worker at a time, and a running round is not cut off by idleness."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from field_app.domain.errors import Trouble
from field_app.services.desk import Desk
from field_app.services.records import new_id, save_record, unsent_count, views
from field_app.store.errors import StoreClosed
from tests.field_app.laptops import ISSUE, OTHER_WORKER, PASSPHRASE, WORKER, save_issue


def test_one_worker_sits_here_at_a_time(laptop):
    first = laptop.desk.unlock(WORKER, PASSPHRASE)
    assert laptop.desk.workspace(first) is not None
    laptop.settle(OTHER_WORKER)
    assert laptop.desk.workspace(first) is None
    assert laptop.ws.worker_id == OTHER_WORKER


def test_two_windows_of_one_worker_share_the_desk(laptop):
    seats = [laptop.desk.unlock(WORKER, PASSPHRASE) for _ in range(2)]
    assert all(laptop.desk.workspace(seat) for seat in seats)
    laptop.desk.lock()
    assert not any(laptop.desk.workspace(seat) for seat in seats)


@pytest.mark.parametrize("seat", [None, "", "guess"])
def test_a_seat_nobody_gave_is_no_seat(laptop, seat):
    assert laptop.desk.workspace(seat) is None


def test_a_workspace_kept_across_a_lock_opens_nothing(laptop):
    ws = laptop.ws
    laptop.desk.lock()
    with pytest.raises(StoreClosed):
        save_issue(ws)
    with pytest.raises(StoreClosed):
        laptop.desk.health()


def test_idleness_closes_the_pages_at_once_and_the_store_after_the_round(joined, line, hands):
    laptop = joined()
    save_issue(laptop.ws)
    worker_id = laptop.ws.worker_id
    seat = laptop.desk.unlock(worker_id, PASSPHRASE)
    reached, go_on = threading.Event(), threading.Event()

    def slow(carry):
        reached.set()
        go_on.wait(10)
        return carry()

    line.faults.append(slow)
    ws = laptop.ws
    assert laptop.desk.start_round()
    assert reached.wait(10)
    hands.passes(601)
    laptop.desk.lock_if_idle()
    assert laptop.desk.workspace(seat) is None
    assert unsent_count(ws) == 1
    go_on.set()
    while laptop.desk.rounds.running:
        time.sleep(0.005)
    assert laptop.desk.rounds.progress.stage == "done"
    laptop.desk.lock_if_idle()
    with pytest.raises(StoreClosed):
        unsent_count(ws)


def test_idleness_counts_the_time_a_shut_laptop_sleeps(monkeypatch):
    if hasattr(time, "CLOCK_BOOTTIME"):
        wanted = time.CLOCK_BOOTTIME
    else:
        monkeypatch.setattr(sys, "platform", "darwin")
        wanted = 6
        monkeypatch.setattr(time, "CLOCK_MONOTONIC", wanted, raising=False)
    told = {wanted: 7.0}
    monkeypatch.setattr(time, "clock_gettime", lambda clock: told.get(clock, 0.0), raising=False)
    desk = Desk(vault=None, connect=None)  # type: ignore[arg-type]
    assert desk._steady() == 7.0


def test_two_rounds_never_run_at_once(joined, line):
    laptop = joined()
    started = []

    def nested(carry):
        started.append(laptop.desk.start_round())
        started.append(laptop.desk.rounds.run(laptop.ws))
        return carry()

    line.faults.append(nested)
    laptop.sync()
    assert started == [False, None]
    assert not laptop.desk.rounds.running


def test_nobody_here_means_no_round(laptop):
    laptop.desk.lock()
    assert not laptop.desk.start_round()


def test_the_recovery_key_is_forgotten_only_after_its_groups_were_typed(laptop):
    laptop.desk.new_recovery_key(PASSPHRASE)
    groups = laptop.desk.recovery_key.split("-")
    for wrong in ({0: "XXXX"}, {0: groups[1]}, {99: groups[0]}):
        with pytest.raises(Trouble, match="groups_differ"):
            laptop.desk.confirm_recovery(wrong)
    assert laptop.desk.recovery_key
    laptop.desk.confirm_recovery({0: groups[0], 7: f" {groups[7].lower()} "})
    assert laptop.desk.recovery_key is None
    assert laptop.ws.setting("recovery") == {"confirmed": True}


def test_two_tabs_saving_one_record_make_one(laptop):
    ids = set()
    barrier = threading.Barrier(4)

    record_id = new_id()

    def save():
        barrier.wait()
        ids.add(save_record(laptop.ws, "issue", "create", ISSUE, record_id=record_id).change_id)

    tabs = [threading.Thread(target=save) for _ in range(4)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    assert len(views(laptop.ws, "issue")) == unsent_count(laptop.ws) == 1
    assert len(ids - {None}) == 1
