"""The register of departments and property companies: list, one unit, adding, changing, ending."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from sync_server.domain.errors import Refusal
from sync_server.services import places, units
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language

blueprint = Blueprint("units", __name__)


@blueprint.get("/units")
@with_right("records")
def register() -> str:
    """Show the units in use, or those that were ended."""
    ended = request.args.get("state") == "ended"
    with centre().store.reading() as connection:
        found = units.list_units(connection, person(), language(), ended=ended)
    return render_template("units.html", found=found, ended=ended)


@blueprint.get("/units/<uuid:unit_id>")
@with_right("records")
def one(unit_id: UUID) -> str:
    """Show one unit and who acts for it."""
    return _unit(str(unit_id))


@blueprint.route("/units/new", methods=["GET", "POST"])
@with_right("units")
def new() -> Response | str | tuple[str, int]:
    """Ask for a unit and add it; what was typed comes back when something is wrong."""
    if request.method == "GET":
        return _form(units.begin_unit(person(), language()))
    return _save(request.form.get("record_id", ""), _("已加入单位名录。"))


@blueprint.route("/units/<uuid:unit_id>/change", methods=["GET", "POST"])
@with_right("units")
def change(unit_id: UUID) -> Response | str | tuple[str, int]:
    """Show a unit as a form and change it."""
    if request.method == "POST":
        return _save(str(unit_id), _("已保存。"))
    with centre().store.reading() as connection:
        form = units.change_unit(connection, person(), str(unit_id), language())
    return _form(form)


@blueprint.post("/units/<uuid:unit_id>/end")
@with_right("units")
def end(unit_id: UUID) -> Response | tuple[str, int]:
    """End a unit for a reason."""
    reason = request.form.get("reason", "")
    try:
        units.end_unit(centre().store, person(), str(unit_id), reason, centre().clock())
    except Refusal as refusal:
        if refusal.code not in ("reason_needed", "unit_has_work"):
            raise
        words = errors.sentence(refusal)
        return _unit(str(unit_id), words, reason), errors.status_of(refusal.code)
    flash(_("单位已停用，不再向它派发事件。"))
    return redirect(url_for("units.one", unit_id=unit_id), 303)


def _save(unit_id: str, done: str) -> Response | tuple[str, int]:
    posted = request.form
    form = units.save_unit(
        centre().store, person(), unit_id, posted.getlist, list(posted), centre().clock(),
        language(),
    )  # fmt: skip
    if form is not None:
        return _form(form), errors.status_of("out_of_date" if form.stale else "bad_fields")
    flash(done)
    return redirect(url_for("units.one", unit_id=unit_id), 303)


def _unit(unit_id: str, wrong: str = "", reason: str = "") -> str:
    with centre().store.reading() as connection:
        found = units.open_unit(connection, person(), unit_id, language())
    return render_template("unit.html", found=found, wrong=wrong, reason=reason)


def _form(form: units.Form) -> str:
    with centre().store.reading() as connection:
        areas = places.places_of(connection, person(), longest=units.COMMUNITY_LENGTH)
    return render_template("unit_form.html", form=form, areas=areas)
