"""What a compound's file says beyond its facts: its figures of this year, which kinds of people its
Party organisations lack, and whether somebody holds two posts at once.

With a property company or another manager five kinds belong in the branch (五类人员), without one
three (三个层级). It is read off the members that organisations name; nobody is asked for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from schemas.clock import local_day
from schemas.codes import code_list
from schemas.labels import Label
from schemas.party import KINDS as PARTY
from schemas.search import fold
from sync_server.domain.areas import above, holds
from sync_server.services import compound_figures
from sync_server.services.accounts import User
from sync_server.store import records_read
from sync_server.store.duplicates import gathered

SELF_GOVERNED = ("owners", "manage", "self_manage", "council")
FIVE = ("property", "owners", "supervisory", "owner_rep", "community")
OWNERS = Label("业主党员", "Party members among the owners")
BOTH = Label("书记兼业委会（理事会）主任", "Secretary who also chairs the owners' body")
TEMPLATES = {
    "five": Label("五类人员", "Five kinds of people"),
    "three": Label("三个层级", "Three kinds of people"),
}
SECRETARY, CHAIR = ("书记", "secretary"), ("主任", "会长", "chair")


@dataclass(frozen=True)
class Checks:
    """What belongs in the branch: the template's name, each kind with whether it is there, and
    whether one person holds both posts (一肩挑)."""

    template: str
    kinds: tuple[tuple[str, bool], ...]
    both: bool

    @property
    def missing(self) -> int:
        """How many kinds nobody stands for."""
        return sum(not there for _, there in self.kinds)


@dataclass(frozen=True)
class Standing:
    """The figures of a compound from the first of January to today, and its checklist."""

    first: date
    last: date
    figures: compound_figures.Line
    checks: Checks | None


def standing(
    connection: sa.Connection, person: User, row: Mapping[Any, Any], now: datetime, lang: str
) -> Standing:
    """Return how a compound stands today, as far as it lies in the person's areas."""
    last = date.fromisoformat(local_day(now))
    return Standing(
        last.replace(month=1, day=1),
        last,
        compound_figures.one_line(connection, person, row["record_id"], last, now),
        checks(connection, person, row, last.isoformat(), lang),
    )


def checks(
    connection: sa.Connection, person: User, row: Mapping[Any, Any], today: str, lang: str
) -> Checks | None:
    """Return the checklist of a compound; None while no Party organisation that covers it is
    there."""
    scope, district, record_id = person.scope_codes, person.district, row["record_id"]
    ids = (record_id, *gathered(connection, district, [record_id]))
    named, _ = records_read.referring(
        connection, district, ids, kind="org", field="compound_ids", how="many",
        areas=(*scope, *above(scope)), size=50,
    )  # fmt: skip
    orgs = [one["fields"] for one in named if holds(scope, one["grid"], "community")]
    return checklist(str(row["fields"].get("property_mode") or ""), orgs, today, lang)


def checklist(
    property_mode: str, orgs: Sequence[Mapping[str, Any]], today: str, lang: str
) -> Checks | None:
    """Return what a compound managed in this way has of the people its branch should have."""
    party = [one for one in orgs if one.get("org_kind") in PARTY]
    if not party:
        return None
    sources = {member.get("source") for member in _members(party, today)}
    council = [one for one in orgs if one.get("org_kind") in SELF_GOVERNED]
    both = bool(_holding(party, SECRETARY, today) & _holding(council, CHAIR, today))
    words = code_list("MEMBER_SOURCE")
    if property_mode not in ("", "none"):
        kinds = tuple((words.text(one, lang), one in sources) for one in FIVE)
        return Checks(TEMPLATES["five"].text(lang), kinds, both)
    kinds = (
        (OWNERS.text(lang), bool(sources & {"owners", "owner_rep"})),
        (words.text("building_head", lang), "building_head" in sources),
        (BOTH.text(lang), both),
    )
    return Checks(TEMPLATES["three"].text(lang), kinds, both)


def _members(orgs: Sequence[Mapping[str, Any]], today: str) -> list[Mapping[str, Any]]:
    return [
        member
        for one in orgs
        for member in (one.get("members") or {}).values()
        if not member.get("until") or member["until"] >= today
    ]


def _holding(
    orgs: Sequence[Mapping[str, Any]], posts: Collection[str], today: str
) -> set[str]:  # fmt: skip
    """Return the names of those whose post says one of these words, deputies left out."""
    found = set()
    for member in _members(orgs, today):
        post = str(member.get("post") or "").lower()
        if any(word in post for word in posts) and "副" not in post and "deputy" not in post:
            found.add(fold(str(member.get("name") or "")))
    return found - {""}
