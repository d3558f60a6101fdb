"""Taking in batches of laptops: a single transaction, durable before anything is answered.

In order, in a transaction that holds the devices and the district: each stream is compared by
number and hash; what is known is answered from what is stored; the rest goes through ``intake`` and
the stream moves on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from schemas.seal import ZEROS
from sync_server.domain.envelope import Arrival
from sync_server.domain.errors import Refusal
from sync_server.domain.time_limits import Clockwork
from sync_server.services.devices import Device
from sync_server.services.intake import Intake, was_revoked
from sync_server.services.issue_life import ISSUE, STEP
from sync_server.services.left_waiting import refuse_late
from sync_server.services.parts import Part
from sync_server.services.receipts import Batch, Row, duplicate, receipt
from sync_server.services.time_limits import load_clockwork
from sync_server.store import streams
from sync_server.store.streams import Visitor
from sync_server.store.writing import Numbers


@dataclass(frozen=True)
class Received:
    """The answer: receipts in order, and how far every stream is known now."""

    receipts: list[dict[str, Any]]
    known: list[dict[str, Any]]
    fresh: int
    """How many changes were new."""
    revoked: bool = False
    """The device may not take part any more; what it brought is kept for staff, unapplied."""
    batch: Row | None = None
    """The batch's row, still to be written."""
    stream: Row | None = None
    """How far the stream is known now, still to be written."""
    new_stream: bool = False


class Before(NamedTuple):
    """What is looked up before the district's turn: how far the streams of a batch are known, by
    name, and, when it is about issues, what their deadlines are worked out with."""

    streams: dict[str, Row]
    clockwork: Clockwork | None


def look_before(connection: sa.Connection, batches: Sequence[Batch]) -> Before:
    """Look up what need not wait for the turn, while the devices are locked: nobody else brings any
    of their streams meanwhile, and limits that staff set meanwhile hold for what comes after."""
    district = batches[0].device.district
    arrivals = [one for batch in batches for one in batch.arrivals]
    about = {one.kind.info.name for one in arrivals if one.kind is not None}
    return Before(
        streams.known_streams(connection, district, set().union(*map(_named, batches))),
        load_clockwork(connection, district) if about & {ISSUE, STEP} else None,
    )


def _named(batch: Batch) -> set[str]:
    return {head["stream"] for head in batch.heads} | {batch.stream}


def receive_batches(
    connection: sa.Connection,
    brought: Sequence[tuple[Batch, Visitor]],
    before: Before,
    numbers: Numbers,
) -> list[Received]:
    """Take batches of several laptops in, one after another, within the caller's write transaction,
    which holds the visitors locked and, when there are changes, the district's turn: nobody else
    adds records meanwhile.

    Of a visitor who may not take part everything is kept for staff. Raises Refusal: stream_forked
    and sequence_gap name the ``stream`` and what is ``known``, and nothing is stored.
    """
    opened = [_open(connection, batch, visitor, before.streams) for batch, visitor in brought]
    if parts := [one.part for one in opened if one.part is not None]:
        Intake(connection, parts, numbers, before.clockwork).take()
    return [_answer(one) for one in opened]


@dataclass(frozen=True)
class _Opened:
    """A batch compared with what is known of its streams. ``receipts`` are those of what is known
    and stays as it is; ``part`` is what goes through the intake, of it ``aside`` was put aside when
    it came first."""

    batch: Batch
    known: dict[str, Row]
    receipts: dict[int, dict[str, Any]]
    aside: Sequence[Arrival]
    fresh: Sequence[Arrival]
    revoked: bool
    part: Part | None


def _open(
    connection: sa.Connection, batch: Batch, visitor: Visitor, streams_known: Mapping[str, Row]
) -> _Opened:
    names = _named(batch)
    known = {name: row for name, row in streams_known.items() if name in names}
    try:
        check_heads(connection, batch.device, batch.heads, known)
        return _compare(connection, batch, visitor, known)
    except Refusal as refusal:
        refusal.facts.setdefault("known", _known(names, known))
        raise


def _compare(
    connection: sa.Connection, batch: Batch, visitor: Visitor, known: dict[str, Row]
) -> _Opened:
    """Answer what is known and find out what is to be taken in."""
    revoked = not visitor.may_take_part
    place = known.get(batch.stream)
    known_seq, known_hash = (place["known_seq"], place["known_hash"]) if place else (0, ZEROS)
    old = [arrival for arrival in batch.arrivals if arrival.seq <= known_seq]
    fresh = batch.arrivals[len(old) :]
    rows = _known_rows(connection, batch, old)
    aside = [] if revoked else [one for one in old if was_revoked(rows[one.seq])]
    if fresh and fresh[0].seq > known_seq + 1:
        raise Refusal("sequence_gap", stream=batch.stream)
    if fresh and fresh[0].members["prev"] != known_hash:
        raise Refusal("stream_forked", stream=batch.stream)
    part = None
    if aside or fresh:
        part = Part(
            batch,
            visitor,
            [*aside, *fresh],
            (place["follows"] or {}) if place else batch.follows,
            known_seq,
            place["made_until"] if place else None,
        )
    receipts = {one.seq: duplicate(one, rows[one.seq]) for one in old}
    return _Opened(batch, known, receipts, aside, fresh, revoked, part)


