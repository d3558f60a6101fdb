"""What areas are called: nobody knows his grid by its fifteen digits."""

from __future__ import annotations

from field_app.services.workspace import Workspace


def area_name(ws: Workspace, code: str) -> str:
    """Return what the area with this code is called, the code itself where this laptop has no
    record of it."""
    for view in ws.table("area").find_by("grid", code):
        fields = view["fields"]
        if fields.get("code") == code and fields.get("name") and not view["voided"]:
            return str(fields["name"])
    return code
