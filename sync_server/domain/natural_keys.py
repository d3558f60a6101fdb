"""By what a record is known in registers: codes, numbers, names within their place.

A record has several keys, the surest first. Keys are kept as hashes (``store/record_keys.py``), for
they are only compared. A text written a little differently (3号楼, 3栋, ３) gives the same key.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from schemas.search import fold

KEYED = (
    "area", "unit", "compound", "building", "room", "shop", "household", "resident", "care",
    "issue",
)  # fmt: skip
"""The kinds that have keys."""


def hashed(kind: str, what: str, *parts: str) -> str:
    """Return one key: of a record of ``kind``, by ``what``, of these parts."""
    text = "\x1f".join((kind, what, *parts))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=8192)
def tidy(text: str) -> str:
    """Return a number or code for comparing; its dashes part what belongs apart, and so stay."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return re.sub(r"[－–—−~]", "-", re.sub(r"\s", "", plain))


@lru_cache(maxsize=8192)
def plain_no(text: str) -> str:
    """Return a building's, entrance's or room's number for comparing: 03号楼 → 3, 502室 → 502."""
    folded = tidy(text)
    bare = re.sub(r"(号楼|号院|号|#|楼|栋|幢|座|单元|室|房)\Z", "", folded) or folded
    return bare.lstrip("0") or bare


def keys_of(kind: str, fields: Mapping[str, Any]) -> list[str]:
    """Return the keys of a record with these stored fields; empty for a kind without keys."""
    rule = _RULES.get(kind)
    return rule(fields) if rule else []


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _area(fields: Mapping[str, Any]) -> list[str]:
    code = _text(fields, "code")
    return [hashed("area", "code", tidy(code))] if code else []


def _unit(fields: Mapping[str, Any]) -> list[str]:
    name = _text(fields, "name")
    return [hashed("unit", "name", fold(name))] if name else []


def _compound(fields: Mapping[str, Any]) -> list[str]:
    code, name = _text(fields, "code"), _text(fields, "name")
    found = [compound_by_code(code)] if code else []
    if name:
        found.append(compound_in(str(fields.get("community_code") or ""), name))
        found.append(compound_called(name))
    return found


def compound_by_code(code: str) -> str:
    """Return the key of the compound with this code."""
    return hashed("compound", "code", tidy(code))


def compound_in(community: str, name: str) -> str:
    """Return the key of a community's compound of this name."""
    return hashed("compound", "in", community, fold(name))


def compound_called(name: str) -> str:
    """Return the key of any compound of this name."""
    return hashed("compound", "called", fold(name))


def _building(fields: Mapping[str, Any]) -> list[str]:
    compound, no = fields.get("compound_id"), _text(fields, "no")
    return [building_in(compound, no)] if compound and no else []


def building_in(compound_id: str, no: str) -> str:
    """Return the key of a compound's building."""
    return hashed("building", "no", compound_id, plain_no(no))


def _room(fields: Mapping[str, Any]) -> list[str]:
    building, no = fields.get("building_id"), _text(fields, "no")
    label = _text(fields, "label")
    if not building:
        return []
    found = [room_in(building, str(fields.get("unit_no") or ""), no)] if no else []
    return [*found, room_labelled(building, label)] if label else found


def room_in(building_id: str, unit_no: str, no: str) -> str:
    """Return the key of a building's room by entrance and number."""
    return hashed("room", "no", building_id, plain_no(unit_no) if unit_no else "", plain_no(no))


def room_labelled(building_id: str, label: str) -> str:
    """Return the key of a building's room by its full label."""
    return hashed("room", "label", building_id, tidy(label))


def _household(fields: Mapping[str, Any]) -> list[str]:
    code, room = _text(fields, "code"), fields.get("room_id")
    found = [household_by_code(code)] if code else []
    return [*found, household_in(room)] if room else found


def household_by_code(code: str) -> str:
    """Return the key of the household with this number."""
    return hashed("household", "code", tidy(code))


def household_in(room_id: str) -> str:
    """Return the key of every household of a room."""
    return hashed("household", "room", room_id)


def _resident(fields: Mapping[str, Any]) -> list[str]:
    household, name = fields.get("household_id"), _text(fields, "name")
    found = [resident_numbered(fields["id_no"])] if fields.get("id_no") else []
    if household and name:
        found.append(resident_born(household, name, str(fields.get("birth") or "")))
        found.append(resident_in(household, name))
    return found


def resident_numbered(id_no: str) -> str:
    """Return the key of the resident with this ID number."""
    return hashed("resident", "id", id_no)


def resident_born(household_id: str, name: str, birth: str) -> str:
    """Return the key of a household's member of this name and birth month."""
    return hashed("resident", "born", household_id, fold(name), birth)


def resident_in(household_id: str, name: str) -> str:
    """Return the key of a household's members of this name."""
    return hashed("resident", "in", household_id, fold(name))


def _shop(fields: Mapping[str, Any]) -> list[str]:
    code, name, address = (_text(fields, one) for one in ("uscc", "name", "address"))
    found = [hashed("shop", "uscc", tidy(code), fold(name))] if code else []
    return (
        [*found, hashed("shop", "place", fold(name), tidy(address))] if name and address else found
    )


def _care(fields: Mapping[str, Any]) -> list[str]:
    resident = fields.get("resident_id")
    return [hashed("care", "resident", resident)] if resident else []


def _issue(fields: Mapping[str, Any]) -> list[str]:
    """What was entered at the centre: by its number, else by all it says of when and what."""
    source, number = _text(fields, "source"), _text(fields, "source_no")
    if number:
        return [hashed("issue", "no", source, tidy(number))]
    if not fields.get("at_centre"):
        return []
    told = (fold(_text(fields, one)) for one in ("title", "text", "happened_at"))
    return [hashed("issue", "told", source, *told)]


_RULES = {
    "area": _area,
    "unit": _unit,
    "compound": _compound,
    "building": _building,
    "room": _room,
    "household": _household,
    "resident": _resident,
    "shop": _shop,
    "care": _care,
    "issue": _issue,
}
