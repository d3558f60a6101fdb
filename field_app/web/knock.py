"""敲门行动: the campaigns of the grid, and the doors of one with a tap to each visit."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request

from field_app.services import knock
from field_app.web.session import workspace
from schemas.codes import code_list

pages = Blueprint("knock", __name__)


@pages.get("/knock")
def index() -> str:
    """Show the campaigns of the own grids with how far each has come."""
    return render_template("knock.html", campaigns=knock.campaigns(workspace()))


@pages.get("/knock/<record_id>")
def show(record_id: str) -> str:
    """Show what a campaign is about."""
    ws = workspace()
    found = knock.campaign(ws, record_id)
    if found is None:
        abort(404)
    return render_template(
        "knock_show.html",
        one=found,
        plan=knock.plan_words(ws, record_id),
        questions=knock.questions_of(ws, record_id),
        opinion_cats=code_list("OPINION_CAT"),
        states=code_list("KNOCK_STATE"),
    )


@pages.get("/knock/<record_id>/doors")
def doors(record_id: str) -> str:
    """Show the doors by building and entrance, with what is left."""
    args = request.args
    found = knock.doors(
        workspace(), record_id, args.get("building", ""), args.get("show", knock.LEFT_DOORS)
    )
    if found is None:
        abort(404)
    return render_template(
        "knock_doors.html",
        found=found,
        shown=knock.SHOWN,
        states=code_list("KNOCK_STATE"),
        results=code_list("VISIT_RESULT"),
    )
