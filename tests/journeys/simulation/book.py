"""What workers entered and what they had seen when they did: the simulation's own book.

It shares no code with the merge. A value is known to its writer when it stood on his screen in the
moment of writing, or when he had written it himself on the same disk.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

VOIDED = "voided"
STAFF = "staff"
SAID = (
    "change_id", "kind", "schema", "record_id", "action", "grid", "base_version", "made_at",
    "author", "fields",
)  # fmt: skip
"""What a change says, wherever it stands in whichever log; ``corrects`` too where it has one."""


@dataclass(frozen=True)
class Entry:
    """One change as it was saved.

    ``at`` is the true time, whatever the laptop's clock said. ``writes`` is by path, and so is
    ``saw``: what its writer had on the screen there, then and whenever he wrote it before. ``own``
    are all changes on the disk before; ``planted`` names what is wrong with it on purpose.
    ``based`` tells that the change says it is based on the copy that stood on the screen, not on an
    earlier one. ``sealed`` is the change itself as it was sealed; empty for the staff's.
    """

    change_id: str
    machine: str
    worker: str
    at: datetime | None
    kind: str
    record_id: str
    action: str
    writes: dict[str, Any]
    saw: dict[str, list[Any]]
    own: frozenset[str]
    planted: str = ""
    based: bool = False
    sealed: dict[str, Any] = field(default_factory=dict)

    def looked_at(self, other: Entry, path: str) -> bool:
        """Whether what another laptop had written at ``path`` stood on the screen, and the change
        says that it was based on that."""
        foreign = other.change_id not in self.own
        return self.based and foreign and other.writes[path] == self.saw[path][0]

    def knew(self, other: Entry, path: str) -> bool:
        """Whether its writer knew what ``other`` had written at ``path``."""
        return other.change_id in self.own or other.writes[path] in self.saw.get(path, [])


@dataclass
class Book:
    """All that was ever saved, by change id."""

    entries: dict[str, Entry] = field(default_factory=dict)
    typed: int = 0

    def word(self) -> str:
        """Return a text nobody has typed before."""
        self.typed += 1
        return f"第{self.typed}句"

    def note(
        self,
        change: Mapping[str, Any],
        before: Mapping[str, Any] | None,
        machine: str,
        worker: str,
        at: datetime,
        disk: list[str],
        planted: str = "",
    ) -> None:
        """Write down a saved ``change``; ``before`` is the view its writer had before him."""
        seen = before or {"fields": {}, "voided": False}
        writes = written_paths(change)
        if change["action"] == "create" and change.get("corrects"):
            writes = self._left_out(disk, change["record_id"]) | writes
        self.entries[change["change_id"]] = Entry(
            change_id=change["change_id"],
            machine=machine,
            worker=worker,
            at=at,
            kind=change["kind"],
            record_id=change["record_id"],
            action=change["action"],
            writes=writes,
            saw={
                path: [value_at(seen["fields"], path), *self._seen(disk, change["record_id"], path)]
                for path in writes
            },
            own=frozenset(disk),
            planted=planted,
            based=change["base_version"] is not None
            and change["base_version"] == seen.get("version"),
            sealed={name: change[name] for name in ("seq", "prev", "hash")} | said_by(change),
        )

    def note_staff(self, change: Mapping[str, Any], shown: set[str | None]) -> None:
        """Write down what the staff did with the changes in ``shown`` before their eyes."""
        self.entries[change["change_id"]] = Entry(
            change_id=change["change_id"],
            machine=STAFF,
            worker=STAFF,
            at=None,
            kind=change["kind"],
            record_id=change["record_id"],
            action=change["action"],
            writes=written_paths(change),
            saw={},
            own=frozenset(one for one in shown if one),
        )

    def _left_out(self, disk: list[str], record_id: str) -> dict[str, Any]:
        """Return every path written on this disk before as emptied.

        A corrected create says all its writer sees: what it does not name he has taken out.
        """
        before = [self.entries[change_id] for change_id in disk]
        return {
            path: None for entry in before if entry.record_id == record_id
            for path in entry.writes if path != VOIDED
        }  # fmt: skip

    def _seen(self, disk: list[str], record_id: str, path: str) -> list[Any]:
        """Return what stood at ``path`` when it was written on this disk before.

        One of those changes may never count at the centre (it is refused): then only the writer
        himself knows that he had seen what it was to replace.
        """
        before = [self.entries[change_id] for change_id in disk]
        return [
            value
            for entry in before
            if entry.record_id == record_id
            for value in entry.saw.get(path, [])
        ]


def said_by(change: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a change says, place and seal left out."""
    said = {name: change[name] for name in SAID}
    corrects = change.get("corrects")
    return said | {"corrects": corrects} if corrects is not None else said


def seal_of(change: Mapping[str, Any], seq: int, prev: str) -> str:
    """Return the seal of what ``change`` says at a place of a log: written down once more, from the
    protocol's words, to share nothing with either program."""
    members = said_by(change) | {"seq": seq, "prev": prev}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def written_paths(change: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a change says, by path: a field's name, or ``name.key`` in a list of entries."""
    if change["action"] == "void":
        return {VOIDED: change["fields"]["reason"]}
    if change["action"] == "restore":
        return {VOIDED: None}
    said: dict[str, Any] = {}
    for name, value in change["fields"].items():
        if isinstance(value, dict) and set(value) <= {"add", "remove"}:
            for key, entry in value.get("add", {}).items():
                said[f"{name}.{key}"] = entry
            for key in value.get("remove", []):
                said[f"{name}.{key}"] = None
        else:
            said[name] = value
    return said


def value_at(fields: Mapping[str, Any], path: str) -> Any:
    """Return the value at a path of a record's fields, None when there is none."""
    name, dot, key = path.partition(".")
    value = fields.get(name)
    return (value or {}).get(key) if dot else value
