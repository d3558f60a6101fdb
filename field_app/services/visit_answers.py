"""What saving a visit asks of its form, and what it leaves out: the state of everybody in care
behind the door of somebody who was met; whom a visit met that met nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from field_app.services.survivors import survivor_of
from field_app.services.visit_target import Target
from field_app.services.workspace import Workspace
from schemas.care_contact import MET
from schemas.check import FieldProblem
from schemas.messages import Problem


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
