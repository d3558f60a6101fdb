"""What of a record is odd by the day it is and by other records: asked about, never refused.

Fields doubt their own values (``Declared.doubts``); here is what they cannot know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from field_app.domain.duty import ahead_doubt
from field_app.services.households import cares_of
from field_app.services.survivors import survivor_of
from field_app.services.workspace import Workspace
from schemas.care_contact import REACHED
from schemas.care_due import odd_next
from schemas.check import FieldProblem
from schemas.clock import local_day, read_moment
from schemas.kind import Kind


def last_day(ws: Workspace) -> str:
    """Return today by the laptop's clock or by the centre's, whichever is later.

    What a wrong clock or a slip of the finger dated after it keeps nobody off a list.
    """
    return local_day(_latest(ws))


def doubts_about(ws: Workspace, kind: type[Kind], fields: Mapping[str, Any]) -> list[FieldProblem]:
    """Return what is odd about a record's stored fields."""
    ahead = ahead_doubt(kind, fields, _latest(ws))
    found = [ahead] if ahead else []
    if kind.info.name == "visit":
        found += _next_visits(ws, fields)
    return found


def _latest(ws: Workspace) -> datetime:
    return max(ws.now(), ws.true_now())


def _next_visits(ws: Workspace, fields: Mapping[str, Any]) -> Iterator[FieldProblem]:
    try:
        day = local_day(read_moment(str(fields.get("visited_at"))))
    except ValueError:
        return
    for person, check in (fields.get("care_checks") or {}).items():
        if check.get("next_on") and check.get("state") in REACHED:  # a miss moves no due day
            cares = cares_of(ws, survivor_of(ws, "resident", person))
            if odd := odd_next([one["fields"] for one in cares], day, check):
                yield FieldProblem("/care_checks", odd)
