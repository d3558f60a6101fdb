"""What the three kinds of grid workers may write (专兼辅).

Everybody patrols, visits, reports issues and service requests and takes their steps. Base data are
kept by full-time workers; part-time ones add and correct them, but void nothing and leave care
records alone; auxiliary ones only read them. Which details a district wants otherwise is for it to
say; the rule stands here alone, for both apps.
"""

from __future__ import annotations

from schemas.kind import Action, KindInfo

PART, AUXILIARY = "part", "aux"
BASE_DATA = frozenset({"place", "people"})
"""The groups of kinds that are base data."""


def may_write(worker_kind: str, info: KindInfo, action: Action | str) -> bool:
    """Tell whether a worker of this kind (USER_KIND) may take ``action`` on records of a kind, as
    far as his kind goes. Leaders and kinds that are not known count as full-time."""
    if info.group not in BASE_DATA:
        return True
    if worker_kind == AUXILIARY:
        return False
    if worker_kind == PART:
        return not info.protected and action != "void"
    return True
