"""Changes that were refused or wait for their record; what staff do about one that was refused."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from sync_server.domain.errors import Refusal
from sync_server.services import places, refused, replay, uploads
from sync_server.services.refused_form import Form
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language
from sync_server.web.paging import asked_page

blueprint = Blueprint("waiting", __name__)

DESKS = ("", "returned", "dismissed", "answered")
MARK = "mark-"


@blueprint.get("/waiting/quarantined")
@with_right("records")
def all_refused() -> str:
    """Show the refused changes that wait for staff, or those sent back, not taken, sent again."""
    asked = request.args.get("desk", "")
    desk = asked if asked in DESKS else ""
    with centre().store.reading() as connection:
        found = uploads.waiting(
            connection, person(), "quarantined", asked_page(), language(), desk=desk or None
        )
    return render_template("refused.html", found=found, desk=desk)


@blueprint.get("/waiting/held")
@with_right("records")
def all_held() -> str:
    """Show the changes that wait for their record, all of them or those that wait long."""
    long, now = request.args.get("long") == "1", centre().clock()
    with centre().store.reading() as connection:
        found = uploads.held(connection, person(), now, asked_page(), language(), long=long)
    return render_template("held.html", found=found, long=long)


@blueprint.post("/waiting/replay")
@with_right("decide")
def judge_again() -> Response:
    """Judge again what an older program did not understand."""
    done = replay.replay(centre().store, centre().code, centre().clock(), by=person().user_id)
    flash(
        ngettext("重新判断了 %(num)d 条", "重新判断了 %(num)d 条", done.judged)
        + _("，其中 %(count)s 条已放行。", count=done.released)
    )
    return redirect(url_for("waiting.all_refused"), 303)


@blueprint.get("/waiting/quarantined/<change_id>")
@with_right("records")
def one(change_id: str) -> str:
    """Show one refused change whole."""
    return _page(change_id)


@blueprint.post("/waiting/quarantined/<change_id>/unmask")
@with_right("unmask")
def unmask(change_id: str) -> str | tuple[str, int]:
    """Show one refused change unmasked, after writing down the reason."""
    reason = request.form.get("reason", "")
    try:
        case = refused.unmask_case(
            centre().store, person(), change_id, reason, centre().clock(), language()
        )
    except Refusal as refusal:
        if refusal.code != "reason_needed":
            raise
        body = _page(change_id, wrong=errors.sentence(refusal), reason=reason)
        return body, errors.status_of(refusal.code)
    return _page(change_id, case=case)


@blueprint.post("/waiting/quarantined/<change_id>/release")
@with_right("decide")
def release(change_id: str) -> Response | tuple[str, int]:
    """Release a refused change as sent or put right; what was typed comes back when wrong."""
    posted = request.form
    fields = [name for name in posted if name not in ("csrf_token", "seen")]
    try:
        form = refused.release(
            centre().store, person(), change_id, posted.get("seen", ""), posted.getlist, fields,
            centre().clock(), language(),
        )  # fmt: skip
    except Refusal as refusal:
        return _moved_on(change_id, refusal)
    if form is not None:
        words = errors.say("not_released")
        return _page(change_id, form=form, wrong=words), errors.status_of("bad_fields")
    flash(_("已放行，记在填报人名下。他的终端下次同步时会知道。"))
    return redirect(url_for("waiting.all_refused"), 303)


@blueprint.post("/waiting/quarantined/<change_id>/return")
@with_right("decide")
def send_back(change_id: str) -> Response | tuple[str, int]:
    """Send a refused change back to its writer, with words and marked fields."""
    posted = request.form
    marked = {
        name.removeprefix(MARK): posted[name].strip() for name in posted if name.startswith(MARK)
    }
    try:
        refused.send_back(
            centre().store, person(), change_id, posted.get("seen", ""),
            posted.get("words", ""), marked, centre().clock(),
        )  # fmt: skip
    except Refusal as refusal:
        return _moved_on(change_id, refusal, "return")
    flash(_("已退回修改，填报人的终端下次同步时会收到要求。"))
    return redirect(url_for("waiting.all_refused"), 303)


@blueprint.post("/waiting/quarantined/<change_id>/dismiss")
@with_right("decide")
def dismiss(change_id: str) -> Response | tuple[str, int]:
    """Do not take a refused change, and say why."""
    posted = request.form
    try:
        refused.dismiss(
            centre().store, person(), change_id, posted.get("seen", ""),
            posted.get("words", ""), centre().clock(),
        )  # fmt: skip
    except Refusal as refusal:
        return _moved_on(change_id, refusal, "dismiss")
    flash(_("已定为不予采纳。原件仍保留，填报人会看到说明。"))
    return redirect(url_for("waiting.all_refused"), 303)


def _moved_on(change_id: str, refusal: Refusal, part: str = "") -> tuple[str, int]:
    """Draw the page anew with what was typed; other refusals are pages of their own."""
    if refusal.code == "out_of_date":
        return _page(change_id, wrong=errors.say("moved_on")), 409
    if refusal.code in ("words_needed", "words_too_long"):
        words = errors.say(f"{part}_words" if refusal.code == "words_needed" else refusal.code)
        return _page(change_id, wrong=words, part=part), errors.status_of("bad_fields")
    raise refusal


def _page(
    change_id: str,
    *,
    case: refused.Case | None = None,
    form: Form | None = None,
    wrong: str = "",
    reason: str = "",
    part: str = "",
) -> str:
    me, lang = person(), language()
    with centre().store.reading() as connection:
        shown = case or refused.open_case(connection, me, change_id, lang)
        areas = places.places_of(connection, me)
    typed = request.form if part else {}
    return render_template(
        "refused_one.html",
        case=shown,
        form=form or shown.form,
        areas=areas,
        wrong=wrong,
        reason=reason,
        part=part,
        typed=typed,
    )
