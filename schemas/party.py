"""Checks of Party members (党员摸排): who is looked up again, the same on both sides.

Who is a Party member is known by the members that Party organisations name, and by nothing that is
noted of a resident. A member belongs to one branch or group; a post in a committee above it is no
second membership. So everybody a branch or group names is checked there, and somebody another
organisation names is checked there once a class of his is noted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

ORG, MEMBERS, CHECKS = "org", "members", "member_checks"
KINDS = ("committee", "general", "branch", "group", "big_committee")
"""The kinds of Party organisations (ORG_KIND)."""
BASE = frozenset({"branch", "group"})
"""Those a member belongs to."""


class Checked(NamedTuple):
    """A member and how he was found: his key, his entry, class and day of the last check (empty:
    never checked)."""

    key: str
    member: Mapping[str, Any]
    member_class: str
    checked_on: str


def to_check(org: Mapping[str, Any], day: str) -> Iterator[Checked]:
    """Yield who is checked at an organisation (stored fields) on a day (2026-09-30): those who
    belong to it then. Nobody where it is no Party organisation."""
    if org.get("org_kind") not in KINDS:
        return
    checks = org.get(CHECKS) or {}
    for key, member in sorted((org.get(MEMBERS) or {}).items()):
        check = checks.get(key) or {}
        if (member.get("until") or day) < day or (member.get("since") or day) > day:
            continue
        if check or org["org_kind"] in BASE:
            yield Checked(
                key, member, str(check.get("member_class") or ""),
                str(check.get("checked_on") or ""),
            )  # fmt: skip
