"""What the worker's district has set for all: what it calls the levels of an issue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from field_app.services.workspace import Workspace
from schemas.codes import OwnWords

LEVELS = "ISSUE_LEVEL"


def own_words(ws: Workspace) -> OwnWords:
    """Return the district's own words for codes, as the centre last sent them; may be empty."""
    labels = district_fields(ws).get("level_labels")
    return {LEVELS: {code: one["label"] for code, one in labels.items()}} if labels else {}


def district_fields(ws: Workspace) -> Mapping[str, Any]:
    """Return what the district's own area record says; empty where this laptop has none."""
    district = ws.identity.district
    found: dict[str, Any] = {}
    for view in ws.table("area").find_by("grid", district):
        if view["fields"].get("code") == district and not view["voided"]:
            found |= view["fields"]
    return found
