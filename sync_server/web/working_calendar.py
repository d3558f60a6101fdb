"""The working calendar: a year at a glance, one day, and the hours of a working day."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from sync_server.domain.errors import Refusal
from sync_server.services import working_calendar
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, read_day, today

blueprint = Blueprint("calendar", __name__)

SPANS = (("start1", "end1"), ("start2", "end2"), ("start3", "end3"))
"""The fields of the hours' form."""


@blueprint.get("/calendar")
@with_right("records")
def year() -> str:
    """Show the months of a year, this one when none is asked for."""
    asked = request.args.get("year", "")
    chosen = int(asked) if asked.isascii() and asked.isdigit() and len(asked) == 4 else today().year
    with centre().store.reading() as connection:
        found = working_calendar.open_year(connection, person(), chosen, language())
    years = (working_calendar.FIRST_YEAR, working_calendar.LAST_YEAR)
    return render_template("calendar.html", found=found, years=years, today=today())


@blueprint.get("/calendar/<day>")
@with_right("records")
def one(day: str) -> str:
    """Show one day: what holds, what is official, who set it."""
    return _page(_day(day))


@blueprint.post("/calendar/<day>")
@with_right("limits")
def decide(day: str) -> Response | tuple[str, int]:
    """Decide whether a day is worked, or let it follow the official calendar again."""
    this, posted, me, now = _day(day), request.form, person(), centre().clock()
    note = posted.get("note", "")
    if posted.get("reset"):
        changed = working_calendar.reset_day(centre().store, me, this, now)
    elif posted.get("working") not in ("1", "0"):
        return _page(this, wrong=errors.say("choose_day"), note=note), 422
    else:
        working = posted["working"] == "1"
        try:
            changed = working_calendar.set_day(centre().store, me, this, working, note, now)
        except Refusal as refusal:
            if refusal.code != "note_too_long":
                raise
            return _page(this, wrong=errors.sentence(refusal), note=note, working=working), 422
    flash(_("已保存。") if changed else _("没有变化。"))
    return redirect(url_for("calendar.year", year=this.year), 303)


@blueprint.route("/working-hours", methods=["GET", "POST"])
@with_right("limits")
def hours() -> Response | str | tuple[str, int]:
    """Ask for the hours of a working day, and keep them."""
    posted = request.form
    if request.method == "GET":
        with centre().store.reading() as connection:
            spans, desk_hours = working_calendar.open_hours(connection, person())
        typed = dict(zip((name for pair in SPANS for name in pair), sum(spans, ()), strict=False))
        return render_template("hours.html", spans=SPANS, typed=typed, desk_hours=desk_hours)
    typed = {name: posted.get(name, "").strip() for pair in SPANS for name in pair}
    desk_hours = bool(posted.get("desk_hours"))
    try:
        changed = working_calendar.set_hours(
            centre().store,
            person(),
            [(typed[start], typed[end]) for start, end in SPANS],
            desk_hours,
            centre().clock(),
        )
    except Refusal as refusal:
        if refusal.code != "bad_hours":
            raise
        wrong = errors.sentence(refusal)
        page = render_template(
            "hours.html", spans=SPANS, typed=typed, desk_hours=desk_hours, wrong=wrong
        )
        return page, errors.status_of(refusal.code)
    flash(_("已保存。") if changed else _("没有变化。"))
    return redirect(url_for("calendar.year"), 303)


def _day(text: str) -> date:
    day = read_day(text)
    if day is None:
        raise Refusal("not_found")
    return day


def _page(
    day: date, *, wrong: str = "", note: str | None = None, working: bool | None = None
) -> str:
    with centre().store.reading() as connection:
        found = working_calendar.open_day(connection, person(), day, language())
    return render_template(
        "calendar_day.html",
        found=found,
        wrong=wrong,
        note=found.note if note is None else note,
        working=found.works if working is None else working,
        longest=working_calendar.LONGEST_NOTE,
    )
