"""The row store: damage is noticed, a full disk loses nothing, copies open, old files open."""

from __future__ import annotations

import json
import os
import random
import shutil
import stat
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlcipher3 import dbapi2 as sqlcipher

from field_app.store import rows as row_files
from field_app.store.changes import DropRow, PutRow
from field_app.store.cipher import check_sqlite
from field_app.store.errors import (
    CommitsMissing,
    NewerStore,
    StoreBusy,
    StoreClosed,
    StoreDamaged,
    StoreError,
    StoreFull,
    UnsafeSqlite,
)
from field_app.store.rows import MIGRATIONS, Contents, RowStore
from tests.field_app.store.conftest import KEY

SAVED = Path(__file__).parent / "saved"
NOW = datetime.fromisoformat("2026-03-01T18:00:00+08:00")
BODY = json.dumps({"text": "网格巡访" * 60}, ensure_ascii=False)


def put(number: int, body: str = BODY) -> PutRow:
    return PutRow("t", f"id-{number}", number, body)


def crashed_copy(path: Path, folder: Path) -> Path:
    """The files as a kill at this moment would leave them."""
    folder.mkdir()
    for part in path.parent.glob(path.name + "*"):
        shutil.copyfile(part, folder / part.name)
    return folder / path.name


def contents(path: Path) -> Contents:
    store = RowStore.open(path, KEY)
    try:
        return store.load()
    finally:
        store.close()


# Opening and committing


def test_rows_come_back_in_order_of_insertion(rows: RowStore, path: Path) -> None:
    rows.commit([put(2), put(1), put(10)])
    rows.commit([put(1, "{}"), DropRow("t", "id-10")])
    rows.close()
    assert contents(path) == Contents([("t", 0)], [put(1, "{}"), put(2)])


def test_a_commit_is_all_or_nothing(rows: RowStore) -> None:
    with pytest.raises(StoreError) as caught:
        rows.commit([put(1), PutRow("t", "another", 1, "{}")])
    assert caught.value.code == "store_failed"
    assert (rows.load().rows, rows.read_only, rows.commits) == ([], False, 1)


def test_text_that_utf8_cannot_hold_is_refused(rows: RowStore) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        rows.commit([put(1), PutRow("t", "\ud800", 2, "{}")])
    rows.commit([put(1)])
    assert len(rows.load().rows) == 1


def test_the_durable_settings_are_in_force(rows: RowStore) -> None:
    def ask(pragma: str) -> object:
        return rows._connection.execute(f"PRAGMA {pragma}").fetchone()[0]

    assert (ask("journal_mode"), ask("synchronous")) == ("wal", 2)
    assert (ask("temp_store"), ask("mmap_size")) == (2, 0)
    assert ask("cipher_page_size") == "4096"


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no mode bits")
def test_files_are_their_owners_alone(rows: RowStore, path: Path) -> None:
    rows.commit([put(1)])
    rows.backup(path.parent, now=NOW)
    modes = {part.name: stat.S_IMODE(part.stat().st_mode) for part in path.parent.iterdir()}
    assert "store.db-wal" in modes
    assert set(modes.values()) == {0o600}


def test_a_path_of_any_letters_is_fine(tmp_path: Path) -> None:
    mark = "" if os.name == "nt" else "?"  # no name on Windows has one
    folder = tmp_path / f"数据 #1{mark}%41&mode=memory"
    folder.mkdir()
    RowStore.create(folder / "库.db", KEY).close()
    RowStore.open(folder / "库.db", KEY).close()
    assert (folder / "库.db").stat().st_size > 0


def test_a_second_opening_is_refused(rows: RowStore, path: Path) -> None:
    with pytest.raises(StoreBusy):
        RowStore.open(path, KEY)
    with pytest.raises(StoreBusy):
        row_files.set_aside(path)
    rows.close()
    RowStore.open(path, KEY).close()


def test_creating_overwrites_nothing(rows: RowStore, path: Path) -> None:
    rows.commit([put(1)])
    rows.close()
    with pytest.raises(FileExistsError):
        RowStore.create(path, KEY)
    assert len(contents(path).rows) == 1


