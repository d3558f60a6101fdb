"""How far a sync round is: plain counts a page can show while they change."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Progress:
    """One round, written by the round alone and read by anybody.

    ``stage`` is idle | connecting | sending | receiving | done | failed | stopped. Success is shown
    only when ``stage`` is done: every item was confirmed by the centre.
    """

    stage: str = "idle"
    total: int = 0
    """Changes unsent when the round began, and those made since."""
    confirmed: int = 0
    received: int = 0
    """Records that came down."""
    outcomes: dict[str, int] = field(default_factory=dict)
    exchanges: int = 0
    error: str = ""
    """The code of what ended the round early."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the sentence for ``error`` needs: seconds to wait, a status."""
    started_at: str = ""
    ended_at: str = ""
    retry_after_s: float | None = None
    """When the centre, or the back-off, wants the next try."""
    next_after_s: float | None = None
    """When the centre wants the next round of its own accord."""

    @property
    def over(self) -> bool:
        """Whether the round has ended, well or not."""
        return self.stage in ("done", "failed", "stopped")

    def document(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)
