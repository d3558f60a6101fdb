"""A day without a network: everything saved survives, arrives, and arrives once."""

from __future__ import annotations

import json

import pytest

from tests.journeys.line import Line
from tests.journeys.people import CHARGING, MET, GridWorker, Staff
from tests.journeys.programs import CentreProgram, LaptopProgram
from tests.journeys.world import GRID, NAME, PERSONA

pytestmark = pytest.mark.journey


def test_a_day_offline_survives_a_power_cut_and_arrives_once(
    centre_process: CentreProgram, laptop_process: LaptopProgram
) -> None:
    with Line(centre_process.address) as line:
        play_the_day(centre_process, laptop_process, line)


def play_the_day(centre: CentreProgram, laptop: LaptopProgram, line: Line) -> None:
    centre.start()
    laptop.start()
    worker = GridWorker(laptop)
    worker.move_in(line.address, centre.join_code(PERSONA))
    centre.stop()

    worker.patrol("ebike", CHARGING, "environment", "垃圾已清理。")
    worker.visit_found("502", MET | {"findings": "老人一切都好。"}, at=0)
    worker.visit_found("502", MET | {"findings": "家里换了新锁。"}, at=2)
    household = worker.households("502")[1]
    worker.edit("household", household, {"phone": "13800001111"})
    unsent = worker.unsent()
    assert unsent >= 5
    before = worker.outbox()
    assert {sent.state for sent in before} == {"local"}
    assert all("仅本机" in sent.text for sent in before)
    kinds = {sent.text.split()[2] for sent in before}
    assert kinds == {"巡查", "事件", "走访", "家庭户"}

    worker.power_cut()
    settings = worker.open("/settings").html
    assert GRID in settings
    assert "三号机" in settings
    assert worker.unsent() == unsent
    assert worker.outbox() == before
    assert "13800001111" in worker.open(f"/base/households/{household}").html
    failed = worker.sync()
    assert failed.stage == "failed"
    assert "连不上服务器" in failed.words
    assert worker.outbox() == before

    centre.start()
    told: list[tuple[int, int]] = []
    end = worker.sync(lambda done, total, received: told.append((done, total)))
    assert (end.stage, end.confirmed, end.total) == ("done", unsent, unsent)
    assert (unsent, unsent) in told
    assert all(done <= total for done, total in told)
    after = worker.outbox()
    assert [sent.change_id for sent in after] == [sent.change_id for sent in before]
    assert {sent.state for sent in after} == {"stored"}
    assert all("已入库" in sent.text for sent in after)
    assert worker.unsent() == 0

    changes = centre.books.device_changes()
    assert {row["change_id"] for row in changes} == {sent.change_id for sent in before}
    assert {row["outcome"] for row in changes} == {"applied"}
    check_staff_pages(centre, changes)

    exchanges = len(line.sent)
    again = worker.sync()
    assert (again.stage, again.total) == ("done", 0)
    assert len(line.sent) > exchanges
    assert [body["changes"] for body in line.sent[exchanges:]] == [[]] * len(line.sent[exchanges:])
    assert centre.books.device_changes() == changes
    for program in (centre, laptop):
        log = program.log.read_text(encoding="utf-8")
        assert [text for text in (NAME, "13800001111", "垃圾", "老人") if text in log] == []


def check_staff_pages(centre: CentreProgram, changes: list[dict[str, object]]) -> None:
    """Everything shows on the pages of signed-in staff, with author, grid and times."""
    (area,) = centre.books.rows(
        "SELECT fields FROM records WHERE kind = 'area' AND grid = ?", [GRID]
    )
    grid = json.loads(area["fields"])["name"]
    staff = Staff(centre)
    shown = staff.changes_of_today()
    assert set(shown) == {row["change_id"] for row in changes}
    for row in changes:
        made = str(row["made_at"])[:16].replace("T", " ")
        line = shown[str(row["change_id"])]
        assert NAME in line
        assert "三号机" in line
        assert grid in line
        assert made in line
        record = staff.read(f"/records/{row['kind']}/{row['record_id']}")
        assert NAME in record
        assert grid in record
        assert made in record
        assert "已入库" in record
