"""How soon field work comes in: the figures of a period and an area, and the records behind."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from sync_server.domain.errors import Refusal
from sync_server.services import (
    closed_months,
    field_lines,
    places,
    small_cells,
    timeliness,
    timeliness_export,
)
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, read_day, today
from sync_server.web.imports import sheet
from sync_server.web.issue_figures import periods_until
from sync_server.web.paging import asked_page

blueprint = Blueprint("timeliness", __name__)


@blueprint.get("/statistics/timeliness")
@with_right("records")
def statistics() -> str | tuple[str, int]:
    """Show the figures of a period, this month's when none is asked for."""
    me, this_day = person(), today()
    first = read_day(request.args.get("since", "")) or this_day.replace(day=1)
    last = read_day(request.args.get("until", "")) or max(first, this_day)
    area, wrong, found, frozen = request.args.get("area", ""), "", None, None
    field_lines.bring_up_to_date(centre().store, me.district)
    with centre().store.reading() as connection:
        areas = places.places_of(connection, me)
        try:
            found = timeliness.report(
                connection, me, first, last, area, centre().clock(), language()
            )
            frozen = closed_months.frozen(connection, me, first, last, area)
        except Refusal as refusal:
            if refusal.code != "bad_period":
                raise
            wrong = errors.sentence(refusal)
    page = render_template(
        "timeliness.html",
        found=found,
        frozen=frozen,
        in_one_community=not small_cells.beyond_community(me),
        first=first,
        last=last,
        area=area,
        areas=areas,
        wrong=wrong,
        periods=periods_until(this_day),
        definitions=timeliness.DEFINITIONS.values(),
    )
    return (page, errors.status_of("bad_period")) if wrong else page


@blueprint.get("/statistics/timeliness/records")
@with_right("records")
def listed() -> str:
    """Show the records of one kind that came late, in time or at all, page by page."""
    me, this_day = person(), today()
    first = read_day(request.args.get("since", "")) or this_day.replace(day=1)
    last = read_day(request.args.get("until", "")) or max(first, this_day)
    area = request.args.get("area", "")
    field_lines.bring_up_to_date(centre().store, me.district)
    with centre().store.reading() as connection:
        found = timeliness.list_page(
            connection, me, first, last, area, request.args.get("kind", ""),
            request.args.get("show", ""), asked_page(), language(),
        )  # fmt: skip
        names = places.names_for(connection, me.district, [area])
    return render_template(
        "timeliness_list.html", found=found, first=first, last=last, area=area,
        area_name=names.get(area, ""),
    )  # fmt: skip


@blueprint.post("/statistics/timeliness/export")
@with_right("export")
def as_xlsx() -> Response:
    """Send all records of one kind that came late."""
    first, last = (read_day(request.form.get(name, "")) for name in ("since", "until"))
    if first is None or last is None:
        raise Refusal("bad_period", most=timeliness.LONGEST_MONTHS)
    field_lines.bring_up_to_date(centre().store, person().district)
    file, name = timeliness_export.late_as_workbook(
        centre(), person(), first, last, request.form.get("area", "").strip(),
        request.form.get("kind", ""), language(),
    )  # fmt: skip
    return sheet(file, name)


@blueprint.get("/statistics/timeliness/export")
@with_right("records")
def back() -> Response:
    """Lead somebody who reloads an export's address to the page."""
    return redirect(url_for("timeliness.statistics"))
