"""What happens by itself while the program runs: locking when idle, syncing, the daily copy.

Every tick arms the next one whatever went wrong in it; a laptop must never stop syncing for good
because of one bad moment.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import date

from field_app.domain.progress import Progress
from field_app.services.desk import Desk, local_time
from field_app.services.preferences import preferences
from field_app.services.sync import back_off
from field_app.services.workspace import Workspace
from field_app.sync_client import reachable

log = logging.getLogger(__name__)

TICK_S = 5.0
FIRST_ROUND_S = (5.0, 20.0)
"""When the first round starts after unlocking: between these, at random."""
PROBE_S = 30.0
"""How often an unreachable centre's door is tried, so that a returned network is noticed."""
LONGEST_ASKED_S = 4 * 3600.0
"""However late the centre asks a laptop to come again, it comes at least this often."""


class Timer:
    """Ticks in a thread of its own until it is stopped."""

    def __init__(
        self,
        desk: Desk,
        *,
        syncs: bool = True,
        steady: Callable[[], float] = time.monotonic,
        probe: Callable[[str], bool] = reachable,
    ) -> None:
        """``syncs`` tells whether rounds start by themselves; idle locking always works."""
        self._desk = desk
        self._syncs = syncs
        self._steady = steady
        self._probe = probe
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timer", daemon=True)
        self._next: float | None = None
        self._probe_at = 0.0
        self._failures = 0
        self._judged: Progress | None = None
        self._copied: dict[str, date] = {}

    def start(self) -> None:
        """Begin ticking."""
        self._thread.start()

    def stop(self) -> None:
        """Stop ticking; a round that is running goes on."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(TICK_S)

    def _run(self) -> None:
        while not self._stop.wait(TICK_S):
            with contextlib.suppress(Exception):  # not even a failure to log ends the ticking
                self.tick()

    def tick(self) -> None:
        """Do whatever is due now; never raises."""
        for part in (self._desk.lock_if_idle, self._sync, self._copy):
            try:
                part()
            except Exception:
                log.exception("tick failed in %s", part.__name__)

    def _sync(self) -> None:
        ws = self._desk.present()
        if ws is None:
            self._next = None
            return
        self._judge(ws)
        if not self._syncs or not preferences(ws).sync_minutes or self._desk.rounds.running:
            return
        if ws.identity.state == "revoked":  # only the worker asks again, by the button
            return
        now = self._steady()
        if self._next is None:
            self._next = now + random.uniform(*FIRST_ROUND_S)
        if now >= self._next or self._network_returned(ws, now):
            self._next = now + preferences(ws).sync_minutes * 60
            self._desk.start_round()

    def _judge(self, ws: Workspace) -> None:
        """Plan the next round from how the last one ended, whoever started it."""
        progress = self._desk.rounds.progress
        if not progress.over or progress is self._judged:
            return
        self._judged = progress
        now = self._steady()
        if progress.stage == "done":
            self._failures = 0
            asked = min(progress.next_after_s or 0, LONGEST_ASKED_S)
            wait = max(preferences(ws).sync_minutes * 60, asked)
        else:
            self._failures += 1
            wait = back_off(self._failures, progress)
        self._next = now + wait
        self._probe_at = now + PROBE_S

    def _network_returned(self, ws: Workspace, now: float) -> bool:
        """Whether the centre's door opens again after it could not be reached."""
        if self._judged is None or self._judged.error != "unreachable" or now < self._probe_at:
            return False
        self._probe_at = now + PROBE_S
        return self._probe(ws.identity.server_url)

    def _copy(self) -> None:
        """Make the daily copy, once a day, worker and process; a failed one waits for tomorrow."""
        today = local_time(self._desk.clock()).date()
        ws = self._desk.present()
        if ws is None or self._copied.get(ws.worker_id) == today:
            return
        self._copied[ws.worker_id] = today
        self._desk.back_up()
