"""Coverage: who and what is due or overdue, as a list and as a drawing; the map that may lie below
it."""

from __future__ import annotations

from flask import (
    Blueprint,
    Response,
    flash,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask_babel import gettext as _
from werkzeug.wrappers import Response as WebResponse

from schemas.codes import code_list
from schemas.coverage import LABELS, MARKS
from schemas.plane import WIDTH
from sync_server.domain.errors import Refusal
from sync_server.services import coverage, coverage_limits, field_lines, places, small_cells
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language, today
from sync_server.web.paging import asked_page

blueprint = Blueprint("coverage", __name__)


@blueprint.get("/coverage")
@with_right("records")
def show() -> str:
    """Show how one subject stands in an area: people in care, households, points, members."""
    args = request.args
    subject = args.get("of", "")
    subject = subject if subject in coverage.SUBJECTS else coverage.CARE
    shown = args.get("show", "")
    shown = shown if shown in (*MARKS, "all") else MARKS[0]
    area, place = args.get("area", ""), args.get("at", "")
    member_class = args.get("class", "") if subject == coverage.MEMBER else ""
    field_lines.bring_up_to_date(centre().store, person().district)
    with centre().store.reading() as connection:
        found = coverage.coverage(
            connection, person(), subject=subject, area=area, shown=shown, place=place,
            member_class=member_class, page=asked_page(), day=today(), lang=language(),
        )  # fmt: skip
        areas = places.places_of(connection, person())
        days = coverage_limits.limits(connection, person().district)
    told = subject == coverage.CARE
    return render_template(
        "coverage.html",
        found=found,
        hidden=small_cells.of_coverage(person(), found) if told else small_cells.NOTHING,
        areas=areas,
        area=area,
        subject=subject,
        subjects=coverage.SUBJECTS,
        shown=shown,
        place=place,
        marks=MARKS,
        labels=LABELS,
        risks=code_list("CARE_RISK"),
        classes=code_list("PARTY_CLASS"),
        member_class=member_class,
        limits=days,
        may_set=coverage_limits.may_set(person()),
        width=WIDTH,
        base_map=centre().settings.base_map.is_file(),
    )


@blueprint.route("/coverage/limits", methods=["GET", "POST"])
@with_right("limits")
def limits() -> WebResponse | str | tuple[str, int]:
    """Ask after how many days something is due or overdue in the district, and keep it."""
    me, lang = person(), language()
    if request.method == "GET":
        with centre().store.reading() as connection:
            form = coverage_limits.open_form(connection, me, lang)
        return render_template("coverage_limits.html", form=form)
    posted, version = request.form, request.form.get("version", "")
    seen = int(version) if version.isascii() and version.isdigit() and len(version) < 17 else 0
    refused = coverage_limits.set_limits(centre().store, me, posted, seen, centre().clock(), lang)
    if refused is not None:
        page = render_template("coverage_limits.html", form=refused)
        return page, errors.status_of("bad_fields")
    flash(_("覆盖期限已保存，各终端下次同步后照此标记。"))
    return redirect(url_for(".show"), 303)


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
