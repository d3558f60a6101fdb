"""The exchange: a laptop's changes go up, receipts and updates come down (docs/PROTOCOL.md)."""

from __future__ import annotations

import hashlib
import logging
import random
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from marshmallow import ValidationError

from schemas.clock import written
from schemas.exchange import MAX_BODY_BYTES, MAX_CHANGES, PROTOCOL, SyncSchema, pointers
from sync_server.domain.cursor import Place, read_place, write_cursor
from sync_server.domain.envelope import BadEnvelope, open_batch
from sync_server.domain.errors import Refusal
from sync_server.domain.json_text import write_quickly
from sync_server.domain.times import Reading, read_clock, unmeasured
from sync_server.services import audit, floors
from sync_server.services.account import read_told
from sync_server.services.centre import Centre
from sync_server.services.deliver import Delivery, deliver_updates
from sync_server.services.devices import Device
from sync_server.services.epochs import begin_epoch
from sync_server.services.parts import change_row
from sync_server.services.receipts import Batch, Road, batch_row
from sync_server.services.receive import (
    Received,
    known_of,
    look_before,
    receive_batches,
    released,
)
from sync_server.services.turns import OnlyAlone, Work
from sync_server.store import feed, streams, writing
from sync_server.store.cases import mark_delivered
from sync_server.store.streams import Closing, Visitor
from sync_server.store.writing import Turn

log = logging.getLogger(__name__)
_envelope = SyncSchema(exclude=("changes",))
SPREAD = 0.2
"""Laptops are told to come again at times this far around the usual pause, not all at once."""


@dataclass(frozen=True)
class Reply:
    """The answer to an exchange; ``updates`` are JSON texts already."""

    members: dict[str, Any]
    updates: list[str]

    def as_json(self) -> str:
        """Return the whole body."""
        return f'{write_quickly(self.members)[:-1]},"updates":[{",".join(self.updates)}]}}'


def exchange(
    centre: Centre,
    device: Device,
    body: Mapping[str, Any],
    now: datetime,
    *,
    road: Road = "link",
    exact: bool = True,
) -> Reply:
    """Take one request of ``POST /sync`` and answer it once its changes are durable.

    ``body`` is decoded JSON; not ``exact``: in the quick way, and Inexact is raised, with nothing
    stored, when it has to be read again. On the road ``relay`` no clock is measured, and a revoked
    device's changes are kept whole for staff, unapplied; it gets no updates. Raises BadEnvelope,
    and Refusal: wrong_device, busy, device_revoked, stream_forked, sequence_gap (with ``known``).
    """
    visit = open_visit(centre, device, body, now, road=road, exact=exact)
    with centre.turns.take(device.district, device.device_id):
        try:
            return _serve(centre, visit, now)
        except Refusal as refusal:
            if refusal.code == "stream_forked":
                _note_fork(centre, visit.batch, now)
            raise


class Visit(Work):
    """One exchange, and what has become of it once it is written."""

    grids: tuple[str, ...]
    epoch: str
    foreign: bool
    """The laptop spoke of another history."""
    place: Place | None
    """How far it has come in the feed of this epoch, by its cursor."""
    received: Received

    def __init__(self, batch: Batch, envelope: Mapping[str, Any], about: Set[bytes] | None) -> None:
        super().__init__(len(batch.arrivals), about)
        self.batch = batch
        self.envelope = envelope


def open_visit(
    centre: Centre,
    device: Device,
    body: Mapping[str, Any],
    now: datetime,
    *,
    road: Road = "link",
    exact: bool = True,
) -> Visit:
    """Read a request and work out what can be worked out before anything is locked. Raises what
    ``exchange`` raises of it."""
    batch, envelope = _open(device, body, now, road, exact)
    return Visit(batch, envelope, _check_ahead(centre, batch))


def keep_unusable(centre: Centre, device: Device, raw: str, now: datetime) -> None:
    """Keep a batch whose envelope could not be used, whole, for staff; once, however often sent."""
    digest = hashlib.sha256(raw.encode()).hexdigest()
    batch_id = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
    batch = Batch(device, batch_id, "", (), (), "", now, Reading(0, False, None))
    with centre.store.writing() as connection:
        if streams.find_batch(connection, device.district, batch_id) is None:
            streams.insert_batch(connection, batch_row(batch, 0, {}, raw))
            audit.note(
                connection, device.district, now, "unusable_batch", target=device.device_id,
                detail={"batch_id": batch_id},
            )  # fmt: skip


