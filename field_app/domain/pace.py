"""How much one exchange may carry over this line: less after it failed, more after it went well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

LEAST_WANT = 25
"""A page of updates is never made smaller than this: below it only the overhead is left."""
PATIENT = 8
"""Exchanges that must go well in a row before a size that failed is tried again."""


@dataclass(frozen=True)
class Pace:
    """``changes`` up and ``want`` updates down in one exchange.

    ``failed`` is the least number of changes that did not get through, 0 when none is known;
    ``streak`` counts the exchanges since that went well.
    """

    changes: int
    want: int
    failed: int = 0
    streak: int = 0

    @classmethod
    def read(cls, kept: Mapping[str, Any], most: Pace) -> Pace:
        """Return the pace a settings document holds, within ``most``; ``most`` when it is empty."""
        found = [kept.get(name) for name in ("changes", "want", "failed", "streak")]
        if not all(isinstance(one, int) for one in found):
            return most
        changes, want, failed, streak = (max(0, int(str(one))) for one in found)
        return cls(min(max(changes, 1), most.changes), min(max(want, 1), most.want), failed, streak)

    def document(self) -> dict[str, int]:
        """Return it as a settings document."""
        return asdict(self)

    def slower(self, sent: int) -> Pace | None:
        """Return half the pace after an exchange with ``sent`` changes failed; None at the least.

        Whether it was the way up or down that was too slow is not known, so both are halved.
        """
        want = max(self.want // 2, min(self.want, LEAST_WANT))
        if sent <= 1 and want == self.want:
            return None
        if sent <= 1:
            return replace(self, want=want, streak=0)
        return Pace(max(1, min(self.changes, sent) // 2), want, failed=sent)

    def lighter(self, sent: int) -> Pace | None:
        """Return half the changes after ``sent`` of them were too large; None at one."""
        if sent <= 1:
            return None
        return replace(self, changes=max(1, min(self.changes, sent) // 2), failed=sent, streak=0)

    def faster(self, most: Pace) -> Pace:
        """Return the pace after an exchange went well: doubled, up to ``most``.

        A size that failed is come near to at once and tried again only after some patience.
        """
        wide = min(self.want * 2, most.want)
        twice = min(self.changes * 2, most.changes)
        if self.failed and twice >= self.failed and self.streak + 1 < PATIENT:
            return replace(self, want=wide, streak=self.streak + 1)
        failed = self.failed if twice < self.failed else 0
        return Pace(twice, wide, failed=failed)
