"""What goes down in the reply: updates of the laptop's scope, its new cursor, people's names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import KINDS
from schemas.exchange import MAX_BODY_BYTES
from schemas.fields import Ref, Refs
from schemas.kind import Kind
from sync_server.domain.areas import above, joined
from sync_server.domain.cursor import Place, read_place, towards, write_place
from sync_server.domain.json_text import write_quickly
from sync_server.services.accounts import names_of
from sync_server.services.centre import Centre
from sync_server.store import feed

Item = tuple[Any, str, Iterable[str]]
"""A position in the feed, an update as JSON, the users it names."""


@dataclass(frozen=True)
class Delivery:
    """``updates`` are JSON texts, passed on as they are; ``people`` maps user ids to names."""

    updates: list[str]
    cursor: str | None
    more: bool
    people: dict[str, str]


def deliver_updates(
    connection: sa.Connection,
    centre: Centre,
    district: str,
    epoch: str,
    grids: Sequence[str],
    cursor: str | None,
    want: int,
) -> Delivery:
    """Read what a laptop that holds ``grids`` lacks after ``cursor``, at most ``want`` updates or
    1 MiB: first what left its scope, then what is new in it, then what changed since."""
    key = centre.keys.cursor
    before = place = read_place(key, district, epoch, cursor) or Place(joined(grids))
    # Read first: whatever is numbered up to it is committed, so the cursor may pass it.
    horizon = feed.horizon(connection, district, place.number)
    page = _Page(connection, district, want, horizon)
    place = page.fill(towards(place, grids))
    place = replace(place, stamp=_stamp(connection, district, place.number, horizon, before))
    return Delivery(
        page.updates,
        write_place(key, district, epoch, place),
        page.more,
        names_of(connection, district, page.people),
    )


def _stamp(
    connection: sa.Connection, district: str, number: int, horizon: feed.Horizon, before: Place
) -> str:
    """Return the mark of the commit that gave out ``number``, looked up only where it must be."""
    if number == horizon.until:
        return horizon.stamp
    if number == before.number:
        return before.stamp
    return feed.stamp_at(connection, district, number)


@dataclass
class _Page:
    """One answer's updates while they are gathered; ``more`` when it was full before the end."""

    connection: sa.Connection
    district: str
    want: int
    horizon: feed.Horizon
    updates: list[str] = field(default_factory=list)
    people: set[str] = field(default_factory=set)
    size: int = 0
    more: bool = False

    def fill(self, place: Place) -> Place:
        """Gather what lies behind ``place`` and return the place after it."""
        if place.phase == "leaving":
            place = self._let_leave(place)
        if place.phase == "entering":
            place = self._let_enter(place)
        return place if self.more else self._go_on(place, self.horizon.until)

    def _let_leave(self, place: Place) -> Place:
        """Tell which records the laptop may not hold any more, each by its id alone."""
        gone = feed.left_behind(
            self.connection, self.district, _scope(place.perhaps), _scope(place.grids),
            place.number, str(place.at), self._limit,
        )  # fmt: skip
        last = self._take((record_id, _gone(record_id), ()) for record_id in gone)
        if self.more:
            return place if last is None else replace(place, at=last)
        return replace(place, phase="entering", at=0)

    def _let_enter(self, place: Place) -> Place:
        """Give what the laptop holds now and had no part in when it stood at this number."""
        rows = feed.changed_records(
            self.connection, self.district, _scope(place.grids), int(place.at), place.number,
            self._limit, without=_scope(place.sure),
        )  # fmt: skip
        last = self._take(_updates(rows))
        if self.more:
            return place if last is None else replace(place, at=last)
        return Place(place.grids, place.number)

    def _go_on(self, place: Place, until: int) -> Place:
        """Give what changed since in the laptop's scope, and what was moved out of it."""
        asked = (self.connection, self.district, _scope(place.grids), place.number, until)
        rows = feed.changed_records(*asked, self._limit)
        away = feed.moved_away(*asked, self._limit) if self.horizon.moved else ()
        items = _updates(rows)
        if away:
            gone: list[Item] = [(row.change_no, _gone(row.record_id), ()) for row in away]
            items = iter(sorted([*items, *gone], key=lambda item: item[0]))
        last = self._take(items)
        if not self.more:
            last = max(until, place.number)
        return place if last is None else Place(place.grids, last)

    @property
    def _limit(self) -> int:
        """How many to ask for: one more than there is room, to know whether it was all."""
        return self.want - len(self.updates) + 1

    def _take(self, items: Iterable[Item]) -> Any:
        """Add (position, update, people) while there is room; return the last one's position."""
        last = None
        for position, text, people in items:
            size = self.size + len(text)
            if len(self.updates) >= self.want or (self.updates and size > MAX_BODY_BYTES):
                self.more = True
                break
            self.updates.append(text)
            self.people.update(people)
            self.size = size
            last = position
        return last


def _scope(grids: Sequence[str]) -> feed.Scope:
    community = sorted(name for name, kind in KINDS.items() if kind.info.reach == "community")
    return feed.Scope(grids, above(grids), community)


def _gone(record_id: str) -> str:
    return write_quickly({"record_id": record_id, "gone": True})


def _updates(rows: Iterable[Any]) -> Iterator[Item]:
    """Yield records as (change_no, update, people): the update as JSON, its stored fields passed on
    unread; the users it names, its authors and those its fields refer to."""
    for (
        record_id, kind, schema, grid, version, change_no, voided, merged_into,
        author, made_at, last_author, last_made_at, trail, fields,
    ) in rows:  # fmt: skip
        head = {
            "kind": kind,
            "schema": schema,
            "record_id": record_id,
            "version": version,
            "change_no": change_no,
            "grid": grid,
            "voided": voided,
            "first": {"author": author, "made_at": made_at},
            "last": {"author": last_author, "made_at": last_made_at},
        }
        if merged_into:
            head["merged_into"] = merged_into
        if trail:
            head["trail"] = trail
        text = f'{write_quickly(head)[:-1]},"fields":{fields}}}'
        yield change_no, text, (author, last_author, *_named(kind, fields))


def _named(kind: str, fields: str) -> Iterable[str]:
    """Return the users that a record's fields, as JSON, refer to."""
    names = [name for name in _user_fields(kind) if f'"{name}"' in fields]
    if not names:
        return ()
    said = json.loads(fields)
    values = [said.get(name) or () for name in names]
    return [one for value in values for one in ([value] if isinstance(value, str) else value)]


def _user_fields(kind: str) -> tuple[str, ...]:
    known = KINDS.get(kind)
    return _naming_users(known) if known else ()


@cache
def _naming_users(kind: type[Kind]) -> tuple[str, ...]:
    return tuple(
        name
        for name, field in kind.declared().items()
        if isinstance(field, Ref | Refs) and field.kind == "user"
    )
