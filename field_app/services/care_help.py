"""Somebody in care who needs help: the service request that saving the visit opens by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from field_app.services.drafts import MAIN, Draft, new_part
from field_app.services.overview import look
from field_app.services.records import get_view
from field_app.services.service_requests import KIND, SERVICE, standing
from field_app.services.survivors import gathered, survivors
from field_app.services.workspace import Workspace
from schemas.care_contact import at_survivors
from schemas.catalogue import kind_of
from schemas.fields import Paragraph

HELP = "help-"
"""Beginning of the prefixes of these requests in a visit's draft."""
NEEDS_HELP = "need_help"


def open_requests(ws: Workspace, draft: Draft, said: Mapping[str, Any]) -> list[str]:
    """Put a request into a visit's draft for each person its care checks find in need of help, and
    return the ids of the requests; ``said`` are the visit's fields. Who was merged counts as the
    one that is left.

    None is made for somebody whose earlier request is still open, or whom the visit found in need
    before this correction of it, nor where the worker takes the only need on that form down
    himself.
    """
    parts = draft["parts"]
    for prefix in [one for one in parts if one.startswith(HELP)]:  # of a save that was refused
        del parts[prefix]
    homes, persons = survivors(ws, "household"), survivors(ws, "resident")
    said = at_survivors(said, homes, persons)
    checks = said.get("care_checks") or {}
    base = at_survivors(parts[MAIN]["base"], homes, persons)
    before = _needing(base.get("care_checks") or {})
    needing = [one for one in _needing(checks) if one not in before]
    if SERVICE in parts and len(needing) == 1:
        return []
    made = []
    for resident_id in needing:
        resident = get_view(ws, "resident", resident_id)
        if resident is None or _has_open(ws, resident_id):
            continue
        part = new_part(
            KIND,
            fixed=_fields(ws, draft, said, resident, checks[resident_id]),
            grid=parts[MAIN]["grid"],
        )
        parts[f"{HELP}{resident_id}:"] = part
        made.append(part["record_id"])
    return made


def _needing(checks: Mapping[str, Any]) -> list[str]:
    return [one for one, check in checks.items() if check.get("state") == NEEDS_HELP]


def _has_open(ws: Workspace, resident_id: str) -> bool:
    gone_in = gathered(ws, "resident", resident_id)
    for view in look(ws, KIND, lambda one: one["fields"].get("resident_id") in gone_in):
        found = standing(ws, view["record_id"])
        if found is not None and found.open:
            return True
    return False


def _fields(
    ws: Workspace,
    draft: Draft,
    said: Mapping[str, Any],
    resident: Mapping[str, Any],
    check: Mapping[str, Any],
) -> dict[str, Any]:
    person = resident["fields"]
    home = said.get("household_id") or person.get("household_id")
    household = get_view(ws, "household", home) if home else None
    fields = {
        "requested_at": said.get("visited_at"),
        "kind": "proxy",
        "item": "other",
        "words": _words(said, check) or "关怀探访时需要帮助，具体事项待核实。",
        "applicant": person.get("name"),
        "phone": person.get("phone") or (household["fields"].get("phone") if household else None),
        "household_id": home,
        "resident_id": resident["record_id"],
        "visit_id": draft["parts"][MAIN]["record_id"],
        "channel": "door",
    }
    return {name: value for name, value in fields.items() if value}


def _words(said: Mapping[str, Any], check: Mapping[str, Any]) -> str:
    """Return what the check says and what the visit found, as far as a request has room for it."""
    found = [str(check[name]) for name in ("change", "action") if check.get(name)]
    words = "\n".join(one for one in ("；".join(found), str(said.get("findings") or "")) if one)
    longest = cast(Paragraph, kind_of(KIND).declared()["words"]).longest
    return words if len(words) <= longest else words[: longest - 1] + "…"
