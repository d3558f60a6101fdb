"""Compounds, organisations, buildings and rooms as forms: adding, changing, ending them."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from sync_server.domain.errors import Refusal
from sync_server.services import place_forms
from sync_server.services.place_drawing import Form
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language

blueprint = Blueprint("place_forms", __name__)


def register(app: Flask) -> None:
    """Add the forms, and what pages ask before they offer one."""
    app.register_blueprint(blueprint)
    app.add_template_global(
        lambda kind, action="update": place_forms.may_write(person(), kind, action),
        "may_write_place",
    )


@blueprint.route("/places/<kind>/new", methods=["GET", "POST"])
@with_right("places")
def new(kind: str) -> Response | str | tuple[str, int]:
    """Ask for a new place and add it; what was typed comes back when something is wrong."""
    if request.method == "POST":
        return _save(kind, request.form.get("record_id", ""))
    parent = request.args.get("parent", "")
    with centre().store.reading() as connection:
        form = place_forms.begin(connection, person(), kind, parent, language())
    return _form(form)


@blueprint.route("/places/<kind>/<uuid:record_id>/change", methods=["GET", "POST"])
@with_right("places")
def change(kind: str, record_id: UUID) -> Response | str | tuple[str, int]:
    """Show a place as a form and change it."""
    if request.method == "POST":
        return _save(kind, str(record_id))
    with centre().store.reading() as connection:
        form = place_forms.change(connection, person(), kind, str(record_id), language())
    return _form(form)


@blueprint.post("/places/<kind>/<uuid:record_id>/end")
@with_right("places")
def end(kind: str, record_id: UUID) -> Response:
    """Withdraw a place for a reason."""
    reason = request.form.get("reason", "")
    try:
        place_forms.end(
            centre().store, person(), kind, str(record_id), reason, centre().clock()
        )  # fmt: skip
    except Refusal as refusal:
        if refusal.code != "reason_needed":
            raise
        flash(errors.sentence(refusal))
    else:
        flash(_("已作废。各终端下次同步时会收到。"))
    return redirect(url_for("records.one", kind=kind, record_id=record_id), 303)


def _save(kind: str, record_id: str) -> Response | str | tuple[str, int]:
    posted = request.form
    done = place_forms.save(
        centre().store, person(), kind, record_id, posted.getlist, list(posted), centre().clock(),
        language(),
    )  # fmt: skip
    if isinstance(done, Form):
        faulty = done.problems or done.general
        return (_form(done), errors.status_of("bad_fields")) if faulty else _form(done)
    if done.conflict:
        flash(_("已保存。其中有别人同时改过的项，两个值都保留，等待裁决。"))
    else:
        flash(_("已保存。各终端下次同步时会收到。"))
    return redirect(url_for("records.one", kind=kind, record_id=done.record_id), 303)


def _form(form: Form) -> str:
    return render_template("place_form.html", form=form, kind=form.kind.info)
