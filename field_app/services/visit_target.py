"""Where a visit goes: a household or a shop as this laptop holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from field_app.services.households import HouseholdFile, Member, household_file, visits_to
from field_app.services.records import get_view
from field_app.services.workspace import Workspace
from schemas.care_contact import NOT_MET


@dataclass(frozen=True)
class Target:
    """Where a visit goes: a household's file, or a shop's view, with the last visit there."""

    kind: str
    record_id: str
    view: Mapping[str, Any]
    file: HouseholdFile | None
    last: Mapping[str, Any] | None
    met: Mapping[str, Any] | None
    """The last visit there that met somebody."""

    @property
    def in_care(self) -> tuple[Member, ...]:
        """The people looked after behind this door."""
        return self.file.in_care if self.file else ()


def target_of(ws: Workspace, fields: Mapping[str, Any]) -> Target | None:
    """Return where a visit with these fields goes, None when this laptop does not hold it."""
    for field, kind in (("household_id", "household"), ("shop_id", "shop")):
        record_id = str(fields.get(field) or "")
        view = get_view(ws, kind, record_id) if record_id else None
        if view is None:
            continue
        before = visits_to(ws, field, record_id)
        file = household_file(ws, record_id) if kind == "household" else None
        met = (one for one in before if one["fields"].get("result") not in NOT_MET)
        return Target(
            kind, record_id, view, file, before[0] if before else None, next(met, None)
        )  # fmt: skip
    return None


def place_of(ws: Workspace, target: Target) -> dict[str, Any]:
    """Return compound, building and place of a door."""
    if target.file is None:
        return {"place": target.view["fields"].get("address")}
    room = target.file.room["fields"] if target.file.room else {}
    building = get_view(ws, "building", room.get("building_id") or "")
    return {
        "building_id": room.get("building_id"),
        "compound_id": building["fields"].get("compound_id") if building else None,
        "place": target.file.title,
    }
