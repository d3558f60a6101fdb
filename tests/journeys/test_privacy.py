"""A resident asks the district about his own data; the laptop of his grid does its part."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.journeys.agreement import check_agreement
from tests.journeys.people import GridWorker, Staff, words
from tests.journeys.programs import CentreProgram
from tests.journeys.world import GRID, PERSONA

pytestmark = pytest.mark.journey

DISTRICT_STAFF = "demo-district"
PHONE = "10000009876"


def somebody_in_care(centre: CentreProgram) -> tuple[str, str]:
    """Return the ids of a resident of the grid who is looked after, and of the care record."""
    rows = centre.books.rows(
        "SELECT record_id, parent_id FROM records WHERE kind = 'care' AND NOT voided"
        " AND grid = ? ORDER BY record_id LIMIT 1",
        [GRID],
    )
    return rows[0]["parent_id"], rows[0]["record_id"]


def enter(staff: Staff, resident: str, asked: str) -> str:
    """Enter a request; return its address."""
    page = staff.open(f"/privacy/new?record_id={resident}")
    typed = {"asked": asked, "words": "本人来说", "asker": "self", "checked": "card",
             "road": "desk"}  # fmt: skip
    page = staff.visitor.submit(page, page.form("request_id"), typed)
    assert "已登记" in page.html, words(page.html)
    return page.path


def test_a_correction_and_a_deletion_reach_the_laptop(
    centre: CentreProgram, new_worker: Callable[..., GridWorker]
) -> None:
    worker, district = new_worker(), Staff(centre, DISTRICT_STAFF)
    resident, care = somebody_in_care(centre)
    asked = enter(Staff(centre), resident, "correct")
    page = district.open(f"{asked}?field=phone")
    page = district.visitor.submit(page, page.form("why", "phone"), {"phone": PHONE})
    task = next(form for form in page.forms if form.action.endswith("/task"))
    chosen = re.search(r'value="([0-9a-f-]{36})"[^>]*>[^<]*' + PERSONA, page.html)
    assert chosen
    page = district.visitor.submit(page, task, {"worker": chosen[1]})
    assert "已交给网格员" in page.html, words(page.html)

    assert worker.sync().stage == "done"
    assert "个人信息请求" in words(worker.open("/outbox").html)
    shown = words(worker.open(f"/records/resident/{resident}/edit").html)
    assert f"应为：{PHONE}" in shown
    worker.edit("resident", resident, {"phone": PHONE})
    assert worker.sync().stage == "done"
    assert worker.sync().stage == "done"
    assert "个人信息请求" not in words(worker.open("/outbox").html)
    told = district.read(asked)
    assert "记录里已是要更正成的值" in told
    assert "已答复" in told

    erase = enter(district, resident, "erase")
    page = district.open(f"{erase}/stop")
    page = district.visitor.submit(page, page.form("what", "sure"), {"sure": "1"})
    assert "已停止使用" in page.html, words(page.html)
    assert worker.sync().stage == "done"
    for kind, record_id in (("resident", resident), ("care", care)):
        assert "已作废" in words(worker.open(f"/records/{kind}/{record_id}").html), kind
        assert record_id not in worker.open(f"/records/{kind}").html
    worker.laptop.stop()
    with worker.laptop.store() as ws:
        check_agreement(ws, centre.books)
