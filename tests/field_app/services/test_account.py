"""Accounts after real rounds: equal ones say so, a loss on either side shows, nothing is mended."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from field_app.services.accounting import all_arrived, last_account, sentences, told
from field_app.services.joining import Request
from field_app.services.records import unsent_count
from field_app.services.workspace import CHANGES
from sync_server.store import tables
from tests.field_app.centres import answers, lost_request
from tests.field_app.laptops import CENTRE, PASSPHRASE, save_issue


@pytest.fixture
def laptop(joined):
    laptop = joined()
    for _ in range(3):
        save_issue(laptop.ws)
    assert laptop.sync().stage == "done"
    return laptop


def log(laptop):
    return {one["change_id"]: dict(one) for one in laptop.ws.table(CHANGES)}


def at_centre(line, statement):
    with line.centre.store.writing() as connection:
        return connection.execute(statement)


def test_after_a_round_both_sides_agree(laptop):
    kept = last_account(laptop.ws)
    assert (kept["differences"], kept["notes"], kept["whole"]) == ([], [], True)
    assert all_arrived(laptop.ws)
    save_issue(laptop.ws)
    assert not all_arrived(laptop.ws)


def test_what_the_centre_lost_is_shown_and_nothing_is_mended(laptop, line):
    victim = next(iter(log(laptop)))
    at_centre(line, sa.delete(tables.changes).where(tables.changes.c.change_id == victim))
    before = log(laptop)
    assert laptop.sync().stage == "done"
    differences, _ = sentences(laptop.ws)
    assert differences == ["2026-09-30：本机有3条已确认，服务器只有2条。"]
    assert log(laptop) == before
    assert told(laptop.ws)["differences"] == 1


def test_what_the_laptop_lost_is_shown_too(laptop):
    laptop.ws.table(CHANGES).remove(doc_ids=[next(iter(log(laptop)))])
    laptop.sync()
    differences, _ = sentences(laptop.ws.speaking("en"))
    assert len(differences) == 2
    assert "3" in differences[0]


def test_the_next_exchange_tells_the_centre(laptop, line):
    save_issue(laptop.ws)
    save_issue(laptop.ws)
    laptop.sync()
    row = at_centre(line, sa.select(tables.devices.c.account)).scalar_one()
    assert row == {"at": last_account(laptop.ws)["at"], "made": 5, "unsent": 0, "differences": 0}


def test_what_stays_behind_when_a_round_is_cut_is_told(laptop, line):
    laptop.ws.keep_setting("identity", max_changes=1)
    for _ in range(3):
        save_issue(laptop.ws)
    line.faults.extend([lambda carry: carry(), *[lost_request] * 3])
    assert laptop.sync().stage == "failed"
    row = at_centre(line, sa.select(tables.devices.c.account)).scalar_one()
    assert (row["made"], row["unsent"]) == (6, 2)


@pytest.mark.parametrize(
    "fault",
    [lost_request, answers(404, "{}", Content_Type="application/json"),
     answers(200, "{}", Content_Type="application/json"),
     answers(200, json.dumps({"known": [], "counts": {}, "by_day": [{}], "streams": [],
                              "photos": {}}), Content_Type="application/json")],
)  # fmt: skip
def test_a_centre_that_gives_no_account_fails_no_round(laptop, line, fault):
    before = last_account(laptop.ws)
    save_issue(laptop.ws)
    line.account_faults.append(fault)
    assert laptop.sync().stage == "done"
    assert (last_account(laptop.ws), unsent_count(laptop.ws)) == (before, 0)


def test_changes_forgotten_after_their_time_leave_no_difference(laptop, hands):
    hands.passes(91 * 86400)
    save_issue(laptop.ws)
    laptop.sync()
    assert len(log(laptop)) == 1
    laptop.sync()
    assert sentences(laptop.ws) == ([], [])
    assert told(laptop.ws)["made"] == 4


def test_a_restored_store_is_a_note_not_a_difference(laptop):
    desk, worker_id = laptop.desk, laptop.ws.worker_id
    desk.back_up()
    save_issue(laptop.ws)
    laptop.sync()
    desk.lock()
    desk.vault.restore_from_backup(worker_id, desk.vault.backups(worker_id)[0])
    desk.unlock(worker_id, PASSPHRASE)
    save_issue(laptop.ws)
    assert laptop.sync().stage == "done"
    differences, notes = sentences(laptop.ws)
    assert differences == []
    assert len(notes) == 1
    assert "另有本终端的1条" in notes[0]


def test_what_a_former_device_brought_stands_in_the_new_ones_account_too(line, open_laptop):
    worker, laptop = line.worker(), open_laptop()
    for made_before, made in ((0, 2), (2, 3)):
        code = line.code(worker)
        laptop.desk.join(Request(CENTRE, code, PASSPHRASE, PASSPHRASE, "本"), laptop.call)
        assert told(laptop.ws)["made"] == made_before
        for _ in range(made - made_before):
            save_issue(laptop.ws)
        assert laptop.sync().stage == "done"
        assert sentences(laptop.ws) == ([], [])
        assert told(laptop.ws)["made"] == made
