"""How far a notice has come: reached by sync, read by mark, by grid and worker."""

from __future__ import annotations

import re

from flask import Flask

from schemas.clock import written
from tests.sync_server.web.staff import COMMUNITY, GRID, NEXT_DOOR_GRID, Town, load, post, sign_in
from tests.sync_server.world import StillClock, add_worker, join, outcomes


def send_notice(town: Town, **more: str) -> str:
    """Put a notice to the whole community into the store and return its id."""
    said = {"title": "防汛提醒", "text": "今夜有雨\n关好门窗", "level": "important",
            "area_code": COMMUNITY, "issued_at": written(town.centre.clock()), **more}  # fmt: skip
    return load(town.centre, town.people["community"].user_id, "notice", COMMUNITY, said)


def read(town: Town, notice_id: str, laptop=None) -> list[str]:
    """Mark the notice read at a laptop and sync; return the outcomes."""
    laptop = laptop or town.here.laptop
    said = {"notice_id": notice_id, "read_at": written(town.centre.clock())}
    laptop.write("notice_read", "create", said, grid=GRID)
    return outcomes(laptop.send())


def row_of(page: str, name: str) -> str:
    """Return the row of a worker on a notice's page."""
    rows = [row for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL) if name in row]
    assert len(rows) == 1, rows
    return rows[0]


def test_a_notice_is_sent_reached_and_read(town: Town, app: Flask, clock: StillClock) -> None:
    silent = add_worker(town.centre, "w7")
    notice_id = send_notice(town)
    client = sign_in(app, "community")
    page = client.get(f"/notices/{notice_id}").text
    assert "4 名网格员：已送达 0 人，已读 0 人，未读 4 人" in page
    assert "未送达" in row_of(page, "网格员w1")
    assert "没有终端" in row_of(page, silent.name)
    clock.passes(minutes=5)
    town.here.laptop.send()
    reached = row_of(client.get(f"/notices/{notice_id}").text, "网格员w1")
    assert "12:05" in reached
    assert "未读" in reached
    clock.passes(minutes=5)
    assert read(town, notice_id) == ["applied"]
    page = client.get(f"/notices/{notice_id}").text
    assert "已送达 1 人，已读 1 人，未读 3 人" in page
    assert "未读" not in row_of(page, "网格员w1")
    assert "区域003" in page
    assert "今夜有雨\n关好门窗" in page
    listed = client.get("/notices").text
    assert "1 / 4 人" in listed
    assert f"/notices/{notice_id}" in listed


def test_two_marks_of_one_worker_count_once_and_the_earliest_stands(
    town: Town, app: Flask, clock: StillClock
) -> None:
    notice_id = send_notice(town)
    second = join(town.centre, town.here.worker, key="12" * 32)
    clock.passes(minutes=5)
    assert read(town, notice_id) == ["applied"]
    clock.passes(minutes=5)
    assert read(town, notice_id, second) == ["applied"]
    page = sign_in(app, "community").get(f"/notices/{notice_id}").text
    assert "已读 1 人" in page
    assert row_of(page, "网格员w1").count("12:05") == 1


def test_a_mark_lies_in_its_readers_grid_alone(town: Town) -> None:
    notice_id = send_notice(town)
    read(town, notice_id)
    town.there.laptop.send()
    kinds = {one["kind"] for one in town.there.laptop.records.values()}
    assert "notice_read" not in kinds
    laptop = town.here.laptop
    laptop.write("notice_read", "create", {"notice_id": notice_id, "read_at": "2026-09-30T12:00:00+08:00"}, grid=NEXT_DOOR_GRID)  # fmt: skip  # noqa: E501
    assert outcomes(laptop.send()) == ["quarantined"]


def test_a_notice_is_withdrawn_for_a_reason(town: Town, app: Flask) -> None:
    notice_id = send_notice(town)
    client = sign_in(app, "community")
    assert post(client, f"/notices/{notice_id}/void", reason="").status_code == 422
    assert post(client, f"/notices/{notice_id}/void", reason="发错了").status_code == 303
    assert post(client, f"/notices/{notice_id}/void", reason="发错了").status_code == 303
    page = client.get(f"/notices/{notice_id}").text
    assert "已作废" in page
    assert "作废这条通知" not in page
    assert "已作废" in client.get("/notices").text
    town.here.laptop.send()
    assert town.here.laptop.records[notice_id]["voided"]
    assert post(sign_in(app, "neighbour"), f"/notices/{notice_id}/void", reason="x y").status_code == 404  # noqa: E501  # fmt: skip


def test_a_notice_that_holds_no_longer_says_so(town: Town, app: Flask) -> None:
    notice_id = send_notice(town, valid_to="2026-09-29")
    client = sign_in(app, "community")
    assert "已过期" in client.get(f"/notices/{notice_id}").text
    assert "已过期" in client.get("/notices").text


def test_somebody_elses_notice_is_no_page_and_marks_have_no_list(town: Town, app: Flask) -> None:
    notice_id = send_notice(town)
    assert sign_in(app, "neighbour").get(f"/notices/{notice_id}").status_code == 404
    assert sign_in(app, "community").get("/notices/nothing").status_code == 404
    assert "阅读标记" not in sign_in(app, "community").get("/").text


def test_staff_read_what_offices_above_have_sent(town: Town, app: Flask, clock: StillClock) -> None:
    send_notice(town)
    load(town.centre, town.people["community"].user_id, "notice", COMMUNITY,
         {"title": "过期的提醒", "text": "不用了", "level": "normal", "area_code": COMMUNITY,
          "issued_at": written(clock()), "valid_to": "2026-09-01"})  # fmt: skip
    load(town.centre, town.people["community"].user_id, "notice", NEXT_DOOR_GRID[:12],
         {"title": "隔壁的提醒", "text": "隔壁", "level": "normal",
          "area_code": NEXT_DOOR_GRID[:12], "issued_at": written(clock())})  # fmt: skip
    page = sign_in(app, "leader").get("/notices").text
    assert "今夜有雨\n关好门窗" in page
    assert "上级发来的通知" in page
    assert "过期的提醒" not in page
    assert "隔壁的提醒" not in page
    assert "写通知" not in page
    # To whom it was sent below, or went to his own area, it is no notice from above.
    assert "上级发来的通知" not in sign_in(app, "community").get("/notices").text
    assert "上级发来的通知" not in sign_in(app, "district").get("/notices").text
