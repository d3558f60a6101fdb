"""今日: what the day asks for, and a big button for each way to begin."""

from __future__ import annotations

from flask import Blueprint, render_template

from field_app.services.today import today
from field_app.web.session import workspace
from schemas.codes import code_list

pages = Blueprint("today", __name__)


@pages.get("/")
def show() -> str:
    """Show the first page."""
    ws = workspace()
    slots = {item.code: item.label.text(ws.lang) for item in code_list("SLOT").items}
    risks = {item.code: item.label.text(ws.lang) for item in code_list("CARE_RISK").items}
    return render_template("today.html", today=today(ws), slots=slots, risks=risks)
