"""What today asks of the worker, on one page."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from field_app.domain.typed import values_of
from field_app.services.care_alarms import Alarm, open_alarms
from field_app.services.choices import names
from field_app.services.corrections import Asked, open_corrections
from field_app.services.doubts import last_day
from field_app.services.drafts import MAIN, Draft, begun
from field_app.services.issue_work import IssueWork, issue_work
from field_app.services.knock import Campaign, running
from field_app.services.notices import Notice, held_notices
from field_app.services.outbox import Item, unread_decisions
from field_app.services.overview import look
from field_app.services.patrols import Slot, missing_slots, slots_of
from field_app.services.records import get_view, unsent_count, views
from field_app.services.service_requests import Standing as Request
from field_app.services.service_requests import claimable, my_requests
from field_app.services.survivors import survivor_of, survivors
from field_app.services.sync import last_rounds
from field_app.services.workspace import Workspace
from field_app.store.copies import backup_day
from schemas.care_contact import at_survivors, reached, told_last
from schemas.care_due import first_due, recheck_at, strictness
from schemas.catalogue import UnknownKind, kind_of
from schemas.clock import local_day, read_moment, written
from schemas.describe import title

SOON = timedelta(days=7)
DOUBTFUL_CLOCK_S = 600
"""A clock further off than this makes every time doubtful (docs/PROTOCOL.md, Time)."""
WORDS_SHOWN = 24
"""How many characters of a description name a draft."""
SCARCE_MB = 500
"""Less free space than this is shown as a warning."""


@dataclass(frozen=True)
class CareDue:
    """Somebody to be looked after; ``days`` until due, negative when overdue."""

    resident_id: str
    name: str
    household_id: str | None
    where: str
    risk: str
    due: str
    days: int
    again_by: str | None = None
    """Until when, for somebody found in a serious state: within a day, whatever the risk."""
    change: str = ""
    """What was found then."""


@dataclass(frozen=True)
class DraftLine:
    """An open draft as a list names it."""

    draft: Draft
    kind: str
    title: str
    is_edit: bool


@dataclass(frozen=True)
class Today:
    """Everything the first page shows."""

    day: str
    slots: tuple[Slot, ...]
    missed: tuple[Slot, ...]
    care: tuple[CareDue, ...]
    alarms: tuple[Alarm, ...]
    """People in care missed twice in a row, whose issue is not over."""
    campaigns: tuple[Campaign, ...]
    """The knock campaigns that run today."""
    issues: IssueWork
    requests: tuple[Request, ...]
    """The service requests the worker has in hand, by what is due next."""
    free_requests: int
    """How many wait for somebody to take them on."""
    asked: tuple[Asked, ...]
    """What staff ask the worker to correct or to check."""
    decided: tuple[Item, ...]
    """What was decided against him and he has not taken note of."""
    notices: tuple[Notice, ...]
    """Those that hold today, unread ones first."""
    drafts: tuple[DraftLine, ...]
    unsent: int
    clock_offset_s: int | None
    clock_doubtful: bool
    last_round: Mapping[str, Any] | None
    """The last sync round that was completed."""


def today(ws: Workspace) -> Today:
    """Return what today asks of the worker."""
    day = local_day(ws.now())
    offset = ws.identity.clock_offset_s
    rounds = last_rounds(ws)
    return Today(
        day=day,
        slots=tuple(slots_of(ws, day)),
        missed=tuple(missing_slots(ws)),
        care=tuple(care_due(ws)),
        alarms=tuple(open_alarms(ws)),
        campaigns=tuple(running(ws)),
        issues=issue_work(ws),
        requests=tuple(my_requests(ws)),
        free_requests=len(claimable(ws)),
        asked=tuple(open_corrections(ws)),
        decided=tuple(unread_decisions(ws)),
        notices=tuple(held_notices(ws)),
        drafts=tuple(draft_line(ws, draft) for draft in begun(ws)),
        unsent=unsent_count(ws),
        clock_offset_s=offset,
        clock_doubtful=offset is not None and abs(offset) > DOUBTFUL_CLOCK_S,
        last_round=next((one for one in rounds if one.get("confirmed_all")), None),
    )


def care_due(ws: Workspace, within: timedelta = SOON) -> list[CareDue]:
    """Return the care visits due by today and ``within``: people found in a serious state first,
    then the longest overdue, of one day the riskiest. Of somebody with two care records the
    stricter one decides."""
    present = date.fromisoformat(local_day(ws.now()))
    in_care: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    people = {}
    for view in views(ws, "care"):
        care = view["fields"]
        person = survivor_of(ws, "resident", care.get("resident_id") or "")
        resident = get_view(ws, "resident", person)
        over = care.get("until") and care["until"] < present.isoformat()
        gone = resident is None or resident["voided"] or resident["fields"].get("moved_out_at")
        if resident is not None and not gone and not over:
            in_care[resident["record_id"]].append({**care, "resident_id": resident["record_id"]})
            people[resident["record_id"]] = resident
    home_of = {key: survivor_of(ws, "household", home) if home else None
               for key, one in people.items()
               for home in [one["fields"].get("household_id")]}  # fmt: skip
    last = _last_contacts(ws, home_of)
    found = []
    name_of = names(ws)
    for resident_id, resident in people.items():
        cares = in_care[resident_id]
        risk = str(min(cares, key=strictness).get("risk", ""))
        due = first_due(cares, last.get(resident_id))
        days = (date.fromisoformat(due) - present).days
        if days <= within.days:
            home = home_of[resident_id]
            where = (name_of("household", home) if home else "") or ""
            again = recheck_at(resident_id, last.get(resident_id))
            check = (last[resident_id].get("care_checks") or {})[resident_id] if again else {}
            found.append(
                CareDue(
                    resident_id, str(resident["fields"].get("name", "")), home, where,
                    risk, due, days, written(again) if again else None,
                    str(check.get("change") or ""),
                )
            )  # fmt: skip
    return sorted(found, key=_pressing)


def _pressing(one: CareDue) -> tuple[object, ...]:
    return one.again_by is None, one.due, strictness({"risk": one.risk})[0], one.name


@dataclass(frozen=True)
class Room:
    """What the disk leaves for saving, in whole MB, and the day of the last copy."""

    free_mb: int
    last_copy: str | None

    @property
    def scarce(self) -> bool:
        """Whether the disk is so full that saving may soon fail."""
        return self.free_mb < SCARCE_MB


def room_of(folder: Path, copies: Sequence[Path]) -> Room:
    """Return how much room the data folder has; ``copies`` are the daily ones, newest first."""
    free = shutil.disk_usage(folder).free // 1_000_000
    return Room(free, backup_day(copies[0]).isoformat() if copies else None)


def _last_contacts(
    ws: Workspace, home_of: Mapping[str, str | None]
) -> dict[str, Mapping[str, Any]]:
    """Return by person the fields of the last visit that reached them (to be looked at only).

    One dated ahead of today counts only when its day has come."""
    people: dict[str, list[str]] = defaultdict(list)
    for resident_id, home in home_of.items():
        if home:
            people[home].append(resident_id)
    last: dict[str, tuple[tuple[str, bool, datetime], Mapping[str, Any]]] = {}
    homes, persons = survivors(ws, "household"), survivors(ws, "resident")
    until = last_day(ws)
    for visit in look(ws, "visit"):
        fields = at_survivors(visit["fields"], homes, persons)
        asked = people.get(fields.get("household_id") or "", ())
        for resident_id in {*asked, *(fields.get("care_checks") or ())} & home_of.keys():
            if reached(resident_id, home_of[resident_id], fields):
                at = read_moment(fields["visited_at"])
                if local_day(at) > until:
                    continue
                rank = told_last(resident_id, at, fields)
                if resident_id not in last or last[resident_id][0] < rank:
                    last[resident_id] = (rank, fields)
    return {resident_id: fields for resident_id, (_, fields) in last.items()}


def draft_line(ws: Workspace, draft: Draft) -> DraftLine:
    """Return how a draft is named in a list: by what was typed so far, or by its record."""
    part = draft["parts"][MAIN]
    name_of = names(ws)
    words = ""
    if part["action"] == "update":
        words = name_of(part["kind"], part["record_id"]) or ""
    elif part["kind"] == "issue_step":
        words = name_of("issue", part["fixed"].get("issue_id", "")) or ""
    elif part["kind"] == "service_step":
        words = name_of("service", part["fixed"].get("service_id", "")) or ""
    if not words:
        words = _typed_title(ws, draft) or _typed_text(draft)
    return DraftLine(draft, part["kind"], words, part["action"] == "update")


def _typed_text(draft: Draft) -> str:
    """Return how its description begins, for a draft that has no title yet."""
    words = (draft["parts"][MAIN]["texts"].get("text") or [""])[0].split()
    text = " ".join(words)
    return text if len(text) <= WORDS_SHOWN else text[:WORDS_SHOWN] + "…"


def _typed_title(ws: Workspace, draft: Draft) -> str:
    part = draft["parts"][MAIN]

    def fetch(kind: str, record_id: str) -> Mapping[str, Any] | None:
        found = get_view(ws, kind, record_id)
        return found["fields"] if found else None

    try:
        kind = kind_of(part["kind"])
    except UnknownKind:  # typed under a kind this program no longer knows
        return ""
    values = values_of(kind, part["texts"]) | part["fixed"]
    try:
        return title(kind, values, ws.lang, fetch, unmask=True)
    except (TypeError, AttributeError, KeyError):  # what was typed need not be readable yet
        return ""
