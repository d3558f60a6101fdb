"""Extensions of an issue: asked for and given beyond the time they extend."""

from __future__ import annotations

from flask import Flask

from schemas.clock import read_moment
from tests.sync_server.web.staff import Town, sign_in
from tests.sync_server.web.test_issues import act, done, report, stands
from tests.sync_server.world import StillClock


def test_an_extension_is_asked_for_and_given_beyond_the_present_due_time(
    app: Flask, town: Town
) -> None:
    desk, issue_id = sign_in(app, "community"), report(town)
    done(desk, issue_id, "accept", level="2", category="FAC", urgency="normal")
    done(desk, issue_id, "handle", due_at="2026-10-20T18:00")
    early = act(desk, issue_id, "ask_extend", text="要两天", due_at="2026-10-20T18:00")
    assert "延期要晚于现在的时限 2026-10-20 18:00" in early.text
    done(desk, issue_id, "ask_extend", text="要两天", due_at="2026-10-22T18:00")
    street = sign_in(app, "street")
    early = act(street, issue_id, "extend", due_at="2026-10-19T18:00")
    assert "延期要晚于现在的时限" in early.text
    assert stands(town, issue_id)["asked"] == ["extend"]
    done(street, issue_id, "extend", due_at="2026-10-21T18:00")
    assert stands(town, issue_id)["asked"] == []


def test_what_was_asked_for_is_not_given_once_it_lies_before_the_present_limit(
    app: Flask, town: Town
) -> None:
    desk, issue_id = sign_in(app, "community"), report(town)
    done(desk, issue_id, "accept", level="1", category="FAC", urgency="normal")
    done(desk, issue_id, "handle", due_at="2026-10-02T18:00")
    done(desk, issue_id, "ask_extend", text="要一天", due_at="2026-10-03T18:00")
    done(desk, issue_id, "classify", level="2", category="FAC", urgency="normal", text="二级")
    present = stands(town, issue_id)["due_at"]
    assert present > read_moment("2026-10-03T18:00:00+08:00")
    street = sign_in(app, "street")
    early = act(street, issue_id, "extend", due_at="")
    assert "延期要晚于现在的时限" in early.text
    assert stands(town, issue_id)["due_at"] == present


def test_a_suspension_is_not_given_once_its_day_has_come(
    app: Flask, town: Town, clock: StillClock
) -> None:
    desk, issue_id = sign_in(app, "community"), report(town)
    done(desk, issue_id, "accept", level="2", category="FAC", urgency="normal")
    done(desk, issue_id, "handle")
    done(desk, issue_id, "ask_suspend", text="等材料", until="2026-10-02")
    clock.passes(days=3)
    street = sign_in(app, "street")
    for until in ("", clock().date().isoformat()):
        late = act(street, issue_id, "suspend", until=until)
        assert "要选今天以后的日期" in late.text
    assert stands(town, issue_id)["asked"] == ["suspend"]
    done(street, issue_id, "suspend", until="2026-10-10")
