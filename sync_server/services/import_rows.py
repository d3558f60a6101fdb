"""What becomes of the rows of a register: new, a change of what is there, nothing, or refused.

A row is matched with the record that is there by its natural keys. What an import once said and
somebody has changed since is not said anew: only what differs from the file's last version counts,
so that importing the same file again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.check import FieldProblem, broken_rules, check
from schemas.kind import Kind
from schemas.values import apply, to_wire
from sync_server.domain import natural_keys as keys
from sync_server.domain.areas import holds, inside
from sync_server.domain.sheets.columns import PARENT
from sync_server.domain.sheets.completing import household_code
from sync_server.domain.sheets.plan import Plan
from sync_server.domain.sheets.problems import LIKELY_REASONS, RowProblem, from_field
from sync_server.services import import_issues
from sync_server.services.ids import new_id
from sync_server.services.import_areas import Areas, People
from sync_server.services.import_places import (
    REFERENCE,
    Along,
    Found,
    Item,
    Places,
    members_called,
    trial_id,
)
from sync_server.services.import_reading import RowReader, Said
from sync_server.services.purposes import left_out
from sync_server.store import imports as store_imports
from sync_server.store.import_files import StagedRow

Outcome = Literal["new", "changed", "unchanged", "refused", "likely", "skipped"]
HEAD = "02"
GRID_DIGITS = 15

Likely = Mapping[str, Any]
FindLikely = Callable[[sa.Connection, str, Mapping[str, Any], str], Sequence[Likely]]
"""``(connection, kind, fields, area) -> records it is likely the same as``, the likeliest first,
each with its ``record_id``, ``area``, ``version``, and the ``score`` and ``reason``."""


@dataclass
class Judged:
    """One row and what becomes of it. ``fields``: of a new record all (as stored), of a change
    those that differ. ``key`` is the surest one it is known by."""

    said: Said
    outcome: Outcome
    key: str | None = None
    record_id: str | None = None
    area: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    present: Found | None = None
    along: tuple[Along, ...] = ()
    head_of: str | None = None
    """The household whose head this resident is, to be noted there."""
    problems: list[RowProblem] = field(default_factory=list)
    doubts: list[FieldProblem] = field(default_factory=list)
    likely: list[Likely] = field(default_factory=list)

    @property
    def row(self) -> StagedRow:
        """The row as it stands in the file."""
        return self.said.row


@dataclass(frozen=True)
class Task:
    """The import a row belongs to, as far as judging it needs to know."""

    district: str
    import_id: str
    plan: Plan
    scope: tuple[str, ...]
    author: str
    choices: Mapping[int, str] = field(default_factory=dict)
    doubted: Mapping[int, Sequence[Likely]] | None = None
    """The rows that were likely there already when the file was checked, each with the records it
    was likely to be; None: it was not checked."""


class Judge:
    """Judges the rows of one import, run by run; areas and people are read once."""

    def __init__(
        self, connection: sa.Connection, task: Task, *, trial: bool,
        likely: FindLikely | None = None,
    ) -> None:  # fmt: skip
        self.task = task
        self.kind: type[Kind] = kind_of(task.plan.kind)
        self.name = task.plan.kind
        self.trial = trial
        self._likely = likely
        self.areas = Areas.read(connection, task.district)
        self._reader = RowReader(
            task.plan, self.areas, People(connection, task.district), task.scope,
            left_out(connection, task.district),
        )  # fmt: skip

    def judge(
        self, connection: sa.Connection, rows: Sequence[StagedRow], now: datetime
    ) -> list[Judged]:
        """Return what becomes of each row, as things stand now."""
        places = Places(
            connection, self.task.district, self.task.scope, along=self.task.plan.along,
            trial=self.trial,
        )  # fmt: skip
        items = []
        for row in rows:
            items.append(Item(self._reader.read(row, now)))
            if self.name == "area" and not items[-1].failed:
                self.areas.add(items[-1].said.whole)  # the rows below may lie in it
        self._find_parents(places, items)
        if self.name == "issue":
            import_issues.place(connection, self.task.district, items)
        for one in items:
            self._fill_in(one)
        known = self._known(places, items)
        wanted = {key for one in items if (key := self._first_key(one))}
        before = store_imports.rows_keyed(
            connection, self.task.district, self.task.import_id, wanted, rows[0].number
        )
        judged = [self._judge_one(connection, places, one, known, before) for one in items]
        self._leave_what_is_no_news(connection, judged)
        return judged

    # Where a row belongs --------------------------------------------------------------------

    def _find_parents(self, places: Places, items: Sequence[Item]) -> None:
        if self.name == "shop":
            places.find(items, "room", optional=True)
        elif self.name == "issue":
            places.find(items, "compound", optional=True)
        elif self.name in PARENT:
            places.find(items, PARENT[self.name])

    def _fill_in(self, one: Item) -> None:
        """Add what follows from the record above: the reference, a household's number, a keeper."""
        said, above = one.said, one.at.get(PARENT.get(self.name, "room"))
        if above is None:
            return
        if self.name == "shop":
            said.filled["room_id"] = above.record_id
            return
        said.filled[REFERENCE[self.name]] = above.record_id
        if self.name == "household" and not said.whole.get("code"):
            said.filled["code"] = household_code(above.record_id, one.text("household.head"))
        if self.name == "care" and not said.whole.get("keeper_id"):
            said.filled["keeper_id"] = self.areas.workers.get(above.area, self.task.author)

    def _area_of(self, one: Item) -> str:
        said = one.said
        if self.name == "area":
            return str(said.whole.get("code") or "")
        if self.name == "compound":
            return str(said.whole.get("community_code") or "")[:12]
        if self.name == "unit":
            return said.area or self.task.district
        if self.name == "building":
            return said.area
        above = one.at.get(PARENT.get(self.name, "room"))
        return above.area if above else said.area

    # Who it is ------------------------------------------------------------------------------

    def _identities(self, one: Item) -> list[str]:
        """Return the keys by which the row may be a record that is there, the surest first."""
        if one.failed:
            return []
        fields = one.said.whole
        if self.name == "compound":
            name, area = str(fields.get("name") or ""), str(fields.get("community_code") or "")
            by_name = keys.compound_in(area, name)
            return [keys.compound_by_code(fields["code"]), by_name] if fields.get("code") else [
                by_name
            ]  # fmt: skip
        if self.name == "household":
            coded = "code" in one.said.given
            return [
                keys.household_by_code(fields["code"])
            ] if coded else self._room_identities(one)  # fmt: skip
        if self.name == "resident":
            home, name = one.at["household"], str(fields.get("name") or "")
            found = [keys.resident_numbered(fields["id_no"])] if fields.get("id_no") else []
            if born := str(fields.get("birth") or ""):
                return [*found, *(keys.resident_born(each, name, born) for each in home.ids)]
            return [*found, *members_called(home, name)]
        if self.name == "care":  # of who was merged into him as well
            return [key for each in one.at["resident"].ids
                    for key in keys.keys_of("care", {**fields, "resident_id": each})]  # fmt: skip
        return keys.keys_of(self.name, fields)

    def _known(self, places: Places, items: Sequence[Item]) -> dict[str, list[Found]]:
        """Return what is known by the rows' keys. Numbers and names of their own lead to records of
        the importer's areas alone; the other keys begin at a record of his already."""
        own, below = set(), set()
        for one in items:
            identities = self._identities(one)
            numbers = self._numbers(one, identities)
            own.update(identities[:numbers])
            below.update(identities[numbers:])
        known = places.lookup(self.name, below, below=True)
        return known | places.lookup(self.name, own, below=False)

    def _numbers(self, one: Item, identities: Sequence[str]) -> int:
        """Return how many of a row's keys can be written without knowing what it belongs to."""
        if self.name == "resident":
            return 1 if one.said.whole.get("id_no") else 0
        if self.name == "household":
            return 1 if "code" in one.said.given else 0
        return 0 if self.name in PARENT else len(identities)

    def _room_identities(self, one: Item) -> list[str]:
        """A household without a number: by the number it would get, else by its room."""
        code = str(one.said.whole.get("code") or "")
        rooms = one.at["room"].ids
        return [keys.household_by_code(code), *(keys.household_in(each) for each in rooms)]

    def _first_key(self, one: Item) -> str:
        identities = self._identities(one)
        if self.name == "household" and identities:
            return keys.household_by_code(str(one.said.whole.get("code") or ""))
        if self.name == "resident" and identities:
            return identities[self._numbers(one, identities)]
        return identities[0] if identities else ""

    def _present(
        self, places: Places, one: Item, known: Mapping[str, list[Found]]
    ) -> tuple[Found | None, list[Likely]]:
        """Return the record the row is, or those it is likely to be without being sure."""
        identities = self._identities(one)
        if self.name == "resident":
            return self._present_resident(one, identities, known)
        if self.name == "household" and "code" not in one.said.given:
            if by_code := known[identities[0]]:
                return by_code[0], []
            here = {found.record_id: found for key in identities[1:] for found in known[key]}
            in_room = list(here.values())
            head = one.text("household.head")
            if head:
                members = {key for found in in_room for key in members_called(found, head)}
                named = places.lookup("resident", members, below=True)
                in_room = [
                    found for found in in_room
                    if any(named[key] for key in members_called(found, head))
                ]  # fmt: skip
            return (in_room[0], []) if len(in_room) == 1 else (None, [])
        if self.name == "compound" and len(identities) == 2:
            by_code, by_name = known[identities[0]], known[identities[1]]
            if by_code:
                return by_code[0], []
            return None, [_likely(found, "same_name") for found in by_name]
        for key in identities:
            if known[key]:
                return known[key][0], []
        return None, []

    def _present_resident(
        self, one: Item, identities: Sequence[str], known: Mapping[str, list[Found]]
    ) -> tuple[Found | None, list[Likely]]:
        numbers = self._numbers(one, identities)
        # The first of the households that are one by now that has him: the one the file named.
        here: list[Found] = next((known[key] for key in identities[numbers:] if known[key]), [])
        if numbers:
            numbered = known[identities[0]]
            for found in numbered:
                if found.fields.get("household_id") in one.at["household"].ids:
                    return found, []
            if numbered and not here:
                return None, [_likely(found, "same_id") for found in numbered]
        return (here[0], []) if len(here) == 1 else (None, [])

    # What becomes of it ---------------------------------------------------------------------

    def _judge_one(
        self, connection: sa.Connection, places: Places, one: Item,
        known: Mapping[str, list[Found]], before: dict[str, int],
    ) -> Judged:  # fmt: skip
        said = one.said
        if one.failed:
            return Judged(said, "refused", problems=said.problems)
        key = self._first_key(one)
        if key in before:
            said.wrong(_naming(self.kind), "repeated", row=before[key])
            return Judged(said, "refused", key, problems=said.problems)
        present, likely = self._present(places, one, known)
        area = self._area_of(one)
        if not self._may_lie_in(said, area, present):
            return Judged(said, "refused", key, problems=said.problems)
        if present is not None:
            judged = self._as_change(one, present, key)
        else:
            judged = self._as_new(connection, places, one, area, key, likely)
        if key and judged.outcome != "refused":
            before[key] = said.row.number
        return judged

    def _may_lie_in(self, said: Said, area: str, present: Found | None) -> bool:
        """Whether the row is of the importer's areas. Where a record was found is not told: what is
        named is the area the row itself gives."""
        where = present.area if present else area
        reach = self.kind.info.reach
        if not where:
            said.wrong("grid", "area_missing")
        elif not inside(where, self.task.scope):
            said.wrong("grid", "outside", value=said.area)
        elif reach == "grid" and len(where) < GRID_DIGITS:
            said.wrong("grid", "area_missing")
        elif self.name == "area":
            above = str(said.whole.get("parent_code") or "")
            if above and above not in self.areas.known:
                said.wrong("parent_code", "outside_parent", value=above)
        return not said.problems

    def _as_new(
        self, connection: sa.Connection, places: Places, one: Item, area: str, key: str,
        likely: Sequence[Likely],
    ) -> Judged:  # fmt: skip
        """Make a new record of a row, unless it is wrong, or likely is one that is there."""
        said, number = one.said, one.said.row.number
        checked = check(self.kind, "create", to_wire(self.kind, said.whole))
        if not checked.ok:
            problems = [self._of_field(said, fault) for fault in checked.problems]
            return Judged(said, "refused", key, problems=problems)
        stored = apply(self.kind, {}, checked.fields)
        chosen = self.task.choices.get(number) or ("" if self.trial else self.task.plan.likely)
        seen = (self.task.doubted or {}).get(number, ()) if chosen in ("update", "skip") else ()
        if seen:
            likely = seen
        elif not likely and self._looks_for_likely(number):
            likely = self._found_likely(connection, stored, area)
        if likely and chosen == "update":
            found = places.standing(self.name, likely[0]["record_id"])
            if found is None:  # void, merged or elsewhere by now: somebody has to look again
                return Judged(said, "likely", key, area=area, fields=stored, likely=list(likely))
            judged = self._as_change(one, found, key)
            judged.likely = list(likely)
            return judged
        if likely and chosen != "new":
            outcome: Outcome = "skipped" if chosen == "skip" else "likely"
            return Judged(said, outcome, key, area=area, fields=stored, likely=list(likely))
        record_id = trial_id(key) if self.trial and key else new_id()
        above = one.at.get(PARENT.get(self.name, "room"))
        places.made(self.name, record_id, area, stored)
        head = self.name == "resident" and stored.get("relation") == HEAD
        return Judged(
            said, "new", key, record_id, area, stored,
            along=tuple(places.bring(above.record_id)) if above else (),
            head_of=stored["household_id"] if head else None,
            doubts=list(checked.doubts), likely=list(likely),
        )  # fmt: skip

    def _looks_for_likely(self, number: int) -> bool:
        """Whether a new row is compared with what is there: where it was not looked at before, or
        was likely one then."""
        return self._likely is not None and (
            self.task.doubted is None or number in self.task.doubted
        )

    def _found_likely(
        self, connection: sa.Connection, stored: Mapping[str, Any], area: str
    ) -> list[Likely]:
        assert self._likely is not None
        return [
            match
            for match in self._likely(connection, self.name, stored, area)
            if holds(self.task.scope, str(match["area"]), self.kind.info.reach)
        ]

    def _as_change(self, one: Item, present: Found, key: str) -> Judged:
        said = one.said
        given = {
            name: value
            for name, value in said.given.items()
            if value is not None and name not in REFERENCE.values()
        }
        judged = Judged(said, "unchanged", key, present.record_id, present.area, present=present)
        if self.name == "issue" or all(
            present.fields.get(name) == value for name, value in given.items()
        ):
            return judged  # it says what stands there, or its steps say more by now
        checked = check(self.kind, "update", given) if given else None
        if checked is not None and not checked.ok:
            judged.problems = [self._of_field(said, fault) for fault in checked.problems]
            judged.outcome = "refused"
            return judged
        news = checked.fields if checked else {}
        judged.fields = {
            name: value for name, value in news.items() if present.fields.get(name) != value
        }
        judged.doubts = list(checked.doubts) if checked and judged.fields else []
        judged.outcome = "changed" if judged.fields else "unchanged"
        if judged.fields:
            faults = broken_rules(self.kind, {**present.fields, **judged.fields})
            judged.problems = [self._of_field(said, fault) for fault in faults]
            judged.outcome = "refused" if faults else "changed"
        return judged

    def _leave_what_is_no_news(self, connection: sa.Connection, judged: Sequence[Judged]) -> None:
        """What the file said before, and others changed since, is not said anew."""
        changed = [one for one in judged if one.outcome == "changed" and one.present]
        if not changed:
            return
        ids = {one.present.record_id for one in changed if one.present}
        ids |= {each for one in changed if one.present for each in one.present.through}
        said = store_imports.last_said(connection, self.task.district, ids)
        for one in changed:
            assert one.present is not None
            # What was said of a record that was merged into it since, is said of it as well. Where
            # several rows of a file are one record by now, each is compared with its own words.
            own = (one.key or "") if one.present.ids[1:] else ""
            told = [said.get(each, {}) for each in (one.present.record_id, *one.present.through)]
            before = [{**each.get("", {}), **each.get(own, {})} for each in told]
            one.fields = {
                name: value
                for name, value in one.fields.items()
                if not any(name in each and each[name] == value for each in before)
            }
            if not one.fields:
                one.outcome = "unchanged"

    def _of_field(self, said: Said, fault: FieldProblem) -> RowProblem:
        name = fault.pointer.split("/")[1] if "/" in fault.pointer else ""
        value = said.whole.get(name)
        return from_field(name, "" if value is None else str(value), fault.problem)


def _likely(found: Found, reason: str) -> Likely:
    return {
        "record_id": found.record_id, "area": found.area, "score": 1.0,
        "reason": LIKELY_REASONS[reason], "version": found.version,
    }  # fmt: skip


def _naming(kind: type[Kind]) -> str:
    own = [name for name in kind.info.title if "." not in name]
    return own[0] if own else ""
