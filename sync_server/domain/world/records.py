"""What a world is made of: records, users, and who plays in the scripted scenes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.clock import written
from schemas.seal import canonical
from sync_server.domain.world.seeds import Ids


@dataclass(frozen=True, slots=True)
class WorldRecord:
    """One record as it stands today: stored fields, its area, who made it and when (RFC 3339)."""

    record_id: str
    kind: str
    grid: str
    fields: dict[str, Any]
    author: str
    made_at: str

    def as_json(self) -> dict[str, Any]:
        """Return the record as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class WorldUser:
    """A person who works with the program; ``account`` marks those who sign in at the centre."""

    user_id: str
    no: str
    name: str
    kind: str
    role: str
    scope_codes: tuple[str, ...]
    account: bool = False
    unit_id: str = ""
    """The unit somebody acts for."""

    def as_json(self) -> dict[str, Any]:
        """Return the user as plain JSON."""
        members = {name: getattr(self, name) for name in self.__slots__}
        return {**members, "scope_codes": list(self.scope_codes)}


@dataclass(frozen=True)
class Persona:
    """The scripted day in one grid: its worker and the people and things he meets."""

    grid: str
    worker_id: str
    worker_no: str
    due_today: tuple[str, ...]
    """Residents in high-risk care whose visit is due today."""
    alone_household: str
    """The household of an elder living alone (one of those due)."""
    tenant_household: str
    """The household where a tenant moves in this evening."""
    returned_issue: str
    notice: str

    def as_json(self) -> dict[str, Any]:
        """Return the cast as plain JSON."""
        return {**self.__dict__, "due_today": list(self.due_today)}


class Digest:
    """SHA-256 over the canonical JSON of users and records as they pass, a line each."""

    def __init__(self) -> None:
        self._whole = hashlib.sha256()

    def line(self, one: WorldRecord | WorldUser) -> bytes:
        """Take in ``one`` and return its line."""
        line = canonical(one.as_json()) + b"\n"
        self._whole.update(line)
        return line

    def hex(self) -> str:
        """Return the digest of what has passed."""
        return self._whole.hexdigest()


class Pen:
    """Writes records of one kind with ids of their own stream."""

    def __init__(self, kind: str, ids: Ids) -> None:
        self.kind = kind
        self.ids = ids

    def write(
        self, grid: str, author: str, made_at: datetime, fields: dict[str, Any]
    ) -> WorldRecord:
        """Return a new record; empty fields are left out, as a store keeps them."""
        return self.keep(self.ids.at(made_at), grid, author, made_at, fields)

    def keep(
        self, record_id: str, grid: str, author: str, made_at: datetime, fields: dict[str, Any]
    ) -> WorldRecord:
        """Return a new record whose id others already refer to."""
        full = {name: value for name, value in fields.items() if value not in (None, "", [], {})}
        return WorldRecord(record_id, self.kind, grid, full, author, written(made_at))


def minutes_later(moment: datetime, minutes: float) -> datetime:
    """Return ``moment`` moved by ``minutes``, to the second."""
    return moment + timedelta(seconds=round(minutes * 60))
