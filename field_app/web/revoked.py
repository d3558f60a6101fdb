"""停用: what the worker of a revoked laptop can do, until its data may be destroyed."""

from __future__ import annotations

from typing import Any

from flask import (
    Blueprint,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import gettext as _

from field_app.domain.errors import Trouble, sentence
from field_app.services import rescue
from field_app.services.accounting import sentences
from field_app.sync_client import SyncFault
from field_app.web.session import desk, workspace

pages = Blueprint("revoked", __name__, url_prefix="/revoked")


@pages.get("")
def show() -> Any:
    """Show what is safe at the centre, the ways to bring the rest there, and the end."""
    return _page("")


@pages.post("/ask")
def ask() -> Any:
    """Ask the centre what it has of this device."""
    try:
        rescue.ask_centre(desk(), workspace())
    except SyncFault as fault:
        flash(sentence(fault.code, workspace().lang, **fault.facts), "warning")
    return redirect(url_for("revoked.show"))


@pages.post("/destroy")
def destroy() -> Any:
    """Destroy this laptop's data, once all of it is at the centre and the worker typed so."""
    ws = workspace()
    try:
        rescue.destroy(desk(), ws, request.form.get("words", ""))
    except Trouble as trouble:
        return _page(sentence(trouble.code, ws.lang, **trouble.facts)), 422
    session.clear()
    flash(_("本机数据已销毁。已上传的记录都在服务器。"))
    return redirect("/")


def _page(refused: str) -> str:
    ws = workspace()
    differences, _notes = sentences(ws)
    relay = "relay.show" if "relay.show" in current_app.view_functions else None
    return render_template(
        "revoked.html",
        rescue=rescue.rescue_of(ws),
        differences=differences,
        words=rescue.WORDS[ws.lang],
        refused=refused,
        typed=request.form.get("words", ""),
        relay=url_for(relay) if relay else None,
    )
