"""A suspension's day: the first that counts again, and said so wherever it is shown."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from schemas import workflow as flow
from sync_server.services.clock_steps import take_due_steps
from tests.sync_server.web.staff import Town, sign_in
from tests.sync_server.web.test_issues import done, report, stands
from tests.sync_server.world import StillClock

WORDS = "恢复计时（当日0时起）"


def test_a_suspension_ends_as_its_day_begins_and_every_page_says_so(
    app: Flask, town: Town, clock: StillClock
) -> None:
    desk, street, issue_id = sign_in(app, "community"), sign_in(app, "street"), report(town)
    done(desk, issue_id, "accept", level="2", category="FAC", urgency="normal")
    done(desk, issue_id, "handle")
    assert WORDS in desk.get(f"/issues/{issue_id}/do/ask_suspend").text
    done(desk, issue_id, "ask_suspend", text="等材料", until="2026-10-03")
    assert desk.get(f"/issues/{issue_id}").text.count(WORDS) == 1  # the step that asked
    done(street, issue_id, "suspend", until="2026-10-03")
    assert desk.get(f"/issues/{issue_id}").text.count(WORDS) == 3  # both steps, and how it stands
    assert "2026-10-03 0时起恢复计时" in street.get("/issues?tab=suspended").text
    clock.now = clock.now.replace(month=10, day=2, hour=15, minute=59)  # 23:59 at the place
    assert take_due_steps(town.centre.store, town.centre.code, clock()) == 0
    clock.now += timedelta(minutes=1)
    assert take_due_steps(town.centre.store, town.centre.code, clock()) == 1
    assert stands(town, issue_id)["state"] == flow.HANDLING
