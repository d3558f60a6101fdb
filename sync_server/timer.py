"""What happens at the centre by itself while it serves: steps of issues whose time has come,
the search for duplicates among what was changed, the facts of base data that nobody types,
a look at whether the files of photos are still there, keeping the rows behind the figures of field
work fresh, so that whoever opens a page of figures does not wait for it; what records are found by,
where an older program wrote it; storing the figures of months that are closed; emptying what a
confirmed retention run lists; linking the audit's new rows into its chain; and the work of imports.

Of the processes that serve from one data folder one ticks, once a minute; when it ends, however it
ends, another one goes on. Two that tick (with a data folder each) do no harm: who is first does
what is due, the other finds nothing left. Each tick arms the next one whatever went wrong in it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from schemas.clock import local_day
from sync_server.domain.errors import Refusal
from sync_server.services.audit_chain import extend
from sync_server.services.base_facts import keep_true
from sync_server.services.centre import Centre
from sync_server.services.clock_steps import take_due_steps
from sync_server.services.closed_months import freeze_due
from sync_server.services.duplicates import search_duplicates
from sync_server.services.emptying import empty_some
from sync_server.services.field_lines import bring_up_to_date
from sync_server.services.field_sums import add_months_up
from sync_server.services.import_work import Worker, drop_old_files
from sync_server.services.lost_photos import Watch, look_for_photos
from sync_server.services.partitioning import keep_parts
from sync_server.services.search_texts import redo_texts
from sync_server.store.engine import Store
from sync_server.store.occupancy import Occupancy, take_duty

log = logging.getLogger(__name__)

TICK_S = 60.0
FACTS_EVERY = 10
"""Ticks from one look at the base data to the next."""
AUDITED = timedelta(days=1)
"""So far back a tick looks for audit rows to be linked; once a day it looks at all of them."""
IMPORT_TICK_S = 1.0
OLD_FILES_EVERY = 3_600
"""So many ticks of imports lie between two looks for old files."""


class Timer:
    """Ticks in a thread of its own until it is stopped or the program ends, while no other process
    of the data folder does."""

    duty = "minute"

    def __init__(self, centre: Centre, tick_s: float = TICK_S) -> None:
        self._centre = centre
        self._tick_s = tick_s
        self._stop = threading.Event()
        self._ticks = 0
        self._held: Occupancy | None = None
        self._facts_no = -1
        self._facts_day = self._linked_day = ""
        self._photos = Watch()
        self._thread = threading.Thread(target=self._run, name="timer", daemon=True)

    def start(self) -> None:
        """Begin ticking."""
        self._thread.start()

    def stop(self) -> None:
        """Tick no more; a tick under way is waited for."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._held is not None:
            self._held.release()

    def on_duty(self) -> bool:
        """Whether it is this process that ticks."""
        if self._held is None:
            self._held = take_duty(self._centre.settings.data, self.duty)
        return self._held is not None

    def tick(self) -> int:
        """Do what is due now and return how many steps that were; a failure is logged by its code,
        and keeps nothing else from being done."""
        taken = self._do("steps", lambda *due: take_due_steps(*due))
        self._do("pairs", lambda *due: search_duplicates(*due).pairs)
        self._do("rows of field work", lambda store, code, _: bring_up_to_date(store, code))
        self._do("months added up", add_months_up)
        self._do("search texts redone", redo_texts)
        self._do("months closed", freeze_due)
        self._do("people emptied", lambda store, _, now: empty_some(self._centre, now))
        self._do("audit rows linked", self._link_audit)
        self._do(
            "photos gone or back",
            lambda store, code, now: look_for_photos(self._centre, self._photos, now),
        )
        if self._ticks % FACTS_EVERY == 0:
            self._do("facts", self._keep_facts)
            self._do("parts of tables", lambda store, _, now: keep_parts(store, now))
        self._ticks += 1
        return taken

    def _keep_facts(self, store: Store, district: str, now: datetime) -> int:
        if self._facts_day != (today := local_day(now)):  # tags begin and end with a day
            self._facts_day, self._facts_no = today, -1
        known, self._facts_no = self._facts_no, keep_true(store, district, now, self._facts_no)
        return int(self._facts_no != known)

    def _link_audit(self, store: Store, district: str, now: datetime) -> int:
        every = self._linked_day != (today := local_day(now))
        linked = extend(store, district, None if every else now - AUDITED)
        self._linked_day = today
        return linked

    def _do(self, what: str, work: Callable[[Store, str, datetime], int]) -> int:
        centre = self._centre
        try:
            done = work(centre.store, centre.code, centre.clock())
        except Refusal as refusal:
            log.warning("timer: %s", refusal.code)
            return 0
        except Exception:
            log.exception("timer")
            return 0
        if done:
            log.info("timer: %d %s", done, what)
        return done

    def _run(self) -> None:
        while not self._stop.wait(self._tick_s):
            if self.on_duty():
                self.tick()


class ImportTimer(Timer):
    """Takes up the work of imports within a second; stopped, it ends after the piece it is at, and
    whoever serves next goes on from there."""

    duty = "imports"

    def __init__(self, centre: Centre, tick_s: float = IMPORT_TICK_S) -> None:
        super().__init__(centre, tick_s)
        self._worker = Worker(centre)
        self._ticks = 0

    def tick(self) -> int:
        """Do what work there is now and return how many pieces that were."""
        if self._ticks % OLD_FILES_EVERY == 0:
            self._do("old files", lambda *due: drop_old_files(self._centre))
        self._ticks += 1
        return self._do("pieces", lambda *due: self._worker.work(stop=self._stop.is_set))
