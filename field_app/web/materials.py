"""材料: what the grid has left, and recording what came in or went out."""

from __future__ import annotations

from flask import Blueprint, render_template

from field_app.services import materials
from field_app.services.choices import names
from field_app.web.session import workspace
from schemas.codes import code_list

pages = Blueprint("materials", __name__)


@pages.get("/materials")
def index() -> str:
    """Show the stock of every material and the latest records."""
    ws = workspace()
    return render_template(
        "materials.html",
        lines=materials.stock_of(ws),
        moves=materials.moves(ws),
        codes=code_list("MATERIAL"),
        move_words=code_list("MATERIAL_MOVE"),
        name_of=names(ws),
    )
