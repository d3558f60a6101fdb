"""Searching from any page: doors, and what a reference can be set to."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from field_app.services.choices import offer
from field_app.services.find import find_doors
from field_app.web.session import workspace
from schemas.codes import code_list

pages = Blueprint("search", __name__)


@pages.get("/find")
def doors() -> str:
    """Show the households and shops that fit what was typed."""
    query = request.args.get("q", "")
    found = find_doors(workspace(), query)
    return render_template("visit_found.html", query=query, found=found,
                           results=code_list("VISIT_RESULT"))  # fmt: skip


@pages.get("/find/choices")
def choices() -> str:
    """Give the options of a reference's menu for what was typed."""
    args = request.args
    chosen = [one for one in args.getlist("chosen") if one]
    found = offer(workspace(), args.get("kind", ""), chosen, args.get("q", "")[:80])
    return render_template("_options.html", choices=found.choices, left=found.left)
