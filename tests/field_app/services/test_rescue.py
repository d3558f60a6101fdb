"""A revoked laptop keeps everything until all is at the centre, and only then can be emptied."""

from __future__ import annotations

import io
import json

import pytest
import sqlalchemy as sa

from field_app.domain.errors import Trouble
from field_app.services import relay
from field_app.services.relay_receipt import take_receipt
from field_app.services.rescue import WORDS, ask_centre, destroy, rescue_of
from field_app.services.workspace import CHANGES, PHOTO_BYTES
from field_app.store.errors import StoreError, UnknownWorker
from field_app.store.vault import Vault
from schemas.seal import ZEROS
from sync_server.services.devices import find_device, revoke_device
from sync_server.services.relay import take_in
from sync_server.services.sync import exchange
from sync_server.store import tables
from tests.field_app.centres import answers
from tests.field_app.laptops import PASSPHRASE, QUICK, save_issue
from tests.field_app.photo_hands import attach
from tests.sync_server.world import DISTRICT


@pytest.fixture
def laptop(joined):
    laptop = joined()
    save_issue(laptop.ws)
    laptop.sync()
    return laptop


def revoke(laptop, line):
    with line.centre.store.writing() as connection:
        revoke_device(connection, DISTRICT, laptop.ws.identity.device_id, laptop.hands(), by=None)


def by_relay(laptop, line):
    """Bring what is unsent to the centre as a relay file does; the laptop learns nothing of it."""
    from field_app.services.batch import next_batch

    with line.centre.store.reading() as connection:
        device = find_device(connection, DISTRICT, laptop.ws.identity.device_id)
    body = json.loads(next_batch(laptop.ws).body)
    return exchange(line.centre, device, body, laptop.hands(), road="relay")


def refused(laptop, typed=WORDS["zh"]):
    with pytest.raises(Trouble) as caught:
        destroy(laptop.desk, laptop.ws, typed)
    return caught.value.code


def test_a_laptop_in_use_cannot_be_destroyed(laptop):
    assert not rescue_of(laptop.ws).revoked
    assert refused(laptop) == "not_revoked"


def test_unsent_work_of_a_revoked_laptop_is_kept_and_nothing_can_be_destroyed(laptop, line):
    save_issue(laptop.ws)
    revoke(laptop, line)
    told = laptop.sync()
    assert told.error == "device_revoked"
    found = rescue_of(laptop.ws)
    assert (found.revoked, found.unsent, found.confirmed) == (True, 1, False)
    assert refused(laptop) == "not_rescued"
    assert len(laptop.ws.table(CHANGES)) == 2


def test_what_went_by_relay_file_is_quarantined_and_the_account_confirms_it(laptop, line):
    save_issue(laptop.ws)
    revoke(laptop, line)
    laptop.sync()
    by_relay(laptop, line)
    with line.centre.store.reading() as connection:
        row = connection.execute(
            sa.select(tables.changes.c.outcome, tables.changes.c.problem).where(
                tables.changes.c.seq == 2
            )
        ).one()
    assert (row.outcome, row.problem[0]["code"]) == ("quarantined", "device_revoked")
    ask_centre(laptop.desk, laptop.ws)
    found = rescue_of(laptop.ws)
    assert (found.unsent, found.confirmed) == (1, True)
    save_issue(laptop.ws)
    assert not rescue_of(laptop.ws).confirmed


def test_a_photo_whose_record_waits_for_staff_keeps_the_store_alive(laptop, line, tmp_path):
    attach(laptop)
    revoke(laptop, line)
    laptop.sync()
    by_relay(laptop, line)
    ask_centre(laptop.desk, laptop.ws)  # the account is whole, and knows of no photo
    found = rescue_of(laptop.ws)
    assert (found.photos, found.confirmed) == (1, False)
    assert refused(laptop) == "not_rescued"
    path = relay.write_to(laptop.ws, tmp_path).path
    assert path is not None
    receipt = io.BytesIO()
    with path.open("rb") as content:
        take_in(line.centre, content, receipt, line.hands())
    take_receipt(laptop.ws, io.BytesIO(receipt.getvalue()))
    found = rescue_of(laptop.ws)
    assert (found.photos, found.confirmed) == (0, True)
    assert refused(laptop, "") == "words_differ"


