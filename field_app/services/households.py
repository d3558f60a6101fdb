"""The household file (一户一档): who lives there, who is looked after, when somebody called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from field_app.services.choices import names
from field_app.services.draft_shape import Draft
from field_app.services.overview import look, newest
from field_app.services.purposes import begun_with
from field_app.services.records import children, get_view
from field_app.services.survivors import gathered_for, survivor_of
from field_app.services.workspace import Workspace
from schemas.care_due import strictness
from schemas.catalogue import kind_of
from schemas.check import FieldProblem
from schemas.clock import local_day
from schemas.kinds.resident import GUARDIAN_AGE, standing_consents
from schemas.messages import Problem
from schemas.purposes import BASIC, CARE

View = Mapping[str, Any]

VISITS_SHOWN = 20


@dataclass(frozen=True)
class Member:
    """A person of a household and, when looked after, the care record; ``lacks`` names the consents
    that nobody noted, or that were withdrawn: a ``guardian``'s of a child, that to ``care``."""

    view: View
    age: int | None
    care: View | None
    lacks: tuple[str, ...] = ()

    @property
    def fields(self) -> Mapping[str, Any]:
        """The stored fields."""
        fields: Mapping[str, Any] = self.view["fields"]
        return fields


@dataclass(frozen=True)
class HouseholdFile:
    """Everything about one household, for its page."""

    view: View
    title: str
    room: View | None
    members: tuple[Member, ...]
    moved: tuple[Member, ...]
    visits: tuple[View, ...]

    @property
    def in_care(self) -> tuple[Member, ...]:
        """The members looked after."""
        return tuple(member for member in self.members if member.care is not None)


def household_file(ws: Workspace, household_id: str) -> HouseholdFile | None:
    """Return the file of a household, None when this laptop does not hold it."""
    view = get_view(ws, "household", household_id)
    if view is None:
        return None
    members = members_of(ws, household_id)
    room_id = view["fields"].get("room_id")
    return HouseholdFile(
        view=view,
        title=names(ws)("household", household_id) or str(view["fields"].get("code", "")),
        room=get_view(ws, "room", survivor_of(ws, "room", room_id)) if room_id else None,
        members=tuple(one for one in members if not one.fields.get("moved_out_at")),
        moved=tuple(one for one in members if one.fields.get("moved_out_at")),
        visits=tuple(visits_to(ws, "household_id", household_id)),
    )


def members_of(ws: Workspace, household_id: str) -> list[Member]:
    """Return a household's residents, the head first, then by birth."""
    today = local_day(ws.now())
    found = [
        _member(view, care_of(ws, view["record_id"]), today)
        for view in children(ws, "resident", "household_id", household_id)
    ]
    return sorted(found, key=lambda one: (one.fields.get("relation") not in ("01", "02"),
                                          str(one.fields.get("birth", ""))))  # fmt: skip


def _member(view: View, care: View | None, today: str) -> Member:
    fields, lacks = view["fields"], []
    age = age_on(fields.get("birth"), today)
    child = age is not None and age < GUARDIAN_AGE and fields.get("basis") == "consent"
    if child and "guardian" not in standing_consents(fields, BASIC, today):
        lacks.append("guardian")
    asked = care is not None and care["fields"].get("basis") == "consent"
    if asked and not standing_consents(fields, CARE, today):
        lacks.append("care")
    return Member(view, age, care, tuple(lacks))


def care_of(ws: Workspace, resident_id: str) -> View | None:
    """Return the care record of a person that holds today, the strictest of several, or None."""
    held = cares_of(ws, resident_id)
    return min(held, key=lambda one: (strictness(one["fields"]), one["record_id"]), default=None)


def cares_of(ws: Workspace, resident_id: str) -> list[View]:
    """Return every care record of a person that holds today."""
    today = local_day(ws.now())
    return [
        view
        for view in children(ws, "care", "resident_id", resident_id)
        if not view["fields"].get("until") or view["fields"]["until"] >= today
    ]


def visits_to(ws: Workspace, field: str, record_id: str) -> list[View]:
    """Return the latest visits to a household (``household_id``) or shop (``shop_id``)."""
    ids = gathered_for(ws, "visit", field, record_id)
    return list(newest(ws, "visit", "visited_at", VISITS_SHOWN,
                       lambda view: view["fields"].get(field) in ids))  # fmt: skip


def age_on(birth: object, today: str) -> int | None:
    """Return full years on a day (2026-09-30) of somebody born in a month (1951-04)."""
    if not isinstance(birth, str) or len(birth) < 7:
        return None
    months = (int(today[:4]) - int(birth[:4])) * 12 + int(today[5:7]) - int(birth[5:7])
    return months // 12


def new_resident(ws: Workspace, household_id: str, now: str) -> dict[str, Any]:
    """Return what a new member's form starts with: the notice as the district says, else as last
    given, and when."""
    versions = [
        (str(view["fields"].get("notice_at")), view["fields"]["notice_version"])
        for view in look(ws, "resident")
        if view["fields"].get("notice_version")
    ]
    version = max(versions, default=("", None))[1]
    start = {"household_id": household_id, "notice_at": now, "notice_version": version}
    start |= begun_with(ws, kind_of("resident"))
    return {name: value for name, value in start.items() if value is not None}


def moves_without_a_day(draft: Draft) -> dict[str, list[FieldProblem]]:
    """Return by part who would be given a reason for moving out and no day of it: such a person
    stays a member, due for visits, whatever the reason says (somebody died)."""
    found = {}
    for prefix, part in draft["parts"].items():
        texts, before = part["texts"], (part["base"] or {}).get("move_reason")
        reason = "".join(texts.get("move_reason", ())).strip()
        if part["kind"] != "resident" or not reason or reason == before:
            continue
        if not any(text.strip() for text in texts.get("moved_out_at", ())):
            found[prefix] = [FieldProblem("/moved_out_at", Problem("moved_out_day"))]
    return found
