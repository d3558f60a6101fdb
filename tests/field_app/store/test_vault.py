"""The data folder: workers apart, nothing readable on disk, a drill for restoring."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from field_app.store import vault as vault_module
from field_app.store.errors import (
    CommitsMissing,
    StoreBusy,
    StoreClosed,
    StoreDamaged,
    TooManyAttempts,
    UnknownWorker,
    WeakPassphrase,
    WorkerExists,
    WrongPassphrase,
)
from field_app.store.tables import Document
from field_app.store.vault import OpenStore, Vault, WorkerEntry
from tests.field_app.store.conftest import INDEXES, QUICK, FakeTime

WORD, OTHER = "correct horse", "battery staple"
NOW = datetime.fromisoformat("2026-03-01T18:00:00+08:00")
MARKERS = ["王秀兰独居需关爱", "𠮷田", "PLANTED-MARKER-ascii", "13812345678", "household-marker"]


@pytest.fixture
def vault(tmp_path: Path, fake_time: FakeTime) -> Vault:
    return Vault(tmp_path / "data", argon=QUICK, clock=fake_time.clock, indexes=INDEXES)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def save(store: OpenStore, *doc_ids: str) -> None:
    for doc_id in doc_ids:
        store.db.table("household").insert(Document({"grid": "G1", "note": MARKERS[0]}, doc_id))


def test_a_worker_is_created_locked_and_unlocked(vault: Vault) -> None:
    store, _ = vault.create("w-1", "小王", WORD)
    save(store, "a")
    vault.lock("w-1")
    with pytest.raises(StoreClosed):
        store.db.tables()
    with pytest.raises(StoreClosed):
        store.photo_key("0" * 64)
    again = vault.unlock("w-1", WORD)
    assert again is not store
    assert [document.doc_id for document in again.db.table("household").find_by("grid", "G1")] == [
        "a"
    ]
    vault.lock("w-1")
    vault.lock("w-1")


def test_workers_are_listed_with_their_labels(vault: Vault) -> None:
    for worker_id, label in (("w-2", None), ("w-1", "小王")):
        vault.create(worker_id, label, WORD)[0].close()
    assert vault.workers() == [WorkerEntry("w-1", "小王"), WorkerEntry("w-2", None)]
    assert not any("w-1" in name for name in files(vault.folder))


def test_an_unknown_worker_and_a_second_creation_are_refused(vault: Vault) -> None:
    vault.create("w-1", None, WORD)[0].close()
    with pytest.raises(WorkerExists):
        vault.create("w-1", None, OTHER)
    with pytest.raises(UnknownWorker):
        vault.unlock("w-2", WORD)
    with pytest.raises(WeakPassphrase):
        vault.create("w-2", None, "short")
    assert [entry.worker_id for entry in vault.workers()] == ["w-1"]
    assert len(list((vault.folder / "workers").iterdir())) == 1
    vault.unlock("w-1", WORD).close()


def test_unlocking_an_open_store_checks_and_gives_the_same(vault: Vault) -> None:
    store, _ = vault.create("w-1", None, WORD)
    assert vault.unlock("w-1", WORD) is store
    with pytest.raises(WrongPassphrase):
        vault.unlock("w-1", OTHER)
    store.close()


def test_a_wrong_passphrase_opens_nothing_and_is_slowed(vault: Vault, fake_time: FakeTime) -> None:
    vault.create("w-1", None, WORD)[0].close()
    for _ in range(3):
        with pytest.raises(WrongPassphrase):
            vault.unlock("w-1", OTHER)
    for _ in range(2):
        with pytest.raises(TooManyAttempts):
            vault.unlock("w-1", WORD)
    fake_time.passes(2)
    vault.unlock("w-1", WORD).close()


def test_recovery_sets_a_new_passphrase(vault: Vault) -> None:
    store, recovery_key = vault.create("w-1", None, WORD)
    save(store, "a")
    store.close()
    store = vault.unlock_with_recovery("w-1", recovery_key, OTHER)
    assert len(store.db.table("household")) == 1
    store.close()
    with pytest.raises(WrongPassphrase):
        vault.unlock("w-1", WORD)
    vault.unlock("w-1", OTHER).close()


def test_a_new_passphrase_rewrites_only_the_key_files(vault: Vault) -> None:
    store, recovery_key = vault.create("w-1", None, WORD)
    save(store, "a")
    store.close()
    before = files(vault.folder)
    vault.change_passphrase("w-1", WORD, OTHER)
    newer = vault.new_recovery_key("w-1", OTHER)
    after = files(vault.folder)
    changed = {Path(name).name for name in after if after[name] != before.get(name)}
    assert changed == {"key.json", "key.copy.json", "attempts.json"}
    with pytest.raises(WrongPassphrase):
        vault.unlock_with_recovery("w-1", recovery_key, WORD)
    vault.unlock_with_recovery("w-1", newer, WORD).close()


def test_one_workers_sign_in_leaves_anothers_files_alone(vault: Vault) -> None:
    first, _ = vault.create("w-1", None, WORD)
    save(first, "a", "b")
    folder = first.folder
    first.backup_daily(NOW)
    first.close()
    before = files(folder)
    times = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    second, recovery_key = vault.create("w-2", None, OTHER)
    save(second, "a")
    second.backup_daily(NOW)
    second.close()
    with pytest.raises(WrongPassphrase):
        vault.unlock("w-2", WORD)
    vault.unlock_with_recovery("w-2", recovery_key, WORD).close()
    assert files(folder) == before
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == times


def test_no_file_shows_what_was_saved(vault: Vault, fake_time: FakeTime) -> None:
    store, recovery_key = vault.create("w-1", None, WORD)
    for number in range(40):
        fields = {"name": MARKERS[0], "head": MARKERS[1], "note": [MARKERS[2] * 99], MARKERS[3]: 1}
        store.db.table(MARKERS[4]).insert(Document(fields, f"{MARKERS[2]}-{number}"))
    store.db.table(MARKERS[4]).remove(doc_ids=[f"{MARKERS[2]}-7"])
    store.backup_daily(NOW)
    secrets = [*MARKERS, WORD, recovery_key, recovery_key.replace("-", "")]
    look_for_nothing(files(vault.folder), secrets)
    store.close()
    vault.restore_from_backup("w-1", vault.backups("w-1")[0])
    look_for_nothing(files(vault.folder), secrets)


def look_for_nothing(found: dict[str, bytes], secrets: list[str]) -> None:
    names = {Path(name).name for name in found}
    assert {"store.db", "key.json", "store-2026-03-01-0001.db"} <= names
    for name, content in found.items():
        for secret in secrets:
            shapes = [secret.encode(code) for code in ("utf-8", "utf-16-le", "gb18030")]
            shapes.append(json.dumps(secret)[1:-1].encode())
            assert not any(shape in content for shape in shapes), (name, secret)


def test_a_copied_key_file_opens_no_other_worker(vault: Vault) -> None:
    first, _ = vault.create("w-1", None, WORD)
    second, _ = vault.create("w-2", None, OTHER)
    first.close()
    second.close()
    for name in ("key.json", "key.copy.json"):
        (second.folder / name).write_bytes((first.folder / name).read_bytes())
    with pytest.raises(StoreDamaged):
        vault.unlock("w-2", WORD)


def test_photo_keys_differ_by_hash_and_worker(vault: Vault) -> None:
    first, _ = vault.create("w-1", None, WORD)
    second, _ = vault.create("w-2", None, WORD)
    one, two = "0" * 64, "f" * 64
    assert len(first.photo_key(one)) == 32
    found = {first.photo_key(one), first.photo_key(two), second.photo_key(one)}
    assert len(found) == 3
    assert first.photo_key(two.upper()) == first.photo_key(two)
    for wrong in ("", "00", "x" * 64):
        with pytest.raises(ValueError, match="hex"):
            first.photo_key(wrong)
    first.close()
    second.close()


def test_health_tells_size_space_and_the_last_copy(vault: Vault) -> None:
    store, _ = vault.create("w-1", None, WORD)
    health = store.health()
    assert (health["ok"], health["problems"], health["last_backup"]) == (True, [], None)
    assert health["size_bytes"] >= 4096
    assert health["free_bytes"] > 0
    assert not health["read_only"]
    store.backup_daily(NOW)
    assert store.health()["last_backup"] == "2026-03-01"
    store.close()


def test_a_copy_is_made_once_a_day(vault: Vault) -> None:
    store, _ = vault.create("w-1", None, WORD)
    assert store.backup_daily(NOW) is not None
    assert store.backup_daily(NOW + timedelta(hours=3)) is None
    assert store.backup_daily(NOW + timedelta(hours=9)) is not None
    assert [copy.name for copy in vault.backups("w-1")] == [
        "store-2026-03-02-0002.db",
        "store-2026-03-01-0001.db",
    ]
    store.close()


# Restoring


def test_the_restore_drill(vault: Vault) -> None:
    store, _ = vault.create("w-1", None, WORD)
    save(store, "in the copy")
    store.backup_daily(NOW)
    save(store, "lost")
    with pytest.raises(StoreBusy):
        vault.restore_from_backup("w-1", vault.backups("w-1")[0])
    store.close()
    file = store.folder / "store.db"
    file.write_bytes(file.read_bytes()[:5000] + b"spoilt" + file.read_bytes()[5006:])
    damaged = file.read_bytes()
    with pytest.raises(StoreDamaged):
        vault.unlock("w-1", WORD)
    aside = vault.restore_from_backup("w-1", vault.backups("w-1")[0])
    assert aside is not None
    assert aside.read_bytes() == damaged
    store = vault.unlock("w-1", WORD)
    assert [document.doc_id for document in store.db.table("household")] == ["in the copy"]
    assert store.restored
    store.close()
    store = vault.unlock("w-1", WORD)
    assert store.restored
    store.acknowledge_restored()
    assert not store.restored
    store.close()
    assert not vault.unlock("w-1", WORD).restored
    vault.lock("w-1")


def test_a_copy_that_is_gone_restores_nothing(vault: Vault) -> None:
    store, _ = vault.create("w-1", None, WORD)
    store.close()
    before = files(vault.folder)
    with pytest.raises(StoreDamaged):
        vault.restore_from_backup("w-1", store.folder / "backups" / "store-2020-01-01.db")
    assert files(vault.folder) == before


def test_a_restore_cut_short_can_be_done_again(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = vault.create("w-1", None, WORD)
    save(store, "a")
    store.backup_daily(NOW)
    store.close()
    copy = vault.backups("w-1")[0]
    with monkeypatch.context() as patch:
        patch.setattr(vault_module, "sync_folder", lambda folder: 1 / 0)
        patch.setattr(Path, "rename", lambda self, target: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            vault.restore_from_backup("w-1", copy)
    with pytest.raises(StoreDamaged):
        vault.unlock("w-1", WORD)
    vault.restore_from_backup("w-1", copy)
    store = vault.unlock("w-1", WORD)
    assert (store.restored, len(store.db.table("household"))) == (True, 1)
    store.close()


def test_a_store_that_lost_commits_may_be_opened_knowingly(vault: Vault) -> None:
    store, _ = vault.create("w-1", None, WORD)
    save(store, "old")
    store.close()
    older = (store.folder / "store.db").read_bytes()
    store = vault.unlock("w-1", WORD)
    save(store, "newer")
    store.close()
    (store.folder / "store.db").write_bytes(older)
    with pytest.raises(CommitsMissing):
        vault.unlock("w-1", WORD)
    store = vault.unlock("w-1", WORD, accept_loss=True)
    assert store.restored
    assert [document.doc_id for document in store.db.table("household")] == ["old"]
    store.close()
    vault.unlock("w-1", WORD).close()


def test_one_instance_for_each_data_folder(vault: Vault, tmp_path: Path) -> None:
    with vault.instance_lock():
        with pytest.raises(StoreBusy), Vault(vault.folder).instance_lock():
            pass
        with Vault(tmp_path / "other").instance_lock():
            pass
    with vault.instance_lock():
        pass


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"worker_id": "w-2", "label": "x"}', None])
def test_a_worker_is_listed_also_when_the_file_naming_him_is_spoilt(
    vault: Vault, content: bytes | None
) -> None:
    store, _ = vault.create("w-1", "小王", WORD)
    store.close()
    name = store.folder / "worker.json"
    if content is None:
        name.unlink()
    else:
        name.write_bytes(content)
    assert vault.workers() == [WorkerEntry("w-1", None)]
    (store.folder / "key.json").write_bytes(b"")
    assert vault.workers() == [WorkerEntry("w-1", None)]
