"""Which codes a district uses and which standard's code each stands for: the same on both sides.

A code is never taken away, only no longer offered: what was recorded keeps its words and counts.
Lists that decide how the programs work (states, levels, actions, roles) are used whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.codes import CodeSettings, Setting, all_lists

FIELD = "code_settings"
CHOSEN = (
    "SHOP_KIND", "SERVICE_ITEM", "MATERIAL", "OPINION_CAT", "CHECK_ITEM", "SAFETY_ITEM", "WEATHER",
    "CHANNEL", "SKILL", "FACILITY", "ACQUIRE", "COMPOUND_TYPE_TY4", "COMPOUND_TYPE_LZ5",
    "PROPERTY_MODE", "SELF_GOV", "ORG_FORM", "ORG_KIND", "ROLE_LOCAL", "RELATION",
)  # fmt: skip
"""Lists of which a district may use some codes only."""
MAPPED = ("ISSUE_CAT", *CHOSEN)
"""Lists whose codes may name a standard's."""


def settings_of(district: Mapping[str, Any]) -> CodeSettings:
    """Return what a district has set (stored fields of its area record) by list and code. A list of
    which nothing would be left is used whole."""
    found: dict[str, dict[str, Setting]] = {}
    for key, entry in (district.get(FIELD) or {}).items():
        name, _, code = str(key).partition(".")
        if name in MAPPED and code in all_lists()[name]:
            unused = bool(entry.get("unused")) and name in CHOSEN
            found.setdefault(name, {})[code] = Setting(unused, str(entry.get("standard") or ""))
    for name, said in found.items():
        if all(said.get(item.code, Setting()).unused for item in all_lists()[name].active):
            found[name] = {code: one._replace(unused=False) for code, one in said.items()}
    return found
