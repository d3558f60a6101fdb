"""How far a sync round is: plain counts a page can show while they change."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Progress:
    """One round, written by the round alone and read by anybody.

    ``stage`` is idle | connecting | sending | receiving | checking | done | failed | stopped; in
    the history also interrupted, of a round that came to no end.
    Success is shown only when ``stage`` is done: every item was confirmed by the centre.
    """

    stage: str = "idle"
    total: int = 0
    """Changes unsent when the round began, and those made since."""
    confirmed: int = 0
    received: int = 0
    """Records that came down."""
    gone: int = 0
    """Records that left the worker's grids and this laptop."""
    staying: int = 0
    """How many of them stay until the worker's open work on them is settled."""
    outcomes: dict[str, int] = field(default_factory=dict)
    exchanges: int = 0
    photos: int = 0
    """Photos the centre had not confirmed when the round came to them."""
    photos_sent: int = 0
    photo_bytes: int = 0
    photo_bytes_sent: int = 0
    error: str = ""
    """The code of what ended the round early."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the sentence for ``error`` needs: seconds to wait, a status."""
    asks: dict[str, int] = field(default_factory=dict)
    """What the worker must agree to first: how many records would leave, ``gone`` of ``total``."""
    started_at: str = ""
    ended_at: str = ""
    retry_after_s: float | None = None
    """When the centre, or the back-off, wants the next try."""
    next_after_s: float | None = None
    """When the centre wants the next round of its own accord."""
    up_bytes: int = 0
    down_bytes: int = 0
    """Bodies as they crossed the line, packed."""
    busy_s: float = 0.0
    """Seconds spent in exchanges."""
    rate: int = 0
    """Bytes a second, both ways, over the last exchange."""
    unsent: int = 0
    """Changes not confirmed when the round ended."""

    def measure(self, up: int, down: int, took_s: float) -> None:
        """Add what one exchange carried (bytes of both bodies) and how many seconds it took."""
        self.up_bytes += up
        self.down_bytes += down
        self.busy_s += took_s
        self.rate = round((up + down) / max(took_s, 0.001))

    @property
    def left_s(self) -> int | None:
        """The seconds the rest of the upload will take at the pace so far; None when unknown."""
        left = self.total - self.confirmed
        if self.over or left <= 0 or not self.confirmed or not self.busy_s:
            return None
        return max(1, round(left * self.busy_s / self.confirmed))

    @property
    def over(self) -> bool:
        """Whether the round has ended, well or not."""
        return self.stage in ("done", "failed", "stopped")

    def document(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self) | {"left_s": self.left_s}
