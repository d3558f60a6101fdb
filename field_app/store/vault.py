"""The laptop's data folder: a store for each worker, each under a key of its own.

<folder>/instance.lock
<folder>/joining.json, centre.json   see services/joining.py, services/known_centre.py
<folder>/workers/<opaque>/   worker.json, key.json (and its twin), attempts.json, store.db …,
                             photos/, backups/ (with photos/ of its own), and `restored`
                             while a restored store is not acknowledged
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from field_app.store import rows as row_files
from field_app.store.copies import backup_day, backups, is_whole
from field_app.store.errors import StoreClosed, StoreDamaged, UnknownWorker, WorkerExists
from field_app.store.files import (
    hold,
    make_private_folder,
    sync_file,
    sync_folder,
    write_atomically,
)
from field_app.store.keys import Argon2Profile, Clock, KeyRing, owner_of
from field_app.store.photo_files import PhotoFiles
from field_app.store.rows import RowStore
from field_app.store.tables import DurableDB, Indexes

_STORE, _BACKUPS, _RESTORED, _WORKER = "store.db", "backups", "restored", "worker.json"
_PHOTOS = "photos"
_DRAFT, _GONE = ".new-", ".gone-"


class Health(TypedDict):
    """The state of a store: sizes in bytes, `last_backup` as an ISO date."""

    ok: bool
    problems: list[str]
    read_only: bool
    size_bytes: int
    free_bytes: int
    last_backup: str | None


@dataclass(frozen=True)
class WorkerEntry:
    """A worker known on this laptop; the label is shown before sign-in and may be absent."""

    worker_id: str
    label: str | None


class OpenStore:
    """One worker's store, unlocked."""

    def __init__(
        self,
        worker_id: str,
        folder: Path,
        key: bytes,
        indexes: Indexes,
        *,
        accept_loss: bool = False,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        """Use `Vault`. Raises what `RowStore.open` does."""
        self.worker_id = worker_id
        self.folder = folder
        self._key: bytes | None = key
        self.photos = PhotoFiles(folder / _PHOTOS, self.photo_key)
        self._on_close = on_close
        if accept_loss:
            _mark_restored(folder)
        self._rows = RowStore.open(folder / _STORE, key, accept_loss=accept_loss)
        try:
            self.db = DurableDB(self._rows, indexes, document_id_class=str)
        except BaseException:
            self._rows.close()
            raise

    @property
    def restored(self) -> bool:
        """Whether the store is older than what it once was, so that a new stream must begin."""
        return (self.folder / _RESTORED).exists()

    def acknowledge_restored(self) -> None:
        """Forget that the store was restored, once the new stream has begun."""
        (self.folder / _RESTORED).unlink(missing_ok=True)
        sync_folder(self.folder)

    def photo_key(self, sha256_hex: str) -> bytes:
        """The 32-byte key for a photo with this hash.

        Raises ValueError for what is no SHA-256 in hex, StoreClosed.
        """
        digest = bytes.fromhex(sha256_hex)
        if len(digest) != 32:
            raise ValueError("not a SHA-256 in hex")
        if self._key is None:
            raise StoreClosed(_STORE)
        info = b"gridrounds photo\0" + digest
        return HKDF(SHA256(), length=32, salt=None, info=info).derive(self._key)

    def backup_daily(self, now: datetime) -> Path | None:
        """Make the copy of the day `now` lies in, unless it was the last one made; return its path
        if made. An older copy that a wrong clock gave this day does not stand in for it.

        Raises StoreDamaged, StoreFull, StoreClosed.
        """
        folder = self.folder / _BACKUPS
        make_private_folder(folder)
        self.photos.copy()
        if any(backup_day(copy) == now.date() for copy in backups(folder)[:1]):
            return None
        return self._rows.backup(folder, now=now)

    def health(self) -> Health:
        """Check the whole store and its surroundings; saves wait meanwhile. Raises StoreClosed."""
        check = self._rows.integrity()
        copies = backups(self.folder / _BACKUPS)
        return {
            "ok": check.ok,
            "problems": list(check.problems),
            "read_only": self._rows.read_only,
            "size_bytes": sum(
                part.stat().st_size for part in self.folder.glob(_STORE + "*") if part.is_file()
            ),
            "free_bytes": shutil.disk_usage(self.folder).free,
            "last_backup": backup_day(copies[0]).isoformat() if copies else None,
        }

    def close(self) -> None:
        """Drop image and key; the store is locked. Closing twice is harmless."""
        self._key = None
        self.db.close()
        self._on_close()


class Vault:
    """All workers' stores under one folder. Every call is safe from any thread."""

    def __init__(
        self,
        folder: Path,
        *,
        argon: Argon2Profile | None = None,
        clock: Clock | None = None,
        indexes: Indexes | None = None,
    ) -> None:
        """`indexes` is handed to every store opened. Raises OSError if no folder can be made."""
        self.folder = Path(folder)
        self._argon = argon or Argon2Profile()
        self._clock = clock or Clock()
        self._indexes = indexes or {}
        self._lock = threading.RLock()
        self._rings: dict[str, KeyRing] = {}
        self._open: dict[str, OpenStore] = {}
        self._workers = self.folder / "workers"
        make_private_folder(self.folder)
        make_private_folder(self._workers)

    @contextlib.contextmanager
    def instance_lock(self) -> Iterator[None]:
        """Be the only process on this data folder while inside. Raises StoreBusy."""
        lock = hold(self.folder / "instance.lock")
        try:
            for prefix in (_DRAFT, _GONE):
                for left in self._workers.glob(prefix + "*"):
                    shutil.rmtree(left, ignore_errors=True)
            yield
        finally:
            lock.release()

    def workers(self) -> list[WorkerEntry]:
        """Who has a store here, in order of worker id, without a label where it is unreadable."""
        folders = [
            one for one in self._workers.iterdir() if not one.name.startswith((_DRAFT, _GONE))
        ]
        found = [entry for entry in map(_entry, folders) if entry is not None]
        return sorted(found, key=lambda entry: entry.worker_id)

    def create(self, worker_id: str, label: str | None, passphrase: str) -> tuple[OpenStore, str]:
        """Make a worker's store, all at once; return it open, with the recovery key to show once.

        Raises WorkerExists, WeakPassphrase, StoreFull, OSError.
        """
        with self._lock:
            final = self._folder(worker_id)
            if final.exists():
                raise WorkerExists(final.name)
            draft = self._workers / (_DRAFT + secrets.token_hex(8))
            make_private_folder(draft)
            try:
                ring = self._ring(worker_id, draft)
                key, recovery_key = ring.create(passphrase)
                RowStore.create(draft / _STORE, key).close()
                entry = {"version": 1, "worker_id": worker_id, "label": label}
                write_atomically(draft / _WORKER, json.dumps(entry).encode())
                sync_file(draft / _STORE)
                sync_folder(draft)
                draft.rename(final)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
            sync_folder(self._workers)
            return self._opened(worker_id, key), recovery_key

    def unlock(self, worker_id: str, passphrase: str, *, accept_loss: bool = False) -> OpenStore:
        """Open a worker's store; when it is open already, the same one after the same check.

        `accept_loss` opens a sound store whose newest commits are missing (see CommitsMissing) and
        marks it restored. Raises UnknownWorker, WrongPassphrase, TooManyAttempts, StoreDamaged,
        StoreBusy, UnsafeSqlite.
        """
        with self._lock:
            key = self._known_ring(worker_id).unlock(passphrase)
            return self._opened(worker_id, key, accept_loss=accept_loss)

    def unlock_with_recovery(
        self, worker_id: str, recovery_key: str, new_passphrase: str
    ) -> OpenStore:
        """Open a worker's store by its recovery key and lock it with a new passphrase from now on.

        Raises MistypedRecoveryKey, WeakPassphrase and what `unlock` does.
        """
        with self._lock:
            ring = self._known_ring(worker_id)
            key = ring.unlock_with_recovery(recovery_key)
            ring.set_passphrase(key, new_passphrase)
            return self._opened(worker_id, key)

    def change_passphrase(self, worker_id: str, passphrase: str, new_passphrase: str) -> None:
        """Replace the passphrase; raises WeakPassphrase and what `unlock` does."""
        with self._lock:
            ring = self._known_ring(worker_id)
            ring.set_passphrase(ring.unlock(passphrase), new_passphrase)

    def new_recovery_key(self, worker_id: str, passphrase: str) -> str:
        """Issue another recovery key, to be shown once; the old one is void. Raises as `unlock`."""
        with self._lock:
            ring = self._known_ring(worker_id)
            return ring.new_recovery_key(ring.unlock(passphrase))

    def lock(self, worker_id: str) -> None:
        """Close a worker's store, dropping image and key; harmless when it is not open."""
        with self._lock:
            store = self._open.get(worker_id)
            if store is not None:
                store.close()

    def destroy(self, worker_id: str) -> None:
        """Make a worker's store unreadable for ever, copies and photos included.

        The keys are overwritten first; a crash later leaves files nobody can open, which the next
        start removes. Raises UnknownWorker, StoreBusy while another process has it open, OSError.
        """
        with self._lock:
            folder = self._known_folder(worker_id)
            self.lock(worker_id)
            hold(folder / (_STORE + ".lock")).release()
            self._known_ring(worker_id).destroy()
            self._rings.pop(worker_id, None)
            gone = self._workers / (_GONE + secrets.token_hex(8))
            folder.rename(gone)
            sync_folder(self._workers)
            shutil.rmtree(gone, ignore_errors=True)

    def backups(self, worker_id: str) -> list[Path]:
        """A worker's daily copies, the one made last first. Raises UnknownWorker."""
        return backups(self._known_folder(worker_id) / _BACKUPS)

    def restore_from_backup(
        self, worker_id: str, backup_file: Path, now: datetime | None = None
    ) -> Path | None:
        """Put a copy in the store's place; the old files are renamed, never deleted.

        Returns where the old store lies now. The store is marked restored until
        `OpenStore.acknowledge_restored`. Raises UnknownWorker, StoreBusy while the store is open,
        StoreDamaged when there is no such copy or it is not whole, OSError.
        """
        with self._lock:
            folder = self._known_folder(worker_id)
            if not backup_file.is_file():
                raise StoreDamaged("no such copy")
            if not is_whole(backup_file):
                raise StoreDamaged("the copy is not whole")
            hold(folder / (_STORE + ".lock")).release()
            draft = folder / (_STORE + ".restoring")
            shutil.copyfile(backup_file, draft)
            draft.chmod(0o600)
            sync_file(draft)
            _mark_restored(folder)
            aside = row_files.set_aside(
                folder / _STORE, now.timestamp() if now else self._clock.wall()
            )
            draft.rename(folder / _STORE)
            sync_folder(folder)
            PhotoFiles(folder / _PHOTOS, _no_key).bring_back()
            return aside

    def _folder(self, worker_id: str) -> Path:
        digest = hashlib.sha256(b"gridrounds worker\0" + worker_id.encode()).hexdigest()
        return self._workers / digest[:32]

    def _known_folder(self, worker_id: str) -> Path:
        folder = self._folder(worker_id)
        if not folder.exists():
            raise UnknownWorker(folder.name)
        return folder

    def _ring(self, worker_id: str, folder: Path) -> KeyRing:
        return KeyRing(folder, worker_id, self._argon, self._clock)

    def _known_ring(self, worker_id: str) -> KeyRing:
        folder = self._known_folder(worker_id)
        if worker_id not in self._rings:  # kept, because it measures the waiting time
            self._rings[worker_id] = self._ring(worker_id, folder)
        return self._rings[worker_id]

    def _opened(self, worker_id: str, key: bytes, *, accept_loss: bool = False) -> OpenStore:
        if worker_id not in self._open:
            self._open[worker_id] = OpenStore(
                worker_id,
                self._folder(worker_id),
                key,
                self._indexes,
                accept_loss=accept_loss,
                on_close=lambda: self._forget(worker_id),
            )
        return self._open[worker_id]

    def _forget(self, worker_id: str) -> None:
        with self._lock:
            self._open.pop(worker_id, None)


def _no_key(sha256_hex: str) -> bytes:
    raise StoreClosed(_STORE)


def _entry(folder: Path) -> WorkerEntry | None:
    """Whose store lies in a folder. The keys say it too: a store must not vanish from sight with
    the small file that names it."""
    said: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads((folder / _WORKER).read_bytes())
        said = {"worker_id": content["worker_id"], "label": content["label"]}
    owner = owner_of(folder) or said.get("worker_id")
    if not isinstance(owner, str):
        return None
    label = said.get("label") if said.get("worker_id") == owner else None
    return WorkerEntry(owner, label if isinstance(label, str) else None)


def _mark_restored(folder: Path) -> None:
    write_atomically(folder / _RESTORED, b"")
