"""What a batch brings into an intake, and the row of each of its changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from sync_server.domain.envelope import Arrival
from sync_server.domain.json_text import Written
from sync_server.domain.judging import Worker
from sync_server.domain.times import corrected, fell_back, made_doubtful, moment
from sync_server.services.receipts import Batch, Row
from sync_server.store.streams import Visitor

SAID = (
    "kind", "schema", "record_id", "action", "grid", "base_version", "made_at", "author", "fields",
)  # fmt: skip
"""What a change says, without its place in a log."""
_KEPT = (*(name for name in SAID if name != "fields"), "prev", "hash")
_kept = itemgetter(*_KEPT)


@dataclass
class Part:
    """What one batch brings into an intake, and what became of it.

    ``follows`` tells what the batch's stream continues: {stream: seq}. The places up to
    ``known_seq`` of the stream are stored already. Of a ``visitor`` who may not take part
    everything is kept for staff and nothing applied. ``made_until``: how late changes of the stream
    were made so far, no doubt; afterwards the new ones count too.
    """

    batch: Batch
    visitor: Visitor
    arrivals: Sequence[Arrival]
    follows: Mapping[str, int]
    known_seq: int = 0
    made_until: datetime | None = None
    worker: Worker = field(init=False)
    batch_row: Row | None = None
    """The row of a batch that was never delivered before, for the caller to write."""
    receipts: list[dict[str, Any]] = field(default_factory=list)
    """In order; after them those of this laptop's changes that had waited for one of these."""
    places: list[tuple[Arrival, Row, bool]] = field(default_factory=list)

    @property
    def revoked(self) -> bool:
        """The device may not take part any more."""
        return not self.visitor.may_take_part

    def rows(self) -> list[Row]:
        """Return the rows of the changes that were new."""
        return [row for _, row, again in self.places if not again]

    def compare_time(self, row: Row) -> None:
        """Doubt a time that lies before what its laptop saved earlier."""
        made = row["happened_at"]
        row["doubtful"] = row["doubtful"] or fell_back(made, self.made_until)
        if not row["doubtful"]:
            self.made_until = max(made, self.made_until or made)


def change_row(batch: Batch, arrival: Arrival) -> Row:
    """Return a change's row, without what became of it: so much can be said of it ahead."""
    members, device, clock = arrival.members, batch.device, batch.clock
    change_id, received_at = members["change_id"], batch.received_at
    made = moment(members["made_at"])
    return {
        "district": device.district,
        "change_id": change_id,
        "stream": batch.stream,
        "seq": arrival.seq,
        "device_id": device.device_id,
        "batch_id": batch.batch_id,
        **dict(zip(_KEPT, _kept(members), strict=True)),
        "fields": Written(members["fields"]),
        "corrects": members.get("corrects"),
        "received_at": received_at,
        "clock_offset_s": clock.offset_s,
        "doubtful": made is None or made_doubtful(made, clock, received_at, device.clock_jumped_at),
        "happened_at": (corrected(made, clock.offset_s) if made else received_at),
        "outcome": "",
        "version": None,
        "problem": None,
        "doubts": arrival.doubts or None,
        "conflict_id": None,
        "waits_for": None,
        "into_id": None,
        "into_version": None,
        "former_version": batch.former.get(change_id),
        "base_trail": batch.trails.get(change_id),
    }