def test_an_account_confirms_a_photo_whose_receipt_was_lost(laptop, line):
    photo_id = attach(laptop)
    laptop.sync()
    known = dict(laptop.ws.table(PHOTO_BYTES).get(doc_id=photo_id))
    laptop.ws.put(PHOTO_BYTES, photo_id, known | {"arrived": False})
    revoke(laptop, line)
    laptop.sync()
    ask_centre(laptop.desk, laptop.ws)
    assert rescue_of(laptop.ws).confirmed


def test_a_photo_the_centre_never_takes_is_told_and_holds_nothing_up(laptop, line):
    photo_id = attach(laptop)
    line.photo_faults.append(answers(415, "{}", Tus_Resumable="1.0.0"))
    laptop.sync()
    revoke(laptop, line)
    laptop.sync()
    found = rescue_of(laptop.ws)
    assert (found.photos, found.refused, found.confirmed) == (0, 1, True)
    assert photo_id


def test_a_centre_that_lost_confirmed_work_keeps_the_store_alive(laptop, line):
    revoke(laptop, line)
    laptop.sync()
    assert rescue_of(laptop.ws).confirmed
    with line.centre.store.writing() as connection:
        connection.execute(sa.update(tables.streams).values(known_seq=0, known_hash=ZEROS))
        connection.execute(sa.delete(tables.changes))
    ask_centre(laptop.desk, laptop.ws)
    assert refused(laptop) == "not_rescued"


@pytest.mark.parametrize("typed", ["", "销毁", "yes", "destroy"])
def test_nothing_is_destroyed_without_the_words(laptop, line, typed):
    revoke(laptop, line)
    laptop.sync()
    assert refused(laptop, typed) == "words_differ"
    assert len(laptop.ws.table(CHANGES)) == 1


@pytest.mark.parametrize("typed", [*WORDS.values(), " Destroy  the DATA "])
def test_a_destroyed_store_never_opens_again(laptop, line, typed, tmp_path):
    laptop.desk.back_up()
    revoke(laptop, line)
    laptop.sync()
    worker_id, workers = laptop.ws.worker_id, laptop.folder / "workers"
    [folder] = list(workers.iterdir())
    keys = {path.name: path.read_bytes() for path in folder.glob("key*.json")}
    destroy(laptop.desk, laptop.ws, typed)
    assert laptop.desk.present() is None
    assert laptop.desk.workers() == []
    assert list(workers.rglob("*")) == []
    with pytest.raises(UnknownWorker):
        laptop.desk.unlock(worker_id, PASSPHRASE)
    assert keys


def test_a_crash_after_the_keys_are_gone_leaves_files_nobody_opens(laptop, line, monkeypatch):
    revoke(laptop, line)
    laptop.sync()
    worker_id = laptop.ws.worker_id

    def crash(self, target):
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.rename", crash)
        with pytest.raises(OSError, match="power cut"):
            destroy(laptop.desk, laptop.ws, WORDS["zh"])
    again = Vault(laptop.folder, argon=QUICK)
    with pytest.raises(StoreError):
        again.unlock(worker_id, PASSPHRASE)
    again.destroy(worker_id)
    assert again.workers() == []


def test_files_left_by_a_cut_removal_are_removed_at_the_next_start(laptop):
    left = laptop.folder / "workers" / ".gone-1234"
    left.mkdir()
    (left / "worker.json").write_text('{"worker_id": "x", "label": null}')
    laptop.desk.lock()
    assert len(laptop.desk.workers()) == 1
    with laptop.desk.vault.instance_lock():
        assert not left.exists()
