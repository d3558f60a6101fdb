"""覆盖: what is due or overdue in the own grids, as a list and as a drawing."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from field_app.services import coverage
from field_app.web.session import workspace
from schemas.coverage import EXTINGUISHER_SOON, LABELS, MARKS
from schemas.plane import WIDTH

pages = Blueprint("coverage", __name__)


@pages.get("/coverage")
def show() -> str:
    """Show one subject: people in care, households, patrol points or shops' extinguishers."""
    args = request.args
    subject = args.get("of", "")
    subject = subject if subject in coverage.SUBJECTS else coverage.CARE
    shown = args.get("show", "")
    shown = shown if shown in (*MARKS, "all") else ""
    place = args.get("at", "")
    return render_template(
        "coverage.html",
        found=coverage.coverage(workspace(), subject, shown, place),
        subjects=coverage.SUBJECTS,
        marks=MARKS,
        labels=LABELS,
        limits=coverage.limits_here(workspace()),
        soon=EXTINGUISHER_SOON,
        width=WIDTH,
        place=place,
    )
