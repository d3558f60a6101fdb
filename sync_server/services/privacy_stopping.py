"""Deletion and withdrawn consent: records of a person are no longer used (decision 0034).

The log only grows and laptops hold copies, so nothing can be wiped out; article 47 then asks that
processing other than storing and protecting stops. Voiding does that: lists, search, exports,
statistics, care duties and laptops leave a void record out. It goes the way of every change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.clock import local_day
from schemas.codes import code_list
from schemas.kinds.resident import withdrawn
from schemas.purposes import CARE as CARE_GROUP
from sync_server.domain import privacy as rule
from sync_server.domain.errors import Refusal
from sync_server.services import audit
from sync_server.services.accounts import User
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.decision_records import close_corrections, open_corrections
from sync_server.services.ids import new_id
from sync_server.services.privacy_acts import facts_of, handled, require_identity
from sync_server.services.privacy_correction import workers_of
from sync_server.services.privacy_requests import find, handles, person_of
from sync_server.store import base_read, history_read, privacy, records_read
from sync_server.store.engine import Store

CARE, PHOTO, HOUSEHOLD = "care", "photo", "household"
OFFERED = {rule.ERASE: (rule.ALL,), rule.WITHDRAW: (rule.ALL, rule.CARE_ONLY)}


@dataclass(frozen=True)
class Stopping:
    """What stopping would do: how many records of each kind go, on which legal basis they were
    held, what of the household changes, and what stays."""

    asked: str
    offered: tuple[str, ...]
    basis: str
    care_basis: tuple[str, ...]
    cares: int
    photos: int
    is_head: bool
    phone_goes: bool
    visits: int
    services: int
    conflicts: int
    tasks: int
    laptops: int
    voided: bool


def stopping_of(
    connection: sa.Connection, person: User, request_id: str, lang: str
) -> Stopping | None:
    """Return what carrying out a request would do, None when there is no record to stop using.

    Raises Refusal: not_allowed, unknown_record.
    """
    row = find(connection, person, request_id)
    if not handles(person, row["area"]) or row["asked"] not in rule.STOPPING:
        raise Refusal("not_allowed")
    record = person_of(connection, person, row)
    if record is None:
        return None
    district, record_id = person.district, record["record_id"]
    cares = base_read.whole_under(connection, district, CARE, record_id)
    owners = [record_id, *(one["record_id"] for one in cares)]
    home = _household(connection, district, record)
    basis = code_list("BASIS")

    def referring(kind: str, name: str, wanted: str) -> int:
        return records_read.referring(
            connection, district, [wanted], kind=kind, field=name, how="one",
            areas=(record["grid"][:12],), size=0,
        )[1]  # fmt: skip

    house = str(record["fields"].get("household_id") or "")
    return Stopping(
        asked=row["asked"],
        offered=OFFERED[row["asked"]] if cares else (rule.ALL,),
        basis=basis.text(str(record["fields"].get("basis") or ""), lang),
        care_basis=tuple(basis.text(str(one["fields"].get("basis") or ""), lang) for one in cares),
        cares=len(cares),
        photos=sum(len(_photos(connection, district, one)) for one in owners),
        is_head=bool(home and home["fields"].get("head_id") == record_id),
        phone_goes=bool(_phone(home, record)),
        visits=referring("visit", "household_id", house),
        services=referring("service", "household_id", house),
        conflicts=sum(
            one["decision"] is None
            for one in history_read.conflicts_of(connection, district, record_id)
        ),
        tasks=len(open_corrections(connection, district, owners)),
        laptops=sum(one.devices for one in workers_of(connection, person, record["grid"])),
        voided=bool(record["voided"]),
    )


def stop(
    store: Store, person: User, request_id: str, version: str, what: str, now: datetime
) -> int:
    """Void what a request asks to stop using; return how many records that were.

    Raises Refusal as ``handled``; identity_first, bad_request when ``what`` is not offered,
    out_of_date when there is no record to stop using.
    """
    with store.writing() as connection:
        row = handled(connection, person, request_id, version)
        require_identity(row)
        if what not in OFFERED.get(row["asked"], ()):
            raise Refusal("bad_request")
        record = person_of(connection, person, row)
        if record is None or record["voided"]:
            raise Refusal("out_of_date")
        work = _Stopping(connection, person, _reason(row), now)
        count = work.stop(record, care_only=what == rule.CARE_ONLY)
        if row["asked"] == rule.WITHDRAW and what == rule.CARE_ONLY:
            work.withdraw(record, CARE_GROUP)
        if not count:
            raise Refusal("out_of_date")
        values = {"stopped": what, "stopped_at": now, "handler_id": person.user_id}
        privacy.change(connection, person.district, request_id, values)
        audit.note(
            connection,
            person.district,
            now,
            "privacy_stop",
            **facts_of(person, row, what=what, records=count),
        )
    return count


def _reason(row: Mapping[Any, Any]) -> str:
    return f"个人信息请求 {row['no']}：{rule.ASKED[row['asked']].zh}"


class _Stopping:
    """Voids the records of one person."""

    def __init__(
        self, connection: sa.Connection, person: User, reason: str, now: datetime
    ) -> None:  # fmt: skip
        self.connection, self.person, self.reason, self.now = connection, person, reason, now
        self.count = 0

    def stop(self, record: Mapping[Any, Any], *, care_only: bool) -> int:
        """Void the care records with their photos, and (unless ``care_only``) the resident's; what
        is asked about them is closed."""
        district, record_id = self.person.district, record["record_id"]
        cares = base_read.whole_under(self.connection, district, CARE, record_id)
        gone: list[Mapping[Any, Any]] = list(cares)
        if not care_only:
            gone.append(record)
        owners = [one["record_id"] for one in gone]
        for one in owners:
            for photo in _photos(self.connection, district, one):
                self._void(photo)
        if not care_only:
            self._leave_household(record)
        tasks = open_corrections(self.connection, district, owners)
        close_corrections(self.connection, district, tasks, self.person.user_id, self.now)
        for row in gone:
            self._void(row)
        return self.count

    def withdraw(self, record: Mapping[Any, Any], group: str) -> None:
        """Note in the resident's consents that those to a group of fields are withdrawn today."""
        ended = withdrawn(record["fields"], group, local_day(self.now), new_id)
        if ended:
            self._apply(record, "update", {"consents": {"add": ended}})

    def _leave_household(self, record: Mapping[Any, Any]) -> None:
        """Take the person out of the household's own fields: as its head, and his number."""
        home = _household(self.connection, self.person.district, record)
        if home is None:
            return
        said: dict[str, Any] = {}
        if home["fields"].get("head_id") == record["record_id"]:
            said["head_id"] = None
        if _phone(home, record):
            said["phone"] = None
        if said:
            self._apply(home, "update", said)

    def _void(self, row: Mapping[Any, Any]) -> None:
        self._apply(row, "void", {"reason": self.reason})
        self.count += 1

    def _apply(self, row: Mapping[Any, Any], action: Any, said: Mapping[str, Any]) -> None:
        change = CentralChange(
            row["kind"], row["record_id"], action, said, self.person.user_id,
            base_version=row["version"], by_rule=True,
        )  # fmt: skip
        apply_central_change(self.connection, self.person.district, change, self.now)


def _photos(
    connection: sa.Connection, district: str, owner_id: str
) -> list[Mapping[Any, Any]]:  # fmt: skip
    return list(base_read.whole_under(connection, district, PHOTO, owner_id))


def _household(
    connection: sa.Connection, district: str, record: Mapping[Any, Any]
) -> sa.RowMapping | None:
    """Return the household of a resident when it stands."""
    home = records_read.get(connection, district, str(record["fields"].get("household_id")))
    if home is None or home["kind"] != HOUSEHOLD or home["voided"] or home["merged_into"]:
        return None
    return home


def _phone(home: Mapping[Any, Any] | None, record: Mapping[Any, Any]) -> str:
    """Return the household's number when it is the person's own; empty otherwise."""
    number = str(record["fields"].get("phone") or "")
    return number if home is not None and home["fields"].get("phone") == number else ""
