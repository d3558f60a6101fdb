"""What the worker's district calls the levels of an issue."""

from __future__ import annotations

from field_app.services.workspace import Workspace
from schemas.codes import OwnWords

LEVELS = "ISSUE_LEVEL"


def own_words(ws: Workspace) -> OwnWords:
    """Return the district's own words for codes, as the centre last sent them; may be empty."""
    district = ws.identity.district
    for view in ws.table("area").find_by("grid", district):
        fields = view["fields"]
        if fields.get("code") == district and not view["voided"] and fields.get("level_labels"):
            return {LEVELS: {code: one["label"] for code, one in fields["level_labels"].items()}}
    return {}
