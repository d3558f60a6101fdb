"""A day's rounds by grid: who had neither a patrol nor a visit, as a list to ask after."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, render_template, request

from schemas.codes import code_list
from sync_server.services import daily_rounds, field_lines, places
from sync_server.services.daily_rounds import GAPS, SHOWN
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, read_day, today

blueprint = Blueprint("daily_rounds", __name__)


@blueprint.get("/statistics/day")
@with_right("records")
def one_day() -> str:
    """Show a day, the latest duty day that is over when none is asked for."""
    me, this_day, lang = person(), today(), language()
    area, shown = request.args.get("area", ""), request.args.get("show", GAPS)
    shown = shown if shown in SHOWN else GAPS
    field_lines.bring_up_to_date(centre().store, me.district)
    with centre().store.reading() as connection:
        asked = read_day(request.args.get("day", ""))
        day = min(asked, this_day) if asked else None
        day = day or daily_rounds.last_duty_day(connection, me.district, this_day)
        found = daily_rounds.report(connection, me, day, area, shown, centre().clock())
        areas = places.places_of(connection, me)
    return render_template(
        "daily_rounds.html",
        found=found,
        areas=areas,
        area=area,
        shown=shown,
        shows=[(code, label.text(lang)) for code, label in SHOWN.items()],
        today=this_day,
        before=day - timedelta(days=1),
        after=day + timedelta(days=1) if day < this_day else None,
        now=centre().clock(),
        slots=code_list("SLOT"),
    )
