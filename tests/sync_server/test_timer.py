"""The centre's minute: it goes on whatever went wrong, and ends when told."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from sync_server import timer
from sync_server.domain.errors import Refusal
from sync_server.timer import Timer


def test_a_tick_that_fails_is_followed_by_the_next(centre, monkeypatch):
    seen = threading.Event()
    troubles = [Refusal("unavailable"), RuntimeError("bug")]

    def take(store, district, now):
        if troubles:
            raise troubles.pop()
        seen.set()
        return 0

    monkeypatch.setattr(timer, "take_due_steps", take)
    minute = Timer(centre, tick_s=0.001)
    minute.start()
    assert seen.wait(10)
    minute.stop()


def test_a_tick_does_what_is_due(centre):
    assert Timer(replace(centre)).tick() == 0


def test_a_timer_that_never_began_can_be_stopped(centre):
    Timer(centre).stop()


@pytest.mark.parametrize("kind", [Timer, timer.ImportTimer])
def test_of_several_processes_one_is_on_duty_and_another_takes_over(centre, kind):
    first, second = kind(centre), kind(centre)
    assert first.on_duty()
    assert first.on_duty()
    assert not second.on_duty()
    first.stop()
    assert second.on_duty()
    second.stop()


def test_the_minute_and_the_imports_may_be_done_by_different_processes(centre):
    minute, imports = Timer(centre), timer.ImportTimer(centre)
    assert minute.on_duty()
    assert imports.on_duty()
    minute.stop()
    imports.stop()


def test_who_is_not_on_duty_does_not_tick(centre, monkeypatch):
    ticked = threading.Event()
    waiting, ticking = Timer(centre, tick_s=0.001), Timer(centre)
    assert ticking.on_duty()
    monkeypatch.setattr(waiting, "tick", lambda: ticked.set() or 0)
    waiting.start()
    assert not ticked.wait(0.1)
    ticking.stop()
    assert ticked.wait(10)
    waiting.stop()
