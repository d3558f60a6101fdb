"""How units handle what they are given, for a period and an area, and one unit's calls."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from sync_server.domain.errors import Refusal
from sync_server.services import issue_figures, places, unit_figures, unit_figures_export
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, read_day, today
from sync_server.web.imports import sheet
from sync_server.web.issue_figures import periods_until

blueprint = Blueprint("unit_figures", __name__)


@blueprint.get("/statistics/units")
@with_right("records")
def statistics() -> str | tuple[str, int]:
    """Show the units' figures of a period, this year's when none is asked for."""
    me, this_day = person(), today()
    first = read_day(request.args.get("since", "")) or this_day.replace(month=1, day=1)
    last = read_day(request.args.get("until", "")) or max(first, this_day)
    area, unit = request.args.get("area", ""), request.args.get("unit", "")
    wrong, found = "", None
    with centre().store.reading() as connection:
        areas = places.places_of(connection, me)
        try:
            found = unit_figures.report(
                connection, me, first, last, area, centre().clock(), language()
            )
        except Refusal as refusal:
            if refusal.code != "bad_period":
                raise
            wrong = errors.sentence(refusal)
    page = render_template(
        "unit_statistics.html",
        found=found,
        chosen=next((one for one in found.lines if one.unit_id == unit), None) if found else None,
        areas=areas,
        area=area,
        first=first,
        last=last,
        wrong=wrong,
        periods=periods_until(this_day),
        definitions=unit_figures.DEFINITIONS,
        of_issues={
            name: issue_figures.DEFINITIONS[name] for name in ("resolution", "on_time", "rework")
        },
    )
    return (page, errors.status_of("bad_period")) if wrong else page


@blueprint.post("/statistics/units/export")
@with_right("export")
def as_xlsx() -> Response:
    """Send the units' figures of the period, with every call."""
    first, last = (read_day(request.form.get(name, "")) for name in ("since", "until"))
    if first is None or last is None:
        raise Refusal("bad_period", most=issue_figures.LONGEST_MONTHS)
    area = request.form.get("area", "").strip()
    return sheet(
        *unit_figures_export.units_as_workbook(centre(), person(), first, last, area, language())
    )


@blueprint.get("/statistics/units/export")
@with_right("records")
def back() -> Response:
    """Lead somebody who reloads an export's address to the page."""
    return redirect(url_for("unit_figures.statistics"))