def test_a_closed_store_answers_nothing(rows: RowStore, path: Path) -> None:
    rows.close()
    rows.close()
    calls: list[Callable[[], object]] = [
        rows.load,
        rows.integrity,
        lambda: rows.commit([]),
        lambda: rows.backup(path.parent, now=NOW),
    ]
    for call in calls:
        with pytest.raises(StoreClosed):
            call()


@pytest.mark.parametrize("version", [(3, 44, 6), (3, 44, 9), (3, 50, 7), (3, 51, 3), (3, 53, 4)])
def test_sqlite_with_the_repair_is_accepted(version: tuple[int, ...]) -> None:
    check_sqlite(version)


@pytest.mark.parametrize(
    "version", [(3, 40, 1), (3, 44, 5), (3, 45, 9), (3, 49, 9), (3, 50, 6), (3, 51, 2)]
)
def test_sqlite_with_the_wal_reset_bug_is_refused(version: tuple[int, ...]) -> None:
    with pytest.raises(UnsafeSqlite):
        check_sqlite(version)


def test_an_unsafe_sqlite_opens_and_creates_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlcipher, "sqlite_version_info", (3, 51, 1))
    with pytest.raises(UnsafeSqlite):
        RowStore.create(path, KEY)
    assert list(path.parent.iterdir()) == []


# Damage


def test_another_key_opens_nothing_and_prints_nothing(
    rows: RowStore, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows.commit([put(1)])
    rows.close()
    before = path.read_bytes()
    with pytest.raises(StoreDamaged):
        RowStore.open(path, bytes(32))
    assert path.read_bytes() == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("part", ["store.db", "store.db-wal", "store.db-mark"])
@pytest.mark.parametrize("hurt", ["flip", "cut", "zero", "gone"])
def test_damage_is_noticed_or_harmless(
    rows: RowStore, path: Path, tmp_path: Path, part: str, hurt: str
) -> None:
    for number in range(0, 120, 3):
        rows.commit([put(number), put(number + 1), put(number + 2)])
    rows._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for number in range(120, 180, 3):
        rows.commit([put(number), put(number + 1), put(number + 2)])
    rows.commit([DropRow("t", "id-7"), put(8, "{}")])
    whole = rows.load()
    kept = crashed_copy(path, tmp_path / "kept")
    rows.close()
    rng = random.Random(f"{part} {hurt}")
    noticed = 0
    for trial in range(1 if hurt == "gone" else 12):
        folder = tmp_path / f"trial-{trial}"
        shutil.copytree(kept.parent, folder)
        damage(folder / part, hurt, rng)
        before = {file.name: file.read_bytes() for file in folder.iterdir()}
        try:
            assert contents(folder / path.name) == whole
        except StoreDamaged:
            noticed += 1
            for name in ("store.db", "store.db-wal"):
                if name in before:
                    assert (folder / name).read_bytes() == before[name]
    if part == "store.db-mark":
        assert noticed == 0
    else:
        assert noticed > 0


def damage(file: Path, hurt: str, rng: random.Random) -> None:
    content = bytearray(file.read_bytes())
    place = rng.randrange(len(content))
    if hurt == "flip":
        content[place] ^= 1 << rng.randrange(8)
    elif hurt == "cut":
        del content[place:]
    elif hurt == "zero":
        content[place : place + 4096] = bytes(len(content[place : place + 4096]))
    file.write_bytes(content)
    if hurt == "gone":
        file.unlink()


def test_confirmed_commits_that_vanished_are_reported(
    rows: RowStore, path: Path, tmp_path: Path
) -> None:
    rows._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    rows.commit([put(1)])
    rows.commit([put(2)])
    kept = crashed_copy(path, tmp_path / "kept")
    rows.close()
    kept.with_name("store.db-wal").unlink()
    with pytest.raises(CommitsMissing, match="2 commits"):
        RowStore.open(kept, KEY)
    RowStore.open(kept, KEY, accept_loss=True).close()
    assert contents(kept).rows == []


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 8192, b"SQLite format 3\0" + b"\0" * 8176],
    ids=["empty", "zeros", "another database"],
)  # fmt: skip
def test_a_file_that_is_no_store_is_damaged(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreDamaged):
        RowStore.open(path, KEY)
    assert path.read_bytes() == content


