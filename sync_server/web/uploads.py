"""Uploads by day and device, and one batch with its changes."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, render_template, request

from sync_server.domain.errors import Refusal
from sync_server.services import uploads
from sync_server.web import errors
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
    return _batch(batch_id)


@blueprint.post("/uploads/<batch_id>/unmask")
@with_right("unmask")
def unmask(batch_id: str) -> str | tuple[str, int]:
    """Show the text of a batch that could not be used, in this answer only, after writing down the
    reason."""
    reason = request.form.get("reason", "")
    try:
        found = uploads.read_raw(
            centre().store, person(), batch_id, reason, centre().clock(), language()
        )
    except Refusal as refusal:
        if refusal.code != "reason_needed":
            raise
        page = _batch(batch_id, wrong=errors.sentence(refusal), reason=reason)
        return page, errors.status_of(refusal.code)
    return render_template("upload.html", found=found)


def _batch(batch_id: str, **more: str) -> str:
    with centre().store.reading() as connection:
        found = uploads.open_batch(connection, person(), batch_id, asked_page(), language())
    return render_template("upload.html", found=found, **more)
