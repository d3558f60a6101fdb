"""Extensions of an issue: asked for and given beyond the time they extend."""

from __future__ import annotations

from flask import Flask

from tests.sync_server.web.staff import Town, sign_in
from tests.sync_server.web.test_issues import act, done, report, stands


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
