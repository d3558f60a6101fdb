"""The figures of statistics as a spreadsheet, of the period and area a page shows."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from sync_server.domain.errors import Refusal
from sync_server.services import figures_export
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, read_day
from sync_server.web.imports import sheet

blueprint = Blueprint("figures_export", __name__)


@blueprint.post("/statistics/export")
@with_right("export")
def as_xlsx() -> Response:
    """Send every rate of every area of the period."""
    first, last = (read_day(request.form.get(name, "")) for name in ("since", "until"))
    if first is None or last is None:
        raise Refusal("bad_period", most=figures_export.LONGEST_MONTHS)
    file, name = figures_export.figures_as_workbook(
        centre(), person(), first, last, request.form.get("area", "").strip(), language(),
        for_inside=request.form.get("inside") == "1",
    )  # fmt: skip
    return sheet(file, name)


@blueprint.get("/statistics/export")
@with_right("records")
def back() -> Response:
    """Lead somebody who reloads an export's address to the page."""
    return redirect(url_for("issue_figures.statistics"))
