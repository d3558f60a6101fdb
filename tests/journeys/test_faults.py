"""Named faults of the field (docs/faults.md): each with the end it must come to."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from field_app.app import create_app as create_laptop
from field_app.domain import changes as proposing
from field_app.services.connection import connects
from field_app.services.desk import Desk
from field_app.services.records import Entry, save_record, save_records
from field_app.services.streams import all_streams
from field_app.services.workspace import Workspace, indexes
from field_app.settings import Settings as LaptopSettings
from field_app.store.vault import Vault
from schemas.check import Checked
from schemas.clock import SHANGHAI
from tests.field_app.laptops import QUICK
from tests.journeys.agreement import check_agreement, check_effects
from tests.journeys.people import GridWorker, Staff, words
from tests.journeys.programs import PASSPHRASE, CentreProgram, ServedLaptop

pytestmark = pytest.mark.journey
COLLEAGUE = "王小样"
PHONES = ("13800001111", "13900002222", "13700003333")


def shop(number: int, **more: Any) -> dict[str, Any]:
    """A shop as a worker enters it."""
    return {"name": f"第{number}小店", "kind": "retail", "address": f"建设路{number}号", **more}


@contextmanager
def at_the_store(worker: GridWorker) -> Iterator[Workspace]:
    """Work on the worker's store itself, the program closed meanwhile."""
    worker.laptop.stop()
    vault = Vault(worker.laptop.data, argon=QUICK, indexes=indexes())
    (known,) = vault.workers()
    opened = vault.unlock(known.worker_id, PASSPHRASE)
    try:
        yield Workspace(opened.db, lambda: datetime.now(SHANGHAI))
    finally:
        opened.close()
        worker.come_back()


def done(worker: GridWorker) -> None:
    """Sync to the end."""
    end = worker.sync()
    assert end.stage == "done", end
    assert worker.unsent() == 0


def settle(centre: CentreProgram, *workers: GridWorker) -> None:
    """Let everybody sync twice, then compare laptops and centre."""
    for worker in (*workers, *workers):
        done(worker)
    check_effects(centre.books)
    for worker in workers:
        with at_the_store(worker) as ws:
            check_agreement(ws, centre.books)


def test_f5_one_bad_record_among_two_hundred_stops_no_other(centre, new_worker, monkeypatch):
    worker = new_worker()
    with at_the_store(worker) as ws:
        save_records(ws, [Entry("shop", "create", shop(n)) for n in range(120)])
        with monkeypatch.context() as careless:  # an older program that did not ask for an address
            careless.setattr(
                proposing, "check", lambda kind, action, wire, **_: Checked(dict(wire))
            )
            bad = save_record(ws, "shop", "create", {"name": "无址小店", "kind": "retail"})
        save_records(ws, [Entry("shop", "create", shop(n)) for n in range(120, 199)])
    done(worker)
    assert centre.books.outcomes() == {"applied": 199, "quarantined": 1}
    (refused,) = [line for line in worker.outbox() if line.state == "refused"]
    assert "地址" in refused.text
    assert "无址小店" in Staff(centre).read("/waiting/quarantined")
    page = worker.open(f"/records/shop/{bad.record_id}/edit")
    page = worker.visitor.submit(
        page, page.form("_revision", "_act"), {"address": "建设路9号"}, "_act=save"
    )
    assert "已保存在本机" in page.html, words(page.html)
    done(worker)
    assert centre.books.record(bad.record_id)["fields"]["address"] == "建设路9号"
    assert "refused" not in worker.states().values()


def refused_shop(worker: GridWorker, monkeypatch: pytest.MonkeyPatch) -> str:
    """A shop the centre refused, changed once more before anybody knew; returns its id."""
    with at_the_store(worker) as ws:
        with monkeypatch.context() as careless:
            careless.setattr(proposing, "check", lambda _kind, _action, wire, **_: Checked(wire))
            bad = save_record(ws, "shop", "create", {"name": "无址小店", "kind": "retail"})
        assert save_record(ws, "shop", "update", {"staff": 3}, record_id=bad.record_id).saved
    done(worker)
    return bad.record_id


