"""The pages of departments and companies: their list, one issue with its photos, acting on it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Flask, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from sync_server.services import handed
from sync_server.services.step_forms import StepForm
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language
from sync_server.web.paging import asked_page
from sync_server.web.step_photos import TooLarge, exempt, posted_photos

blueprint = Blueprint("handed", __name__, url_prefix="/handed")


def register(app: Flask) -> None:
    """Add the pages; taking a step checks its form's token itself, for its photos."""
    exempt(app, act)
    app.register_blueprint(blueprint)


@blueprint.get("")
@with_right("handed")
def everything() -> str:
    """Show what was handed to the unit."""
    with centre().store.reading() as connection:
        found = handed.list_handed(connection, person(), asked_page(), centre().clock(), language())
    return render_template("handed.html", found=found)


@blueprint.get("/<uuid:issue_id>")
@with_right("handed")
def one(issue_id: UUID) -> str:
    """Show one issue."""
    with centre().store.reading() as connection:
        found = handed.open_handed(
            connection, person(), str(issue_id), centre().clock(), language()
        )
    return render_template("handed_issue.html", found=found)


@blueprint.route("/<uuid:issue_id>/<action>", methods=["GET", "POST"])
@with_right("handed")
def act(issue_id: UUID, action: str) -> AnyResponse | str | tuple[str, int]:
    """Ask what a step needs, and take it; what was typed comes back when something is wrong."""
    me, now, lang = person(), centre().clock(), language()
    if request.method == "GET":
        with centre().store.reading() as connection:
            return _form(handed.begin_step(connection, me, str(issue_id), action, now, lang),
                         issue_id)  # fmt: skip
    try:
        photos = posted_photos()
    except TooLarge as refused:
        return refused.answer
    form = handed.act(centre(), me, str(issue_id), action, request.form.getlist, photos, now, lang)
    if form is not None:
        code = "step_not_possible" if form.general else "bad_fields"
        return _form(form, issue_id), errors.status_of(code)
    flash(_("已办理。"))
    if action == "refuse":
        return redirect(url_for("handed.everything"), 303)
    return redirect(url_for("handed.one", issue_id=issue_id), 303)


@blueprint.get("/<uuid:issue_id>/photos/<uuid:photo_id>/full.jpg")
@with_right("handed")
def full(issue_id: UUID, photo_id: UUID) -> Response:
    """Show a photo of an issue or of its steps."""
    return _picture(issue_id, photo_id, small=False)


@blueprint.get("/<uuid:issue_id>/photos/<uuid:photo_id>/small.jpg")
@with_right("handed")
def small(issue_id: UUID, photo_id: UUID) -> Response:
    """Show a photo's thumbnail."""
    return _picture(issue_id, photo_id, small=True)


def _form(form: StepForm, issue_id: UUID) -> str:
    return render_template("handed_step.html", form=form, issue_id=issue_id)


def _picture(issue_id: UUID, photo_id: UUID, *, small: bool) -> Response:
    content = handed.picture(centre(), person(), str(issue_id), str(photo_id), small=small)
    response = Response(content, mimetype="image/jpeg")
    response.headers["Content-Disposition"] = 'inline; filename="photo.jpg"'
    return response
