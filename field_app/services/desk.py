"""The seat at this laptop: who has unlocked it, for how long, and what runs for them meanwhile.

One worker at a time: another one's sign-in locks the first, whose unsent work stays as it is.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from field_app.domain.errors import Trouble
from field_app.services import streams
from field_app.services.connection import connects
from field_app.services.found_by import redo_quietly
from field_app.services.joining import Call, Request, join
from field_app.services.known_centre import remember_centre
from field_app.services.photos import tidy_quietly
from field_app.services.preferences import Preferences, choose, preferences
from field_app.services.rounds import Connect, Rounds
from field_app.services.sync import tell_interrupted
from field_app.services.workspace import Workspace, indexes
from field_app.settings import Settings
from field_app.store.errors import StoreClosed
from field_app.store.keys import Argon2Profile
from field_app.store.vault import Health, OpenStore, Vault, WorkerEntry
from schemas.clock import SHANGHAI

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """Return the computer's time, aware."""
    return datetime.now(UTC)


def seconds_awake_and_asleep() -> float:
    """Return seconds that only go on, also while the computer sleeps: shutting the lid of an
    unlocked laptop must not keep it unlocked."""
    if hasattr(time, "CLOCK_BOOTTIME"):  # Linux, whose monotonic clock stands still meanwhile
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":  # as does the one Python takes there
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()


def open_desk(settings: Settings, clock: Clock = wall_clock) -> Desk:
    """Return the desk over the workers' stores in the data folder.

    Raises Trouble ``data_dir_unusable``.
    """
    try:
        vault = Vault(settings.data_dir, indexes=indexes())
    except OSError:
        raise Trouble("data_dir_unusable", path=str(settings.data_dir)) from None
    return Desk(vault, connects(settings), clock)