def test_a_missing_file_is_damaged_and_stays_missing(path: Path) -> None:
    with pytest.raises(StoreDamaged):
        RowStore.open(path, KEY)
    assert not path.exists()


def test_integrity_names_a_broken_page(rows: RowStore, path: Path) -> None:
    rows.commit([put(number) for number in range(50)])
    assert rows.integrity() == (True, ())
    rows._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(4096 * 4 + 50)
        file.write(b"spoilt")
    check = rows.integrity()
    assert not check.ok
    assert "page 5" in check.problems[0]
    with pytest.raises(StoreDamaged):
        rows.backup(path.parent, now=NOW)


def test_a_damaged_store_is_set_aside_whole(rows: RowStore, path: Path, tmp_path: Path) -> None:
    rows.commit([put(1)])
    kept = crashed_copy(path, tmp_path / "kept")
    rows.close()
    before = {part.name: part.read_bytes() for part in kept.parent.iterdir()}
    moved = row_files.set_aside(kept, now=0)
    assert moved == kept.with_name("store.db.damaged-19700101T000000")
    for ending in ("", "-wal", "-shm", "-mark"):
        aside = moved.with_name(moved.name + ending)
        assert aside.read_bytes() == before[kept.name + ending]
        assert not kept.with_name(kept.name + ending).exists()
    RowStore.create(kept, KEY).close()
    again = row_files.set_aside(kept, now=0)
    assert again == kept.with_name("store.db.damaged-19700101T000000.2")
    assert row_files.set_aside(kept, now=0) is None


# A disk that refuses


def save_until_full(rows: RowStore, first: int) -> int:
    """How many saves were confirmed before the disk refused."""
    for number in range(first, 1000):
        try:
            rows.commit([put(number)])
        except StoreFull:
            return number - first
    raise AssertionError("the disk never filled")


def test_a_full_disk_loses_nothing_and_the_store_goes_on_reading(
    rows: RowStore, path: Path
) -> None:
    rows.commit([put(1)])
    pages = rows._connection.execute("PRAGMA page_count").fetchone()[0]
    rows._connection.execute(f"PRAGMA max_page_count = {pages}")
    acknowledged = 1 + save_until_full(rows, 2)
    assert rows.read_only
    rows._connection.execute("PRAGMA max_page_count = 100000")
    with pytest.raises(StoreFull):
        rows.commit([put(1, "{}")])
    assert len(rows.load().rows) == acknowledged
    rows.close()
    again = RowStore.open(path, KEY)
    again.commit([put(1000)])
    again.close()
    assert len(contents(path).rows) == acknowledged + 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file size")
def test_a_write_error_in_the_middle_loses_nothing(rows: RowStore, path: Path) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, limits[1]))
    try:
        acknowledged = save_until_full(rows, 1)
        with pytest.raises(StoreFull):
            rows.commit([put(1000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert acknowledged > 0
    rows.close()
    assert len(contents(path).rows) == acknowledged


# Old files


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_a_store_of_every_version_still_opens(version: int, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    shutil.copyfile(SAVED / f"v{version}.db", old)
    store = RowStore.open(old, bytes.fromhex((SAVED / f"v{version}.key").read_text()))
    loaded = store.load()
    assert store._run("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    store.commit([PutRow("household", "new", 10, "{}")])
    store.close()
    assert loaded.tables == [("changes", 1), ("household", 0)]
    assert [(row[0], row[1], json.loads(row[3])) for row in loaded.rows] == [
        ("household", "0198-a", {"grid": "330106001", "head": "王秀兰"}),
        ("changes", "2", {"seq": 2, "record_id": "0198-a"}),
        ("household", "0198-b", {"grid": "330106002", "head": "𠮷田"}),
    ]


def test_a_store_of_a_later_program_is_left_alone(rows: RowStore, path: Path) -> None:
    rows._connection.execute("PRAGMA user_version = 99")
    rows.close()
    before = path.read_bytes()
    with pytest.raises(NewerStore):
        RowStore.open(path, KEY)
    assert path.read_bytes() == before
