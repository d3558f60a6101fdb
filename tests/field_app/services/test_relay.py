"""Relay files from the laptop's side, with the real centre at the other end of the stick."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from field_app.domain.errors import Trouble
from field_app.services import relay, streams
from field_app.services.joining import Request
from field_app.services.photos import attach
from field_app.services.records import find_view, save_record, unsent_count, views
from field_app.services.relay_receipt import TakenReceipt, take_receipt
from field_app.services.workspace import CHANGES, Workspace, plain
from field_app.store import sticks
from field_app.store.errors import StoreError
from sync_server.domain.errors import Refusal
from sync_server.services import relay as centre_relay
from sync_server.services.devices import revoke_device
from sync_server.services.epochs import begin_epoch
from tests.field_app.centres import CentreLine
from tests.field_app.laptops import CENTRE, PASSPHRASE, Laptop, save_issue
from tests.journeys.agreement import check_agreement
from tests.journeys.world import Books
from tests.pictures import picture


@pytest.fixture
def laptop(joined: Callable[..., Laptop]) -> Laptop:
    """A laptop that has joined and never synced."""
    return joined()


def write(laptop: Laptop, folder: Path) -> Path:
    ready = relay.write_to(laptop.ws, folder)
    assert ready.path is not None
    laptop.hands.passes(1)  # the next file has another name
    return ready.path


def hand_in(line: CentreLine, file: Path) -> bytes:
    out = io.BytesIO()
    with open(file, "rb") as content:
        centre_relay.take_in(line.centre, content, out, line.hands())
    return out.getvalue()


def read_in(laptop: Laptop, receipt: bytes, **more: Any) -> TakenReceipt:
    return take_receipt(laptop.ws, io.BytesIO(receipt), **more)


def carry(laptop: Laptop, line: CentreLine, folder: Path) -> TakenReceipt:
    return read_in(laptop, hand_in(line, write(laptop, folder)))


def agree(laptop: Laptop, line: CentreLine) -> None:
    assert unsent_count(laptop.ws) == 0
    check_agreement(laptop.ws, Books(line.folder / "centre.db"))


def whole(ws: Workspace) -> dict[str, Any]:
    return {name: plain(ws.table(name)) for name in sorted(ws.db.tables())}


def test_a_stick_does_what_the_link_does(laptop, line, tmp_path):
    saved = [save_issue(laptop.ws, title=f"第{number}件") for number in range(3)]
    told = carry(laptop, line, tmp_path)
    assert (told.confirmed, told.received, told.late) == (3, 3, False)
    assert told.outcomes == {"applied": 3}
    assert {find_view(laptop.ws, one.record_id)["state"] for one in saved} == {"stored"}
    agree(laptop, line)
    assert laptop.sync().total == 0
    agree(laptop, line)


def test_writing_marks_nothing(laptop, line, tmp_path):
    save_issue(laptop.ws)
    before = plain(laptop.ws.table(CHANGES)), streams.all_streams(laptop.ws)
    write(laptop, tmp_path)
    assert (plain(laptop.ws.table(CHANGES)), streams.all_streams(laptop.ws)) == before
    assert unsent_count(laptop.ws) == 1
    [kept] = relay.written_files(laptop.ws)
    assert kept["taken_at"] is None
    [file] = tmp_path.glob("*.gridbatch")
    assert "楼道堆物".encode() not in file.read_bytes()


def test_more_than_one_request_holds(laptop, line, tmp_path):
    laptop.ws.keep_setting("identity", max_changes=2)
    for number in range(5):
        save_issue(laptop.ws, title=f"第{number}件")
    told = carry(laptop, line, tmp_path)
    assert (told.confirmed, told.received) == (5, 5)
    assert relay.written_files(laptop.ws)[0]["changes"] == 5
    agree(laptop, line)


def test_files_receipts_and_link_in_any_order(laptop, line, tmp_path):
    save_issue(laptop.ws, title="一")
    first = write(laptop, tmp_path)
    save_issue(laptop.ws, title="二")
    second = write(laptop, tmp_path)
    late = hand_in(line, second)
    early = hand_in(line, first)  # older, handed in later
    assert laptop.sync().stage == "done"
    save_issue(laptop.ws, title="三")
    views_before = views(laptop.ws, "issue")
    told = read_in(laptop, early)
    assert (told.confirmed, told.late) == (0, True)
    assert read_in(laptop, late).late
    assert views(laptop.ws, "issue") == views_before
    assert unsent_count(laptop.ws) == 1
    laptop.sync()
    agree(laptop, line)


def test_an_old_receipt_brings_no_old_copy_back(laptop, line, joined, tmp_path):
    made = save_issue(laptop.ws).record_id
    old = hand_in(line, write(laptop, tmp_path))
    laptop.sync()
    save_record(laptop.ws, "issue", "update", {"title": "改过"}, record_id=made)
    laptop.sync()
    pull = laptop.ws.setting("cursor")
    assert read_in(laptop, old).received == 0
    assert find_view(laptop.ws, made)["fields"]["title"] == "改过"
    assert laptop.ws.setting("cursor") == pull
    agree(laptop, line)


def test_a_receipt_marks_what_was_sent_and_not_what_came_after(laptop, line, tmp_path):
    save_issue(laptop.ws, title="一")
    receipt = hand_in(line, write(laptop, tmp_path))
    after = save_issue(laptop.ws, title="二")
    assert read_in(laptop, receipt).confirmed == 1
    assert unsent_count(laptop.ws) == 1
    assert find_view(laptop.ws, after.record_id)["state"] == "local"
    carry(laptop, line, tmp_path)
    agree(laptop, line)


def test_the_same_receipt_again_is_told_and_changes_nothing(laptop, line, tmp_path):
    save_issue(laptop.ws)
    receipt = hand_in(line, write(laptop, tmp_path))
    read_in(laptop, receipt)
    before = whole(laptop.ws)
    with pytest.raises(Trouble, match="receipt_taken"):
        read_in(laptop, receipt)
    assert whole(laptop.ws) == before


def test_receipts_of_others_and_damaged_ones_mark_nothing(laptop, line, joined, tmp_path):
    second = joined("second", line.worker("w2"))
    save_issue(laptop.ws)
    save_issue(second.ws)
    file = write(laptop, tmp_path)
    theirs, mine = hand_in(line, write(second, tmp_path)), hand_in(line, file)
    middle = len(mine) // 2
    cases = {
        "receipt_of_other": theirs,
        "receipt_damaged": mine[:-1],
        "receipt_not_ours": b"hello",
        "receipt_is_batch": file.read_bytes(),
    }
    before = whole(laptop.ws)
    for code, content in cases.items():
        with pytest.raises(Trouble) as caught:
            read_in(laptop, content)
        assert caught.value.code == code
    with pytest.raises(Trouble, match="receipt_damaged"):
        read_in(laptop, mine[:middle] + bytes([mine[middle] ^ 1]) + mine[middle + 1 :])
    assert whole(laptop.ws) == before
    [kept] = laptop.ws.table(relay.RELAY)
    laptop.ws.put(relay.RELAY, kept.doc_id, {**kept, "sha256": "0" * 64})
    with pytest.raises(Trouble, match="receipt_of_other"):  # an answer to another file
        read_in(laptop, mine)
    laptop.ws.put(relay.RELAY, kept.doc_id, dict(kept))
    assert read_in(laptop, mine).confirmed == 1


def test_a_lost_stick_costs_nothing(laptop, line, tmp_path):
    save_issue(laptop.ws)
    write(laptop, tmp_path).unlink()
    assert laptop.sync().confirmed == 1
    agree(laptop, line)


def test_a_lost_receipt_is_made_good_by_the_next_file(laptop, line, tmp_path):
    save_issue(laptop.ws)
    hand_in(line, write(laptop, tmp_path))
    told = carry(laptop, line, tmp_path)
    assert told.outcomes == {"duplicate": 1}
    agree(laptop, line)


def test_a_fork_is_healed_by_sticks_alone(laptop, line, tmp_path):
    """The store was copied: the copy goes on and its numbers are taken already."""
    save_issue(laptop.ws, title="一")
    carry(laptop, line, tmp_path)
    [name] = streams.all_streams(laptop.ws)
    before = laptop.ws.setting("stream"), plain(laptop.ws.table(CHANGES))
    save_issue(laptop.ws, title="二")
    hand_in(line, write(laptop, tmp_path))
    document, changes = before  # as it is after an older copy of the store was put back
    with laptop.ws.db.transaction():
        laptop.ws.table(CHANGES).truncate()
        for change in changes:
            laptop.ws.put(CHANGES, change["change_id"], change)
        laptop.ws.keep_setting("stream", **document)
    save_issue(laptop.ws, title="三")
    told = carry(laptop, line, tmp_path)
    assert told.left == {"stream_forked": 1}
    assert set(streams.all_streams(laptop.ws)) > {name}
    assert carry(laptop, line, tmp_path).confirmed == 1
    assert unsent_count(laptop.ws) == 0
    titles = {view["fields"]["title"] for view in views(laptop.ws, "issue")}
    assert titles == {"一", "二", "三"}


def test_a_gap_is_closed_by_sticks_alone(laptop, line, tmp_path, monkeypatch):
    save_issue(laptop.ws, title="一")
    laptop.sync()
    save_issue(laptop.ws, title="二")
    [name] = streams.all_streams(laptop.ws)
    head = streams.all_streams(laptop.ws)[name]
    [unsent] = plain(laptop.ws.table(CHANGES).find_by("acked", False))
    with laptop.ws.db.transaction():  # a confirmation the centre does not stand by
        laptop.ws.put(CHANGES, unsent["change_id"], unsent | {"acked": True, "outcome": "applied"})
        document = laptop.ws.setting("stream")
        document["streams"][name] = head | {"acked_seq": 2, "acked_hash": unsent["hash"]}
        laptop.ws.keep_setting("stream", **document)
    save_issue(laptop.ws, title="三")
    assert carry(laptop, line, tmp_path).left == {"sequence_gap": 1}
    assert carry(laptop, line, tmp_path).confirmed == 2
    agree(laptop, line)


def test_days_on_a_stick_leave_the_clocks_alone(laptop, line, tmp_path):
    laptop.sync()
    clock = laptop.ws.setting("clock")
    save_issue(laptop.ws)
    receipt = hand_in(line, write(laptop, tmp_path))
    laptop.hands.passes(4 * 86_400)
    read_in(laptop, receipt)
    assert laptop.ws.setting("clock") == clock
    assert laptop.ws.identity.clock_offset_s == 0
    agree(laptop, line)


def test_a_revoked_laptop_is_rescued_and_its_work_counts_when_it_joins_again(
    joined, line, tmp_path
):
    worker = line.worker()
    laptop = joined("laptop", worker)
    save_issue(laptop.ws)
    with line.centre.store.writing() as connection:
        revoke_device(
            connection, line.centre.code, laptop.ws.identity.device_id, line.hands(), by=None
        )
    assert laptop.sync().error == "device_revoked"
    told = carry(laptop, line, tmp_path)
    assert told.revoked
    assert told.outcomes == {"quarantined": 1}
    assert unsent_count(laptop.ws) == 0
    assert laptop.ws.identity.state == "revoked"
    laptop.desk.join(Request(CENTRE, line.code(worker), PASSPHRASE, PASSPHRASE, "x"), laptop.call)
    assert laptop.sync().stage == "done"
    [view] = views(laptop.ws, "issue")
    assert view["state"] == "stored"
    assert [one["outcome"] for one in laptop.ws.table(CHANGES)] == ["applied"]


def test_a_restored_centre_is_filled_again_by_sticks_alone(laptop, line, tmp_path):
    record = save_issue(laptop.ws, title="一").record_id
    attach(laptop.ws, "issue", record, picture(), "scene")
    assert carry(laptop, line, tmp_path).photos == 1
    save_issue(laptop.ws, title="二")
    with line.centre.store.writing() as connection:
        begin_epoch(connection, line.centre.code, line.hands())
    told = carry(laptop, line, tmp_path)
    assert (told.confirmed, told.left) == (0, {"other_epoch": 1})
    assert unsent_count(laptop.ws) == 3  # all is offered again; what is there is known by it
    told = carry(laptop, line, tmp_path)
    assert (told.confirmed, told.photos) == (3, 1)  # the photo may have been lost there
    assert relay.load(laptop.ws) == relay.Load(0, 0)
    agree(laptop, line)


def test_nothing_behind_a_change_that_fits_no_seal_is_taken_for_confirmed(laptop, line, tmp_path):
    saved = [save_issue(laptop.ws, title=f"第{number}件") for number in range(5)]
    broken = dict(laptop.ws.table(CHANGES).get(doc_id=saved[2].change_id))
    spoilt = {**broken, "fields": {**broken["fields"], "title": "改过的"}}
    laptop.ws.put(CHANGES, saved[2].change_id, spoilt)
    told = carry(laptop, line, tmp_path)
    assert (told.confirmed, told.outcomes, told.left) == (2, {"applied": 2}, {"bad_envelope": 1})
    assert unsent_count(laptop.ws) == 3
    states = [find_view(laptop.ws, one.record_id)["state"] for one in saved]
    assert states == ["stored", "stored", "local", "local", "local"]


def test_a_receipt_of_a_centre_restored_since_confirms_nothing(laptop, line, tmp_path):
    save_issue(laptop.ws)
    receipt = hand_in(line, write(laptop, tmp_path))
    laptop.ws.keep_setting("cursor", server_epoch="a later epoch")
    told = read_in(laptop, receipt)
    assert (told.confirmed, told.late) == (0, True)
    assert unsent_count(laptop.ws) == 1


def test_many_records_leave_only_with_the_workers_word(laptop, line, tmp_path, monkeypatch):
    saved = save_issue(laptop.ws)
    receipt = hand_in(line, write(laptop, tmp_path))
    monkeypatch.setattr("field_app.services.receiving.too_many_gone", lambda updates, gone, held: 5)
    with pytest.raises(Trouble, match="scope_shrinks"):
        read_in(laptop, receipt)
    assert unsent_count(laptop.ws) == 0  # confirmations hold
    assert find_view(laptop.ws, saved.record_id)["copy"] is None
    monkeypatch.undo()
    assert read_in(laptop, receipt, agreed=True).received == 1
    agree(laptop, line)


class TestTheStick:
    """What may go wrong between writing and taking it out."""

    def test_a_file_that_reads_back_otherwise_is_not_left_there(
        self, laptop, tmp_path, monkeypatch
    ):
        real = os.fsync

        def fsync_and_spoil(handle: int) -> None:
            real(handle)
            [draft] = tmp_path.glob(".*.part")
            with open(draft, "r+b") as file:
                file.seek(100)
                file.write(b"\xff\xff\xff")

        monkeypatch.setattr(sticks.os, "fsync", fsync_and_spoil)
        with pytest.raises(StoreError, match="stick_lies"):
            relay.write_to(laptop.ws, tmp_path / "a.gridbatch")
        monkeypatch.undo()
        assert not list(tmp_path.glob("*.gridbatch")) + list(tmp_path.glob(".*.part"))
        assert relay.written_files(laptop.ws) == []

    def test_no_folder_and_no_room_are_told(self, laptop, tmp_path, monkeypatch):
        with pytest.raises(StoreError, match="stick_unusable"):
            relay.write_to(laptop.ws, tmp_path / "none" / "a.gridbatch")
        for missing in (tmp_path / "none", tmp_path / "none" / "KINGSTON.16", "none"):
            with pytest.raises(StoreError, match="stick_unusable"):
                relay.write_to(laptop.ws, Path(missing))

        def full(handle: int) -> None:
            raise OSError(errno.ENOSPC, "full")

        monkeypatch.setattr(sticks.os, "fsync", full)
        with pytest.raises(StoreError, match="stick_full"):
            relay.write_to(laptop.ws, tmp_path / "a.gridbatch")
        monkeypatch.undo()
        assert not list(tmp_path.glob("*.gridbatch")) + list(tmp_path.glob(".*.part"))

    def test_a_file_that_is_there_is_left_alone(self, laptop, tmp_path):
        taken = tmp_path / "a.gridbatch"
        taken.write_bytes(b"another's")
        with pytest.raises(StoreError, match="stick_has_file"):
            relay.write_to(laptop.ws, taken)
        with pytest.raises(Trouble, match="relay_name"):
            relay.write_to(laptop.ws, tmp_path / "a.json")
        assert [(one.name, one.read_bytes()) for one in tmp_path.glob("a.*")] == [
            ("a.gridbatch", b"another's")
        ]

    def test_two_files_of_one_second_have_two_names(self, laptop, tmp_path):
        names = [relay.write_to(laptop.ws, tmp_path).name for _ in range(3)]
        assert len({*names, *(one.name for one in tmp_path.glob("*.gridbatch"))}) == 3

    def test_a_file_is_named_by_worker_and_time_and_the_receipt_beside_it_is_found_once(
        self, laptop, line, tmp_path
    ):
        file = write(laptop, tmp_path)
        assert file.name == "gridrounds-w1-20260930-084100.gridbatch"
        receipt = tmp_path / "a.gridreceipt"
        receipt.write_bytes(hand_in(line, file))
        (tmp_path / "b.gridreceipt").write_bytes(b"another's")
        folders = [str(tmp_path), str(tmp_path), str(tmp_path / "none")]
        assert relay.receipts_in(laptop.ws, folders) == [receipt]
        read_in(laptop, receipt.read_bytes())
        assert relay.receipts_in(laptop.ws, folders) == []

    def test_files_nobody_waits_for_are_forgotten(self, laptop, tmp_path):
        write(laptop, tmp_path)
        laptop.hands.passes(91 * 86_400)
        write(laptop, tmp_path)
        assert len(relay.written_files(laptop.ws)) == 1

    def test_a_clock_known_to_be_years_ahead_forgets_no_file(self, laptop, tmp_path):
        write(laptop, tmp_path)
        laptop.hands.passes(3 * 365 * 86_400)
        laptop.ws.keep_setting("identity", clock_offset_s=-3 * 365 * 86_400)
        write(laptop, tmp_path)
        assert len(relay.written_files(laptop.ws)) == 2


def test_a_foreign_file_is_refused_by_the_centre(laptop, line, tmp_path):
    laptop.ws.keep_setting("identity", server_key="09" + "00" * 31)
    with pytest.raises(Refusal, match="relay_other_recipient"):
        hand_in(line, write(laptop, tmp_path))
