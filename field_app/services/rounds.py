"""The one sync round that may run at a time, and how far it is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from field_app.domain.progress import Progress
from field_app.services.sync import end_unbegun, run_round
from field_app.services.workspace import Workspace
from field_app.sync_client import Client

log = logging.getLogger(__name__)

Connect = Callable[[Workspace], Client]
"""Makes the client for a worker's centre."""


class Rounds:
    """Starts rounds, never two at once; pages read `progress` while one runs."""

    def __init__(self, connect: Connect, sleep: Callable[[float], None] = time.sleep) -> None:
        """``sleep`` is how a round waits between its tries."""
        self.connect = connect
        self.sleep = sleep
        self._lock = threading.Lock()
        self.progress = Progress()

    @property
    def running(self) -> bool:
        """Whether a round is under way."""
        return self._lock.locked()

    def forget(self) -> None:
        """Show the last round to nobody any more; one that still runs ends unseen."""
        self.progress = Progress()

    def run(self, ws: Workspace, *, agreed: bool = False) -> Progress | None:
        """Run a round to its end and return how it went; None when another one is running.

        ``agreed`` tells that the worker accepts that many records leave this laptop.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._run(ws, agreed)
        finally:
            self._lock.release()

    def start(self, ws: Workspace, *, agreed: bool = False) -> bool:
        """Run a round in a thread of its own; False when one is running already."""
        if not self._lock.acquire(blocking=False):
            return False
        self.progress = Progress()  # so that no page reads the last round's end as this one's

        def work() -> None:
            try:
                self._run(ws, agreed)
            finally:
                self._lock.release()

        thread = threading.Thread(target=work, name="sync-round", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no thread to be had: the next round tries again
            self._lock.release()
            return False
        return True

    def _run(self, ws: Workspace, agreed: bool) -> Progress:
        self.progress = progress = Progress()
        try:
            client = self.connect(ws)
        except Exception as error:  # an address that is none: the round ends in words all the same
            end_unbegun(ws, progress, error)
            return progress
        try:
            run_round(ws, client, progress, agreed=agreed, sleep=self.sleep)
        finally:
            client.close()
        return progress
