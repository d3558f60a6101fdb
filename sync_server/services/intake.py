"""The new changes of some batches on their way into the store: judged, merged, written in bulk.

Held changes are applied by themselves when the create they wait for arrives, in the same batch or
in a later one, from whichever laptop. Batches of several laptops that wait for the district's turn
are taken in together, one after another, as if each had come alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import sqlalchemy as sa

from sync_server.domain.envelope import Arrival, problem, reopened
from sync_server.domain.holding import Made, held_now
from sync_server.domain.judging import Verdict, Worker, hangs_below, judge, parent_id
from sync_server.domain.time_limits import Clockwork
from sync_server.services.applying import apply_judged, is_overtaken, overtake
from sync_server.services.care_alarms import sound_alarms
from sync_server.services.casework import taken_over
from sync_server.services.corrected import Corrected, as_update
from sync_server.services.decision_records import CORRECTION, close_answered, tell_decisions
from sync_server.services.heirs import Heirs
from sync_server.services.ids import new_id
from sync_server.services.issue_life import ISSUE
from sync_server.services.ledger import Ledger
from sync_server.services.left_waiting import refuse_late, settle_given_up
from sync_server.services.parts import Part, change_row
from sync_server.services.receipts import Row, batch_row, duplicate, receipt
from sync_server.services.same_content import same_content
from sync_server.services.steps import follow_up
from sync_server.services.turns import OnlyAlone
from sync_server.store import holdings, moving, streams, writing
from sync_server.store.sending import stores_meanwhile
from sync_server.store.touching import Touched, touched_by
from sync_server.store.writing import Numbers

CHANGING = ("update", "void")


@dataclass
class _Item:
    """One change with its row and the part that brought it; None: an earlier batch did, which wrote
    the row."""

    row: Row
    arrival: Arrival
    part: Part | None = None

    @property
    def stored(self) -> bool:
        return self.part is None


class Intake:
    """The new changes of some batches of a district; ``take`` is called once.

    ``numbers`` are the district's, whose turn the transaction holds. ``clockwork``: the district's,
    when it was looked up already.
    """

    def __init__(
        self,
        connection: sa.Connection,
        parts: Sequence[Part],
        numbers: Numbers,
        clockwork: Clockwork | None = None,
    ) -> None:
        self._connection = connection
        self._parts = parts
        self._entering = parts[0]
        self._district = parts[0].batch.device.district
        self._now = max(part.batch.received_at for part in parts)
        self._touched = Touched()
        self._clockwork = clockwork
        self._ledger = Ledger(connection, self._district, self._now, numbers)
        self._items: dict[str, _Item] = {}
        self._waiting: dict[str, list[_Item]] = {}
        self._settled: dict[str, _Item] = {}
        self._settled_by: dict[str, Part] = {}
        self._taken_up: set[str] = set()
        self._workers: dict[str, Worker] = {}
        self._lay_in: dict[str, list[str]] = {}
        self._taken_over: set[str] = set()
        self._whole = self._written = 0
        """How many of the items, in order, will not be changed any more; are written."""
        self._heirs = Heirs(connection, self._district)
        self._corrected = Corrected(connection, self._district)
        for part in parts:
            self._ledger.lines.begin(part.batch.stream, part.follows)

    def take(self) -> None:
        """Judge, merge and write what the parts bring; their receipts are in them afterwards."""
        arrivals = [one for part in self._parts for one in part.arrivals]
        for arrival in arrivals:
            arrival.open()
        self._look(arrivals)
        before = streams.received(self._connection, self._district, self._touched.changes)
        for part in self._parts:
            if before and not part.revoked:
                self._taken_up |= self._found_good(part, before)
        known = before.keys() - self._taken_up
        new = [one for one in arrivals if one.change_id not in known]
        self._load(new)
        for part in self._parts:
            self._ledger.now = part.batch.received_at
            self._enter(part, before)
            if part is not self._parts[-1] and stores_meanwhile(self._connection):
                self._ledger.hand_over()  # what goes together speaks of nothing in common
                self._whole = len(self._items)
        self._ledger.now = self._now
        self._write()
        for part in self._parts:
            part.receipts += [
                duplicate(arrival, row) if again else receipt(arrival.seq, arrival.change_id, row)
                for arrival, row, again in part.places
            ]
            part.receipts += self._late_receipts(part)

    def _enter(self, part: Part, before: dict[str, Row]) -> None:
        """Judge and merge one part's changes; ``before`` holds those received so far, by id."""
        self._entering = part
        half = part.arrivals[len(part.arrivals) // 2]
        for arrival in part.arrivals:
            if arrival is half:  # what the database got before it has stored by now
                self._write_changes()
            twin = before.get(arrival.change_id)
            if twin is not None and same_content(twin, arrival.members):
                self._ledger.lines.note(twin, part.batch.stream, arrival.seq)
                self._ledger.lines.note(twin, twin["stream"] or "", twin["seq"] or 0)
                if arrival.change_id in self._taken_up - self._settled.keys():
                    item = _Item(twin, arrival)
                    self._settle(item)
                    self._decide(item)
                part.places.append((arrival, twin, True))
                continue
            row = arrival.row or change_row(part.batch, arrival)
            item = _Item(row | {"batch_id": part.batch.batch_id}, arrival, part)
            part.compare_time(item.row)
            self._ledger.lines.note(item.row, part.batch.stream, arrival.seq)
            if twin is None:
                before[arrival.change_id] = item.row
                self._decide(item)
            else:  # an id used twice for different content: kept whole under an id of our own
                item.row |= {"change_id": new_id(), "outcome": "quarantined"}
                item.row["problem"] = [problem("already_exists")]
            self._items[item.row["change_id"]] = item
            part.places.append((arrival, item.row, False))

    def _found_good(self, part: Part, before: Mapping[str, Row]) -> set[str]:
        """Return the ids of what was put aside for nothing but that its device was revoked, and is
        now brought, unaltered, by its own writer, who may take part: it is judged as if it came
        only now. Not what staff have seen to, nor what the same batch corrects."""
        corrected = {one.members.get("corrects") for one in part.arrivals}
        return {
            one.change_id
            for one in part.arrivals
            if (row := before.get(one.change_id)) is not None
            and was_revoked(row)
            and row["desk"] is None
            and row["author"] == part.batch.device.worker_id
            and one.change_id not in corrected
            and same_content(row, one.members)
            and (one.problems or set(row["fields"]) == set(one.members["fields"]))
        }

    def _look(self, arrivals: Sequence[Arrival]) -> None:
        """Find out which of all that the changes may touch is there, and take the batches' own ids.

        A batch id that another device used is not this batch's.
        """
        written = {arrival.members["record_id"] for arrival in arrivals}
        above = {one for arrival in arrivals if (one := parent_id(arrival) or hangs_below(arrival))}
        named = written | above
        self._touched = touched_by(
            self._connection,
            self._district,
            change_ids=[arrival.change_id for arrival in arrivals],
            written=written,
            made=[one.members["record_id"] for one in arrivals if one.action == "create"],
            named=named,
            batch_ids=[part.batch.batch_id for part in self._parts],
        )
        if len(self._parts) > 1 and self._touched.merged:
            raise OnlyAlone  # two of them may speak of one record by two ids
        for part in self._parts:
            batch, device_id = part.batch, part.batch.device.device_id
            if self._touched.batches.get(batch.batch_id, device_id) != device_id:
                part.batch = replace(batch, batch_id=new_id())
        self._ledger.knows_of(
            missing=named - self._touched.records,
            standing=above - self._touched.merged,
            settled=named - self._touched.disputed,
        )

    def _load(self, arrivals: Sequence[Arrival]) -> None:
        """Read every record the changes name, and the held changes that wait for them."""
        wanted = {arrival.members["record_id"] for arrival in arrivals}
        wanted |= {parent for one in arrivals if (parent := parent_id(one))}
        made = {one.members["record_id"] for one in arrivals if one.action == "create"}
        held = writing.waiting_changes(
            self._connection, self._district, made & self._touched.waiting
        )
        for row in held:
            item = _Item(row, reopened(row))
            self._waiting.setdefault(row["waits_for"], []).append(item)
        self._ledger.load(wanted | {row["record_id"] for row in held})
        self._recall()
        self._meet({row["author"] for row in held})
        there = [one for one in arrivals if self._ledger.record(one.members["record_id"])]
        self._corrected.load(one.members.get("corrects") for one in there if one.action == "create")
        above = {one for arrival in arrivals if (one := hangs_below(arrival))}
        moved = moving.moves_of(
            self._connection,
            self._district,
            ((wanted | above) & self._touched.moved) | {row["record_id"] for row in held},
        )
        self._lay_in = {one: [step.from_area for step in steps] for one, steps in moved.items()}
        self._ledger.load(above & moved.keys())
        edited = {one.members["record_id"] for one in arrivals if one.members["kind"] == ISSUE}
        edited &= self._touched.records
        self._taken_over = taken_over(self._connection, self._district, edited)

    def _recall(self) -> None:
        """Look up at once where each device's own changes stand that are part of the records it
        changes: every change to one of them asks."""
        own = {
            entry["change_id"]
            for part in self._parts
            for one in part.arrivals
            if one.action in CHANGING and (row := self._ledger.record(one.members["record_id"]))
            for entry in row["origins"].values()
            if entry["device_id"] == part.batch.device.device_id
        }
        self._ledger.lines.prepare(own)

    def _meet(self, others: set[str]) -> None:
        """Read who wrote what is judged now: the visitors, and ``others`` whose changes waited."""
        mine = {part.batch.device.worker_id for part in self._parts}
        if len(self._parts) == 1:  # what of his own waited is judged as what he brings
            others -= mine
        held_by = holdings.holdings_of(self._connection, self._district, others | mine)
        scopes = streams.scopes_of(self._connection, self._district, others) if others else {}
        kinds = streams.kinds_of(self._connection, self._district, others) if others else {}
        self._workers = {
            one: Worker(one, scopes.get(one, ()), held_by[one], kinds.get(one, ""))
            for one in others
        }
        # Who a visitor is was read before the district's turn was waited for: grids may have been
        # redrawn meanwhile, and what is written down of them is read only now.
        for part in self._parts:
            me, visitor, told = part.batch.device.worker_id, part.visitor, part.batch.told
            grids = held_now(held_by[me], visitor.grids or ())
            part.worker = Worker(me, grids, held_by[me], visitor.kind, told)

    def _decide(self, item: _Item) -> None:
        """Find out what becomes of one change and write it into its row."""
        if item.part is not None and item.part.revoked:
            item.row |= {"outcome": "quarantined", "problem": [problem("device_revoked")]}
            return
        worker = (item.part or self._entering).worker
        if item.part is None and item.row["author"] != worker.user_id:
            # A held change is judged as its own writer's, whoever's batch brings the create.
            worker = self._workers[item.row["author"]]
        row = item.row
        first = self._corrected.let_in(item.arrival, self._ledger.record(row["record_id"]))
        if first is not None:
            here = [one.row for one in (*self._items.values(), *self._settled.values())]
            added = self._ledger.lines.added_between(first, row, here)
            item.arrival = as_update(item.arrival, first, added)
        above = parent_id(item.arrival) or hangs_below(item.arrival)
        verdict = judge(
            item.arrival,
            worker,
            self._ledger.record(row["record_id"]),
            self._ledger.record(above),
            Made(row["happened_at"], row["doubtful"], row["received_at"]),
            self._lay_in.get(above or row["record_id"], ()),
            row["record_id"] in self._taken_over,
            self._ledger.survivor(row["record_id"]),
        )
        if item.arrival.kind is not None:
            new = item.arrival.action == "create"
            verdict = self._heirs.settle(verdict, worker, item.arrival.kind.info, new=new)
        item.row["waits_for"] = verdict.waits_for
        if verdict.problems:
            item.row |= {"outcome": "quarantined", "problem": verdict.problems}
        elif verdict.waits_for:
            item.row |= {"outcome": "held", "problem": None}
            self._waiting.setdefault(verdict.waits_for, []).append(item)
        else:
            self._apply(item, verdict)

    def _apply(self, item: _Item, verdict: Verdict) -> None:
        row = item.row
        late = row["change_id"] in self._taken_up
        effect = apply_judged(
            self._ledger, row, item.arrival, verdict, doubtful=row["doubtful"], late=late
        )
        if effect is None:
            return
        for waiting in self._waiting.pop(row["record_id"], ()):
            if waiting.stored:
                self._settle(waiting)
            if is_overtaken(self._ledger, waiting.row, row):
                overtake(waiting.row, effect)
            else:
                self._decide(waiting)

    def _settle(self, item: _Item) -> None:
        """Note an earlier batch's change about which the part that enters decides."""
        self._settled[item.row["change_id"]] = item
        self._settled_by[item.row["change_id"]] = self._entering

    def _late_receipts(self, part: Part) -> list[dict[str, Any]]:
        mine = [
            item.row
            for change_id, item in self._settled.items()
            if self._settled_by[change_id] is part
            and item.row["device_id"] == part.batch.device.device_id
            and change_id not in self._taken_up
        ]
        return [
            receipt(row["seq"], row["change_id"], row) | {"stream": row["stream"]} for row in mine
        ]

    def _write(self) -> None:
        connection, now = self._connection, self._now
        rows = [item.row for item in self._items.values()]
        self._ledger.write()
        self._whole = len(rows)
        self._write_changes()
        settled = [item.row for item in self._settled.values()]
        writing.settle_held(connection, settled)
        tell_decisions(connection, self._district, self._ledger.decided, now)
        refused = {row["record_id"] for row in rows + settled if _is_refused_issue(row)}
        sound_alarms(connection, self._district, self._ledger, now, refused)
        if settled or self._touched.asked or any(row["corrects"] for row in rows):
            close_answered(connection, self._district, rows + settled, now)
        if answers := self._ledger.touched(CORRECTION):
            settle_given_up(connection, self._district, answers, now)
        if held := [row for row in rows + settled if row["outcome"] == "held"]:
            refuse_late(connection, self._district, held, now)
        made = self._ledger.new_issues
        follow_up(
            connection, self._district, self._ledger.issues, now, made=made, ahead=self._clockwork
        )
        reseals = [
            {
                "district": self._district,
                "stream": part.batch.stream,
                "seq": arrival.seq,
                "change_id": arrival.change_id,
                "hash": arrival.hash,
            }
            for part in self._parts
            for arrival, _, again in part.places
            if again and arrival.seq > part.known_seq
        ]
        streams.insert_reseals(connection, reseals)
        for part in self._parts:
            self._count(part)

    def _write_changes(self) -> None:
        """Append to the log those changes of which is known what became of them."""
        rows = [item.row for item in islice(self._items.values(), self._written, self._whole)]
        writing.insert_changes(self._connection, rows)
        self._written = self._whole

    def _count(self, part: Part) -> None:
        """Count a part's new changes in its batch."""
        batch, rows = part.batch, part.rows()
        outcomes = Counter(row["outcome"] for row in rows)
        present = None
        if batch.batch_id in self._touched.batches:
            present = streams.find_batch(self._connection, self._district, batch.batch_id)
        if present is None:
            part.batch_row = batch_row(batch, len(rows), dict(outcomes))
        else:  # delivered before, and has grown since
            total = {"outcomes": dict(Counter(present["outcomes"]) + outcomes)}
            counted = total | {"changes": present["changes"] + len(rows)}
            streams.change_batch(self._connection, self._district, batch.batch_id, counted)


def was_revoked(row: Mapping[str, Any]) -> bool:
    """Whether a change was put aside for nothing but that its device might not take part."""
    codes = [one["code"] for one in row["problem"] or ()]
    return row["outcome"] == "quarantined" and codes == ["device_revoked"]


def _is_refused_issue(row: Row) -> bool:
    return bool(
        row["kind"] == ISSUE and row["action"] == "create" and row["outcome"] == "quarantined"
    )
