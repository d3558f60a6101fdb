"""Opinions of residents: counts by category and grid, and the words."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from sync_server.services import field_lines, opinions, places
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, read_day, today
from sync_server.web.paging import asked_page

blueprint = Blueprint("opinions", __name__)


@blueprint.get("/opinions")
@with_right("records")
def all_of_them() -> str:
    """Show the opinions of a period, this year's when none is asked for."""
    args, this_day = request.args, today()
    last = read_day(args.get("until", "")) or this_day
    first = read_day(args.get("since", "")) or last.replace(month=1, day=1)
    asked = {name: args.get(name, "") for name in ("area", "category")}
    campaign = args.get("campaign", "")
    field_lines.bring_up_to_date(centre().store, person().district)
    with centre().store.reading() as connection:
        found = opinions.list_opinions(
            connection, person(), first=first, last=last, campaign_id=campaign,
            page=asked_page(), lang=language(), **asked,
        )  # fmt: skip
        areas = places.places_of(connection, person())
    return render_template(
        "opinions.html",
        found=found,
        areas=areas,
        first=first,
        last=last,
        campaign=campaign,
        **asked,
    )
