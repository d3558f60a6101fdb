"""Defects put into either program, one at a time: the simulation must find each of them."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from field_app.domain import reconcile
from field_app.services import batch, forks, receiving, sync
from field_app.services.workspace import CHANGES, Workspace, put_all
from field_app.sync_client import Reply
from sync_server.domain import cursor, merge
from sync_server.domain.areas import joined
from sync_server.domain.cursor import Place
from sync_server.domain.envelope import Arrival, BadEnvelope
from sync_server.domain.errors import Refusal
from sync_server.services import decision_records, intake, receive
from sync_server.services import sync as sync_of_the_centre
from sync_server.services.ids import new_id
from sync_server.services.ledger import Ledger
from sync_server.services.lines import Lines
from sync_server.store import streams, writing
from sync_server.store.engine import Store
from sync_server.store.tables import districts

Patch = pytest.MonkeyPatch


def acknowledged_when_sent(patch: Patch) -> None:
    """The laptop takes what it has sent for received."""

    def sent(ws: Workspace, *rest: Any, **how: Any) -> batch.Batch:
        made = batch.next_batch(ws, *rest, **how)
        told = {"acked": True, "outcome": "applied", "receipt": {"version": None}}
        put_all(ws.db, CHANGES, {one["change_id"]: one | told for one in made.changes})
        return made

    patch.setattr(sync, "next_batch", sent)


def cursor_before_data(patch: Patch) -> None:
    """The laptop stores how far it has read before it stores what it read."""
    take = receiving.take_reply

    def taken(ws: Workspace, sent: batch.Batch, reply: Reply, **how: Any) -> Any:
        ws.keep_setting("cursor", server_epoch=reply.server_epoch, cursor=reply.cursor)
        return take(ws, sent, reply, **how)

    patch.setattr(sync, "take_reply", taken)


def twins_not_looked_for(patch: Patch) -> None:
    """The centre gives a change it has received before another id and applies it again."""
    patch.setattr(intake, "same_content", lambda row, members: False)


def loser_dropped(patch: Patch) -> None:
    """The centre forgets the value that does not become visible."""
    patch.setattr(Ledger, "_keep_clash", lambda self, *clash: new_id())


def later_wins(patch: Patch) -> None:
    """The centre lets every change replace what stands, seen or not."""
    patch.setattr(merge, "_knew", lambda edit, path, entry: True)


def device_has_seen(patch: Patch) -> None:
    """The centre takes all that a device wrote for seen by it, also by a copy of its disk."""
    patch.setattr(Lines, "held_before", lambda self, stream, seq, change, ids: frozenset(ids))


def another_ones_entry_overwritten(patch: Patch) -> None:
    """The centre lets a later conflicting value take the place of another writer's."""

    def take_all(self: Ledger, record_id: str, path: str, edit: merge.Edit) -> list[str]:
        return list(self._entries.pop((record_id, path), {}))

    patch.setattr(Ledger, "_take_own", take_all)


def base_ignored(patch: Patch) -> None:
    """The centre does not look at the version a laptop's writer had before him."""
    knew = merge._knew

    def known(edit: merge.Edit, path: str, entry: Any) -> bool:
        held = edit.device_id is None or entry["change_id"] in edit.held
        return held and knew(edit, path, entry)

    patch.setattr(merge, "_knew", known)


def refusal_stops_the_batch(patch: Patch) -> None:
    """The centre refuses a whole batch for one change it cannot take."""
    opened = Arrival.open

    def strict(self: Arrival) -> None:
        opened(self)
        if self.problems:
            raise BadEnvelope([{"pointer": "", "detail": "refused"}])

    patch.setattr(Arrival, "open", strict)


def refused_dropped(patch: Patch) -> None:
    """The centre acknowledges a change it refuses and does not keep it."""
    insert = writing.insert_changes
    patch.setattr(
        writing,
        "insert_changes",
        lambda connection, rows: insert(
            connection, [row for row in rows if row["outcome"] != "quarantined"]
        ),
    )


def refused_emptied(patch: Patch) -> None:
    """The centre acknowledges a change it refuses and keeps that it came, but not what it said."""
    insert = writing.insert_changes
    patch.setattr(
        writing,
        "insert_changes",
        lambda connection, rows: insert(
            connection,
            [row | {"fields": {}} if row["outcome"] == "quarantined" else row for row in rows],
        ),
    )


