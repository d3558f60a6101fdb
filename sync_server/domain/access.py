"""Who may see and do what at the centre: the roles' rights and the areas, as a table.

Staff see what lies inside one of their area codes (codes nest by prefix). A role gives rights;
a record outside the areas does not exist for somebody, whatever his role.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from sync_server.domain.areas import inside

Right = Literal[
    "records",
    "unmask",
    "export",
    "notices",
    "devices",
    "people",
    "accounts",
    "areas",
    "audit",
    "guard",
    "decide",
    "levels",
    "limits",
    "services",
    "units",
    "handed",
    "intake",
    "merge",
    "imports",
    "ledgers",
    "campaigns",
    "places",
    "privacy",
    "privacy_answer",
    "purposes",
    "retention",
]

_AREA_ROLES = frozenset({"admin", "district", "street", "community", "leader"})
_OFFICES = frozenset({"admin", "district", "street", "community"})

RIGHTS: dict[Right, frozenset[str]] = {
    "records": _AREA_ROLES,
    "unmask": _OFFICES,
    "export": _AREA_ROLES,
    "notices": _OFFICES,
    "devices": frozenset({"admin", "district", "community"}),
    "people": _AREA_ROLES,
    "accounts": frozenset({"admin", "district"}),
    "areas": _OFFICES,
    "audit": frozenset({"admin", "auditor"}),
    "guard": frozenset({"admin"}),
    "decide": _AREA_ROLES,
    "levels": frozenset({"admin", "district"}),
    "limits": frozenset({"district"}),
    "services": _AREA_ROLES,
    "units": frozenset({"admin", "district"}),
    "handed": frozenset({"department", "company"}),
    "intake": frozenset({"district", "street", "community"}),
    "merge": _OFFICES,
    "imports": _OFFICES,
    "ledgers": frozenset({"admin", "district"}),
    "campaigns": _OFFICES,
    "places": _OFFICES,
    "privacy": _OFFICES,
    "privacy_answer": frozenset({"admin", "district"}),
    "purposes": frozenset({"admin", "district"}),
    "retention": frozenset({"admin", "district"}),
}
"""``devices`` means giving out join codes and revoking; seeing devices goes with ``records``.
``decide`` means settling conflicts, refused changes and doubtful times of one's own areas,
``accounts`` setting forgotten passwords and switching accounts off (``may_handle`` says whose),
``guard`` saying which roles have to have a second factor, ``areas`` putting records into another
grid, ``levels`` naming the levels of issues, ``limits`` setting working days and time limits,
``units`` keeping the register of departments and companies; seeing both goes with ``records``;
``services`` taking service requests in and seeing them through; ``merge`` making one record of two
and undoing it; ``handed`` handling what was dispatched to one's own unit; ``intake`` entering
issues that reach a desk (hotline, inspection, mailbox); ``imports`` bringing registers in and
taking them back; ``ledgers`` saying what ledgers there are and which columns exports have;
``campaigns`` making knock campaigns and giving leaflets out to grids (seeing both goes with
``records``); ``places`` adding and editing compounds, organisations, buildings and rooms;
``privacy`` entering requests of persons about their own data and seeing those of one's areas,
``privacy_answer`` handling them; ``purposes`` saying what personal fields are for and which are
collected; ``retention`` saying how long what has ended is kept, proposing and confirming that it is
emptied."""

DISTRICT_WIDE: frozenset[Right] = frozenset(
    {"audit", "guard", "levels", "limits", "units", "ledgers", "purposes", "retention"}
)
"""What is of the whole district, so that only somebody whose area is all of it has the right."""
OF_WHOLE_DISTRICT = frozenset({"admin", "district", "auditor"})
"""Roles with such rights: their accounts are made with the district as their area."""

LONGEST_CODE = 17


def may(role: str, right: Right) -> bool:
    """Tell whether somebody of ``role`` has ``right``."""
    return role in RIGHTS[right]


def may_here(role: str, right: Right, district: str, scope: Iterable[str]) -> bool:
    """Tell whether somebody of ``role`` with these areas has ``right`` in ``district``."""
    return may(role, right) and (right not in DISTRICT_WIDE or inside(district, tuple(scope)))


_HANDLED_BY_DISTRICT = frozenset(
    {"street", "community", "leader", "worker", "department", "company"}
)


def may_handle(role: str, other: str) -> bool:
    """Tell whether somebody of ``role`` may set the password of, and switch off, somebody of the
    role ``other``: nobody makes himself somebody with more rights, or his own overseer."""
    if not may(role, "accounts"):
        return False
    return role == "admin" or other in _HANDLED_BY_DISTRICT


def narrowed(scope: Iterable[str], area: str) -> tuple[str, ...]:
    """Return the parts of ``scope`` inside ``area``: ``area`` itself where it is covered, the
    scope's codes below it otherwise; empty when they do not meet."""
    codes = tuple(scope)
    if inside(area, codes):
        return (area,)
    return tuple(code for code in codes if code.startswith(area))
