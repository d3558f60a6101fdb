"""The history of a record: every change with what it did, and the conflicts with both values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from schemas.kind import Kind
from schemas.values import get_path, paths, set_path
from sync_server.domain.merge import VOIDED
from sync_server.services.accounts import User
from sync_server.services.places import names_for
from sync_server.services.titles import Titles, references
from sync_server.services.values import Value, label_of, show_path, understood
from sync_server.store import history_read
from sync_server.store.history_read import Row

Effect = Literal["set", "same", "beside", "waits", "refused", "passed"]
"""What a change did to one value: became it, said the same, was kept beside it, waits for its
record, was not applied, or was passed on to the record that this one was merged into."""

_LAST = 2**63
NOT_VALUES = frozenset({"void", "merge", "unmerge", "empty"})
"""Actions whose fields are none of the record's."""


@dataclass(frozen=True)
class Delta:
    """One value a change touched."""

    label: str
    old: Value
    new: Value
    effect: Effect


@dataclass(frozen=True)
class Remark:
    """What was wrong or odd about one value, in words; ``label`` empty for the whole change."""

    label: str
    text: str


@dataclass(frozen=True)
class Entry:
    """One change of a history; ``row`` is the change as stored."""

    row: Row
    author: str
    device: str
    area: str
    deltas: tuple[Delta, ...]
    reason: str
    problems: tuple[Remark, ...]
    doubts: tuple[Remark, ...]


@dataclass(frozen=True)
class Dispute:
    """One conflict: the value that stands, the other one, and the decision where there is one."""

    row: Row
    label: str
    base: Value
    """What both writers started from."""
    visible: Value
    visible_by: str
    visible_at: datetime | None
    other: Value
    other_by: str
    decided_by: str
    visible_doubtful: bool = False
    """Whether the clock behind the value that stood is doubtful, as far as the change is known."""
    other_doubtful: bool = False

    @property
    def look_alike(self) -> bool:
        """Whether masking hides in what the two values differ."""
        return self.visible.masked and self.visible.text == self.other.text


@dataclass(frozen=True)
class History:
    """Everything that happened to one record, newest first."""

    entries: tuple[Entry, ...] = ()
    disputes: tuple[Dispute, ...] = ()


@dataclass
class Reader:
    """Shows changes and conflicts of one page: names, areas and titles, read at once."""

    connection: sa.Connection
    person: User
    lang: str
    titles: Titles
    unmask: bool = False
    areas: Mapping[str, str] = field(default_factory=dict)
    devices: Mapping[str, str] = field(default_factory=dict)

    def preload(self, changes: Sequence[Row], disputes: Sequence[Row] = ()) -> None:
        """Read what showing these rows needs."""
        wanted: set[tuple[str, str]] = set()
        for row in changes:
            wanted.add(("user", row["author"]))
            kind, fields = understood(row)
            if kind is not None and row["outcome"] != "quarantined":
                wanted |= set(references(kind, _stored_like(kind, fields)))
        for row in disputes:
            wanted |= {("user", row["author"]), ("user", row["decided_by"] or "")}
        self.titles.preload(wanted - {("user", "")})
        self.devices = history_read.device_names(
            self.connection,
            self.person.district,
            {row["device_id"] for row in changes if row["device_id"]},
        )

    def entry(self, row: Row, deltas: tuple[Delta, ...]) -> Entry:
        """Return a change with its names; ``deltas`` are what it did."""
        kind, fields = understood(row)
        reason = fields.get("reason") if row["action"] == "void" else ""
        return Entry(
            row=row,
            author=self.titles.lookup("user", row["author"]) or "",
            device=self.devices.get(row["device_id"] or "", ""),
            area=self.areas.get(row["grid"] or "", row["grid"] or ""),
            deltas=deltas,
            reason=reason if isinstance(reason, str) else "",
            problems=tuple(_remarks(kind, row["problem"], self.lang)),
            doubts=tuple(_remarks(kind, row["doubts"], self.lang)),
        )

    def alone(self, row: Row) -> Entry:
        """Return a change on its own, without what stood before it."""
        kind, fields = understood(row)
        effect: Effect = {"quarantined": "refused", "held": "waits"}.get(row["outcome"], "set")  # type: ignore[assignment]
        if row["action"] in NOT_VALUES:
            return self.entry(row, ())
        said = paths(kind, fields) if kind else iter(fields.items())
        deltas = (
            Delta(label_of(kind, path, self.lang), Value(""), self._value(kind, path, new), effect)
            for path, new in _readable(said)
        )
        return self.entry(row, tuple(deltas))

    def replay(
        self, rows: Sequence[Row], disputes: Sequence[Row], record_id: str
    ) -> tuple[Entry, ...]:
        """Return the changes of one record, newest first, each with old and new values."""
        received = {row["change_id"]: row["received_at"] for row in rows}
        state: dict[str, Any] = {}
        entries = []
        for row in sorted(rows, key=lambda one: _effective(one, record_id)):
            beside = {one["path"] for one in disputes if _kept_beside(row, one, received)}
            if row["into_id"] not in (None, record_id):
                deltas = tuple(replace(one, effect="passed") for one in self.alone(row).deltas)
            else:
                deltas = tuple(self._apply(row, state, beside))
            entries.append(self.entry(row, deltas))
        return tuple(reversed(entries))

    def _apply(self, row: Row, state: dict[str, Any], kept_beside: set[str]) -> Iterator[Delta]:
        if row["action"] in NOT_VALUES:
            return
        if row["outcome"] in ("quarantined", "held"):
            yield from self.alone(row).deltas
            return
        kind, fields = understood(row)
        if kind is None:
            return
        for path, new in paths(kind, fields):
            old = get_path(state, path)
            effect: Effect = "same" if old == new else "beside" if path in kept_beside else "set"
            if effect == "set":
                set_path(state, path, new)
            yield Delta(
                label_of(kind, path, self.lang),
                self._value(kind, path, old),
                self._value(kind, path, new),
                effect,
            )

    def dispute(self, kind: type[Kind] | None, row: Row, behind: Mapping[str, Row]) -> Dispute:
        """Return one conflict; ``behind`` are the changes its values came from, by id."""
        source = behind.get(row["visible_change_id"] or "")
        return Dispute(
            row=row,
            label="" if row["path"] == VOIDED else label_of(kind, row["path"], self.lang),
            base=self._value(kind, row["path"], row["base"]),
            visible=self._value(kind, row["path"], row["visible"]),
            visible_by=(self.titles.lookup("user", source["author"]) or "") if source else "",
            visible_at=source["happened_at"] if source else None,
            other=self._value(kind, row["path"], row["other"]),
            other_by=self.titles.lookup("user", row["author"]) or "",
            decided_by=self.titles.lookup("user", row["decided_by"] or "") or "",
            visible_doubtful=doubtful(source),
            other_doubtful=doubtful(behind.get(row["change_id"])),
        )

    def _value(self, kind: type[Kind] | None, path: str, value: Any) -> Value:
        return show_path(kind, path, value, self.lang, self.titles, unmask=self.unmask)


