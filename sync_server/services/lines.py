"""What a laptop's log held when it wrote a change: its stream so far, and what that stream follows.

A store that was copied or put back goes on in a new stream under the same device, so the device
alone does not tell what a writer had before him. A stream does: everything with a smaller number,
and of the streams it follows everything up to where its store parted from them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from schemas.values import paths
from sync_server.domain.envelope import reopened
from sync_server.domain.merge import same_run
from sync_server.services.corrected import put_right
from sync_server.store import streams
from sync_server.store.writing import seen_by


class Place(NamedTuple):
    """Where a change stands, what its writer had seen of the record, by run, which version it was
    before a restore, of which record it spoke, and the fields that staff made others in it."""

    at: frozenset[tuple[str, int]]
    seen: tuple[int, ...]
    former_version: int | None
    record_id: str
    put_right: frozenset[str]


class Lines:
    """One transaction's knowledge of who wrote after whom."""

    def __init__(self, connection: sa.Connection, district: str) -> None:
        self._connection = connection
        self._district = district
        self._noted: dict[str, tuple[Mapping[str, Any], frozenset[tuple[str, int]]]] = {}
        self._places: dict[str, Place] = {}
        self._reach: dict[str, Mapping[str, int]] = {}

    def note(self, row: Mapping[str, Any], stream: str, seq: int) -> None:
        """Remember a change of this transaction, which the tables do not hold yet."""
        change_id, at = row["change_id"], frozenset({(stream, seq)})
        known = self._place(change_id)
        # Hardly any of them is ever asked about: what it tells is read off when one is.
        self._noted[change_id] = (row, at | known.at if known else at)
        self._places.pop(change_id, None)

    def _place(self, change_id: str) -> Place | None:
        """Return where a change stands, None when that was not looked up."""
        if change_id in self._noted:
            row, at = self._noted.pop(change_id)
            self._places[change_id] = Place(
                at, seen_by(row), row.get("former_version"), row["record_id"], put_right(row)
            )
        return self._places.get(change_id)

    def begin(self, stream: str, follows: Mapping[str, int]) -> None:
        """Remember what a stream of this transaction follows, before it is stored."""
        self._reach[stream] = follows

    def held_before(
        self, stream: str, seq: int, change_id: str, change_ids: Collection[str]
    ) -> frozenset[str]:
        """Return those of ``change_ids`` that the log held before number ``seq`` of ``stream``.

        Within one stream numbers are the order of making. A change sealed anew may follow a stream
        that went on after it was made: ids are made in order on a laptop, so a later one is left
        out. (With a clock put back, a conflict too many at worst.)
        """
        places = self._load(change_ids)
        if not places:  # most changes ask about nothing: no query for them
            return frozenset()
        reach = self._reach_of(stream) | {stream: seq - 1}
        return frozenset(
            one
            for one in change_ids
            if one in places
            and any(
                0 < number <= reach.get(name, 0) and (name == stream or one < change_id)
                for name, number in places[one].at
            )
        )

    def said_later(self, row: Mapping[str, Any]) -> frozenset[str]:
        """Return the paths of this update at which the log that holds it says something newer that
        counts already; all of them when it made the record anew.

        Asked of what was refused and is let in late. What staff made of it is nobody's older value.
        """
        wanted = (self._connection, self._district, row["record_id"], row["author"])
        others = {one["change_id"]: one for one in streams.counted_of(*wanted)}
        if not others:
            return frozenset()
        places = self._load([row["change_id"], *others])
        mine, found = _named(row).keys(), set[str]()
        for one, other in others.items():
            if any(self.held_before(*at, one, [row["change_id"]]) for at in places[one].at):
                found |= mine if other["action"] == "create" else mine & _named(other).keys()
        typed = _typed(row)
        return frozenset(one for one in found if one.partition(".")[0] not in typed)

    def added_between(
        self, first: Mapping[str, Any], row: Mapping[str, Any], here: Iterable[Mapping[str, Any]]
    ) -> frozenset[str]:
        """Return the paths at which the log said something of a record between its create ``first``
        and the change ``row`` of the same writer, in updates that count.

        ``here`` are this transaction's changes, as they are by now. What staff made of an update is
        left out: its writer had not seen it.
        """
        record_id, author = row["record_id"], row["author"]
        stored = streams.counted_of(self._connection, self._district, record_id, author)
        every = {one["change_id"]: one for one in (*stored, *here)}
        updates = {
            change_id: one
            for change_id, one in every.items()
            if one["action"] == "update"
            and (one["record_id"], one["author"]) == (record_id, author)
            and one["outcome"] in streams.COUNTED
        }
        before, after = (
            self.held_before(one["stream"] or "", one["seq"] or 0, one["change_id"], updates)
            for one in (first, row)
        )
        return frozenset(
            path
            for one in after - before
            for path, value in _named(updates[one]).items()
            if value is not None and path.partition(".")[0] not in _typed(updates[one])
        )

    def prepare(self, change_ids: Collection[str]) -> None:
        """Look up at once where these changes stand, to be asked about one by one."""
        self._load(change_ids)

    def spoke_of(self, change_ids: Collection[str], record_id: str) -> frozenset[str]:
        """Return those of these changes that spoke of ``record_id``, as far as that was looked up:
        whoever wrote of one record did not mean what he wrote of another that it was merged with.
        """
        return frozenset(
            one
            for one in change_ids
            if (place := self._place(one)) is None or place.record_id == record_id
        )

    def made_other(self, change_ids: Collection[str]) -> frozenset[tuple[str, str]]:
        """Return the (field, change) of these changes, as far as they were looked up, whose value
        staff made another before they let the change in: its writer has not seen that."""
        known = self._known(change_ids)
        return frozenset((name, one) for one, place in known.items() for name in place.put_right)

    def former(self, change_ids: Collection[str]) -> Mapping[str, Place]:
        """Return the places of these changes that are known."""
        return self._load(change_ids)

    def _load(self, change_ids: Collection[str]) -> Mapping[str, Place]:
        missing = [one for one in change_ids if self._place(one) is None]
        if missing:
            for row in streams.places(self._connection, self._district, missing):
                self.note(row, row["stream"] or "", row["seq"] or 0)
        return self._known(change_ids)

    def _known(self, change_ids: Collection[str]) -> dict[str, Place]:
        return {one: place for one in change_ids if (place := self._place(one)) is not None}

    def _reach_of(self, stream: str) -> dict[str, int]:
        """Return how far each earlier stream is part of ``stream``, itself left out."""
        found: dict[str, int] = {}
        waiting = [stream]
        while waiting:
            for name, seq in self._follows(waiting.pop()).items():
                if seq > found.get(name, 0) and name != stream:
                    found[name] = seq
                    waiting.append(name)
        return found

    def _follows(self, stream: str) -> Mapping[str, int]:
        if stream not in self._reach:
            rows = streams.known_streams(self._connection, self._district, [stream])
            self._reach[stream] = (rows[stream]["follows"] or {}) if stream in rows else {}
        return self._reach[stream]


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a stored change says by the paths it names, as today's kinds read it."""
    arrival = reopened({"fixed": None, **row})
    return dict(paths(arrival.kind, arrival.fields)) if arrival.kind else {}


def _typed(row: Mapping[str, Any]) -> set[str]:
    """Return the fields of a change that staff made others before they let it in."""
    fixed = (row.get("fixed") or row)["fields"]
    return {name for name, value in fixed.items() if row["fields"].get(name) != value}


def saw_former(seen: Iterable[int], former_version: int | None) -> bool:
    """Whether a writer who had ``seen`` these versions of a record, the last of each run, had seen
    what was its ``former_version`` in a lost run."""
    return former_version is not None and any(
        same_run(version, former_version) and former_version <= version for version in seen
    )
