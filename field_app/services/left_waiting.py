"""What waits at the centre for a record whose beginning its worker has given up: it is over too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from field_app.domain.reconcile import given_up, is_held
from field_app.domain.views import parent_field
from field_app.services.workspace import CHANGES, Workspace, plain, put_all
from schemas.catalogue import kind_of


def give_up_waiting(ws: Workspace, refused: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Take what waits for the record of a change that was just withdrawn for withdrawn as well;
    return these changes, whose views are to be written anew."""
    record_id = refused["record_id"]
    mine = plain(ws.table(CHANGES).find_by("record_id", record_id))
    view = ws.table(refused["kind"]).get(doc_id=record_id)
    settled = given_up(mine, view["copy"] if view else None)
    over = [now for before, now in zip(mine, settled, strict=True) if before != now]
    if refused["action"] == "create":
        waiting = plain(ws.table(CHANGES).find_by("settled", False))
        steps = (one for one in waiting if is_held(one) and _parent(one) == record_id)
        over += [{**one, "withdrawn": True} for one in steps]
    put_all(ws.db, CHANGES, {one["change_id"]: one for one in over})
    return over


def _parent(change: Mapping[str, Any]) -> str | None:
    """Return the record a step belongs to, None for every other change."""
    if change["action"] != "step":
        return None
    found: str | None = change["fields"].get(parent_field(kind_of(change["kind"])))
    return found
