"""Applying one judged change to the records of a transaction: the same for a batch that arrives and
for a refused change that is judged again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync_server.domain.envelope import Arrival, problem
from sync_server.domain.judging import Verdict
from sync_server.domain.merge import Edit
from sync_server.services.ledger import Effect, Ledger, VoidedRecord, Writer

Row = dict[str, Any]


def apply_judged(
    ledger: Ledger,
    row: Row,
    arrival: Arrival,
    verdict: Verdict,
    *,
    doubtful: bool,
    late: bool = False,
) -> Effect | None:
    """Apply a change that may be applied and write what became of it into its ``row``; None when it
    was refused after all, because its writer knew the record to be void. ``late``: it was refused,
    and what its writer wrote since may count already."""
    assert arrival.kind is not None
    edit = Edit(
        change_id=row["change_id"],
        author=row["author"],
        device_id=row["device_id"],
        base_version=row["base_version"] or 0,
        trail=tuple(row["base_trail"] or ()),
        happened_at=row["happened_at"],
        doubtful=doubtful,
        proposal=verdict.proposal,
        outdated=(
            ledger.lines.said_later(row) if late and arrival.action == "update" else frozenset()
        ),
    )
    what = (row["made_at"], arrival.fields, row["clock_offset_s"] or 0)
    try:
        if verdict.again:
            effect = Effect("unchanged", (ledger.record(row["record_id"]) or {}).get("version"))
        elif arrival.action in ("create", "step"):
            effect = ledger.create(
                arrival.kind, edit, row["record_id"], verdict.grid, *what, ahead=arrival
            )
        else:
            writer = Writer(row["stream"], row["seq"], row["former_version"])
            effect = ledger.change(edit, row["record_id"], arrival.action, *what, writer)
    except VoidedRecord:
        row |= {"outcome": "quarantined", "problem": [problem("record_voided")]}
        return None
    row |= {
        "outcome": effect.outcome,
        "version": effect.version,
        "conflict_id": effect.conflict_id,
        "problem": None,
        "into_id": effect.into_id,
        "into_version": effect.into_version,
    }
    return effect


def is_overtaken(ledger: Ledger, waiting: Mapping[str, Any], create: Mapping[str, Any]) -> bool:
    """Whether a held change is older than the create it waited for, in the same log.

    So it is when a refused create was corrected and sent again: the later create holds the whole
    record as its writer saw it then, the older change included. That the record was void it does
    not say: a void that waited is judged, and contradicts it.
    """
    if waiting["action"] in ("step", "void"):
        return False
    if waiting["stream"] == create["stream"]:
        return bool((waiting["seq"] or 0) < (create["seq"] or 0))
    if waiting["author"] != create["author"]:
        return False
    place = (create["stream"], create["seq"], create["change_id"])
    return bool(ledger.lines.held_before(*place, [waiting["change_id"]]))


def overtake(waiting: Row, effect: Effect) -> None:
    """Write into a held change's row that a later create has said all it said."""
    said = {"outcome": "unchanged", "problem": None, "version": effect.version}
    waiting |= said | {"waits_for": None}