def numbers_alone(patch: Patch) -> None:
    """The centre takes a known number for a known change, whatever its hash."""

    def known(connection: Any, lot: Any, old: Any) -> dict[int, Any]:
        last = {one.seq: one.hash for one in old}

        def told(*asked: Any) -> dict[int, Any]:
            return {seq: row | {"hash": last[seq]} for seq, row in between(*asked).items()}

        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(streams, "received_between", told)
            return answer(connection, lot, old)

    answer, between = receive._known_rows, streams.received_between
    patch.setattr(receive, "_known_rows", known)
    patch.setattr(receive, "check_heads", lambda *_: None)


def hashes_not_compared(patch: Patch) -> None:
    """The centre compares no hash: neither known changes nor where a stream goes on."""
    compare = receive._compare

    def unchecked(connection: Any, lot: Any, visitor: Any, known: dict[str, Any]) -> Any:
        place = known.get(lot.stream)
        fresh = [one for one in lot.arrivals if place and one.seq > place["known_seq"]]
        if fresh:
            known[lot.stream] = place | {"known_hash": fresh[0].members["prev"]}
        return compare(connection, lot, visitor, known)

    numbers_alone(patch)
    patch.setattr(receive, "_compare", unchecked)


def one_of_several_left_out(patch: Patch) -> None:
    """The centre takes in the first of several batches that it writes together, and answers for
    all."""

    class First(intake.Intake):
        def __init__(self, connection: Any, parts: Any, *more: Any) -> None:
            super().__init__(connection, parts[:1], *more)

    patch.setattr(receive, "Intake", First)


def held_for_ever(patch: Patch) -> None:
    """The centre does not release what waits for a record when that record comes."""
    patch.setattr(writing, "waiting_changes", lambda *_: [])


def area_taken_from_the_claim(patch: Patch) -> None:
    """The centre believes a laptop that the area is its worker's."""
    patch.setattr("sync_server.domain.judging.holds", lambda *_: True)


def effect_committed_before_its_receipt(patch: Patch) -> None:
    """The centre commits what a batch did, and in a second commit that it has received it."""
    write = Ledger.write

    def written(self: Ledger) -> int:
        number = write(self)
        self._connection.exec_driver_sql("COMMIT")
        self._connection.exec_driver_sql("BEGIN IMMEDIATE")
        return number

    patch.setattr(Ledger, "write", written)


def versions_used_again(patch: Patch) -> None:
    """A restored centre begins a new epoch, but goes on with the numbers of its backup."""

    def begun(connection: Any, district: str, *_: Any, **_more: Any) -> str:
        name = secrets.token_hex(16)
        this = districts.c.district == district
        connection.execute(sa.update(districts).where(this).values(server_epoch=name))
        return name

    for place in ("restore", "sync"):
        patch.setattr(f"sync_server.services.{place}.begin_epoch", begun)
    patch.setattr("sync_server.services.centre.begin_where_older", lambda *_: None)
    numbers_go_on(patch)


def numbers_go_on(patch: Patch) -> None:
    """The centre goes on with its numbers whatever copy of its database a program opens. Alone this
    shows in no district of many: a laptop that has seen more gives the copy away soon."""
    patch.setattr("sync_server.services.centre.begin_run", lambda *_: None)


def epoch_not_noticed(patch: Patch) -> None:
    """The laptop does not notice that the centre was restored."""
    patch.setattr(receiving, "_is_restored", lambda ws, reply: False)


def gone_not_sent(patch: Patch) -> None:
    """The centre does not tell a laptop what it may not hold any more."""
    patch.setattr("sync_server.store.feed.left_behind", lambda *_: [])


def cursor_good_for_any_grids(patch: Patch) -> None:
    """The centre goes on from a laptop's cursor whatever grids it was reached with."""

    def anyhow(place: Place, grids: Any) -> Any:
        if not place.number:
            return cursor.towards(place, grids)
        return dataclasses.replace(place, grids=joined(grids))

    patch.setattr("sync_server.services.deliver.towards", anyhow)


