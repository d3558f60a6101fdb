"""设备对账: which laptops do not add up, have been silent, or may have been copied.

What a laptop says of its own log (:mod:`sync_server.services.account`) is held against what is
here. Nothing is repaired from these pages: they tell staff whom to call.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sync_server.services.account import Account, account_of
from sync_server.services.accounts import User
from sync_server.services.device_pages import Device, is_silent, list_devices, open_device
from sync_server.store import account_read

FORKS_SHOWN = timedelta(days=30)
OLD_AFTER_DAYS = 1
"""Work a laptop told of and has not brought for so many days is worth a call."""
DAYS_SHOWN = 92
CHECK_LETTERS = 16


@dataclass(frozen=True)
class Line:
    """One device: what its laptop said last, and what speaks for a call.

    ``lacking`` is how many confirmed changes, by the laptop's word, are not here.
    """

    device: Device
    told: dict[str, Any] | None
    lacking: int
    forks: int
    forked_at: datetime | None

    @property
    def unsent(self) -> int | None:
        """How many changes were still on the laptop after its last exchange; None: never told."""
        return self.told["unsent"] if self.told else None

    @property
    def differences(self) -> int:
        """How many differences the laptop found."""
        return int(self.told["differences"]) if self.told else 0

    @property
    def old_unsent(self) -> bool:
        """Whether unsent work has been lying there for a day or more, or on a revoked laptop."""
        waiting = self.device.silent_days >= OLD_AFTER_DAYS or self.device.row["state"] != "active"
        return bool(self.unsent) and waiting

    @property
    def in_order(self) -> bool:
        """Whether there is nothing to look after."""
        return not (self.differences or self.lacking or self.old_unsent or self.forks)


@dataclass(frozen=True)
class AccountPage:
    """One device's account by day, the newest day first, and its streams with check codes."""

    line: Line
    account: Account
    days: tuple[tuple[str, Counter[str]], ...]
    days_left_out: int
    checks: tuple[tuple[str, int, str], ...]


def list_accounts(connection: sa.Connection, person: User, now: datetime) -> list[Line]:
    """Return the devices of the person's areas, the longest silent first.

    Raises Refusal ``not_allowed`` for a role without records.
    """
    devices = list_devices(connection, person, now)
    forks = account_read.forks_since(connection, person.district, now - FORKS_SHOWN)
    return [_line(device, forks) for device in devices]


def narrowed(lines: Sequence[Line], show: str) -> list[Line]:
    """Return the lines of one tab: ``trouble``, ``all``, or a number of silent days."""
    if show == "all":
        return list(lines)
    if show.isdecimal():
        return [one for one in lines if is_silent(one.device, int(show))]
    return [one for one in lines if not one.in_order]


def open_account(
    connection: sa.Connection, person: User, device_id: str, now: datetime, *, whole: bool = False
) -> AccountPage:
    """Return one device's account; ``whole`` with every day there ever was.

    Raises Refusal: not_allowed, or unknown_record outside the areas.
    """
    device = open_device(connection, person, device_id, now).device
    forks = account_read.forks_since(connection, person.district, now - FORKS_SHOWN)
    account = account_of(connection, person.district, device_id)
    days = sorted(account.by_day.items(), reverse=True)
    shown = days if whole else days[:DAYS_SHOWN]
    return AccountPage(
        line=_line(device, forks),
        account=account,
        days=tuple(shown),
        days_left_out=len(days) - len(shown),
        checks=tuple((one.stream, one.seq, _check(one.hash)) for one in account.known if one.seq),
    )


def _line(device: Device, forks: dict[str, tuple[int, datetime]]) -> Line:
    told = device.row["account"]
    confirmed = told["made"] - told["unsent"] if told else 0
    count, last = forks.get(device.device_id, (0, None))
    return Line(device, told, max(0, confirmed - device.known), count, last)


def _check(hash_: str) -> str:
    """Return the start of a hash as receipts print it."""
    letters = hash_[:CHECK_LETTERS].upper()
    return " ".join(letters[at : at + 4] for at in range(0, len(letters), 4))
