"""Two misses in a row of somebody in care: the urgent issue a visit raises, or one that stands
between them no more, and whom it is about.

The rule is `schemas.care_contact`; here it is asked about the visits this laptop holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from field_app.services.choices import names
from field_app.services.doubts import last_day
from field_app.services.households import care_of, members_of
from field_app.services.issues import OVER, standing
from field_app.services.overview import look
from field_app.services.records import get_view
from field_app.services.survivors import survivors
from field_app.services.workspace import Workspace
from schemas.care_contact import (
    ALIKE,
    CARE,
    Contact,
    Standing,
    alarm_id,
    at_survivors,
    calls_for_alarm,
    contact_of,
    counting,
    following,
    let_go,
    may_miss,
    may_reach,
    missed,
    missed_in_check,
    misses_around,
    raised_under,
    reached_in_check,
)
from schemas.clock import read_moment

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Made:
    """A visit as it is being saved, or stood before: its id and fields, and the category of its own
    new issue."""

    visit_id: str
    fields: Fields
    issue_category: str | None = None

    @property
    def household_id(self) -> str | None:
        """The household it goes to."""
        found = self.fields.get("household_id")
        return str(found) if found else None

    @property
    def at(self) -> datetime:
        """When it took place."""
        return read_moment(str(self.fields.get("visited_at")))


@dataclass(frozen=True)
class Call:
    """An alarm to be raised: about whom, after which misses, under which of them, and the fields of
    the visit to whose door it belongs."""

    resident_id: str
    run: tuple[Contact, ...]
    visit_id: str
    door: Fields

    @property
    def issue_id(self) -> str:
        """The id its issue has on whichever side makes it."""
        return alarm_id(self.visit_id, self.resident_id)

    @property
    def at(self) -> datetime:
        """When the miss was under which it is raised."""
        return next(one.at for one in self.run if one.visit_id == self.visit_id)


@dataclass(frozen=True)
class Alarm:
    """An open alarm: the issue, the person, when they were missed, and whom to call."""

    issue_id: str
    visit_id: str
    resident_id: str
    household_id: str | None
    name: str
    where: str
    missed_at: str
    contact: str
    phones: tuple[str, ...]


def called_for(ws: Workspace, made: Made | None, before: Made | None = None) -> list[Call]:
    """Return the alarms that saving a visit raises: about whom it misses for the second time in a
    row, and about whom it stands between two misses no more.

    ``made`` is the visit as it will stand, None when it is voided; ``before`` as it stood, None for
    a new one. Whom it missed before, at the same time, is no news.
    """
    merged = _Merged.of(ws)
    was, now = (merged.visit(one) if one else None for one in (before, made))
    calls = _called_by(ws, merged, now, was) if now else []
    if was is None or not may_reach(was.fields):
        return calls
    called = {one.resident_id for one in calls}
    return calls + [
        one for one in _called_without(ws, merged, was, now) if one.resident_id not in called
    ]


def _called_by(ws: Workspace, merged: _Merged, now: Made, was: Made | None) -> list[Call]:
    """Return the alarms a visit calls for as it will stand."""
    same = was is not None and was.at == now.at
    seen = was.fields if was is not None and same else {}
    return [
        Call(one, run, now.visit_id, now.fields)
        for one in _people(ws, now.household_id, missed_in_check(now.fields))
        if missed(one, (home := _home(ws, merged, one)), now.fields)
        and not missed(one, home, seen)
        and (run := _alarming(ws, merged, now, one))
    ]


def _called_without(ws: Workspace, merged: _Merged, was: Made, now: Made | None) -> Iterator[Call]:
    """Yield the alarms that the next visit after one calls for, or the last before it when none
    came after, about people whom that one reached and does no longer, or at another time."""
    people = {one: _home(ws, merged, one)
              for one in _people(ws, was.household_id, reached_in_check(was.fields))}  # fmt: skip
    same = now is not None and now.at == was.at
    says = now.fields if now else {}
    for one in let_go(people, was.fields, says if same else None):
        contacts = counting(_contacts(ws, merged, was, says, one), last_day(ws))
        visit_id = following(contacts, was.at, was.visit_id)
        run = misses_around(contacts, visit_id)
        if run and _calls(ws, merged, run, visit_id, was, one):
            yield Call(one, run, raised_under(run, visit_id), was.fields)


def missed_before(ws: Workspace, made: Made, residents: Iterable[str]) -> dict[str, datetime]:
    """Return, by resident, when they were missed last, of those whom one more miss by this visit
    would raise an alarm about, whatever it says so far."""
    merged = _Merged.of(ws)
    made, found = merged.visit(made), {}
    for one in residents:
        checks = {**(made.fields.get("care_checks") or {}), one: {"state": "not_reached"}}
        missing = replace(made, fields={**made.fields, "care_checks": checks})
        run = _alarming(ws, merged, missing, one)
        earlier = [contact.at for contact in run if contact.visit_id != made.visit_id]
        if earlier:
            found[one] = max(earlier)
    return found


def open_alarms(ws: Workspace) -> list[Alarm]:
    """Return the open alarms of visits in the worker's grids, the latest first: until the issue is
    over, wherever the person lives by now."""
    grids, merged = ws.grids, _Merged.of(ws)
    visits: dict[str, list[Fields]] = defaultdict(list)
    for visit in look(ws, "visit", lambda view: view["grid"] in grids and may_miss(view["fields"])):
        visits[visit["record_id"][:ALIKE]].append(visit)
    found = []
    for issue in look(ws, "issue", lambda view: view["record_id"][:ALIKE] in visits):
        issue_id = issue["record_id"]
        stands = standing(ws, issue_id)
        if stands is None or stands.state in OVER:
            continue
        if raised := _raised_by(ws, merged, issue, visits[issue_id[:ALIKE]]):
            visit, resident_id = raised
            fields = merged.fields(visit["fields"])
            found.append(_alarm(ws, issue_id, visit["record_id"], fields, resident_id))
    return sorted(found, key=lambda one: one.missed_at, reverse=True)


def _raised_by(
    ws: Workspace, merged: _Merged, issue: Fields, visits: Collection[Fields]
) -> tuple[Fields, str] | None:
    """Return which of ``visits`` an alarm was raised under and the person it is about, empty when
    they are held here no more; None when it is no alarm of theirs."""
    issue_id = issue["record_id"]

    def found(people: Collection[str]) -> tuple[Fields, str] | None:
        pairs = ((visit, one) for visit in visits for one in people)
        return next(
            (
                (visit, one)
                for visit, one in pairs
                if any(alarm_id(visit["record_id"], name) == issue_id for name in merged.names(one))
            ),
            None,
        )

    checked = [one for visit in visits for one in missed_in_check(merged.fields(visit["fields"]))]
    # Whoever was missed without a check is sought among all the people held here.
    if raised := found(checked) or found([one["record_id"] for one in look(ws, "resident")]):
        return raised
    if issue["fields"].get("category") != CARE:
        return None
    naming = (one for one in visits if issue_id in (one["fields"].get("issue_ids") or ()))
    return next(((one, "") for one in naming), None)


def left_open(ws: Workspace, before: Made, after: Made | None) -> list[Alarm]:
    """Return the open alarms about people whom a visit missed ``before`` and misses no more as it
    stands ``after`` (None: it was voided): its own, and those of visits made since."""
    merged = _Merged.of(ws)
    was, now = merged.visit(before), merged.visit(after) if after else None
    people = [
        one
        for one in _people(ws, was.household_id, missed_in_check(was.fields))
        if missed(one, (home := _home(ws, merged, one)), was.fields)
        and not (now and missed(one, home, now.fields))
    ]
    own = [
        _alarm(ws, alarm_id(was.visit_id, name), was.visit_id, was.fields, one)
        for one in people
        for name in merged.names(one)
        if _standing(ws, alarm_id(was.visit_id, name)) == "open"
    ]
    return own + [
        one
        for one in open_alarms(ws)
        if one.resident_id in people
        and one.visit_id != was.visit_id
        and read_moment(one.missed_at) > was.at
    ]


def contact_words(ws: Workspace, resident_id: str) -> str:
    """Return the emergency contact of somebody in care as their care record says it."""
    care = care_of(ws, resident_id)
    return str(care["fields"].get("contact") or "") if care else ""


@dataclass(frozen=True)
class _Merged:
    """Into which household and which person every merged one went."""

    homes: Mapping[str, str]
    persons: Mapping[str, str]

    @classmethod
    def of(cls, ws: Workspace) -> _Merged:
        return cls(survivors(ws, "household"), survivors(ws, "resident"))

    def fields(self, fields: Fields) -> Fields:
        return at_survivors(fields, self.homes, self.persons)

    def visit(self, made: Made) -> Made:
        return replace(made, fields=self.fields(made.fields))

    def names(self, resident_id: str) -> list[str]:
        return [resident_id, *(one for one, into in self.persons.items() if into == resident_id)]


def _alarm(ws: Workspace, issue_id: str, visit_id: str, fields: Fields, resident_id: str) -> Alarm:
    resident = get_view(ws, "resident", resident_id)
    person: Fields = resident["fields"] if resident else {}
    home = person.get("household_id") or fields.get("household_id")
    household = get_view(ws, "household", home) if home else None
    phones = (person.get("phone"), household["fields"].get("phone") if household else None)
    return Alarm(
        issue_id=issue_id,
        visit_id=visit_id,
        resident_id=resident_id,
        household_id=home if household else None,
        name=str(person.get("name") or ""),
        where=(names(ws)("household", home) if home else "") or "",
        missed_at=str(fields.get("visited_at") or ""),
        contact=contact_words(ws, resident_id),
        phones=tuple(dict.fromkeys(str(one) for one in phones if one)),
    )


def _alarming(ws: Workspace, merged: _Merged, made: Made, resident_id: str) -> tuple[Contact, ...]:
    """Return the run of misses that needs an alarm of this visit; empty when none does."""
    found = _contacts(ws, merged, made, made.fields, resident_id)
    run = misses_around(counting(found, last_day(ws)), made.visit_id)
    if not run or made.issue_category == CARE:
        return ()
    return run if _calls(ws, merged, run, made.visit_id, made, resident_id) else ()


def _calls(
    ws: Workspace,
    merged: _Merged,
    run: tuple[Contact, ...],
    visit_id: str,
    door: Made,
    resident_id: str,
) -> bool:
    """Tell whether a run needs an alarm of one of its visits, to the door of ``door``."""
    people = {*_people(ws, door.household_id, missed_in_check(door.fields))}
    people |= {*_people(ws, _home(ws, merged, resident_id), ())}
    for one in run:
        if view := get_view(ws, "visit", one.visit_id):
            people |= {*missed_in_check(merged.fields(view["fields"]))}
    others = [name for one in people for name in merged.names(one)]
    mine = merged.names(resident_id)
    return calls_for_alarm(run, visit_id, mine, others, lambda one: _standing(ws, one))


def _contacts(
    ws: Workspace, merged: _Merged, door: Made, said: Fields, resident_id: str
) -> Iterator[Contact]:
    """Yield every contact with a person in the laptop's records; the visit ``door`` says ``said``,
    nothing when it stands no more. What is said of their own household counts, not of another
    door."""
    home = _home(ws, merged, resident_id)
    for view in look(ws, "visit"):
        if view["record_id"] != door.visit_id:
            fields = merged.fields(view["fields"])
            yield from _contact(resident_id, home, view["record_id"], fields)
    yield from _contact(resident_id, home, door.visit_id, said)


def _contact(
    resident_id: str, household_id: str | None, visit_id: str, fields: Fields
) -> Iterator[Contact]:
    try:
        at = read_moment(str(fields.get("visited_at")))
    except ValueError:  # not readable (yet): the form says so
        return
    one = contact_of(resident_id, household_id, visit_id, at, fields)
    if one is not None:
        yield one


def _home(ws: Workspace, merged: _Merged, resident_id: str) -> str | None:
    """Return the household a person lives in, None when this laptop does not know."""
    view = get_view(ws, "resident", resident_id)
    home = view["fields"].get("household_id") if view else None
    return merged.homes.get(home, str(home)) if home else None


def _people(ws: Workspace, household_id: str | None, checked: Collection[str]) -> Collection[str]:
    """Return whom a visit can be about: those checked, and those in care behind the door."""
    here = [
        one.view["record_id"]
        for one in (members_of(ws, household_id) if household_id else ())
        if one.care is not None and not one.fields.get("moved_out_at")
    ]
    return list(dict.fromkeys([*checked, *here]))


def _standing(ws: Workspace, issue_id: str) -> Standing:
    found = standing(ws, issue_id)
    if found is None:
        return "unknown"
    if found.view["fields"].get("category") != CARE:
        return "other"
    return "over" if found.state in OVER else "open"
