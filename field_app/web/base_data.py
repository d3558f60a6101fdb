"""底数: places down to the door, the household's file, lists of every kind."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from field_app.services import base_data, places
from field_app.services.care import new_care
from field_app.services.compounds import compound_file
from field_app.services.drafts import MAIN, edit_part, new_part, open_draft
from field_app.services.find import find_doors, warm
from field_app.services.households import household_file, new_resident
from field_app.services.record_forms import html_id
from field_app.services.records import get_view
from field_app.services.survivors import survivor_of
from field_app.web.records import kind_or_404
from field_app.web.session import workspace
from schemas import party
from schemas.clock import local_day, written
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
    """Show the compound file: buildings, people to turn to, problems, what was done there."""
    ws = workspace()
    file = compound_file(ws, record_id)
    detail = base_data.detail(ws, kind_or_404("compound"), record_id)
    if file is None or detail is None:
        abort(404)
    return render_template(
        "base_compound.html",
        file=file,
        detail=detail,
        results=code_list("VISIT_RESULT"),
        slots=code_list("SLOT"),
        issue_states=code_list("ISSUE_STATE"),
    )


@pages.get("/base/compounds/<record_id>/organisation")
def new_group(record_id: str) -> Response:
    """Open the form of a new organisation that covers a compound; it stands where that does."""
    ws = workspace()
    file = compound_file(ws, record_id)
    if file is None or not base_data.may(ws, kind_or_404("org"), "create"):
        abort(404)
    part = new_part("org", values={"compound_ids": [record_id]}, grid=file.view["grid"])
    return redirect(url_for("records.fill_in", draft_id=open_draft(ws, "record", {MAIN: part})))


@pages.get("/base/organisations/<record_id>/checks")
def check_members(record_id: str) -> Response:
    """Open the form that notes how Party members were found, at the one ``?of=`` names, with the
    day of today."""
    ws = workspace()
    key = request.args.get("of", "")
    if not base_data.may_change(ws, party.ORG, record_id):
        abort(404)
    part = edit_part(ws, party.ORG, record_id, only=[party.CHECKS])
    row = f"{party.CHECKS}.{key}"
    if key in (part["base"].get(party.MEMBERS) or {}):
        part["texts"][f"{row}.checked_on"] = [local_day(ws.now())]
    draft_id = open_draft(ws, "record", {MAIN: part})
    page = url_for("records.fill_in", draft_id=draft_id)
    return redirect(f"{page}#{html_id('row-' + row)}")


@pages.get("/base/buildings/<record_id>")
def building(record_id: str) -> str:
    """Show a building door by door."""
    file = places.building_file(workspace(), record_id)
    if file is None:
        abort(404)
    return render_template("base_building.html", file=file, states=code_list("ROOM_STATE"))


@pages.get("/base/households/<record_id>")
def household(record_id: str) -> str | Response:
    """Show the household file: members, care, visits; a merged household's is its survivor's."""
    ws = workspace()
    if (into := survivor_of(ws, "household", record_id)) != record_id:
        return redirect(url_for(".household", record_id=into))
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
    if file is None or not base_data.may(ws, kind_or_404("resident"), "create"):
        abort(404)
    now = written(ws.now().replace(second=0, microsecond=0))
    part = new_part("resident", values=new_resident(ws, record_id, now), grid=file.view["grid"])
    draft_id = open_draft(ws, "record", {MAIN: part})
    return redirect(url_for("records.fill_in", draft_id=draft_id))


@pages.get("/base/residents/<record_id>/care")
def take_into_care(record_id: str) -> Response:
    """Open the form of a new care record of somebody."""
    ws = workspace()
    view = get_view(ws, "resident", record_id)
    if view is None or not base_data.may(ws, kind_or_404("care"), "create"):
        abort(404)
    part = new_part("care", values=new_care(ws, record_id), grid=view["grid"])
    return redirect(url_for("records.fill_in", draft_id=open_draft(ws, "record", {MAIN: part})))


@pages.get("/base/residents/<record_id>/move")
def move(record_id: str) -> Response:
    """Open the form that puts somebody into another household, with the day he moved in."""
    ws = workspace()
    if not base_data.may_change(ws, "resident", record_id):
        abort(404)
    asked = ["household_id", "relation", "moved_in_at"]
    part = edit_part(ws, "resident", record_id, only=asked)
    return redirect(url_for("records.fill_in", draft_id=open_draft(ws, "record", {MAIN: part})))


@pages.get("/base/residents/<record_id>/move-out")
def move_out(record_id: str) -> Response:
    """Open the form that notes when and why somebody moved out: today, if no other day is known."""
    ws = workspace()
    if not base_data.may_change(ws, "resident", record_id):
        abort(404)
    part = edit_part(ws, "resident", record_id, only=["moved_out_at", "move_reason"])
    part["texts"].setdefault("moved_out_at", [local_day(ws.now())])
    return redirect(url_for("records.fill_in", draft_id=open_draft(ws, "record", {MAIN: part})))
