"""Pages that pass the cipher's seal and still are not those committed: older ones and zeros."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from field_app.store.changes import Change, DropRow, DropTable, EmptyTable, KeepTable, PutRow
from field_app.store.digest import digest_of
from field_app.store.errors import StoreDamaged
from field_app.store.rows import RowStore
from tests.field_app.store.conftest import KEY

PAGE = 4096


def put(number: int, text: str) -> PutRow:
    return PutRow("t", f"id-{number}", number, json.dumps({"text": text}))


def committed(path: Path, *commits: list[Change]) -> bytes:
    """Commit, close, and give the file's bytes."""
    store = RowStore.open(path, KEY) if path.exists() else RowStore.create(path, KEY)
    for changes in commits:
        store.commit(changes)
    store.close()
    return path.read_bytes()


def refused_or_whole(path: Path, content: bytes, whole: list[str]) -> bool:
    """Whether a store with this content is refused; if not, it must hold the bodies named."""
    path.write_bytes(content)
    path.with_name(path.name + "-mark").unlink(missing_ok=True)
    try:
        store = RowStore.open(path, KEY)
    except StoreDamaged:
        return True
    assert [row[3] for row in store.load().rows] == whole
    store.close()
    return False


def test_an_older_page_is_noticed(path: Path) -> None:
    """A disk that confirmed a write and dropped it leaves a page whose seal is right."""
    older = committed(path, [KeepTable("t", 0)], [put(n, f"{n:0200d}") for n in range(60)])
    now = committed(path, [put(7, "7" * 200), put(61, "new"), DropRow("t", "id-30")])
    whole = [row[3] for row in rows_of(path)]
    pages = range(0, min(len(older), len(now)), PAGE)
    changed = [at for at in pages if older[at : at + PAGE] != now[at : at + PAGE]]
    assert len(changed) > 2
    refused = [
        refused_or_whole(path, now[:at] + older[at : at + PAGE] + now[at + PAGE :], whole)
        for at in changed
    ]
    assert refused.count(True) >= len(changed) - 1


def test_a_zeroed_page_is_noticed(path: Path) -> None:
    """SQLCipher takes a page of zeros for one never written, even in the middle of a document."""
    now = committed(path, [KeepTable("t", 0)], [put(1, "x" * 5 * PAGE), put(2, "y")])
    whole = [row[3] for row in rows_of(path)]
    for at in range(PAGE, len(now), PAGE):
        zeroed = now[:at] + bytes(PAGE) + now[at + PAGE :]
        assert refused_or_whole(path, zeroed, whole)


def rows_of(path: Path) -> list[tuple[str, str, int, str]]:
    store = RowStore.open(path, KEY)
    try:
        return store.load().rows
    finally:
        store.close()


@pytest.mark.parametrize("seed", range(5))
def test_the_digest_follows_every_kind_of_change(path: Path, seed: int) -> None:
    rng = random.Random(seed)
    store = RowStore.create(path, KEY)
    for ord_ in range(1, 120):
        table, number = f"t{rng.randrange(2)}", rng.randrange(12)
        row = PutRow(table, f"id-{number}", ord_, json.dumps(rng.random()))
        others = [DropRow(table, row.id), KeepTable(table, ord_), EmptyTable(table)]
        change = rng.choices([row, *others, DropTable(table)], [8, 4, 2, 1, 1])[0]
        store.commit([change, row._replace(tbl="other", ord=1000 + ord_)])
        assert store._digest == digest_of(*store.load())
    store.close()
    RowStore.open(path, KEY).close()


def test_a_refused_commit_leaves_the_digest_as_it_was(path: Path) -> None:
    store = RowStore.create(path, KEY)
    store.commit([KeepTable("t", 0), put(1, "a")])
    with pytest.raises(ValueError, match="surrogates"):
        store.commit([put(2, "b"), PutRow("t", "\ud800", 3, "{}")])
    store.commit([put(3, "c")])
    store.close()
    assert len(rows_of(path)) == 2
