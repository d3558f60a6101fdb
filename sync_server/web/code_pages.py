"""The code lists as the district uses them, and the form of one."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from sync_server.services import code_settings
from sync_server.web import errors
from sync_server.web.account import person, with_right
from sync_server.web.context import centre
from sync_server.web.i18n import language

blueprint = Blueprint("code_pages", __name__)


@blueprint.get("/code-lists")
@with_right("records")
def every() -> str:
    """Show every list that forms ask, with what is offered and what it stands for."""
    with centre().store.reading() as connection:
        found = code_settings.every(connection, person(), language())
    return render_template("code_lists.html", found=found)


@blueprint.route("/code-lists/<name>", methods=["GET", "POST"])
@with_right("levels")
def change(name: str) -> Response | str | tuple[str, int]:
    """Ask which codes of a list are used and which standard's code each stands for; keep it."""
    me, lang = person(), language()
    if request.method == "GET":
        with centre().store.reading() as connection:
            form = code_settings.open_form(connection, me, name, lang)
        return render_template("code_list.html", form=form)
    posted, version = request.form, request.form.get("version", "")
    seen = int(version) if version.isascii() and version.isdigit() and len(version) < 17 else 0
    now = centre().clock()
    refused = code_settings.set_codes(centre().store, me, name, posted, seen, now, lang)
    if refused is not None:
        return render_template("code_list.html", form=refused), errors.status_of("bad_fields")
    flash(_("代码表已保存，各终端下次同步后照此提供。"))
    return redirect(url_for(".every", _anchor=name), 303)
