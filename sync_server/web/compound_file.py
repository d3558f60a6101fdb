"""The compound file (一小区一档案): one page to read or print, unmasked for a reason."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, render_template, request

from sync_server.domain.errors import Refusal
from sync_server.services import compound_file
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language

blueprint = Blueprint("compound_file", __name__)


@blueprint.get("/compounds/<uuid:record_id>/file")
@with_right("records")
def show(record_id: UUID) -> str:
    """Show the file, masked."""
    return _page(str(record_id))


@blueprint.post("/compounds/<uuid:record_id>/file")
@with_right("unmask")
def unmask(record_id: UUID) -> str | tuple[str, int]:
    """Show the file unmasked, in this answer only, after writing down the reason."""
    reason, now = request.form.get("reason", ""), centre().clock()
    try:
        found = compound_file.unmask_file(
            centre().store, person(), str(record_id), reason, now, language()
        )
    except Refusal as refusal:
        if refusal.code != "reason_needed":
            raise
        return _page(str(record_id), errors.sentence(refusal), reason), errors.status_of(
            refusal.code
        )
    return render_template("compound_file.html", found=found, now=now, wrong="", reason="")


def _page(record_id: str, wrong: str = "", reason: str = "") -> str:
    now = centre().clock()
    with centre().store.reading() as connection:
        found = compound_file.open_file(connection, person(), record_id, now, language())
    return render_template("compound_file.html", found=found, now=now, wrong=wrong, reason=reason)
