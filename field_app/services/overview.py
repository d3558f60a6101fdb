"""Looking over many records at once without copying them.

`records.views` copies every view it returns, which is right for the few that are worked on. Pages
that only count, sort or pick among thousands look at the store's own documents instead: they are
whole (the store replaces documents, it never alters them) and must never be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from field_app.services.records import get_view
from field_app.services.workspace import Workspace

View = Mapping[str, Any]
Fits = Callable[[View], bool]


def is_present(view: View) -> bool:
    """Tell whether a view is neither voided nor merged into another."""
    return not view["voided"] and not view["merged_into"]


def look(ws: Workspace, kind_name: str, fits: Fits = is_present) -> list[View]:
    """Return the views of a kind that fit, to be looked at only: never change or keep them."""
    found: list[View] = []

    def see(value: View) -> bool:
        if fits(value):
            found.append(value)
        return False

    ws.table(kind_name).count(see)
    return found


def newest(
    ws: Workspace, kind_name: str, field: str, limit: int, fits: Fits = lambda view: True
) -> list[dict[str, Any]]:
    """Return copies of the ``limit`` latest views by a time ``field``, the newest first."""
    dated = [
        (str(view["fields"].get(field) or ""), str(view["record_id"]))
        for view in look(ws, kind_name, lambda one: is_present(one) and fits(one))
    ]
    dated.sort(reverse=True)
    found = (get_view(ws, kind_name, record_id) for _, record_id in dated[:limit])
    return [view for view in found if view is not None]


def survivors(ws: Workspace, kind_name: str) -> dict[str, str]:
    """Return into which record each merged one of a kind went, to the end of the chain."""
    merged = look(ws, kind_name, lambda view: bool(view["merged_into"]))
    into = {str(view["record_id"]): str(view["merged_into"]) for view in merged}
    for one in into:
        seen = {one}
        while into[one] in into and into[one] not in seen:
            seen.add(into[one])
            into[one] = into[into[one]]
    return into
