"""The issue desk: the queue, one issue with the steps to take, its file, late steps of laptops."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Flask, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from schemas.codes import code_list
from sync_server.domain.access import may
from sync_server.services import issue_acts, issue_page, issue_queue, overtaken_steps, places
from sync_server.services.step_forms import StepForm
from sync_server.services.step_words import words_of_action
from sync_server.web import errors
from sync_server.web.account import person, signed_in, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language
from sync_server.web.large_bodies import STEP_BYTES
from sync_server.web.paging import asked_page

blueprint = Blueprint("issues", __name__)
FILTERS = {"category": "ISSUE_CAT", "level": "ISSUE_LEVEL", "urgency": "URGENCY"}
"""The code lists the queue is narrowed by."""


def register(app: Flask) -> None:
    """Add the pages. Taking a step looks at who asks before it reads the body with its photos, and
    so checks the form's token itself."""
    csrf: CSRFProtect = app.extensions["csrf"]
    csrf.exempt(take)
    app.register_blueprint(blueprint)
    app.context_processor(lambda: {"issues_waiting": _waiting})


def _waiting() -> int:
    """Return how many issues wait for whoever looks, for the menu."""
    if not current_user.is_authenticated or not may(person().role, "records"):
        return 0
    with centre().store.reading() as connection:
        return issue_queue.waiting_for(connection, person(), centre().clock())


@blueprint.get("/issues")
@with_right("records")
def queue() -> str:
    """Show the queue."""
    asked = issue_queue.asked_of(request.args, asked_page())
    with centre().store.reading() as connection:
        found = issue_queue.queue(connection, person(), asked, centre().clock(), language())
        areas = places.places_of(connection, person())
        late_steps = overtaken_steps.open_count(connection, person())
    lists = [(name, code_list(codes)) for name, codes in FILTERS.items()]
    return render_template(
        "issues.html", found=found, asked=asked, areas=areas, lists=lists, late_steps=late_steps
    )


@blueprint.get("/issues/<uuid:issue_id>")
@signed_in
def one(issue_id: UUID) -> str:
    """Show one issue."""
    return _page(str(issue_id))


@blueprint.get("/issues/<uuid:issue_id>/file")
@signed_in
def file(issue_id: UUID) -> str:
    """Show the file of one issue, to be printed."""
    with centre().store.reading() as connection:
        found = issue_page.open_page(
            connection, person(), str(issue_id), centre().clock(), language()
        )
    return render_template("issue_file.html", found=found, now=centre().clock())


@blueprint.get("/issues/<uuid:issue_id>/do/<action>")
@signed_in
def begin(issue_id: UUID, action: str) -> str:
    """Show the form of a step above the issue."""
    with centre().store.reading() as connection:
        form = issue_acts.begin_step(
            connection, person(), str(issue_id), action, centre().clock(), language()
        )
    return _page(str(issue_id), form)


@blueprint.post("/issues/<uuid:issue_id>/do/<action>")
@signed_in
def take(issue_id: UUID, action: str) -> Response | tuple[str, int]:
    """Take a step; what was typed comes back when it could not be taken."""
    request.max_content_length = STEP_BYTES
    try:
        current_app.extensions["csrf"].protect()
        sent = [one for one in request.files.getlist("photo") if one.filename]
        photos = [one.stream.read() for one in sent]
    except RequestEntityTooLarge:
        return render_template("error.html", status=413, code="too_large",
                               words=errors.say("too_large")), 413  # fmt: skip
    form = issue_acts.act(
        centre(), person(), str(issue_id), action, request.form.getlist, photos,
        centre().clock(), language(),
    )  # fmt: skip
    if form is None:
        flash(_("已办理：%(step)s。", step=words_of_action(action, "", language())))
        if not _still_sees(str(issue_id)):
            return redirect(url_for("home.today_page"), 303)
        return redirect(url_for(".one", issue_id=issue_id), 303)
    status = errors.status_of("step_not_possible" if form.general else "bad_fields")
    return _page(str(issue_id), form), status


@blueprint.get("/issues/overtaken")
@with_right("records")
def overtaken() -> str:
    """Show the steps of laptops that did not count."""
    settled = request.args.get("state") == "settled"
    with centre().store.reading() as connection:
        found = overtaken_steps.list_overtaken(
            connection, person(), asked_page(), language(), settled=settled
        )
    return render_template("issues_overtaken.html", found=found, settled=settled)


@blueprint.post("/issues/overtaken/<uuid:step_id>")
@with_right("decide")
def settle(step_id: UUID) -> Response:
    """Note that somebody has looked at a step that did not count."""
    overtaken_steps.settle(centre().store, person(), str(step_id), centre().clock())
    flash(_("已记为看过。"))
    return redirect(url_for(".overtaken"), 303)


def _still_sees(issue_id: str) -> bool:
    """Whether whoever took a step sees the issue still: a unit that refused it does not."""
    with centre().store.reading() as connection:
        return issue_acts.sees(connection, person(), issue_id)


def _page(issue_id: str, form: StepForm | None = None) -> str:
    with centre().store.reading() as connection:
        found = issue_page.open_page(connection, person(), issue_id, centre().clock(), language())
    return render_template("issue.html", found=found, form=form)
