"""The issue desk: the queue, one issue with the steps to take, its file, late steps of laptops."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from schemas.codes import code_list
from sync_server.domain.access import may
from sync_server.services import issue_acts, issue_page, issue_queue, overtaken_steps, places
from sync_server.services.step_forms import StepForm
from sync_server.services.step_words import words_of_action
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language
from sync_server.web.paging import asked_page
from sync_server.web.step_photos import TooLarge, exempt, posted_photos

blueprint = Blueprint("issues", __name__)
FILTERS = {
    "category": "ISSUE_CAT",
    "level": "ISSUE_LEVEL",
    "urgency": "URGENCY",
    "source": "ISSUE_SOURCE",
    "mode": "HANDLE_MODE",
    "path": "ISSUE_PATH",
}
"""The code lists the queue is narrowed by."""


def register(app: Flask) -> None:
    """Add the pages. Taking a step looks at who asks before it reads the body with its photos, and
    so checks the form's token itself."""
    exempt(app, take)
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
@with_right("records")
def one(issue_id: UUID) -> str:
    """Show one issue."""
    return _page(str(issue_id))


@blueprint.get("/issues/<uuid:issue_id>/file")
@with_right("records")
def file(issue_id: UUID) -> str:
    """Show the file of one issue, to be printed."""
    with centre().store.reading() as connection:
        found = issue_page.open_page(
            connection, person(), str(issue_id), centre().clock(), language()
        )
    return render_template("issue_file.html", found=found, now=centre().clock())


@blueprint.get("/issues/<uuid:issue_id>/do/<action>")
@with_right("records")
def begin(issue_id: UUID, action: str) -> str:
    """Show the form of a step above the issue."""
    with centre().store.reading() as connection:
        form = issue_acts.begin_step(
            connection, person(), str(issue_id), action, centre().clock(), language()
        )
    return _page(str(issue_id), form)


@blueprint.post("/issues/<uuid:issue_id>/do/<action>")
@with_right("records")
def take(issue_id: UUID, action: str) -> Response | tuple[str, int]:
    """Take a step; what was typed comes back when it could not be taken."""
    try:
        photos = posted_photos()
    except TooLarge as refused:
        return refused.answer
    form = issue_acts.act(
        centre(), person(), str(issue_id), action, request.form.getlist, photos,
        centre().clock(), language(),
    )  # fmt: skip
    if form is None:
        flash(_("已办理：%(step)s。", step=words_of_action(action, "", language())))
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


def _page(issue_id: str, form: StepForm | None = None) -> str:
    with centre().store.reading() as connection:
        found = issue_page.open_page(connection, person(), issue_id, centre().clock(), language())
    return render_template("issue.html", found=found, form=form)
