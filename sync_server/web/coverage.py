"""Coverage: who and what is due or overdue, as a list and as a drawing; the map that may lie below
it."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request, send_file

from schemas.codes import code_list
from schemas.coverage import HOUSEHOLD_DAYS, LABELS, MARKS
from schemas.plane import WIDTH
from sync_server.domain.errors import Refusal
from sync_server.services import coverage, field_lines, places
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, today
from sync_server.web.paging import asked_page

blueprint = Blueprint("coverage", __name__)


@blueprint.get("/coverage")
@with_right("records")
def show() -> str:
    """Show how one subject stands in an area: people in care, households or patrol points."""
    args = request.args
    subject = args.get("of", "")
    subject = subject if subject in coverage.SUBJECTS else coverage.CARE
    shown = args.get("show", "")
    shown = shown if shown in (*MARKS, "all") else MARKS[0]
    area, place = args.get("area", ""), args.get("at", "")
    field_lines.bring_up_to_date(centre().store, person().district)
    with centre().store.reading() as connection:
        found = coverage.coverage(
            connection, person(), subject=subject, area=area, shown=shown, place=place,
            page=asked_page(), day=today(), lang=language(),
        )  # fmt: skip
        areas = places.places_of(connection, person())
    return render_template(
        "coverage.html",
        found=found,
        areas=areas,
        area=area,
        subject=subject,
        subjects=coverage.SUBJECTS,
        shown=shown,
        place=place,
        marks=MARKS,
        labels=LABELS,
        risks=code_list("CARE_RISK"),
        household_days=HOUSEHOLD_DAYS,
        width=WIDTH,
        base_map=centre().settings.base_map.is_file(),
    )


@blueprint.get("/coverage/basemap.pmtiles")
@with_right("records")
def base_map() -> Response:
    """Give a part of the map file, as the browser asks for it."""
    path = centre().settings.base_map
    if not path.is_file():
        raise Refusal("not_found")
    return send_file(
        path.resolve(), mimetype="application/octet-stream", conditional=True, etag=True
    )
