"""今日: what the day asks for, and a big button for each way to begin."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, current_app, render_template

from field_app.services.coverage import extinguishers_due
from field_app.services.today import Room, room_of, today
from field_app.settings import Settings
from field_app.web.recovery import recovery_due
from field_app.web.session import desk, workspace
from schemas.codes import code_list
from schemas.coverage import EXTINGUISHER_SOON

pages = Blueprint("today", __name__)


@pages.get("/")
def show() -> str:
    """Show the first page."""
    ws = workspace()
    slots = {item.code: item.label.text(ws.lang) for item in code_list("SLOT").items}
    return render_template(
        "today.html",
        today=today(ws),
        slots=slots,
        risks=code_list("CARE_RISK"),
        room=_room(ws.worker_id),
        extinguishers=extinguishers_due(ws),
        soon=EXTINGUISHER_SOON,
        recovery_due=recovery_due(),
        service_items=code_list("SERVICE_ITEM"),
        service_states=code_list("SERVICE_STATE"),
    )


def _room(worker_id: str) -> Room:
    settings = cast(Settings, current_app.extensions["settings"])
    return room_of(settings.data_dir, desk().vault.backups(worker_id))
