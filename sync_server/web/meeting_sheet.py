"""The sheet of the weekly meeting, to be looked at together and printed."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, render_template, request

from sync_server.services import field_lines, meeting_sheet, places, service_cases
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, read_day, today

blueprint = Blueprint("meeting_sheet", __name__)


@blueprint.get("/meeting")
@with_right("records")
def week() -> str:
    """Show the sheet of this week, or of the week a day is in."""
    me, this_day = person(), today()
    area = request.args.get("area", "")
    last = min(read_day(request.args.get("until", "")) or this_day, this_day)
    field_lines.bring_up_to_date(centre().store, me.district)
    service_cases.bring_up_to_date(centre().store, me.district)
    with centre().store.reading() as connection:
        found = meeting_sheet.sheet(connection, me, last, area, centre().clock(), language())
        areas = places.places_of(connection, me)
    return render_template(
        "meeting_sheet.html",
        found=found,
        areas=areas,
        area=area,
        today=this_day,
        before=found.first - timedelta(days=1),
    )
