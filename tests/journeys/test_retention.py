"""A resident who was voided long ago is emptied by two people of the staff; the laptop of his grid
goes on as before, and both sides still have the same account."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from schemas.catalogue import kinds
from tests.journeys.agreement import check_agreement
from tests.journeys.people import GridWorker, Staff, words
from tests.journeys.programs import CentreProgram
from tests.journeys.test_privacy import DISTRICT_STAFF, PHONE, enter, somebody_in_care
from tests.journeys.world import GRID

pytestmark = pytest.mark.journey

LONG_AGO = "2020-01-15 04:00:00.000000"


def test_what_is_emptied_reaches_the_laptop_and_accounts_agree(
    centre: CentreProgram, new_worker: Callable[..., GridWorker]
) -> None:
    worker = new_worker()
    district, admin = Staff(centre, DISTRICT_STAFF), Staff(centre, "demo-admin")
    resident, care = somebody_in_care(centre)
    worker.edit("resident", resident, {"phone": PHONE})
    assert worker.sync().stage == "done"
    erase = enter(district, resident, "erase")
    page = district.open(f"{erase}/stop")
    page = district.visitor.submit(page, page.form("what", "sure"), {"sure": "1"})
    page = district.open(erase)
    page = district.visitor.submit(
        page, page.form("outcome"), {"outcome": "answered", "answer": "已停止使用"}
    )
    assert worker.sync().stage == "done"
    secrets = [PHONE, centre.books.record(resident)["fields"]["name"]]

    # Nothing of it was changed for years.
    kin = centre.books.rows(
        "SELECT record_id FROM records WHERE record_id = ? OR parent_id IN (?, ?)",
        [resident, resident, care],
    )
    for row in kin:
        centre.books.alter(
            "UPDATE changes SET received_at = ? WHERE record_id = ?", [LONG_AGO, row["record_id"]]
        )

    page = admin.open("/retention")
    page = admin.visitor.submit(page, page.form("name", "years"), {"years": "3"})
    listed = next(form for form in page.forms if form.action.endswith("/propose"))
    page = admin.visitor.submit(page, listed, {})
    assert "清空以后不能恢复" in page.html, words(page.html)
    page = district.open(page.path)
    page = district.visitor.submit(page, page.form("sure"), {"sure": "1"})
    assert "已确认" in words(page.html), words(page.html)
    assert "已清完" in centre.command("retention", "--go-on")  # or the minute's tick, by itself
    assert "清空完毕" in district.read(page.path)

    assert worker.sync().stage == "done"
    shown = words(worker.open(f"/records/resident/{resident}").html)
    assert "已作废" in shown
    assert worker.open(f"/records/care/{care}").status == 200
    # His own log of the last 90 days still says what he entered: it is pruned by itself.
    name = secrets[1]
    for path in ("resident/" + resident, "care/" + care):
        assert name not in worker.open(f"/records/{path}").html, path
    assert worker.sync().stage == "done"
    worker.laptop.stop()
    with worker.laptop.store() as ws:
        check_agreement(ws, centre.books)
        views = json.dumps(
            [view for kind in kinds() for view in ws.table(kind.info.name).find_by("grid", GRID)
             if view["record_id"] in {row["record_id"] for row in kin}],
            ensure_ascii=False, default=str,
        )  # fmt: skip
        assert not [one for one in secrets if one in views]
    log = centre.books.rows("SELECT fields FROM changes WHERE record_id = ?", [resident])
    assert not [one for one in secrets if one in json.dumps([row["fields"] for row in log])]
