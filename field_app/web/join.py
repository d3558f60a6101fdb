"""Joining a centre with a one-time code."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, current_app, redirect, render_template, request, url_for

from field_app.services.joining import Call, Request
from field_app.services.known_centre import KnownCentre, known_centre
from field_app.services.troubles import trouble_of
from field_app.settings import Settings
from field_app.web.errors import say, status_of
from field_app.web.i18n import language
from field_app.web.session import desk, sit_down, while_locked

pages = Blueprint("join", __name__, url_prefix="/join")


def _settings() -> Settings:
    return cast(Settings, current_app.extensions["settings"])


@pages.get("")
@while_locked
def show() -> Any:
    """Ask for the centre's address, the code and a passphrase."""
    settings, known = _settings(), known_centre(_settings().data_dir)
    if settings.server_url:
        known = KnownCentre(settings.server_url, settings.allow_http)
    typed = {"server_url": known.server_url, "allow_http": settings.allow_http or known.allow_http}
    return render_template("join.html", typed=typed, workers=desk().workers())


@pages.post("")
@while_locked
def submit() -> Any:
    """Join; what was typed comes back with what was wrong, but never a passphrase."""
    form = request.form
    wish = Request(
        server_url=form.get("server_url", ""),
        code=form.get("code", ""),
        passphrase=form.get("passphrase", ""),
        repeated=form.get("repeated", ""),
        device_name=form.get("device_name", ""),
        allow_http="allow_http" in form,
        lang=language(),
    )
    try:
        seat = desk().join(wish, cast(Call, current_app.extensions["call"]))
    except Exception as error:
        trouble = trouble_of(error)
        if trouble is None:
            raise
        status = status_of(trouble.code)
        page = render_template(
            "join.html",
            typed=wish,
            words=say(trouble),
            code=trouble.code,
            workers=desk().workers(),
        )
        return page, status
    sit_down(seat)
    desk().start_round()
    return redirect(url_for("recovery.show" if desk().recovery_key else "sync.show"))
