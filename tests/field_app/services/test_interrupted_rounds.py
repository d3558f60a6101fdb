"""A round that came to no end is told of once, when the store is next opened."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from field_app.domain.errors import Trouble
from field_app.services import receipts
from field_app.services.records import get_view, unsent_count
from field_app.services.sync import BEGUN, last_rounds
from field_app.services.workspace import Workspace
from field_app.store.errors import StoreFull
from field_app.store.rows import RowStore
from tests.field_app.centres import CentreLine
from tests.field_app.laptops import PASSPHRASE, Laptop, save_issue


class Killed(BaseException):
    """The process is gone: nothing of the round runs any more."""


def killed(carry: Callable[[], Any]) -> Any:
    """The process ends before the request leaves."""
    raise Killed


def carried(carry: Callable[[], Any]) -> Any:
    return carry()


def cut_short(laptop: Laptop, line: CentreLine, after: int) -> Workspace:
    """Let a round's process end after so many exchanges, and open the store anew."""
    worker_id = laptop.ws.worker_id
    line.faults.extend([carried] * after + [killed])
    with pytest.raises(Killed):
        laptop.sync()
    return again(laptop, worker_id)


def again(laptop: Laptop, worker_id: str) -> Workspace:
    laptop.desk.lock()
    laptop.desk.unlock(worker_id, PASSPHRASE)
    return laptop.ws


def stages(ws: Workspace) -> list[object]:
    return [one["stage"] for one in reversed(last_rounds(ws))]


def test_a_round_whose_process_was_killed_stands_in_the_history_once(
    joined: Callable[..., Laptop], line: CentreLine
) -> None:
    laptop = joined()
    before = stages(laptop.ws)
    laptop.ws.keep_setting("identity", max_changes=2)
    ids = [save_issue(laptop.ws).record_id for _ in range(5)]
    ws = cut_short(laptop, line, after=1)
    told, worker_id = last_rounds(ws)[0], ws.worker_id
    assert (told["stage"], told["error"]) == ("interrupted", "round_interrupted")
    assert (told["confirmed"], told["total"], told["unsent"]) == (2, 5, 3)
    assert (told["started_at"], told["ended_at"]) == ("2026-09-30T08:41:00+08:00", "")
    assert not told["confirmed_all"]
    states = [(get_view(ws, "issue", one) or {})["state"] for one in ids]
    assert states == ["stored"] * 2 + ["local"] * 3
    ws = again(laptop, worker_id)
    assert stages(ws) == [*before, "interrupted"]
    assert laptop.sync().stage == "done"
    ws = again(laptop, worker_id)
    assert stages(ws) == [*before, "interrupted", "done"]
    assert unsent_count(ws) == 0


def test_rounds_that_end_leave_no_note_whatever_their_end(
    joined: Callable[..., Laptop], line: CentreLine
) -> None:
    laptop = joined()
    before = stages(laptop.ws)
    line.faults.append(lambda carry: (404, {"Content-Type": "text/html"}, ""))
    assert laptop.sync().stage == "failed"
    assert laptop.sync().stage == "done"
    assert laptop.ws.setting(BEGUN) == {}
    assert stages(again(laptop, laptop.ws.worker_id)) == [*before, "failed", "done"]


def test_a_round_cut_short_by_a_lock_is_told_of_too(
    joined: Callable[..., Laptop], line: CentreLine
) -> None:
    laptop = joined()
    worker_id, before = laptop.ws.worker_id, stages(laptop.ws)
    save_issue(laptop.ws)
    reached, go_on = threading.Event(), threading.Event()

    def slow(carry: Callable[[], Any]) -> Any:
        reached.set()
        go_on.wait(10)
        return carry()

    line.faults.append(slow)
    assert laptop.desk.start_round()
    assert reached.wait(10)
    ws = again(laptop, worker_id)
    assert stages(ws) == [*before, "interrupted"]
    go_on.set()
    while laptop.desk.rounds.running:
        threading.Event().wait(0.005)
    assert stages(again(laptop, worker_id)) == [*before, "interrupted"]


def test_two_rounds_cut_short_are_two_lines(
    joined: Callable[..., Laptop], line: CentreLine
) -> None:
    laptop = joined()
    before = stages(laptop.ws)
    for _ in range(2):
        cut_short(laptop, line, after=0)
    assert stages(laptop.ws) == [*before, *["interrupted"] * 2]


def test_a_note_that_was_left_is_told_of_by_the_next_round(
    joined: Callable[..., Laptop], line: CentreLine
) -> None:
    """As when its end could not be kept, though the program went on."""
    laptop = joined()
    before = stages(laptop.ws)
    line.faults.append(killed)
    with pytest.raises(Killed):
        laptop.sync()
    laptop.sync()
    assert stages(laptop.ws) == [*before, "interrupted", "done"]


def test_a_store_put_back_tells_of_no_round_it_knows_no_end_of(
    joined: Callable[..., Laptop], monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = joined()
    ws, before = laptop.ws, stages(laptop.ws)
    ws.put("settings", BEGUN, {"started_at": "2026-09-30T08:00:00+08:00", "total": 1, "acked": {}})
    with monkeypatch.context() as restored:
        restored.setattr("field_app.store.vault.OpenStore.restored", True)
        again(laptop, ws.worker_id)
    assert stages(laptop.ws) == before
    assert laptop.ws.setting(BEGUN) == {}


def test_a_round_costs_one_commit_more_however_many_exchanges_it_makes(
    joined: Callable[..., Laptop], line: CentreLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = joined()

    def commits_of_a_round() -> int:
        laptop.ws.keep_setting("identity", max_changes=1)
        for _ in range(4):
            save_issue(laptop.ws)
        before = laptop.ws.db.storage.rows.commits
        assert laptop.sync().exchanges >= 4
        return int(laptop.ws.db.storage.rows.commits - before)

    commits_of_a_round()
    noted = commits_of_a_round()
    monkeypatch.setattr("field_app.services.sync._mark_begun", lambda *_: None)
    assert noted == commits_of_a_round() + 1


def test_a_note_that_cannot_be_kept_stops_no_round(
    joined: Callable[..., Laptop], monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = joined()
    save_issue(laptop.ws)
    commit, refused = RowStore.commit, []

    def full_once(store: RowStore, changes: Any) -> None:
        if not refused:
            refused.append(changes)
            raise StoreFull
        commit(store, changes)

    monkeypatch.setattr(RowStore, "commit", full_once)
    told = laptop.sync()
    assert (told.stage, told.confirmed, len(refused)) == ("done", 1, 1)
    assert laptop.ws.setting(BEGUN) == {}


def test_the_last_receipt_is_that_of_the_last_round_with_an_end(
    joined: Callable[..., Laptop], line: CentreLine
) -> None:
    laptop = joined()
    save_issue(laptop.ws)
    laptop.sync()
    number = receipts.last_round(laptop.ws)
    ws = cut_short(laptop, line, after=0)
    assert receipts.last_round(ws) == number
    with pytest.raises(Trouble, match="not_found"):
        receipts.round_receipt(ws, str(last_rounds(ws)[0]["number"]))
