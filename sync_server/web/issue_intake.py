"""Issues at the desk: what a hotline, an inspection or a mailbox brings."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from sync_server.services import issue_intake, places
from sync_server.services.issue_intake import Intake
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language

blueprint = Blueprint("issue_intake", __name__)


@blueprint.route("/issues/new", methods=["GET", "POST"])
@with_right("intake")
def take_in() -> Response | str | tuple[str, int]:
    """Take an issue in; what was typed comes back when something is wrong."""
    me, lang, now = person(), language(), centre().clock()
    if request.method == "GET":
        with centre().store.reading() as connection:
            return _page(issue_intake.begin(connection, me, now, lang))
    form = request.form
    record_id = form.get("record_id", "")
    refused = issue_intake.take_in(
        centre().store, me, record_id, (form.get("area", ""), form.get("compound", "")),
        form.getlist, list(form), now, lang,
    )  # fmt: skip
    if refused is not None:
        return _page(refused), 422
    flash(_("已登记并受理。") if me.role == "community" else _("已登记，等社区受理。"))
    return redirect(url_for("issues.one", issue_id=record_id), 303)


def _page(form: Intake) -> str:
    with centre().store.reading() as connection:
        found = places.places_of(connection, person())
    least = min((one.depth for one in found), default=0)
    areas = [(one.code, f"{'　' * (one.depth - least)}{one.name or one.code}") for one in found]
    return render_template("issue_intake.html", form=form, areas=areas)
