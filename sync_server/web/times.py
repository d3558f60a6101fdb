"""Doubtful times: the changes of laptops with a wrong clock, and confirming when they happened."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import ngettext
from werkzeug.wrappers import Response

from sync_server.services import doubtful_times
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language
from sync_server.web.paging import asked_page

blueprint = Blueprint("times", __name__)

TIME, CHOSEN = "time-", "confirm"


@blueprint.get("/times")
@with_right("records")
def unsure() -> str:
    """Show the changes whose time is doubtful."""
    return _page()


@blueprint.post("/times")
@with_right("decide")
def confirm() -> Response | tuple[str, int]:
    """Confirm the chosen times, or all of the page; what was typed comes back when wrong."""
    posted = request.form
    shown = [name.removeprefix(TIME) for name in posted if name.startswith(TIME)]
    entered = {one for one in shown if posted[TIME + one].strip()}
    chosen = shown if posted.get("all") else {*posted.getlist(CHOSEN), *entered}
    typed = {one: posted.get(TIME + one, "").strip() for one in shown if one in chosen}
    if not typed:
        return _page(wrong=errors.say("choose_time")), 422
    done = doubtful_times.confirm(centre().store, person(), typed, centre().clock())
    if done.troubles:
        troubles = {one: errors.say(code) for one, code in done.troubles.items()}
        return _page(wrong=errors.say("bad_fields"), troubles=troubles), 422
    flash(ngettext("已核实 %(num)d 条的时间。", "已核实 %(num)d 条的时间。", done.done))
    return redirect(url_for("times.unsure"), 303)


def _page(*, wrong: str = "", troubles: dict[str, str] | None = None) -> str:
    with centre().store.reading() as connection:
        found = doubtful_times.list_times(connection, person(), asked_page(), language())
    return render_template(
        "times.html",
        found=found,
        wrong=wrong,
        troubles=troubles or {},
        chosen=set(request.form.getlist(CHOSEN)),
        typed={
            name.removeprefix(TIME): text
            for name, text in request.form.items()
            if name.startswith(TIME)
        },
    )
