"""A batch as it was delivered, and what is answered for each of its changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sync_server.domain.envelope import Arrival
from sync_server.domain.times import Reading
from sync_server.services.devices import Device

Row = dict[str, Any]
Road = Literal["link", "relay"]


@dataclass(frozen=True)
class Batch:
    """One delivery: where it came from, what it holds, when it came."""

    device: Device
    batch_id: str
    stream: str
    arrivals: Sequence[Arrival]
    heads: Sequence[dict[str, Any]]
    sent_at: str
    received_at: datetime
    clock: Reading
    road: Road = "link"
    former: Mapping[str, int] = field(default_factory=dict)
    """change_id -> the version it had become before the centre was restored."""
    told: Sequence[str] = ()
    """The grids the laptop was told last that its worker holds."""
    trails: Mapping[str, list[int]] = field(default_factory=dict)
    """change_id -> the trail of the copy it is based on."""

    @property
    def follows(self) -> dict[str, int]:
        """How far the laptop's earlier streams are part of this one's store: {stream: seq}.

        Heads come in the order in which the streams began. A restored centre may meet an earlier
        stream after a later one, which is no part of it.
        """
        names = [head["stream"] for head in self.heads]
        if self.stream not in names:
            return {}
        earlier = self.heads[: names.index(self.stream)]
        return {head["stream"]: head["acked_seq"] for head in earlier if head["acked_seq"]}


def receipt(seq: int, change_id: str, row: Row) -> dict[str, Any]:
    """Return the receipt of a change from its row."""
    answer = {
        "seq": seq,
        "change_id": change_id,
        "outcome": row["outcome"],
        "version": row["version"],
    }
    return answer | _details(row)


def duplicate(arrival: Arrival, row: Row) -> dict[str, Any]:
    """Return the receipt of a change received before, with what became of it then or since."""
    return {
        "seq": arrival.seq,
        "change_id": arrival.change_id,
        "outcome": "duplicate",
        "version": row["version"],
        "first": {"outcome": row["outcome"], "version": row["version"]} | _details(row),
    }


def _details(row: Row) -> dict[str, Any]:
    names = {"problem": row.get("problem"), "conflict_id": row.get("conflict_id")}
    return {name: value for name, value in names.items() if value}


def batch_row(batch: Batch, changes: int, outcomes: dict[str, int], raw: str | None = None) -> Row:
    """Return the row of a batch."""
    return {
        "district": batch.device.district,
        "batch_id": batch.batch_id,
        "device_id": batch.device.device_id,
        "stream": batch.stream or None,
        "road": batch.road,
        "sent_at": batch.sent_at or None,
        "received_at": batch.received_at,
        "clock_offset_s": batch.clock.offset_s,
        "changes": changes,
        "outcomes": outcomes,
        "raw": raw,
    }
