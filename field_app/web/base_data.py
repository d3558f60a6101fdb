"""底数: places down to the door, the household's file, lists of every kind."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from field_app.services import base_data, places
from field_app.services.drafts import MAIN, edit_part, new_part, open_draft
from field_app.services.find import find_doors, warm
from field_app.services.households import household_file, new_resident
from field_app.web.records import kind_or_404
from field_app.web.session import workspace
from schemas.clock import written
from schemas.codes import code_list

pages = Blueprint("base_data", __name__)


@pages.get("/base")
def index() -> str:
    """Show compounds, shops and every list, with a search."""
    ws = workspace()
    query = request.args.get("q", "")
    warm(ws)
    return render_template(
        "base_index.html",
        query=query,
        found=find_doors(ws, query),
        results=code_list("VISIT_RESULT"),
        compounds=places.compounds(ws),
        kinds=base_data.kind_counts(ws),
    )


@pages.get("/base/compounds/<record_id>")
def compound(record_id: str) -> str:
    """Show a compound and its buildings in the own grids."""
    detail = base_data.detail(workspace(), kind_or_404("compound"), record_id)
    if detail is None:
        abort(404)
    return render_template(
        "base_compound.html", detail=detail, buildings=places.buildings_of(workspace(), record_id)
    )


@pages.get("/base/buildings/<record_id>")
def building(record_id: str) -> str:
    """Show a building door by door."""
    file = places.building_file(workspace(), record_id)
    if file is None:
        abort(404)
    return render_template("base_building.html", file=file, states=code_list("ROOM_STATE"))


@pages.get("/base/households/<record_id>")
def household(record_id: str) -> str:
    """Show the household file: members, care, visits."""
    ws = workspace()
    file = household_file(ws, record_id)
    detail = base_data.detail(ws, kind_or_404("household"), record_id)
    if file is None or detail is None:
        abort(404)
    return render_template(
        "household.html",
        file=file,
        detail=detail,
        results=code_list("VISIT_RESULT"),
        purposes=code_list("VISIT_PURPOSE"),
        risks=code_list("CARE_RISK"),
        cats=code_list("CARE_CAT"),
        relations=code_list("RELATION"),
        sexes=code_list("SEX"),
        care_states=code_list("CARE_STATE"),
    )


@pages.get("/base/households/<record_id>/resident")
def new_member(record_id: str) -> Response:
    """Open the form of a new member of a household."""
    ws = workspace()
    file = household_file(ws, record_id)
    if file is None:
        abort(404)
    now = written(ws.now().replace(second=0, microsecond=0))
    part = new_part("resident", values=new_resident(ws, record_id, now), grid=file.view["grid"])
    draft_id = open_draft(ws, "record", {MAIN: part})
    return redirect(url_for("records.fill_in", draft_id=draft_id))


@pages.get("/base/residents/<record_id>/move-out")
def move_out(record_id: str) -> Response:
    """Open the form that notes when and why somebody moved out."""
    ws = workspace()
    if not base_data.may_change(ws, "resident", record_id):
        abort(404)
    part = edit_part(ws, "resident", record_id, only=["moved_out_at", "move_reason"])
    return redirect(url_for("records.fill_in", draft_id=open_draft(ws, "record", {MAIN: part})))