def read_history(
    connection: sa.Connection,
    person: User,
    kind: type[Kind],
    record_id: str,
    titles: Titles,
    lang: str,
    *,
    unmask: bool = False,
) -> History:
    """Return everything that happened to one record; whether somebody may see it is for the caller
    to judge."""
    district = person.district
    changes = history_read.changes_of(connection, district, record_id)
    disputes = history_read.conflicts_of(connection, district, record_id)
    reader = Reader(connection, person, lang, titles, unmask)
    reader.preload(changes, disputes)
    reader.areas = names_for(connection, district, [change["grid"] for change in changes])
    behind = {change["change_id"]: change for change in changes}
    return History(
        reader.replay(changes, disputes, record_id),
        tuple(reader.dispute(kind, one, behind) for one in disputes),
    )


def doubtful(change: Row | None) -> bool:
    """Whether a change's time is in doubt: its clock was wrong and nobody has confirmed it."""
    return bool(change and change["doubtful"] and not change["time_confirmed_by"])


def _effective(row: Row, record_id: str) -> tuple[int, datetime, int]:
    """Changes count by the version they became; a held one took effect later than it came."""
    version = row["into_version"] if row["into_id"] == record_id else row["version"]
    return (version or _LAST, row["received_at"], row["seq"] or 0)


def _kept_beside(change: Row, dispute: Row, received: Mapping[str, datetime]) -> bool:
    """Whether the conflict kept what ``change`` said beside the visible value.

    A conflict names the last change of its writer; his earlier ones on the same path, since it was
    opened, were kept beside as well.
    """
    if dispute["automatic"]:
        at_once = dispute["first_decision"] or dispute["decision"]
        return bool(dispute["change_id"] == change["change_id"] and at_once != "replaced")
    last = received.get(dispute["change_id"], dispute["opened_at"])
    return bool(
        change["outcome"] == "conflict"
        and change["device_id"] == dispute["device_id"]
        and dispute["opened_at"] <= change["received_at"] <= last
    )


def _readable(said: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield what a refused change said as far as it has the shape of fields at all."""
    try:
        yield from said
    except (TypeError, AttributeError):
        return


def _stored_like(kind: type[Kind], wire: Mapping[str, Any]) -> dict[str, Any]:
    """Return wire fields as if they were stored alone, to find what they refer to."""
    stored: dict[str, Any] = {}
    for path, value in _readable(paths(kind, wire)):
        set_path(stored, path, value)
    return stored


def _remarks(kind: type[Kind] | None, notes: Any, lang: str) -> Iterator[Remark]:
    """Yield stored problems or doubts in words, each with the label of its field."""
    for note in notes or ():
        pointer = str(note.get("pointer") or "")
        name = pointer.split("/")[1] if pointer.startswith("/") else ""
        label = label_of(kind, name.replace("~1", "/").replace("~0", "~"), lang) if name else ""
        yield Remark(label, str(note.get("en" if lang == "en" else "zh") or note.get("code") or ""))