def test_what_was_added_to_a_refused_record_is_in_its_correction(centre, new_worker, monkeypatch):
    worker = new_worker()
    record_id = refused_shop(worker, monkeypatch)
    assert centre.books.outcomes() == {"quarantined": 1, "held": 1}
    with at_the_store(worker) as ws:
        assert save_record(ws, "shop", "update", {"address": "9号"}, record_id=record_id).saved
    done(worker)
    fields = centre.books.record(record_id)["fields"]
    assert (fields["address"], fields["staff"]) == ("9号", 3)
    assert centre.books.outcomes() == {"quarantined": 1, "unchanged": 1, "applied": 1}
    settle(centre, worker)


def test_a_record_whose_beginning_was_refused_can_be_given_up(centre, new_worker, monkeypatch):
    worker = new_worker()
    household = worker.households("502")[0]
    with at_the_store(worker) as ws, monkeypatch.context() as careless:
        careless.setattr(proposing, "check", lambda _kind, _action, wire, **_: Checked(wire))
        bad = save_record(ws, "resident", "create", {"name": "林示例", "household_id": household})
    done(worker)
    with at_the_store(worker) as ws:
        gone = save_record(ws, "resident", "void", {"reason": "录错了"}, record_id=bad.record_id)
        assert gone.saved
    assert set(worker.states().values()) == {"withdrawn"}
    done(worker)
    assert centre.books.outcomes() == {"quarantined": 1}  # nothing waits there for ever


class AheadLaptop(ServedLaptop):
    """A laptop whose clock runs ahead."""

    ahead = timedelta(days=366)

    def make_app(self) -> Any:
        """Sit down at the data folder with the wrong time."""
        settings = LaptopSettings(self.data, port=self.port)
        vault = Vault(self.data, argon=QUICK, indexes=indexes())
        desk = Desk(
            vault, connects(settings), argon=QUICK,
            clock=lambda: datetime.now(SHANGHAI) + self.ahead,
        )  # fmt: skip
        return create_laptop(settings, desk), desk.lock


def test_f12_a_clock_a_year_ahead_neither_wins_nor_loses(centre, new_worker, tmp_path):
    first = new_worker()
    centre.add_worker("W900009", COLLEAGUE, "990101100009003")
    with AheadLaptop(tmp_path, "ahead") as laptop:
        laptop.start()
        second = GridWorker(laptop)
        second.move_in(centre.address, centre.join_code("W900009"), "快钟电脑")
        household = first.households("502")[0]
        first.edit("household", household, {"size": "6"})
        second.edit("household", household, {"size": "7"})
        done(first)
        done(second)
    rows = centre.books.rows("SELECT * FROM changes WHERE device_id IS NOT NULL")
    mine = {row["author"]: row for row in rows if row["record_id"] == household}
    late = next(row for row in mine.values() if row["doubtful"])
    assert datetime.fromisoformat(late["made_at"]) > datetime.now(SHANGHAI) + timedelta(days=300)
    assert abs(late["clock_offset_s"] + 366 * 86_400) < 120
    # 户内人数 is decided by time elsewhere; a doubtful time decides nothing.
    assert late["outcome"] == "conflict"
    assert centre.books.record(household)["fields"]["size"] == 6


def test_f13_an_old_copy_of_the_store_goes_on_in_a_new_stream(centre, new_worker, tmp_path):
    worker = new_worker()
    household = worker.households("502")[0]
    worker.edit("household", household, {"phone": PHONES[0]})
    done(worker)
    worker.laptop.stop()
    shutil.copytree(worker.laptop.data, tmp_path / "old")
    worker.come_back()
    worker.edit("household", household, {"phone": PHONES[1]})
    done(worker)
    worker.laptop.stop()
    shutil.rmtree(worker.laptop.data)
    shutil.copytree(tmp_path / "old", worker.laptop.data)
    worker.come_back()
    worker.edit("household", household, {"phone": PHONES[2], "remarks": "旧机所记"})
    done(worker)
    with at_the_store(worker) as ws:
        assert len(all_streams(ws)) == 2
    fields = centre.books.record(household)["fields"]
    assert fields["remarks"] == "旧机所记"
    # What the lost days had written stands until somebody decides: the old copy never saw it.
    assert fields["phone"] == PHONES[1]
    (waiting,) = centre.books.rows("SELECT * FROM conflicts WHERE decision IS NULL")
    assert json.loads(waiting["other"]) == PHONES[2]
    assert centre.books.rows("SELECT * FROM audit WHERE action = 'stream_forked'")


