"""The daily copies: they open, the newest stay whatever the clock says, a bad one replaces none."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest

from field_app.store import rows as row_files
from field_app.store.changes import DropRow
from field_app.store.copies import backup_day, backups
from field_app.store.errors import StoreDamaged, StoreFull
from field_app.store.rows import RowStore
from tests.field_app.store.test_rows import NOW, contents, damage, put


def test_a_copy_opens_and_equals_the_store(rows: RowStore, path: Path, tmp_path: Path) -> None:
    rows.commit([put(number) for number in range(30)])
    rows.commit([DropRow("t", "id-3")])
    folder = tmp_path / "copies"
    folder.mkdir()
    copy = rows.backup(folder, now=NOW)
    whole = rows.load()
    rows.commit([put(99)])
    rows.close()
    assert copy == folder / "store-2026-03-01-0001.db"
    assert [part.name for part in folder.iterdir()] == [copy.name]
    assert "网格巡访".encode() not in copy.read_bytes()
    assert contents(copy) == whole


def test_the_newest_seven_copies_stay(rows: RowStore, tmp_path: Path) -> None:
    for day in range(9):
        rows.commit([put(day)])
        rows.backup(tmp_path, now=NOW + timedelta(days=day))
        rows.backup(tmp_path, now=NOW + timedelta(days=day))
    days = [backup_day(copy).day for copy in backups(tmp_path)]
    assert days == [9, 8, 7, 6, 5, 4, 3]


@pytest.mark.parametrize("numbered", [True, False])
def test_a_clock_that_was_ahead_costs_no_later_copy(
    rows: RowStore, tmp_path: Path, numbered: bool
) -> None:
    for day in range(7):
        ahead = rows.backup(tmp_path, now=NOW + timedelta(days=365 + day))
        if not numbered:  # as earlier programs named them
            ahead.rename(tmp_path / f"store-{backup_day(ahead).isoformat()}.db")
    for day in range(3):
        rows.commit([put(day)])
        made = rows.backup(tmp_path, now=NOW + timedelta(days=day))
        assert made.exists()
        assert backups(tmp_path)[0] == made
    assert len(backups(tmp_path)) == 7
    assert len(contents(made).rows) == 3


def test_a_copy_made_under_another_date_is_not_taken_for_one_of_that_day(
    rows: RowStore, tmp_path: Path
) -> None:
    ahead = rows.backup(tmp_path, now=NOW + timedelta(days=1))
    today = rows.backup(tmp_path, now=NOW)
    tomorrow = rows.backup(tmp_path, now=NOW + timedelta(days=1))
    assert backups(tmp_path) == [tomorrow, today, ahead]


def test_unnumbered_copies_dated_ahead_are_dropped_first(rows: RowStore, tmp_path: Path) -> None:
    for name in ("2026-02-27", "2026-02-28", "2027-01-01", "x", "2026-99-99"):
        (tmp_path / f"store-{name}.db").write_bytes(b"")
    made = rows.backup(tmp_path, keep=3, now=NOW)
    assert [copy.name[6:16] for copy in backups(tmp_path)] == [
        "2026-03-01",
        "2026-02-28",
        "2026-02-27",
    ]
    assert backups(tmp_path)[0] == made


def test_a_copy_that_cannot_be_written_hurts_nothing(
    rows: RowStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = rows.backup(tmp_path, now=NOW)
    before = older.read_bytes()

    def refuse(file: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(row_files, "sync_file", refuse)
    with pytest.raises(StoreFull):
        rows.backup(tmp_path, now=NOW)
    assert older.read_bytes() == before
    assert list(tmp_path.glob("*.tmp")) == []
    rows.commit([put(1)])


def test_a_copy_that_is_not_sound_replaces_nothing(
    rows: RowStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows.commit([put(number) for number in range(30)])
    older = rows.backup(tmp_path, now=NOW)
    before = older.read_bytes()

    def spoil(file: Path) -> None:
        damage(file, "flip", random.Random(1))

    monkeypatch.setattr(row_files, "sync_file", spoil)
    with pytest.raises(StoreDamaged):
        rows.backup(tmp_path, keep=1, now=NOW)
    with pytest.raises(StoreDamaged):
        rows.backup(tmp_path, keep=1, now=NOW + timedelta(days=1))
    assert backups(tmp_path) == [older]
    assert older.read_bytes() == before
