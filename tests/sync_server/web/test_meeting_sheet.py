"""The sheet of the weekly meeting: the week, what is stuck, who is silent; ready for paper."""

from __future__ import annotations

import re
from html import unescape

from flask import Flask

from schemas.clock import written
from tests.sync_server.web.staff import NEXT_DOOR, Town, sign_in
from tests.sync_server.world import StillClock


def report(town: Town, title: str) -> None:
    said = {"happened_at": written(town.centre.clock()), "category": "VEH", "title": title,
            "text": "挡了消防通道。", "level": "2", "urgency": "emergency", "source": "patrol",
            "place": "东门"}  # fmt: skip
    town.here.laptop.write("issue", "create", said)
    town.here.laptop.send()


def test_it_goes_through_the_week_and_what_is_stuck(
    town: Town, app: Flask, clock: StillClock
) -> None:
    report(town, "车辆乱停")
    clock.passes(days=1, hours=8)  # an emergency that nobody has accepted
    client = sign_in(app, "community")
    page = client.get("/meeting").text
    assert "2026-09-28 – 2026-10-01" in page
    late = page.split("超期 <small>")[1].split("<h2")[0]
    assert "车辆乱停" in late
    assert "东门" in late
    assert "停车车辆" in page
    assert "超过 1 天没有同步" in page
    assert "网格员w1" in page.split("巡访、服务和终端")[1]
    assert "例会清单" in client.get("/issues").text


def test_every_number_leads_to_as_many_issues(town: Town, app: Flask) -> None:
    report(town, "车辆乱停")
    report(town, "又是车")
    client = sign_in(app, "community")
    links = re.findall(r'href="(/issues\?figure=[^"]*)">([\d,]+)</a>', client.get("/meeting").text)
    assert len(links) >= 3
    for link, count in links:
        assert f"共 {count} 件" in client.get(unescape(link)).text, link


def test_a_week_before_and_an_area_are_asked_for(quiet_town: Town, quiet_app: Flask) -> None:
    client = sign_in(quiet_app, "community")
    assert "2026-09-21 – 2026-09-27" in client.get("/meeting?until=2026-09-27").text
    # Nothing later than today, and nothing of next door.
    assert "2026-09-28 – 2026-09-30" in client.get("/meeting?until=2027-01-01").text
    assert client.get(f"/meeting?area={NEXT_DOOR}").status_code == 404