def _answer(opened: _Opened) -> Received:
    """Return the answer to a batch that has been taken in."""
    batch, known, part, fresh = opened.batch, opened.known, opened.part, opened.fresh
    names, receipts, more = _named(batch), opened.receipts, list[dict[str, Any]]()
    if part is not None:
        count = len(opened.aside)
        receipts |= {
            one.seq: answer for one, answer in zip(opened.aside, part.receipts, strict=False)
        }
        more = part.receipts[count:]
    answered = [*receipts.values(), *more]
    if part is None or not fresh:
        return Received(answered, _known(names, known), 0, opened.revoked)
    last = fresh[-1]
    new_stream = batch.stream not in known
    stream = known[batch.stream] = {
        "district": batch.device.district,
        "stream": batch.stream,
        "device_id": batch.device.device_id,
        "known_seq": last.seq,
        "known_hash": last.hash,
        "follows": dict(part.follows) or None,
        "made_until": part.made_until,
    }
    told = _known(names, known)
    return Received(
        answered, told, len(fresh), opened.revoked, part.batch_row, stream, new_stream=new_stream
    )


def released(
    connection: sa.Connection, batch: Batch, change_ids: Sequence[str]
) -> list[dict[str, Any]]:
    """Return receipts, with ``stream``, of the worker's changes among these that were put aside
    once and are not any more; another laptop may have brought what they waited for.

    Those of the batch itself and those it released have their receipts already. A change may have
    come first by a device its worker had before.
    """
    rows = streams.received(connection, batch.device.district, change_ids)
    mine = [row for row in rows.values() if row["author"] == batch.device.worker_id]
    if held := [row for row in mine if row["outcome"] == "held"]:
        refuse_late(connection, batch.device.district, held, batch.received_at)
    return [
        receipt(row["seq"], row["change_id"], row) | {"stream": row["stream"]}
        for row in mine
        if row["outcome"] != "held" and row["seq"] is not None
    ]


def check_heads(
    connection: sa.Connection,
    device: Device,
    heads: Sequence[dict[str, Any]],
    known: dict[str, Row],
) -> None:
    """Compare what the laptop holds for acknowledged with what is stored.

    Raises Refusal: stream_forked for another hash or another device's stream; sequence_gap when
    the laptop holds more for acknowledged than the centre has.
    """
    for stream, row in known.items():
        if row["device_id"] != device.device_id:
            raise Refusal("stream_forked", stream=stream)
    for head in heads:
        stream, seq = head["stream"], head["acked_seq"]
        if seq == 0:
            continue
        row_of_head = known.get(stream)
        if row_of_head is None or seq > row_of_head["known_seq"]:
            raise Refusal("sequence_gap", stream=stream)
        if seq == row_of_head["known_seq"]:
            present: str | None = row_of_head["known_hash"]
        else:
            present = streams.hash_at(connection, device.district, stream, seq)
        if present != head["acked_hash"]:
            raise Refusal("stream_forked", stream=stream)


def known_of(
    connection: sa.Connection, device: Device, names: Sequence[str]
) -> list[dict[str, Any]]:
    """Return how far these streams are known, 0 and zeros for an unknown or foreign one."""
    rows = streams.known_streams(connection, device.district, names)
    mine = {name: row for name, row in rows.items() if row["device_id"] == device.device_id}
    return _known(set(names), mine)


def _known(names: set[str], known: dict[str, Row]) -> list[dict[str, Any]]:
    answer = []
    for name in sorted(names):
        row = known.get(name)
        seq, last_hash = (row["known_seq"], row["known_hash"]) if row else (0, ZEROS)
        answer.append({"stream": name, "seq": seq, "hash": last_hash})
    return answer


def _known_rows(connection: sa.Connection, batch: Batch, old: Sequence[Arrival]) -> dict[int, Row]:
    """Return by number what is stored of changes received before; raise ``stream_forked`` when
    they are not the same."""
    if not old:
        return {}
    district, first, last = batch.device.district, old[0].seq, old[-1].seq
    rows = streams.received_between(connection, district, batch.stream, first, last)
    if any(rows.get(one.seq, {}).get("hash") != one.hash for one in old):
        raise Refusal("stream_forked", stream=batch.stream)
    return rows
