"""通知: what the centre tells the workers of an area; opening one marks it read."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, url_for
from werkzeug.wrappers import Response

from field_app.services import notices
from field_app.web.session import workspace

pages = Blueprint("notices", __name__)


@pages.get("/notices")
def index() -> str:
    """List the notices that hold today, unread ones first."""
    return render_template("notices.html", notices=notices.held_notices(workspace()))


@pages.get("/notices/<record_id>")
def show(record_id: str) -> str:
    """Show one notice."""
    try:
        found = notices.notice(workspace(), record_id)
    except notices.NoticeGone:
        abort(404)
    return render_template("notice_show.html", one=found)


@pages.post("/notices/<record_id>/read")
def read(record_id: str) -> Response:
    """Mark a notice read and show it."""
    try:
        notices.read_notice(workspace(), record_id)
    except notices.NoticeGone:
        abort(404)
    return redirect(url_for(".show", record_id=record_id), 303)
