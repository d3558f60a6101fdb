"""What the form of a visit begins with, what saving it asks (how everybody in care behind the door
is, where somebody was met), and what saving leaves out (whom a visit met that met nobody)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from field_app.domain.typed import values_of
from field_app.services.draft_shape import Part
from field_app.services.survivors import survivor_of
from field_app.services.visit_target import Target
from field_app.services.workspace import Workspace
from schemas.care_contact import MET, NOT_MET
from schemas.catalogue import kind_of
from schemas.check import FieldProblem
from schemas.messages import Problem

OF_A_MEETING = ("met", "notice_given")
"""What a visit says of having met somebody."""


def carried(target: Target) -> dict[str, Any]:
    """Return the values, of the fields that are carried on, of the last visit that met somebody."""
    last = target.met["fields"] if target.met else {}
    declared = kind_of("visit").declared()
    return {name: last[name] for name, field in declared.items() if field.carry and name in last}


def leave_out_meeting(main: Part) -> None:
    """Let a visit that met nobody say neither whom it met nor that the notice was given where its
    form still says what it began with. What is typed stays as it is, should the result change."""
    for name in OF_A_MEETING:
        main["fixed"].pop(name, None)
    texts, begun = main["texts"], main.get("prefilled", {})
    if values_of(kind_of("visit"), texts).get("result") not in NOT_MET:
        return
    if begun.get("met") and texts.get("met") == begun["met"]:
        main["fixed"]["met"] = None
    if begun.get("notice_given") and texts.get("notice_given") == begun["notice_given"]:
        main["fixed"]["notice_given"] = False


def states_missing(
    ws: Workspace, target: Target | None, said: Mapping[str, Any]
) -> list[FieldProblem]:
    """Return a problem for each person in care whose state a visit that met somebody leaves open:
    without it they would count as reached (`schemas.care_contact.reached`). What is wrong with a
    check that says anything is told by its kind."""
    if target is None or said.get("result") not in MET:
        return []
    checked = {survivor_of(ws, "resident", one) for one in said.get("care_checks") or {}}
    return [
        FieldProblem(f"/care_checks/add/{one}/state", Problem("required"))
        for one in (member.view["record_id"] for member in target.in_care)
        if one not in checked
    ]
