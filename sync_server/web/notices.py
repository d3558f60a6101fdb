"""Notices: what was sent and how far each has come, writing one, withdrawing one."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from sync_server.domain.errors import Refusal
from sync_server.services import notices, places
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, today
from sync_server.web.paging import asked_page

blueprint = Blueprint("notices", __name__)


@blueprint.get("/notices")
@with_right("records")
def sent() -> str:
    """Show the notices sent, with how many devices each has reached, and those from above."""
    with centre().store.reading() as connection:
        found = notices.list_notices(
            connection, person(), asked_page(), today().isoformat(), language()
        )
        received = notices.received(connection, person(), today().isoformat(), language())
    return render_template("notices.html", found=found, received=received)


@blueprint.get("/notices/<uuid:record_id>")
@with_right("records")
def one(record_id: UUID) -> str:
    """Show one notice and, by grid and worker, whom it has reached and who has read it."""
    return _notice(str(record_id))


@blueprint.post("/notices/<uuid:record_id>/void")
@with_right("notices")
def void(record_id: UUID) -> Response | tuple[str, int]:
    """Withdraw a notice for a reason."""
    reason = request.form.get("reason", "")
    try:
        notices.void_notice(centre().store, person(), str(record_id), reason, centre().clock())
    except Refusal as refusal:
        if refusal.code != "reason_needed":
            raise
        words = errors.sentence(refusal)
        return _notice(str(record_id), words, reason), errors.status_of(refusal.code)
    flash(_("通知已作废，各终端下次同步后不再列出。"))
    return redirect(url_for("notices.one", record_id=record_id), 303)


def _notice(record_id: str, wrong: str = "", reason: str = "") -> str:
    with centre().store.reading() as connection:
        found = notices.open_notice(
            connection, person(), record_id, today().isoformat(), language()
        )
    return render_template("notice.html", found=found, wrong=wrong, reason=reason)


@blueprint.route("/notices/new", methods=["GET", "POST"])
@with_right("notices")
def write() -> Response | str | tuple[str, int]:
    """Ask for a notice and send it; what was typed comes back when something is wrong."""
    me, lang, now = person(), language(), centre().clock()
    if request.method == "GET":
        return _page(notices.begin_notice(me, now, lang))
    posted = request.form
    form = notices.send_notice(
        centre().store, me, posted.get("record_id", ""), posted.getlist, list(posted), now, lang
    )
    if form is not None:
        return _page(form), errors.status_of("bad_fields")
    flash(_("通知已发出，各终端下次同步时会收到。"))
    return redirect(url_for("notices.sent"), 303)


def _page(form: notices.Form) -> str:
    with centre().store.reading() as connection:
        areas = places.places_of(connection, person())
    return render_template("notice_form.html", form=form, areas=areas)
