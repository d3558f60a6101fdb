"""Contacts with people in care, the same rule on both sides: who was reached, who was missed, and
when a second miss in a row calls for an urgent issue.

A contact is a visit that says something of a person: a care check decides; without one, having met
somebody at the door counts as reached, and a care visit that met nobody as missed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from schemas.clock import SHANGHAI, local_day, written

MET = frozenset({"met"})
NOT_MET = frozenset({"nobody", "refused", "vacant", "moved"})
"""Results of a visit that met nobody behind the door."""
REACHED = frozenset({"well", "need_help", "abnormal"})
NOT_REACHED = "not_reached"
GRAVEST = ("abnormal", "need_help", "well", NOT_REACHED)
"""States of a care check; of two checks of one person on one visit the earlier one here counts."""
CARE = "CARE"
"""The purpose of a care visit is ``care``, the category of an alarm this one."""

ALIKE = 19
"""So many characters a visit's alarms have in common with it."""

Standing = Literal["open", "over", "unknown", "other"]
"""How an issue stands: an open care issue, one that is over, none that is known here, another
category."""


_COUNTED = frozenset({"happened_at", "text"})
"""What of an alarm each side counts by the visits and the clock it knows."""
_BY_RULE = re.compile(
    r"关怀探访连续\d+次未见到本人（最近两次：[-\d :、]+）。"
    r"请立即联系紧急联系人并上门核实；联系方式见该户的关怀档案。"
)


@dataclass(frozen=True)
class Contact:
    """One visit that reached or missed a person, and the issues it raised."""

    visit_id: str
    at: datetime
    missed: bool
    issue_ids: tuple[str, ...] = ()


def reached(resident_id: str, household_id: str | None, fields: Mapping[str, Any]) -> bool:
    """Tell whether a visit reached a person in care living in a household."""
    check = _check(resident_id, fields)
    if check is not None:
        return check.get("state") in REACHED
    return _at_home(household_id, fields) and fields.get("result") in MET


def missed(resident_id: str, household_id: str | None, fields: Mapping[str, Any]) -> bool:
    """Tell whether a visit looked for a person in care and did not reach them."""
    check = _check(resident_id, fields)
    if check is not None:
        return check.get("state") == NOT_REACHED
    return _at_home(household_id, fields) and met_nobody(fields)


def met_nobody(fields: Mapping[str, Any]) -> bool:
    """Tell whether a visit was made to look after people and met nobody."""
    return "care" in (fields.get("purposes") or ()) and fields.get("result") in NOT_MET


def missed_in_check(fields: Mapping[str, Any]) -> list[str]:
    """Return the people whose care check says that they were not reached."""
    checks = fields.get("care_checks") or {}
    return [one for one, check in checks.items() if check.get("state") == NOT_REACHED]


def may_miss(fields: Mapping[str, Any]) -> bool:
    """Tell whether a visit can have missed anybody at all, from its own fields."""
    return met_nobody(fields) or bool(missed_in_check(fields))


def reached_in_check(fields: Mapping[str, Any]) -> list[str]:
    """Return the people whose care check says that they were reached."""
    checks = fields.get("care_checks") or {}
    return [one for one, check in checks.items() if check.get("state") in REACHED]


def may_reach(fields: Mapping[str, Any]) -> bool:
    """Tell whether a visit can have reached anybody at all, from its own fields."""
    return fields.get("result") in MET or bool(reached_in_check(fields))


def let_go(
    people: Mapping[str, str | None],
    before: Mapping[str, Any],
    after: Mapping[str, Any] | None,
) -> list[str]:
    """Return those of ``people`` (with the household each lives in) whom a visit reached ``before``
    and does not reach ``after``; None: it does not stand any more, or took place at another
    time."""
    return [
        one
        for one, home in people.items()
        if reached(one, home, before) and (after is None or not reached(one, home, after))
    ]


def at_survivors(
    fields: Mapping[str, Any], homes: Mapping[str, str], persons: Mapping[str, str]
) -> Mapping[str, Any]:
    """Return a visit's fields with survivors in the place of merged households and persons: no
    reference is rewritten. Of two checks of one person the graver one counts (`GRAVEST`), and the
    earlier day that one which reached them names for the next visit."""
    if not homes and not persons:
        return fields
    home, checks = fields.get("household_id"), dict[str, Any]()
    for one, check in (fields.get("care_checks") or {}).items():
        person = persons.get(one, one)
        checks[person] = graver(checks[person], check) if person in checks else check
    return {**fields, "household_id": homes.get(home or "", home), "care_checks": checks}


