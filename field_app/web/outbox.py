"""未上传: every change of the worker's and how far it has come."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from field_app.domain.errors import Trouble
from field_app.services import outbox
from field_app.web.session import workspace

pages = Blueprint("outbox", __name__, url_prefix="/outbox")


@pages.get("")
def show() -> Any:
    """List the changes; ``?show=unsent`` only those the centre has not confirmed."""
    only_unsent = request.args.get("show") == "unsent"
    items = outbox.outbox(workspace(), only_unsent=only_unsent)
    return render_template(
        "outbox.html",
        items=items,
        counts=outbox.counts(items),
        states={name: label.text(workspace().lang) for name, label in outbox.STATES.items()},
        only_unsent=only_unsent,
        days=outbox.SHOWN_DAYS,
    )


@pages.post("/<uuid:change_id>/noted")
def noted(change_id: object) -> Any:
    """The worker has read both values of a conflict."""
    if not outbox.note_conflict(workspace(), str(change_id)):
        raise Trouble("not_found")
    return redirect(url_for("outbox.show"))


@pages.post("/<uuid:change_id>/withdraw")
def withdraw(change_id: object) -> Any:
    """The worker gives up a change that was sent back."""
    if not outbox.withdraw(workspace(), str(change_id)):
        raise Trouble("not_found")
    flash(_("已撤回。内容仍保留在本机和服务器的退回记录中。"))
    return redirect(url_for("outbox.show"))
