"""设置: the worker's choices, passphrase and recovery key, the store's health, who this is."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from field_app import __version__
from field_app.domain.errors import Trouble
from field_app.services.preferences import (
    IDLE_RANGE,
    SYNC_RANGE,
    BadPreference,
    choose,
    move_server,
    preferences,
)
from field_app.services.troubles import trouble_of
from field_app.web.errors import say, status_of
from field_app.web.recovery import recovery_due
from field_app.web.session import desk, workspace

pages = Blueprint("settings", __name__, url_prefix="/settings")


@pages.get("")
def show() -> Any:
    """Show everything that can be set."""
    return _page()


def _page(**more: Any) -> str:
    ws = workspace()
    return render_template(
        "settings.html",
        chosen=preferences(ws),
        identity=ws.identity,
        idle_range=IDLE_RANGE,
        sync_range=SYNC_RANGE,
        recovery_due=recovery_due(),
        version=__version__,
        **{"typed": {}, "health": None, "words": "", "section": ""} | more,
    )


def _refused(section: str, error: Exception, typed: dict[str, str]) -> Any:
    trouble = trouble_of(error)
    if trouble is None:
        raise error
    page = _page(section=section, words=say(trouble), typed=typed)
    return page, status_of(trouble.code)


@pages.post("/preferences")
def prefer() -> Any:
    """Keep language and minutes."""
    form = request.form
    typed = {name: form.get(name, "") for name in ("lang", "idle_minutes", "sync_minutes")}
    try:
        choose(
            workspace(),
            lang=typed["lang"],
            idle_minutes=_whole(typed["idle_minutes"]),
            sync_minutes=_whole(typed["sync_minutes"]),
        )
    except BadPreference:
        return _refused("preferences", Trouble("out_of_choice"), typed)
    flash(_("设置已保存。"))
    return redirect(url_for("settings.show"))


def _whole(text: str) -> int:
    return int(text) if text.strip().isascii() and text.strip().isdigit() else -1


@pages.post("/server")
def server() -> Any:
    """Keep another address of the same centre."""
    address, allow_http = request.form.get("server_url", ""), "allow_http" in request.form
    try:
        move_server(workspace(), address, allow_http=allow_http)
    except Exception as error:
        return _refused("server", error, {"server_url": address})
    flash(_("服务器地址已保存。"))
    return redirect(url_for("settings.show"))


@pages.post("/passphrase")
def passphrase() -> Any:
    """Replace the passphrase."""
    form = request.form
    try:
        if form.get("new") != form.get("repeated"):
            raise Trouble("passphrases_differ")
        desk().change_passphrase(form.get("old", ""), form.get("new", ""))
    except Exception as error:
        return _refused("passphrase", error, {})
    flash(_("口令已更换。"))
    return redirect(url_for("settings.show"))


@pages.post("/recovery")
def new_recovery_key() -> Any:
    """Issue another recovery key and show it."""
    try:
        desk().new_recovery_key(request.form.get("passphrase", ""))
    except Exception as error:
        return _refused("recovery", error, {})
    return redirect(url_for("recovery.show"))


@pages.post("/check")
def check() -> Any:
    """Check the whole store and say how it is."""
    return _page(section="health", health=desk().health())


@pages.post("/backup")
def back_up() -> Any:
    """Make today's copy."""
    try:
        made = desk().back_up()
    except Exception as error:
        return _refused("health", error, {})
    flash(_("已备份。") if made else _("今天已经备份过。"))
    return redirect(url_for("settings.show"))
