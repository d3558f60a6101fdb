"""The centre's minute: it goes on whatever went wrong, and ends when told."""

from __future__ import annotations

import threading
from dataclasses import replace

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
