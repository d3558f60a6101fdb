"""The four groups above the categories of issues (小区管理、矛盾纠纷、治安防控、环境整治),
and which category belongs to which; what belongs to none of them is the rest."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.labels import Label

REST = "rest"
GROUPS: Mapping[str, Label] = {
    "estate": Label("小区管理", "Running of compounds"),
    "dispute": Label("矛盾纠纷", "Disputes"),
    "security": Label("治安防控", "Security and safety"),
    "environment": Label("环境整治", "Environment"),
    REST: Label("其他", "Other"),
}
MEMBERS: Mapping[str, tuple[str, ...]] = {
    "estate": ("PROP", "VEH", "FAC", "UTL"),
    "dispute": ("DISP",),
    "security": ("SEC", "FIRE", "SHOP", "EPI"),
    "environment": ("ENV", "BLD", "NOI"),
}
"""The categories (ISSUE_CAT) of each group but the rest."""
GROUPED = tuple(one for members in MEMBERS.values() for one in members)
"""Every category of one of the four."""


def group_of(category: str) -> str:
    """Return the group of a category."""
    return next((group for group, members in MEMBERS.items() if category in members), REST)
