"""Coverage and counts of compounds and organisations, the lists behind them, both as files."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from schemas.codes import code_list
from sync_server.domain.register_counts import DEMO_TARGET, LACKING, RATES, WORDS
from sync_server.services import places, register_export, register_figures, register_lists
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language
from sync_server.web.imports import sheet
from sync_server.web.paging import asked_page

blueprint = Blueprint("register_figures", __name__)


@blueprint.get("/statistics/registers")
@with_right("records")
def statistics() -> str:
    """Show the figures of an area as its registers stand today."""
    me, (area, kind) = person(), _asked()
    with centre().store.reading() as connection:
        areas = places.places_of(connection, me, longest=places.COMMUNITY_LENGTH)
        found = register_figures.report(
            connection, me, area, kind, centre().clock(), language()
        )  # fmt: skip
        names = places.names_for(connection, me.district, [area])
    return render_template(
        "register_figures.html", found=found, area=area, area_name=names.get(area, ""),
        kind=kind, areas=areas,
        kinds=code_list(register_figures.KIND), levels=code_list("AREA_LEVEL"), parts=RATES,
        lacking=LACKING, demo_target=DEMO_TARGET, definitions=WORDS.values(),
        level_names=list(register_figures.LEVELS),
    )  # fmt: skip


@blueprint.get("/statistics/registers/list")
@with_right("records")
def listed() -> str:
    """Show what a figure counts, page by page."""
    me, (area, kind) = person(), _asked()
    what = request.args.get("what", "")
    with centre().store.reading() as connection:
        found = register_lists.listed(
            connection, me, what, area, kind, centre().clock(), language()
        )
        names = places.names_for(connection, me.district, [area])
    page = min(max(1, asked_page()), found.pages)
    return render_template(
        "register_list.html", found=found, page=page, what=what, area=area, kind=kind,
        area_name=names.get(area, ""), kinds=code_list(register_figures.KIND),
    )  # fmt: skip


@blueprint.post("/statistics/registers/export")
@with_right("export")
def as_xlsx() -> Response:
    """Send the figures of every area, or the list behind one of them."""
    (area, kind), what = _asked(), request.form.get("what", "")
    if what:
        found = register_export.list_as_workbook(
            centre(), person(), what, area, kind, language()
        )  # fmt: skip
    else:
        found = register_export.figures_as_workbook(centre(), person(), area, kind, language())
    return sheet(*found)


@blueprint.get("/statistics/registers/export")
@with_right("records")
def back() -> Response:
    """Lead somebody who reloads an export's address to the page."""
    return redirect(url_for("register_figures.statistics"))


def _asked() -> tuple[str, str]:
    """Return the area and the kind of compounds asked for."""
    kind = request.values.get("kind", "")
    known = {item.code for item in code_list(register_figures.KIND).items}
    return request.values.get("area", "").strip(), kind if kind in known else ""
