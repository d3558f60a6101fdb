"""Unlocking a worker's store, and the way in for who forgot the passphrase."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from field_app.domain.errors import Trouble
from field_app.services.troubles import trouble_of
from field_app.web.errors import say, status_of
from field_app.web.session import (
    desk,
    find_workspace,
    local_path,
    sit_down,
    while_locked,
)

pages = Blueprint("unlock", __name__, url_prefix="/unlock")


@pages.get("")
@while_locked
def show() -> Any:
    """Ask who it is and for the passphrase."""
    if find_workspace() is not None:
        return redirect(local_path(request.args.get("next")))
    if not desk().workers():
        return redirect(url_for("join.show"))
    return _form("unlock.html")


@pages.post("")
@while_locked
def submit() -> Any:
    """Unlock; a wrong passphrase is told with the seconds to wait."""
    form = request.form
    try:
        seat = desk().unlock(
            form.get("worker_id", ""),
            form.get("passphrase", ""),
            accept_loss=form.get("accept_loss") == "1",
        )
    except Exception as error:
        return _again("unlock.html", error)
    sit_down(seat)
    return redirect(local_path(form.get("next")))


@pages.get("/recovery")
@while_locked
def forgotten() -> Any:
    """Ask for the recovery key and a new passphrase."""
    return _form("unlock_recovery.html")


@pages.post("/recovery")
@while_locked
def recover() -> Any:
    """Unlock by the recovery key and lock with a new passphrase from now on."""
    form = request.form
    try:
        if form.get("passphrase") != form.get("repeated"):
            raise Trouble("passphrases_differ")
        seat = desk().unlock_with_recovery(
            form.get("worker_id", ""), form.get("recovery_key", ""), form.get("passphrase", "")
        )
    except Exception as error:
        return _again("unlock_recovery.html", error)
    sit_down(seat)
    flash(_("口令已换成新的，旧的不能再用。恢复码没有变，请照旧保管。"))
    return redirect(local_path(form.get("next")))


def _form(template: str, **more: Any) -> str:
    form = request.form if request.method == "POST" else request.args
    return render_template(
        template,
        workers=desk().workers(),
        chosen=form.get("worker_id", ""),
        next=local_path(form.get("next")),
        nameless=_("网格员"),
        **more,
    )


def _again(template: str, error: Exception) -> Any:
    trouble = trouble_of(error)
    if trouble is None:
        raise error
    if trouble.code == "disk_full":  # nothing was being saved; opening a store writes to it
        trouble = Trouble("disk_full_locked", folder=str(desk().vault.folder))
    page = _form(
        template,
        words=say(trouble),
        code=trouble.code,
        seconds=trouble.facts.get("seconds"),
    )
    return page, status_of(trouble.code)
