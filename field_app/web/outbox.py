"""未上传: every change of the worker's, how far it has come and what became of it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from field_app.domain.errors import Trouble
from field_app.services import care, corrections, outbox, photos
from field_app.web.errors import problem_text
from field_app.web.session import workspace
from field_app.web.visits import tell_alarms

pages = Blueprint("outbox", __name__, url_prefix="/outbox")

BACK = {"today": "today.show", "sync": "sync.show"}
"""Pages a button of the outbox stands on besides its own."""


@pages.get("")
def show() -> Any:
    """List the changes; ``?show=unsent`` only those the centre has not confirmed, ``?state=`` those
    in one state."""
    ws = workspace()
    only_unsent = request.args.get("show") == "unsent"
    state = request.args.get("state", "")
    if state not in outbox.STATES or only_unsent:
        state = ""
    items = outbox.outbox(ws, only_unsent=only_unsent, state=state)
    return render_template(
        "outbox.html",
        items=items,
        counts=outbox.counts(items) if not state else outbox.state_counts(ws),
        states={name: label.text(ws.lang) for name, label in outbox.STATES.items()},
        state=state,
        only_unsent=only_unsent,
        days=outbox.SHOWN_DAYS,
        photos_waiting={one["photo_id"] for one in photos.waiting(ws)},
        asked=corrections.open_corrections(ws),
    )


@pages.get("/<uuid:change_id>")
def detail(change_id: object) -> str:
    """Show one change: what it said, its state, both values where they met, who decided what."""
    found = outbox.detail(workspace(), str(change_id))
    if found is None:
        abort(404)
    meaning = found.item.meaning(workspace().lang)
    return render_template("outbox_item.html", detail=found, meaning=meaning)


@pages.post("/<uuid:change_id>/noted")
def noted(change_id: object) -> Response:
    """The worker has read both values of a conflict, or what was decided."""
    if not outbox.note_conflict(workspace(), str(change_id)):
        raise Trouble("not_found")
    return _back()


@pages.post("/<uuid:change_id>/withdraw")
def withdraw(change_id: object) -> Response:
    """The worker gives up a change that was sent back."""
    done, alarms = care.withdraw(workspace(), str(change_id))
    if not done:
        raise Trouble("not_found")
    flash(_("已撤回。内容仍保留在本机和服务器的退回记录中。"))
    at_once = tell_alarms(alarms)
    return redirect(at_once) if at_once else _back()


@pages.post("/corrections/<uuid:correction_id>/confirm")
def confirm(correction_id: object) -> Response:
    """The worker answers that what stands is right; the record is not changed."""
    saved = corrections.confirm(
        workspace(), str(correction_id), request.form.get("reply", "").replace("\r\n", "\n")
    )
    if saved is None:
        flash(_("这一条已经答复过，或已由社区办结。"), "warning")
    elif saved.saved:
        flash(_("已答复“现值无误”。同步后报给社区。"))
    else:
        for problem in saved.problems:
            flash(problem_text(problem), "error")
    return _back()


def _back() -> Response:
    """Return to the page the button stood on."""
    name = request.form.get("from", "")
    return redirect(url_for(BACK.get(name, "outbox.show")))
