"""What can go wrong with the laptop's store: codes and facts, no sentences for people."""

from __future__ import annotations


class StoreError(Exception):
    """Any trouble with the store; `code` is stable, `detail` is for the log and names no person."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class StoreDamaged(StoreError):
    """The bytes on disk are not what was written; nothing has been changed by noticing it."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("store_damaged", detail)


class CommitsMissing(StoreDamaged):
    """The store is sound but older than what it once confirmed: its latest commits are gone."""


class StoreBusy(StoreError):
    """Another process, or another place in this one, holds the store."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("store_busy", detail)


class StoreFull(StoreError):
    """The disk is full or refuses to write; the store only reads until it is opened again."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("disk_full", detail)


class StoreClosed(StoreError):
    """The store was closed or locked; image and key are gone from memory."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("store_closed", detail)


class NewerStore(StoreError):
    """A later version of the program wrote this store; this one leaves it alone."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("store_newer", detail)


class UnsafeSqlite(StoreError):
    """The SQLite in use has the WAL-reset bug, or no cipher; no store is opened with it."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("unsafe_sqlite", detail)


class WrongPassphrase(StoreError):
    """Passphrase or recovery key does not fit; try again after `retry_after_s` seconds."""

    def __init__(self, retry_after_s: float, detail: str = "") -> None:
        super().__init__("wrong_passphrase", detail)
        self.retry_after_s = retry_after_s


class TooManyAttempts(StoreError):
    """Asked too soon after wrong attempts; nothing was tried. Wait `retry_after_s` seconds."""

    def __init__(self, retry_after_s: float, detail: str = "") -> None:
        super().__init__("too_many_attempts", detail)
        self.retry_after_s = retry_after_s


class MistypedRecoveryKey(StoreError):
    """The recovery key's own checksum does not fit: a typing slip, not counted as an attempt."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("recovery_key_mistyped", detail)


class WeakPassphrase(StoreError):
    """The new passphrase is shorter than the policy asks."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("weak_passphrase", detail)


class UnknownWorker(StoreError):
    """The data folder holds no store of this worker."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("unknown_worker", detail)


class WorkerExists(StoreError):
    """The data folder already holds a store of this worker."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("worker_exists", detail)