def _open(
    device: Device, body: Mapping[str, Any], now: datetime, road: Road, exact: bool
) -> tuple[Batch, dict[str, Any]]:
    """Check the envelope and open its changes, before anything is locked."""
    try:
        envelope: dict[str, Any] = _envelope.load(dict(body))
    except ValidationError as err:
        raise BadEnvelope(pointers(err.messages)) from None
    for name in ("app", "sent_at"):
        if not envelope[name].isprintable():
            raise BadEnvelope([{"pointer": f"/{name}", "detail": "not printable"}])
    changes = body.get("changes")
    if not isinstance(changes, list) or len(changes) > MAX_CHANGES:
        raise BadEnvelope([{"pointer": "/changes", "detail": f"not a list up to {MAX_CHANGES}"}])
    if envelope["device_id"] != device.device_id:
        raise Refusal("wrong_device")
    if road == "link":
        clock = read_clock(envelope["sent_at"], now, device.clock_offset_s)
    else:
        clock = unmeasured(envelope["sent_at"], device.clock_offset_s)
    batch = Batch(
        device=device,
        batch_id=envelope["batch_id"],
        stream=envelope["stream"],
        arrivals=open_batch(changes, exact=exact),
        heads=envelope["heads"],
        sent_at=envelope["sent_at"],
        received_at=now,
        clock=clock,
        road=road,
        former=envelope["former"],
        trails=envelope["trails"],
    )
    return batch, envelope


def _check_ahead(centre: Centre, batch: Batch) -> set[bytes] | None:
    """Open what seems to be new before anything is locked, so that others need not wait for it.

    Return every id that a batch of a laptop names which seems to be new as a whole; None for
    others.
    """
    if not batch.arrivals:
        return None
    known = centre.known.get(batch.device.district, batch.stream)
    if known is None:
        with centre.store.asking() as connection:
            known = known_of(connection, batch.device, [batch.stream])[0]["seq"]
    writer = centre.turns.writer(batch.device.district)
    about = {batch.batch_id.encode(), batch.device.worker_id.encode()}
    plain = batch.road == "link" and batch.arrivals[0].seq == known + 1
    for arrival in batch.arrivals:
        if arrival.seq > known:
            writer.give_way()
            named = arrival.named_ids()
            plain = plain and bool(named)  # what was kept aside, as text, tells nothing
            about.update(named)
            arrival.open()
            arrival.row = change_row(batch, arrival)
    return about if plain else None


def _serve(centre: Centre, visit: Visit, now: datetime) -> Reply:
    device, envelope = visit.batch.device, visit.envelope
    if visit.batch.arrivals:
        centre.turns.writer(device.district).bring_in(
            visit, partial(write_visits, centre, device.district)
        )
    else:
        write_visits(centre, device.district, lambda: [visit], take=False)
    received, epoch, grids = visit.received, visit.epoch, visit.grids
    for one in received.known:
        centre.known.put(device.district, one["stream"], one["seq"])
    kind = ""
    if visit.foreign:
        start = write_cursor(centre.keys.cursor, device.district, epoch, grids, 0)
        delivery = Delivery([], start, True, {})
    elif received.revoked:
        delivery = Delivery([], envelope["cursor"], False, {})
    else:
        with centre.store.asking() as connection:
            visitor = streams.visitor(connection, device.district, device.device_id)
            grids = _grids(visitor, visit.batch)  # they may have changed hands since
            kind = visitor.kind if visitor else ""
            delivery = deliver_updates(
                connection, centre, device.district, epoch, grids,
                envelope["cursor"], envelope["want"],
            )  # fmt: skip
    log.info(
        "exchange device=%s batch=%s changes=%d new=%d updates=%d",
        device.device_id, visit.batch.batch_id, visit.size, received.fresh, len(delivery.updates),
    )  # fmt: skip
    return _reply(centre, now, epoch, grids, kind, received, delivery)


def write_visits(
    centre: Centre, district: str, gather: Callable[[], Sequence[Visit]], *, take: bool = True
) -> None:
    """Take in what the visits bring that are gathered once the district's turn has come (``take``
    False: they bring nothing and need no turn), in one transaction. Raises an error, with nothing
    stored, when one of several had better be written alone."""
    with centre.store.writing() as connection:
        turn = writing.turn_of(connection, district, take=take)
        if turn is None:
            raise Refusal("bad_token")
        visits = gather()
        there = streams.lock_visitors(
            connection, district, [one.batch.device.device_id for one in visits]
        )
        for one in visits:
            one.grids = _grids(there.get(one.batch.device.device_id), one.batch)
        before = look_before(connection, [one.batch for one in visits])
        turn = _not_older(connection, centre, visits, turn)
        for one in visits:
            one.epoch, told = turn.epoch, one.envelope["server_epoch"]
            one.foreign = told not in (None, turn.epoch)
            one.place = _place(centre, turn.epoch, one)
            one.batch = replace(one.batch, told=one.place.grids if one.place is not None else ())
        if len(visits) > 1 and any(one.foreign for one in visits):
            raise OnlyAlone
        brought = [
            (one.batch, there[one.batch.device.device_id]) for one in visits if not one.foreign
        ]
        found = iter(receive_batches(connection, brought, before, turn.numbers) if brought else ())
        for one in visits:
            if one.foreign:
                one.received = Received([], _known(connection, one.batch), 0)
            else:
                one.received = next(found)
                answered = {receipt["change_id"] for receipt in one.received.receipts}
                asked = [held for held in one.envelope["held"] if held not in answered]
                one.received.receipts.extend(released(connection, one.batch, asked))
        streams.close_exchanges(connection, district, [_closing(one) for one in visits])
        mark_delivered(connection, district, _delivered(visits))