def test_f14_a_code_nobody_knows_is_taken_and_flagged(centre, new_worker, monkeypatch):
    worker = new_worker()
    with at_the_store(worker) as ws:
        saved = save_record(ws, "shop", "create", shop(1, kind="teahouse"))
        assert saved.saved
    done(worker)
    assert centre.books.record(saved.record_id)["fields"]["kind"] == "teahouse"
    (row,) = centre.books.rows("SELECT * FROM changes WHERE record_id = ?", [saved.record_id])
    assert row["outcome"] == "applied"
    assert "unknown_code" in row["doubts"]
    assert "teahouse" in Staff(centre).read(f"/records/shop/{saved.record_id}")


def test_f19_rare_characters_come_through_unchanged_and_are_found(centre, new_worker):
    worker = new_worker()
    names = ["阿依古丽·买买提", "𠮷野家小吃", "㛃记杂货", "Café 漢字ゔ"]
    with at_the_store(worker) as ws:
        made = [save_record(ws, "shop", "create", shop(n) | {"name": name})
                for n, name in enumerate(names)]  # fmt: skip
    done(worker)
    staff = Staff(centre)
    for name, saved in zip(names, made, strict=True):
        assert centre.books.record(saved.record_id)["fields"]["name"] == name
        assert name in staff.read(f"/records/shop?q={name[:2]}")
    settle(centre, worker)


def test_a_restored_centre_is_refilled_by_its_laptops(centre, new_worker, tmp_path):
    workers = [new_worker(), new_worker("W1", COLLEAGUE), new_worker("W2", "李示范")]
    households = workers[0].households("502")
    for number, worker in enumerate(workers):
        worker.edit("household", households[0], {"remarks": f"前{number}"})
        done(worker)
    yesterday = tmp_path / "yesterday.db"
    centre.command("backup", "--to", str(yesterday))
    # One after the other, each having read the last; and one new record each.
    for number, worker in enumerate(workers):
        done(worker)
        worker.edit("household", households[0], {"remarks": f"后{number}", "size": str(4 + number)})
        worker.edit("household", households[1], {"phone": f"1380000111{number}"})
        with at_the_store(worker) as ws:
            save_record(ws, "shop", "create", shop(number))
        done(worker)
    for worker in workers:
        done(worker)
    before = contents(centre)
    centre.stop()
    centre.command("restore", str(yesterday))
    centre.start()
    assert contents(centre) != before
    for worker in (workers[2], workers[0], workers[1]):
        done(worker)
    assert contents(centre) == before
    assert centre.books.rows("SELECT * FROM conflicts WHERE decision IS NULL") == []
    settle(centre, *workers)
    assert all(
        row["version"] > 1_000_000 or row["version"] < 1_000
        for row in centre.books.rows("SELECT version FROM records")
    )


def contents(centre: CentreProgram) -> dict[str, Any]:
    """What every record says. Left out are seen marks, which tell when staff looked, and what time
    decided by itself: after a restore it is put on record again, once too often rather than never.
    """
    rows = centre.books.rows("SELECT * FROM records WHERE kind <> 'seen'")
    found = {row["record_id"]: (row, json.loads(row["fields"])) for row in rows}
    return {
        record_id: (row["kind"], row["grid"], fields, row["voided"])
        for record_id, (row, fields) in found.items()
        if not (row["kind"] == "decision" and fields.get("automatic"))
    }