class Desk:
    """Unlocking, locking and the running round. Every call is safe from any thread."""

    def __init__(
        self,
        vault: Vault,
        connect: Connect,
        clock: Clock = wall_clock,
        steady: Callable[[], float] = seconds_awake_and_asleep,
        argon: Argon2Profile | None = None,
    ) -> None:
        """``steady`` counts seconds and only goes on, also in sleep; idle time is measured by it.
        ``argon`` is what a guess at the key of a device costs while it joins."""
        self.vault = vault
        self.clock = clock
        self.rounds = Rounds(connect)
        self._steady = steady
        self._argon = argon
        self._lock = threading.RLock()
        self._store: OpenStore | None = None
        self._seats: set[str] = set()
        self._used_at = 0.0
        self._recovery_key: str | None = None

    def workers(self) -> list[WorkerEntry]:
        """Who has a store on this laptop."""
        return self.vault.workers()

    def unlock(self, worker_id: str, passphrase: str, *, accept_loss: bool = False) -> str:
        """Open a worker's store and return a new seat. Raises what `Vault.unlock` does."""
        with self._lock:
            return self.take(self.vault.unlock(worker_id, passphrase, accept_loss=accept_loss))

    def unlock_with_recovery(self, worker_id: str, recovery_key: str, passphrase: str) -> str:
        """Open a store by its recovery key, with a new passphrase from now on; return a seat.

        Raises what `Vault.unlock_with_recovery` does.
        """
        with self._lock:
            return self.take(self.vault.unlock_with_recovery(worker_id, recovery_key, passphrase))

    def take(self, store: OpenStore) -> str:
        """Sit down at an opened store and return the seat; whoever sat here before is locked."""
        with self._lock:
            if self._store is not None and self._store is not store:
                self.lock()
            self._store = store
            tell_interrupted(self._workspace(store), restored=store.restored)
            if store.restored:
                streams.open_new(self._workspace(store))
                tidy_quietly(self._workspace(store), restored=True)
                store.acknowledge_restored()
            else:
                tidy_quietly(self._workspace(store), restored=False)
            redo_quietly(self._workspace(store))
            self._remember_centre(self._workspace(store))
            seat = secrets.token_urlsafe(32)
            self._seats.add(seat)
            self._used_at = self._steady()
            return seat

    def _remember_centre(self, ws: Workspace) -> None:
        if ws.joined:
            address, allowed = ws.identity.server_url, preferences(ws).allow_http
            remember_centre(self.vault.folder, address, allow_http=allowed)

    def workspace(self, seat: str | None, *, using: bool = True) -> Workspace | None:
        """Return the unlocked worker of a seat, None when it is locked.

        ``using`` tells that a person did this; what a page asks by itself does not keep it open.
        """
        with self._lock:
            self.lock_if_idle()
            if seat is None or seat not in self._seats or self._store is None:
                return None
            if using:
                self._used_at = self._steady()
            return self._workspace(self._store)

    def _workspace(self, store: OpenStore) -> Workspace:
        ws = Workspace(store.db, self.clock, photos=store.photos)
        return ws.speaking(preferences(ws).lang)

    def present(self) -> Workspace | None:
        """Return the unlocked worker for work in the background, None when all is locked."""
        with self._lock:
            return self._workspace(self._store) if self._store and self._seats else None

    def seconds_left(self) -> int:
        """Return the seconds until the desk locks by itself; 0 when it is locked."""
        with self._lock:
            if self._store is None or not self._seats:
                return 0
            limit = self._preferences().idle_minutes * 60
            return max(0, round(limit - (self._steady() - self._used_at)))

    def _preferences(self) -> Preferences:
        assert self._store is not None
        return preferences(self._workspace(self._store))

    def lock_if_idle(self) -> None:
        """Lock when nobody has used the desk for as long as the worker set.

        Pages are locked at once; a round that is running may end before the store is closed.
        """
        with self._lock:
            if self._store is None:
                return
            if self._seats and self.seconds_left() == 0:
                self._seats.clear()
            if not self._seats and not self.rounds.running:
                self.lock()

    def lock(self) -> None:
        """Close the store now; a running round ends unfinished and loses nothing."""
        with self._lock:
            self._seats.clear()
            self._recovery_key = None
            self.rounds.forget()
            store, self._store = self._store, None
            if store is not None:
                with contextlib.suppress(OSError):
                    store.close()

    def destroy(self) -> None:
        """Lock, and make the open store unreadable for ever. Raises what `Vault.destroy` does.

        Whether that may be is for `services/rescue.py`.
        """
        with self._lock:
            worker_id = self._opened().worker_id
            self.lock()
            self.vault.destroy(worker_id)

    def join(self, request: Request, call: Call) -> str:
        """Join a centre and sit down as the worker of the code; return the seat.

        Raises what `joining.join` does.
        """
        joined = join(self.vault, request, call, self.clock, self._argon)
        with self._lock:
            seat = self.take(joined.store)
            if joined.recovery_key is not None:
                self._recovery_key = joined.recovery_key
                workspace = self._workspace(joined.store)
                workspace.keep_setting("recovery", confirmed=False)
                choose(workspace, lang=request.lang)
            return seat

    @property
    def recovery_key(self) -> str | None:
        """The recovery key still to be written down, None when there is none to show."""
        return self._recovery_key

    def confirm_recovery(self, groups: Mapping[int, str]) -> None:
        """Forget the recovery key shown once ``groups`` (by place, from 0) prove it was kept.

        Raises Trouble ``groups_differ``.
        """
        with self._lock:
            shown = (self._recovery_key or "").split("-")
            for place, typed in groups.items():
                if place >= len(shown) or typed.strip().upper() != shown[place]:
                    raise Trouble("groups_differ")
            self._recovery_key = None
            self._workspace(self._opened()).keep_setting("recovery", confirmed=True)

    def change_passphrase(self, old: str, new: str) -> None:
        """Replace the passphrase; raises what `Vault.change_passphrase` does."""
        self.vault.change_passphrase(self._opened().worker_id, old, new)

    def new_recovery_key(self, passphrase: str) -> None:
        """Issue another recovery key, to be shown until it is confirmed; the old one is void.

        Raises what `Vault.new_recovery_key` does.
        """
        with self._lock:
            store = self._opened()
            self._recovery_key = self.vault.new_recovery_key(store.worker_id, passphrase)
            self._workspace(store).keep_setting("recovery", confirmed=False)

    def health(self) -> Health:
        """Check the open store; saves wait meanwhile. Raises StoreClosed."""
        return self._opened().health()

    def back_up(self) -> Path | None:
        """Make today's copy of the open store unless it is there; return its path if made.

        Raises StoreDamaged, StoreFull, StoreClosed.
        """
        return self._opened().backup_daily(local_time(self.clock()))

    def _opened(self) -> OpenStore:
        if self._store is None:
            raise StoreClosed
        return self._store

    def start_round(self, *, agreed: bool = False) -> bool:
        """Begin a round in the background; False when one runs or nobody is here.

        ``agreed`` tells that the worker accepts that many records leave this laptop.
        """
        ws = self.present()
        return ws is not None and self.rounds.start(ws, agreed=agreed)


def local_time(moment: datetime) -> datetime:
    """Return an aware time as it is where the laptops are."""
    return moment.astimezone(SHANGHAI)
