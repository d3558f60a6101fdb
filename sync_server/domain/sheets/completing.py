"""What a row leaves unsaid and its other cells tell: the birth month in an ID number, a room's full
label, how often somebody in care is visited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from schemas.kinds.care import INTERVAL_DAYS
from schemas.search import fold
from sync_server.domain.natural_keys import hashed, plain_no

LEVEL_BY_LENGTH = {6: "district", 9: "street", 12: "community", 15: "grid", 17: "micro"}
LONGEST_CODE, LONGEST_TITLE = 40, 40


def complete(kind: str, fields: Mapping[str, Any], around: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields that follow from the others and are missing among ``fields``.

    ``around`` holds what the row says of the records above, by column name.
    """
    rule = _RULES.get(kind)
    found = rule(fields, around) if rule else {}
    return {name: value for name, value in found.items() if value and not fields.get(name)}


def room_label(building_no: str, unit_no: str, no: str) -> str:
    """Return a room's full label within its compound: 3-1-502; 2巷15号 for a door in a lane."""
    building = plain_no(building_no) if building_no[-1:] in "号楼栋幢座" else building_no
    if not building:
        return no
    if building.endswith(("巷", "胡同", "条", "弄", "排")):
        return f"{building}{no}"
    unit = plain_no(unit_no) if unit_no else ""
    return "-".join(part for part in (building, unit, plain_no(no)) if part)


def household_code(room_id: str, head: str) -> str:
    """Return a number for a household that came without one: it follows from room and head."""
    return f"Z{hashed('household', 'number', room_id, fold(head))[:12].upper()}"


def _area(fields: Mapping[str, Any], around: Mapping[str, str]) -> dict[str, Any]:
    code = str(fields.get("code") or "")
    return {"level": LEVEL_BY_LENGTH.get(len(code))}


def _room(fields: Mapping[str, Any], around: Mapping[str, str]) -> dict[str, Any]:
    no = str(fields.get("no") or "")
    label = room_label(around.get("building.no", ""), str(fields.get("unit_no") or ""), no)
    return {"label": label if no else "", "no": str(fields.get("label") or "")[-20:]}


def _resident(fields: Mapping[str, Any], around: Mapping[str, str]) -> dict[str, Any]:
    number = str(fields.get("id_no") or "")
    found: dict[str, Any] = {}
    if len(number) == 18 and number[:17].isdigit():
        found = {
            "birth": f"{number[6:10]}-{number[10:12]}",
            "sex": "1" if int(number[16]) % 2 else "2",
        }
    head = around.get("household.head", "")
    if head and head == fields.get("name"):
        found["relation"] = "02"
    return found


def _care(fields: Mapping[str, Any], around: Mapping[str, str]) -> dict[str, Any]:
    return {"visit_every_days": INTERVAL_DAYS.get(str(fields.get("risk")))}


def _issue(fields: Mapping[str, Any], around: Mapping[str, str]) -> dict[str, Any]:
    title, text = (str(fields.get(name) or "") for name in ("title", "text"))
    return {
        "title": " ".join(text.split())[:LONGEST_TITLE],
        "text": title,
        "place": around.get("compound.name", ""),
    }


_RULES: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, str]], dict[str, Any]]] = {
    "area": _area,
    "room": _room,
    "resident": _resident,
    "care": _care,
    "issue": _issue,
}
