"""Showing a recovery key once, until the worker has proved to have written it down."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from field_app.domain.errors import Trouble
from field_app.web.errors import say, status_of
from field_app.web.session import desk, workspace

pages = Blueprint("recovery", __name__, url_prefix="/recovery")

ASKED = (1, 4)
"""The places (from 0) of the groups that are asked for."""


def recovery_due() -> str | None:
    """Tell what is to be done about a recovery key nobody has confirmed: it is still ``shown``, or
    can only be ``replaced``; None when it was confirmed."""
    if workspace().setting("recovery").get("confirmed") is not False:
        return None
    return "shown" if desk().recovery_key else "replaced"


@pages.get("")
def show() -> Any:
    """Show the key and ask for two of its groups."""
    key = desk().recovery_key
    if key is None:
        return redirect(url_for("settings.show"))
    return render_template("recovery.html", groups=key.split("-"), asked=ASKED, typed={})


@pages.post("")
def confirm() -> Any:
    """Check the groups; then the key is not shown again."""
    typed = {place: request.form.get(f"group{place}", "") for place in ASKED}
    try:
        desk().confirm_recovery(typed)
    except Trouble as trouble:
        groups = (desk().recovery_key or "").split("-")
        page = render_template(
            "recovery.html", groups=groups, asked=ASKED, typed=typed, words=say(trouble)
        )
        return page, status_of(trouble.code)
    flash(_("恢复码已确认。请妥善保管抄写件。"))
    return redirect(url_for("sync.show"))
