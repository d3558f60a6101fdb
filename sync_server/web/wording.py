"""In whose words codes are shown on the staff's pages: the district's; and the page that names the
levels of an issue."""

from __future__ import annotations

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from schemas.codes import speak
from schemas.exchange import API
from sync_server.services import level_labels
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language

blueprint = Blueprint("wording", __name__)


def register(app: Flask) -> None:
    """Speak the district's words to whoever is signed in, and nobody's to laptops."""
    app.before_request(_choose)
    app.register_blueprint(blueprint)


def _choose() -> None:
    page = request.endpoint not in (None, "static") and not request.path.startswith(API)
    if not page or not current_user.is_authenticated:
        speak({})
        return
    with centre().store.reading() as connection:
        speak(level_labels.own_words(connection, person().district))


@blueprint.route("/levels", methods=["GET", "POST"])
@with_right("levels")
def name() -> Response | str | tuple[str, int]:
    """Ask what the district calls the levels of an issue, and keep it."""
    me, lang = person(), language()
    if request.method == "GET":
        with centre().store.reading() as connection:
            found = level_labels.open_form(connection, me, lang)
        return render_template("levels.html", form=found)
    posted, version = request.form, request.form.get("version", "")
    seen = int(version) if version.isascii() and version.isdigit() and len(version) < 17 else 0
    refused = level_labels.name_levels(centre().store, me, posted, seen, centre().clock(), lang)
    if refused is not None:
        return render_template("levels.html", form=refused), errors.status_of("bad_fields")
    flash(_("级别名称已保存，各终端下次同步后照此显示。"))
    return redirect(url_for(".name"), 303)