def _reply(
    centre: Centre,
    now: datetime,
    epoch: str,
    grids: tuple[str, ...],
    kind: str,
    received: Received,
    delivery: Delivery,
) -> Reply:
    settings = centre.settings
    pause = settings.next_after_s * random.uniform(1 - SPREAD, 1 + SPREAD)
    members = {
        "protocol": PROTOCOL,
        "server_epoch": epoch,
        "server_time": written(now),
        "known": received.known,
        "receipts": received.receipts,
        "cursor": delivery.cursor,
        "more": delivery.more,
        "people": delivery.people,
        "scope": {"grids": list(grids), "keep_days": settings.keep_days, "kind": kind},
        "limits": limits(),
        "next_after_s": 0 if delivery.more else round(pause),
    }
    return Reply(members, delivery.updates)


def limits() -> dict[str, int]:
    """Return how much one request may hold."""
    return {"changes": MAX_CHANGES, "bytes": MAX_BODY_BYTES}


def _not_older(
    connection: sa.Connection, centre: Centre, visits: Sequence[Visit], turn: Turn
) -> Turn:
    """Return the district's epoch and numbers; those of a new epoch when a laptop's cursor names a
    commit that is not in this database's history: somebody put an earlier copy in its place."""
    district = visits[0].batch.device.district
    places = [
        place
        for one in visits
        if (place := _place(centre, turn.epoch, one)) is not None and place.number
    ]
    stamps = feed.stamps_at(connection, district, [place.number for place in places])
    if stamps == [place.stamp for place in places]:
        return turn
    if len(visits) > 1:
        raise OnlyAlone
    taken = writing.turn_of(connection, district)
    assert taken is not None
    if taken.epoch != turn.epoch:  # another laptop has shown it meanwhile
        return taken
    begin_epoch(connection, district, visits[0].batch.received_at, above_change_no=places[0].number)
    floors.remember(centre.settings.data, feed.last_change_no(connection, district))
    begun = writing.turn_of(connection, district)
    assert begun is not None
    return begun


def _grids(visitor: Visitor | None, batch: Batch) -> tuple[str, ...]:
    if visitor is None or (not visitor.may_take_part and batch.road == "link"):
        raise Refusal("device_revoked")
    return visitor.grids or () if visitor.may_take_part else ()


def _known(connection: sa.Connection, batch: Batch) -> list[dict[str, Any]]:
    names = [head["stream"] for head in batch.heads] + [batch.stream]
    return known_of(connection, batch.device, names)


def _place(centre: Centre, epoch: str, visit: Visit) -> Place | None:
    """Return how far a laptop has come in the feed of this epoch, by its cursor."""
    district = visit.batch.device.district
    return read_place(centre.keys.cursor, district, epoch, visit.envelope["cursor"])


def _closing(visit: Visit) -> Closing:
    """Return what is written down of when the laptop was here, what its clock said, what it says of
    its own log, and what it brought.

    A delivery that held only known changes may be an old one sent again by hand: its time says
    nothing about the clock.
    """
    batch, received = visit.batch, visit.received
    values: dict[str, Any] = {"last_sync_at": batch.received_at, "app": visit.envelope["app"]}
    if (
        batch.road == "link"
        and batch.clock.sent_at is not None
        and (received.fresh or not batch.arrivals)
    ):
        values["clock_offset_s"] = batch.clock.offset_s
        if batch.clock.jumped:
            values["clock_jumped_at"] = batch.received_at
    if (account := read_told(visit.envelope.get("account"))) is not None:
        values["account"] = account
    return Closing(
        batch.device.device_id, values, received.batch, received.stream, received.new_stream
    )


def _delivered(visits: Sequence[Visit]) -> dict[str, tuple[int, datetime]]:
    """Return, by worker, which work given to him his laptop holds now: up to which number, since
    when."""
    return {
        one.batch.device.worker_id: (one.place.number, one.batch.received_at)
        for one in visits
        if one.place is not None and one.place.number and not one.place.phase
    }


def _note_fork(centre: Centre, batch: Batch, now: datetime) -> None:
    """Alert staff: two laptops may carry one store."""
    with centre.store.writing() as connection:
        audit.note(
            connection, batch.device.district, now, "stream_forked",
            target=batch.device.device_id, detail={"stream": batch.stream},
        )  # fmt: skip
