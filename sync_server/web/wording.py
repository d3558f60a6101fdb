"""In whose words codes are shown on the staff's pages, and which personal fields forms ask: the
district's; and the pages that name the levels of an issue and say what personal data are for."""

from __future__ import annotations

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from schemas.code_settings import settings_of
from schemas.codes import code_list, settle, speak
from schemas.exchange import API
from schemas.purposes import leave_out, unused
from sync_server.services import level_labels, purposes
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
        settle({})
        leave_out(frozenset())
        return
    with centre().store.reading() as connection:
        said = purposes.district_says(connection, person().district)
    speak(level_labels.words_of(said))
    settle(settings_of(said))
    leave_out(unused(said))


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


@blueprint.get("/purposes")
@with_right("records")
def data_purposes() -> str:
    """Show what personal data are collected, what for, and on which legal basis."""
    with centre().store.reading() as connection:
        found = purposes.open_page(connection, person(), language())
    return render_template("purposes.html", found=found)


@blueprint.route("/purposes/change", methods=["GET", "POST"])
@with_right("purposes")
def set_purposes() -> Response | str | tuple[str, int]:
    """Ask what the district collects personal data for, and keep it."""
    me, lang = person(), language()
    if request.method == "GET":
        with centre().store.reading() as connection:
            found = purposes.open_page(connection, me, lang)
        return render_template("purposes_change.html", found=found, bases=code_list("BASIS"))
    posted: dict[str, dict[str, str]] = {}
    for name, text in request.form.items():
        group, dot, member = name.partition(".")
        if dot:
            posted.setdefault(group, {})[member] = text
    version = request.form.get("version", "")
    seen = int(version) if version.isascii() and version.isdigit() and len(version) < 17 else 0
    refused = purposes.set_purposes(centre().store, me, posted, seen, centre().clock(), lang)
    if refused is not None:
        page = render_template("purposes_change.html", found=refused, bases=code_list("BASIS"))
        return page, errors.status_of("bad_fields")
    flash(_("信息用途已保存，各终端下次同步后照此采集。"))
    return redirect(url_for(".data_purposes"), 303)