def graver(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the graver of two care checks of one person (`GRAVEST`), with the earlier day that one
    which reached them names for the next visit."""
    rank = {state: number for number, state in enumerate(GRAVEST)}
    kept = min(one, other, key=lambda check: rank.get(str(check.get("state")), len(rank)))
    named = [str(check["next_on"]) for check in (one, other)
             if check.get("next_on") and check.get("state") in REACHED]  # fmt: skip
    return {**kept, "next_on": min(named)} if named else kept


def contact_of(
    resident_id: str,
    household_id: str | None,
    visit_id: str,
    at: datetime,
    fields: Mapping[str, Any],
) -> Contact | None:
    """Return what a visit says of a person who lives in a household, None when it says nothing.

    It is the person's own household, whatever door anybody asks about: of a visit to another door
    only a care check says something, and not whoever opened there."""
    not_reached = missed(resident_id, household_id, fields)
    if not not_reached and not reached(resident_id, household_id, fields):
        return None
    return Contact(visit_id, at, not_reached, tuple(fields.get("issue_ids") or ()))


def counting(contacts: Iterable[Contact], today: str) -> list[Contact]:
    """Return the contacts without those said to have reached somebody after ``today`` (2026-09-30):
    such a day may be mistyped, and counts when it has come."""
    return [one for one in contacts if one.missed or local_day(one.at) <= today]


def told_last(
    resident_id: str, at: datetime, fields: Mapping[str, Any]
) -> tuple[str, bool, datetime]:
    """Return by what the visits that reached a person are put in order: the greatest tells when
    they are due again. Of one day a visit that checked them tells rather than one that met somebody
    at their door."""
    return local_day(at), _check(resident_id, fields) is not None, at


def last_contact(contacts: Iterable[Contact]) -> str:
    """Return the visit that was the last contact; empty when there is none."""
    last = max(contacts, key=_when, default=None)
    return last.visit_id if last else ""


def following(contacts: Collection[Contact], at: datetime, visit_id: str) -> str:
    """Return the visit that was the next contact after a visit ``at`` a time, or the last of all
    when none came after it: where that one reached a person no more, this one may call for an
    alarm."""
    later = [one for one in contacts if _when(one) > (at, visit_id)]
    return min(later, key=_when).visit_id if later else last_contact(contacts)


def raised_under(run: tuple[Contact, ...], visit_id: str) -> str:
    """Return the visit whose alarm a run of misses is given when one of its visits calls for it:
    the second of the run when the first calls, so that two visits raise the same issue in whichever
    order they come."""
    return run[1].visit_id if run[0].visit_id == visit_id else visit_id


def misses_around(contacts: Iterable[Contact], visit_id: str) -> tuple[Contact, ...]:
    """Return the unbroken run of misses a visit belongs to, in order of time; empty when it is no
    miss, stands alone, or the person was reached since."""
    ordered = sorted(contacts, key=_when)
    place = next((n for n, one in enumerate(ordered) if one.visit_id == visit_id), None)
    if place is None or not ordered[place].missed:
        return ()
    first = last = place
    while first > 0 and ordered[first - 1].missed:
        first -= 1
    while last + 1 < len(ordered) and ordered[last + 1].missed:
        last += 1
    reached_since = last + 1 < len(ordered)
    return tuple(ordered[first : last + 1]) if last > first and not reached_since else ()


def calls_for_alarm(
    run: tuple[Contact, ...],
    visit_id: str,
    names: Collection[str],
    others: Collection[str],
    standing: Callable[[str], Standing],
) -> bool:
    """Tell whether a run of misses needs an alarm of this visit. ``names`` are the ids of the
    person and of every record that was merged into theirs.

    It does not while a care issue that one of its visits raised is open (or on its way here), nor
    when this visit or a later one has raised one, whatever became of it. Alarms about ``others``,
    people of the same doors, do not count.
    """
    place = next(n for n, one in enumerate(run) if one.visit_id == visit_id)
    for number, one in enumerate(run):
        foreign = {alarm_id(one.visit_id, other) for other in others if other not in names}
        for issue_id in {*one.issue_ids} - foreign:
            found = standing(issue_id)
            if found in ("open", "unknown") or (found == "over" and number >= place):
                return False
        for name in names:
            found = standing(alarm_id(one.visit_id, name))
            if found == "open" or (found == "over" and number >= place):
                return False
    return True


def alarm_id(visit_id: str, resident_id: str) -> str:
    """Return the id of the one alarm a visit can raise about a person: the visit's time, a tail of
    its own."""
    tail = hashlib.sha256(f"not reached {visit_id} {resident_id}".encode()).hexdigest()
    return f"{visit_id[:ALIKE]}{tail[:4]}-{tail[4:16]}"


def alarm_fields(
    run: tuple[Contact, ...], happened_at: datetime, place: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the fields of an alarm after a run of misses, at a ``place`` (building_id,
    compound_id, place). It names nobody: who is meant stands in the care record of that door."""
    times = "、".join(_minute(one.at) for one in run[-2:])
    return {
        "happened_at": written(happened_at),
        "category": CARE,
        "level": "2",
        "urgency": "urgent",
        "source": "visit",
        "title": "关怀对象连续两次未见到",
        "text": f"关怀探访连续{len(run)}次未见到本人（最近两次：{times}）。"
        "请立即联系紧急联系人并上门核实；联系方式见该户的关怀档案。",
        "people": 1,
    } | {name: value for name, value in place.items() if value}


def same_alarm(fields: Mapping[str, Any], standing: Mapping[str, Any]) -> bool:
    """Tell whether the fields of an issue are those of an alarm as the rule words it, and say what
    the ``standing`` one of the same visit and person says, who counts as they may."""
    return (
        fields.get("category") == CARE
        and _BY_RULE.fullmatch(str(fields.get("text"))) is not None
        and all(standing.get(one) == fields[one] for one in fields.keys() - _COUNTED)
    )


def _when(contact: Contact) -> tuple[datetime, str]:
    return contact.at, contact.visit_id


def _check(resident_id: str, fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = (fields.get("care_checks") or {}).get(resident_id)
    return found


def _at_home(household_id: str | None, fields: Mapping[str, Any]) -> bool:
    return household_id is not None and fields.get("household_id") == household_id


def _minute(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
