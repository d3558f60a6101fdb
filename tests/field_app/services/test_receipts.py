"""Receipts: by round what the centre said then, by day how it stands now; the counts add up."""

from __future__ import annotations

import pytest

from field_app.domain.errors import Trouble
from field_app.services.receipts import as_text, day_receipt, last_round, round_receipt
from field_app.services.workspace import CHANGES, PHOTO_BYTES
from tests.field_app.centres import lost_request
from tests.field_app.laptops import save_issue
from tests.field_app.photo_hands import attach
from tests.pictures import picture

DAY = "2026-09-30"


@pytest.fixture
def laptop(joined):
    return joined()


def counted(receipt):
    return {name: count for name, count in receipt.counts.items() if count}


def test_a_rounds_receipt_names_every_change_it_confirmed(laptop):
    ws = laptop.ws
    saved = [save_issue(ws) for _ in range(3)]
    laptop.sync()
    save_issue(ws)
    receipt = round_receipt(ws, last_round(ws))
    assert counted(receipt) == {"applied": 3}
    assert (receipt.made, receipt.confirmed) == (3, 3)
    assert [line.tail for line in receipt.lines] == [one.change_id[-6:] for one in saved]
    line = receipt.lines[0]
    assert (line.kind, line.action, line.outcome_label, line.version) == (
        "事件", "新建", "已入库", 1)  # fmt: skip
    assert receipt.worker_no == "w1"
    head = next(iter(ws.setting("stream")["streams"].values()))
    assert receipt.check.startswith("3 · " + head["acked_hash"][:4].upper())


def test_what_a_round_left_behind_is_counted_so_that_it_adds_up(laptop, line):
    ws = laptop.ws
    ws.keep_setting("identity", max_changes=2)
    for _ in range(5):
        save_issue(ws)
    line.faults.extend([lambda carry: carry(), *[lost_request] * 3])
    laptop.sync()
    receipt = round_receipt(ws, last_round(ws))
    assert counted(receipt) == {"applied": 2, "unsent": 3}
    assert receipt.made == 5


def test_a_days_receipt_says_how_many_of_its_photos_are_at_the_centre(laptop, line, hands):
    ws = laptop.ws
    owner = save_issue(ws).record_id
    first = attach(laptop, picture(), owner)
    attach(laptop, picture(60, 40, noise=1), owner)
    line.photo_faults.extend([lambda carry: carry(), lambda carry: carry(), *[lost_request] * 9])
    laptop.sync()
    receipt = day_receipt(ws, DAY)
    assert (receipt.confirmed, receipt.photos, receipt.photos_there) == (3, 2, 1)
    assert "  照片已到: 1/2" in as_text(receipt, "zh")
    line.photo_faults.clear()
    laptop.sync()
    assert day_receipt(ws, DAY).photos_there == 2
    ws.table(PHOTO_BYTES).remove(doc_ids=[first])  # as an older copy of the store knows nothing
    assert day_receipt(ws, DAY).photos_there == 1
    hands.passes(86400)
    assert day_receipt(ws, "2026-10-01").photos == 0


def test_what_was_confirmed_after_the_last_account_is_not_said_to_be_lacking(laptop, line):
    ws = laptop.ws
    save_issue(ws)
    laptop.sync()
    attach(laptop)  # an issue and its photo, whose bytes do not get through: no account follows
    line.photo_faults.extend([lost_request] * 9)
    laptop.sync()
    receipt = day_receipt(ws, DAY)
    assert (receipt.there, receipt.confirmed, receipt.since, receipt.lacking) == (1, 3, 2, False)
    assert "  对账之后确认: 2" in as_text(receipt, "zh")
    line.photo_faults.clear()
    laptop.sync()
    receipt = day_receipt(ws, DAY)
    assert (receipt.there, receipt.since, receipt.lacking) == (3, 0, False)
    ws.keep_setting("account", by_day={DAY: {"applied": 2}})
    assert day_receipt(ws, DAY).lacking


def test_a_days_receipt_counts_all_that_was_made_on_it(laptop, hands):
    ws = laptop.ws
    save_issue(ws)
    laptop.sync()
    save_issue(ws)
    hands.passes(86400)
    save_issue(ws)
    laptop.sync()
    assert counted(day_receipt(ws, DAY)) == {"applied": 2}
    assert counted(day_receipt(ws, "2026-10-01")) == {"applied": 1}
    receipt = day_receipt(ws, DAY)
    assert (receipt.there, receipt.confirmed, receipt.there_at is not None) == (2, 2, True)
    assert day_receipt(ws, "2026-01-01").lines == ()


def test_a_day_not_synced_yet_has_a_receipt_that_says_so(laptop):
    save_issue(laptop.ws)
    receipt = day_receipt(laptop.ws, DAY)
    assert (counted(receipt), receipt.check, receipt.there) == ({"unsent": 1}, "", None)


def test_a_receipt_outlives_the_changes_it_names(laptop):
    ws = laptop.ws
    save_issue(ws)
    laptop.sync()
    ws.table(CHANGES).truncate()
    receipt = round_receipt(ws, last_round(ws))
    assert counted(receipt) == {"applied": 1}
    assert (receipt.lines[0].title, receipt.lines[0].outcome_label) == ("", "已入库")


@pytest.mark.parametrize("number", ["0", "99", "x"])
def test_there_is_no_receipt_of_a_round_that_never_was(laptop, number):
    laptop.sync()
    with pytest.raises(Trouble, match="not_found"):
        round_receipt(laptop.ws, number)


@pytest.mark.parametrize("day", ["", "today", "2026-9-1", "2026-09-30x", "../etc"])
def test_what_is_no_day_has_no_receipt(laptop, day):
    with pytest.raises(Trouble, match="not_found"):
        day_receipt(laptop.ws, day)


def test_before_the_first_round_there_is_nothing_to_print(laptop):
    with pytest.raises(Trouble, match="nothing_sent_yet"):
        last_round(laptop.ws)
