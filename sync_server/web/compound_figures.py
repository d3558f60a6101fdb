"""The statistics of compounds: issues, complaints and their change, months without a complaint."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from schemas.codes import code_list
from sync_server.domain.errors import Refusal
from sync_server.services import compound_export, compound_figures, places
from sync_server.services.issue_figures import LONGEST_MONTHS, months_of
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, read_day, today
from sync_server.web.imports import sheet
from sync_server.web.issue_figures import periods_until
from sync_server.web.paging import asked_page

blueprint = Blueprint("compound_figures", __name__)
PAGE = 50


@blueprint.get("/statistics/compounds")
@with_right("records")
def statistics() -> str | tuple[str, int]:
    """Show the compounds of an area, this year's figures when no period is asked for."""
    me, this_day = person(), today()
    first = read_day(request.args.get("since", "")) or this_day.replace(month=1, day=1)
    last = read_day(request.args.get("until", "")) or max(first, this_day)
    asked = {name: request.args.get(name, "") for name in ("area", "tag")}
    wrong, found = "", []
    with centre().store.reading() as connection:
        areas = places.places_of(connection, me)
        try:
            months_of(first, last)
            found = compound_figures.lines(
                connection, me, first, last, **asked, now=centre().clock(), lang=language()
            )
        except Refusal as refusal:
            if refusal.code != "bad_period":
                raise
            wrong = errors.sentence(Refusal("bad_period", most=LONGEST_MONTHS))
    pages = max(1, -(-len(found) // PAGE))
    page = min(asked_page(), pages)
    shown = render_template(
        "compound_figures.html",
        found=found[(page - 1) * PAGE : page * PAGE],
        total=len(found),
        page=page,
        pages=pages,
        first=first,
        last=last,
        areas=areas,
        wrong=wrong,
        tags=code_list("COMPOUND_TAG").active,
        periods=periods_until(this_day),
        made_at=centre().clock(),
        definitions=compound_figures.DEFINITIONS,
        **asked,
    )
    return (shown, errors.status_of("bad_period")) if wrong else shown


@blueprint.post("/statistics/compounds/export")
@with_right("export")
def as_xlsx() -> Response:
    """Send the compounds of the period, area and tag the page shows."""
    asked = {name: request.form.get(name, "").strip() for name in ("area", "tag")}
    first, last = (read_day(request.form.get(name, "")) for name in ("since", "until"))
    if first is None or last is None:
        raise Refusal("bad_period", most=LONGEST_MONTHS)
    file, name = compound_export.compounds_as_workbook(
        centre(), person(), first, last, **asked, lang=language()
    )
    return sheet(file, name)


@blueprint.get("/statistics/compounds/export")
@with_right("records")
def back() -> Response:
    """Lead somebody who reloads an export's address to the page."""
    return redirect(url_for(".statistics"))
