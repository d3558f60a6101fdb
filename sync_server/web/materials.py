"""Leaflets: what each grid has left, giving some out, one grid's ins and outs."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from sync_server.domain.errors import Refusal
from sync_server.services import field_lines, materials, places
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language
from sync_server.web.paging import asked_page

blueprint = Blueprint("materials", __name__)


@blueprint.get("/materials")
@with_right("records")
def stock() -> str:
    """Show what every grid has left of each material."""
    area = request.args.get("area", "")
    field_lines.bring_up_to_date(centre().store, person().district)
    with centre().store.reading() as connection:
        found = materials.stocks(connection, person(), area, language())
        areas = places.places_of(connection, person())
    return render_template("materials.html", found=found, area=area, areas=areas)


@blueprint.get("/materials/grid/<grid>")
@with_right("records")
def of_grid(grid: str) -> str:
    """Show one grid's stock and its records of leaflets in and out."""
    return _grid(grid)


@blueprint.route("/materials/give", methods=["GET", "POST"])
@with_right("campaigns")
def give() -> Response | str | tuple[str, int]:
    """Ask what goes to which grid and record it; what was typed comes back when it is wrong."""
    me, lang, now = person(), language(), centre().clock()
    if request.method == "GET":
        with centre().store.reading() as connection:
            asked = request.args.get("grid", "")
            form = materials.begin_giving(connection, me, asked, now, lang)
        return _form(form)
    posted = request.form
    grid = posted.get("grid", "")
    refused = materials.give(
        centre().store, me, posted.get("record_id", ""), grid, posted.get("campaign_id", ""),
        posted.getlist, list(posted), now, lang,
    )  # fmt: skip
    if refused is not None:
        return _form(refused), errors.status_of("bad_fields")
    flash(_("已登记，该网格的终端下次同步时看到。"))
    return redirect(url_for("materials.of_grid", grid=grid), 303)


@blueprint.post("/materials/<uuid:record_id>/void")
@with_right("campaigns")
def take_back(record_id: UUID) -> Response | tuple[str, int]:
    """Void a record for a reason."""
    reason = request.form.get("reason", "")
    try:
        grid = materials.take_back(
            centre().store, person(), str(record_id), reason, centre().clock()
        )
    except Refusal as refusal:
        if refusal.code != "reason_needed":
            raise
        words = errors.sentence(refusal)
        return _grid(request.form.get("grid", ""), words), errors.status_of(refusal.code)
    flash(_("已作废。"))
    return redirect(url_for("materials.of_grid", grid=grid), 303)


def _grid(grid: str, wrong: str = "") -> str:
    field_lines.bring_up_to_date(centre().store, person().district)
    with centre().store.reading() as connection:
        found = materials.open_grid(connection, person(), grid, asked_page(), language())
    return render_template("materials_grid.html", found=found, wrong=wrong)


def _form(form: materials.Form) -> str:
    with centre().store.reading() as connection:
        areas = places.places_of(connection, person())
    return render_template("materials_give.html", form=form, areas=areas)
