"""Uploads by day and device, and one batch with its changes."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, render_template, request

from sync_server.services import uploads
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, read_day, today
from sync_server.web.paging import asked_page

blueprint = Blueprint("uploads", __name__)


@blueprint.get("/uploads")
@with_right("records")
def by_day() -> str:
    """Show the batches of one day by device."""
    typed = request.args.get("day", "").strip()
    day = read_day(typed) or today()
    with centre().store.reading() as connection:
        found = uploads.uploads_of_day(connection, person(), day)
    return render_template(
        "uploads.html",
        found=found,
        wrong=bool(typed) and read_day(typed) is None,
        before=day - timedelta(days=1),
        after=day + timedelta(days=1) if day < today() else None,
        today=today(),
    )


@blueprint.get("/uploads/<batch_id>")
@with_right("records")
def one(batch_id: str) -> str:
    """Show one batch with its changes."""
    with centre().store.reading() as connection:
        found = uploads.open_batch(connection, person(), batch_id, asked_page(), language())
    return render_template("upload.html", found=found)
