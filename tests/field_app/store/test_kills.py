"""What was confirmed is there after a SIGKILL at any moment, and nothing is there by half.

GRIDROUNDS_KILLS sets the number of rounds (25 if unset).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from field_app.store.errors import StoreBusy
from field_app.store.rows import RowStore
from field_app.store.tables import DurableDB
from field_app.store.vault import Vault
from tests.field_app.store.conftest import KEY, QUICK

ROUNDS = int(os.environ.get("GRIDROUNDS_KILLS", "25"))
ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


class Saver:
    """The process of `saver.py`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.field_app.store.saver"],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def start(self, job: str, first: int, path: Path) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{job} {first} {path}\n")
        for line in self._lines():
            if line.startswith("pid"):
                return int(line.split()[1])
        raise AssertionError("the saver ended")

    def confirmed(self) -> Iterator[int]:
        """The numbers confirmed until the fork is gone."""
        for line in self._lines():
            if line == "end":
                return
            yield int(line.split()[1])

    def _lines(self) -> Iterator[str]:
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            yield line.rstrip("\n")

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def saver() -> Iterator[Saver]:
    saver = Saver()
    yield saver
    saver.close()


def kill_after(pid: int, seconds: float) -> None:
    threading.Timer(seconds, os.kill, (pid, signal.SIGKILL)).start()


def test_every_confirmed_save_survives_a_kill(saver: Saver, path: Path) -> None:
    rng = random.Random()
    last = confirmed = rounds_with_saves = 0
    for number in range(ROUNDS):
        if number % 50 == 0:  # a store grown large would spend the round on being opened
            path = path.with_name(f"store-{number}.db")
            RowStore.create(path, KEY).close()
            last = confirmed = 0
        pid = saver.start("save", last + 1, path)
        kill_after(pid, rng.uniform(0.005, 0.15))
        numbers = list(saver.confirmed())
        confirmed = max([confirmed, *numbers])
        rounds_with_saves += bool(numbers)
        last = check(path)
        assert last >= confirmed
    assert rounds_with_saves > ROUNDS / 4


def check(path: Path) -> int:
    """Compare view and log, document by document; return the last number saved."""
    with DurableDB(RowStore.open(path, KEY), document_id_class=str) as db:
        log, view = db.table("changes").all(), db.table("household")
        last = len(log)
        assert [change["seq"] for change in log] == list(range(1, last + 1))
        for change in log:
            document = view.get(doc_id=change.doc_id)
            # Its neighbour's commit removed it, and noted that: both or neither.
            assert (document is None) == change.get("removed", False)
            if document is not None:
                assert (document["number"], len(document["note"])) == (
                    change["seq"],
                    change["size"],
                )
        if last:
            assert view.get(doc_id="latest")["number"] == last
        return last


def test_a_kill_while_creating_leaves_no_worker_or_a_whole_one(
    saver: Saver, tmp_path: Path
) -> None:
    vault = Vault(tmp_path, argon=QUICK)
    rng = random.Random()
    created = last = 0
    for _ in range(max(ROUNDS // 3, 1)):
        pid = saver.start("create", last + 1, tmp_path)
        kill_after(pid, rng.uniform(0.01, 0.15))
        created = max([created, *saver.confirmed()])
        workers = vault.workers()
        last = len(workers)
        assert last >= created
        folders = [f for f in (tmp_path / "workers").iterdir() if not f.name.startswith(".new-")]
        assert len(folders) == last
        for entry in workers[-2:]:
            store = vault.unlock(entry.worker_id, "correct horse")
            store.close()
        with vault.instance_lock():
            assert list((tmp_path / "workers").glob(".new-*")) == []


def test_another_process_is_kept_out_until_the_first_dies(saver: Saver, path: Path) -> None:
    RowStore.create(path, KEY).close()
    pid = saver.start("save", 1, path)
    numbers = saver.confirmed()
    next(numbers)
    try:
        with pytest.raises(StoreBusy):
            RowStore.open(path, KEY)
    finally:
        os.kill(pid, signal.SIGKILL)
    list(numbers)
    RowStore.open(path, KEY).close()