def unsent_work_purged(patch: Patch) -> None:
    """The laptop throws away what it has of a record that leaves it, unsent work too."""
    remove = receiving._remove

    def purged(ws: Workspace, record_ids: list[str]) -> None:
        mine = ws.table(CHANGES).search(lambda one: one["record_id"] in record_ids)
        ws.table(CHANGES).remove(doc_ids=[one["change_id"] for one in mine])
        remove(ws, record_ids)

    patch.setattr(receiving, "_remove", purged)
    patch.setattr("field_app.domain.views.keeps", lambda change: False)


def answered_without_commit(patch: Patch) -> None:
    """The centre says that it has received what its disk refused in the end."""
    writing_ = Store.writing

    @contextlib.contextmanager
    def careless(self: Store) -> Iterator[Any]:
        done = False
        try:
            with writing_(self) as connection:
                yield connection
                done = True
        except Refusal:
            if not done:
                raise

    patch.setattr(Store, "writing", careless)


def decision_not_told(patch: Patch) -> None:
    """The centre keeps to itself what staff have decided."""
    patch.setattr(decision_records, "tell_decisions", lambda *_: None)


def confirmed_by_number(patch: Patch) -> None:
    """The laptop meeting a restored centre asks for nothing of a stream but what is beyond."""

    def beyond(changes: Any, known: Any) -> Any:
        every = list(changes)
        far = [one for one in every if one["seq"] > known.get(one["stream"], (0, ""))[0]]
        lost = [reconcile.unmarked(one) for one in far if one["acked"]]
        return lost, set(), {one["stream"] for one in every}

    patch.setattr(receiving, "beyond", beyond)
    patch.setattr(forks, "_unmark", lambda ws, names: None)


def whole_district_told(patch: Patch) -> None:
    """The centre tells a laptop of every grid's records, on whichever road it asked."""
    deliver = sync_of_the_centre.deliver_updates

    def everything(*asked: Any) -> Any:
        connection, centre, district, epoch, _grids, *rest = asked
        return deliver(connection, centre, district, epoch, (district,), *rest)

    patch.setattr(sync_of_the_centre, "deliver_updates", everything)


def timer_not_armed_again(patch: Patch) -> None:
    """The laptop plans no further round after one that failed."""
    back_off = sync.back_off
    patch.setattr("field_app.timer.back_off", lambda *ended: back_off(*ended) + math.inf)


Defect = Callable[[Patch], None]
Often = dict[str, float]

COPIES: Often = {"clone": 12, "copy": 10, "back": 12}
RESTORES: Often = {"centre_copied": 8, "centre_restored": 6}
WORK_AND_RESTORES: Often = dict.fromkeys(
    ("stick", "late", "copy", "back", "clone", "staff_settles", "refused_seen_to", "grids_move",
     "revoked", "centre_replaced"),
    0.0,
) | {"centre_copied": 8, "centre_restored": 8}  # fmt: skip
"""Nothing but work, syncs, clocks and restores."""
MOVES: Often = {"grids_move": 12}
DEFECTS: dict[Defect, tuple[int, Often]] = {
    acknowledged_when_sent: (0, {}),
    cursor_before_data: (9, {}),
    twins_not_looked_for: (0, COPIES),
    loser_dropped: (0, {}),
    later_wins: (0, {}),
    device_has_seen: (2, COPIES),
    another_ones_entry_overwritten: (6, {}),
    base_ignored: (1, {}),
    refusal_stops_the_batch: (0, {}),
    refused_dropped: (0, {}),
    refused_emptied: (0, {}),
    numbers_alone: (0, COPIES),
    hashes_not_compared: (0, COPIES),
    one_of_several_left_out: (0, dict.fromkeys(("centre_copied", "centre_restored"), 0.0)),
    held_for_ever: (33, RESTORES),
    area_taken_from_the_claim: (0, {}),
    effect_committed_before_its_receipt: (0, {"danger": 0.7}),
    versions_used_again: (24, WORK_AND_RESTORES),
    epoch_not_noticed: (13, RESTORES),
    gone_not_sent: (0, MOVES),
    cursor_good_for_any_grids: (0, MOVES),
    unsent_work_purged: (1, MOVES),
    answered_without_commit: (2, {"danger": 0.7}),
    decision_not_told: (3, {"staff_settles": 15}),
    confirmed_by_number: (12, COPIES | RESTORES),
}
"""Each with the seed that is tried first, because it is known to meet it, and with what happens
more often than usual."""
