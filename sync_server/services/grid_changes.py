"""Redrawing grids: a grid split in two, grids merged into one, a new grid or micro-grid, an end.

Nothing is made anew and nothing vanishes: records keep their ids and history and are put into their
new grid (services/moves.py says what laptops see of it); the areas themselves remember where they
came from. What was done in the field stays where it was done, except issues and service requests
that are not over: they go where somebody can go on with them. Whoever did not know and goes on in
the old grid is taken in all the same (domain/judging.py, services/heirs.py).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kinds
from schemas.clock import local_day
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.errors import Refusal
from sync_server.services import audit, base_facts, holdings
from sync_server.services.accounts import User
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.going_along import GROUPS, with_all_below, with_work, work_in
from sync_server.services.grid_card import party_orgs
from sync_server.services.ids import new_id
from sync_server.services.issue_life import ISSUE
from sync_server.services.readers import reach
from sync_server.services.steps import follow_up
from sync_server.store import area_read, base_read, moving, records_read
from sync_server.store.engine import Store
from sync_server.store.moving import Lying
from sync_server.store.records_read import Row
from sync_server.store.writing import lock_district

COMMUNITY_DIGITS, GRID_DIGITS, MICRO_DIGITS = 12, 15, 17
LONGEST_NAME = 200


def split_grid(
    store: Store,
    person: User,
    code: str,
    name: str,
    building_ids: Collection[str],
    keepers: Mapping[str, Collection[str]],
    now: datetime,
) -> str:
    """Make a new grid beside ``code`` of some of its buildings, with all that hangs below them, and
    return its code.

    ``keepers`` are the workers that hold ``old`` and ``new`` from now on, by id; who is named under
    neither keeps what else he holds. Raises Refusal: not_allowed, unknown_record (no such grid, or
    a building that does not lie in it), area_ended, name_needed, buildings_needed (none, or all of
    them: nothing would be left), grids_full, no_grid (somebody would hold none).
    """
    _require(person)
    name = _named(name)
    with store.writing() as connection:
        lock_district(connection, person.district)
        area = _grid(connection, person, code)
        here = list(area_read.lying_within(connection, person.district, ["building"], code))
        standing = set(_standing(connection, person.district, code))
        chosen = [one for one in here if one.record_id in set(building_ids)]
        if len({one.record_id for one in chosen}) != len(set(building_ids)):
            raise Refusal("unknown_record")
        if not chosen or {one.record_id for one in chosen} >= standing:
            raise Refusal("buildings_needed")
        new = next_code(connection, person.district, code[:COMMUNITY_DIGITS], GRID_DIGITS)
        day = local_day(now)
        fields = area["fields"]
        _make(
            connection, person, new, name, "grid", code[:COMMUNITY_DIGITS], day, now,
            grid_type=fields.get("grid_type"), org_id=fields.get("org_id"),
            notice_phone=fields.get("notice_phone"),
            supervision_phone=fields.get("supervision_phone"),
            lineage={new_id(): {"change": "split_from", "other": code, "on": day}},
        )  # fmt: skip
        came = {new_id(): {"change": "split_into", "other": new, "on": day}}
        _change(connection, person, area, {"lineage": {"add": came}}, now)
        count = _move(
            connection, person, with_work(connection, person.district, chosen, now), new, now
        )
        _hand_over(connection, person, {code: keepers.get("old", ()), new: keepers.get("new", ())},
                   now)  # fmt: skip
        reach(connection, person.district, new, now, person.user_id)
        _note(connection, person, now, "split_grid", code,
              {"new": new, "buildings": len(chosen), "records": count})  # fmt: skip
        base_facts.refresh(connection, person.district, now, areas=[code, new])
        return new


def merge_grids(store: Store, person: User, code: str, into: str, now: datetime) -> int:
    """Put all base data of grid ``code`` and its open work into grid ``into`` and end it; return
    how many records went. Whoever held it holds the other from now on.

    Raises Refusal: not_allowed, unknown_record, area_ended, same_grid, bad_scope (no grid to go
    into).
    """
    _require(person)
    if code == into:
        raise Refusal("same_grid")
    with store.writing() as connection:
        lock_district(connection, person.district)
        _grid(connection, person, code)
        other = _into(connection, person, into)
        day = local_day(now)
        names = {kind.info.name for kind in kinds() if kind.info.group in GROUPS} - {"area"}
        base = area_read.lying_within(connection, person.district, names, code)
        base = with_all_below(connection, person.district, base)
        work = work_in(connection, person.district, code)
        every = {one.record_id: one for one in [*base, *work]}
        count = _move(connection, person, every.values(), into, now)
        for one in area_read.area_rows(connection, person.district, [code]):
            gone = {new_id(): {"change": "merged_into", "other": into, "on": day}}
            said = {"valid_to": day, "lineage": {"add": gone}}
            _change(connection, person, one, said, now)
        took = {new_id(): {"change": "merged_from", "other": code, "on": day}}
        _change(connection, person, other, {"lineage": {"add": took}}, now)
        for holder in area_read.holders(connection, person.district):
            held = list(holder["scope_codes"])
            if any(inside(one, [code]) for one in held):
                kept = [one for one in held if not inside(one, [code])]
                covered = inside(into, kept)
                holdings.reassign(
                    connection, person.district, holder["user_id"],
                    kept if covered else [*kept, into], now, by=person.user_id,
                )  # fmt: skip
        _note(connection, person, now, "merge_grids", code,
              {"into": into, "records": count})  # fmt: skip
        base_facts.refresh(connection, person.district, now, areas=[into])
        return count


def add_area(
    store: Store, person: User, parent: str, name: str, facts: Mapping[str, Any], now: datetime
) -> str:
    """Make a grid under a community, or a micro-grid under a grid, and return its code.

    Raises Refusal: not_allowed, unknown_record, area_ended, name_needed, grids_full; bad_fields.
    """
    _require(person)
    name = _named(name)
    with store.writing() as connection:
        lock_district(connection, person.district)
        above = _area(connection, person, parent)
        level = {COMMUNITY_DIGITS: "grid", GRID_DIGITS: "micro"}.get(len(parent))
        if level is None:
            raise Refusal("unknown_record")
        _require_standing(above)
        digits = GRID_DIGITS if level == "grid" else MICRO_DIGITS
        code = next_code(connection, person.district, parent, digits)
        _require_org(connection, person, code, facts)
        _make(connection, person, code, name, level, parent, local_day(now), now, **facts)
        _note(connection, person, now, "add_area", code, {})
        return code


def change_area(
    store: Store, person: User, code: str, wanted: Mapping[str, Any], seen: int, now: datetime
) -> bool:
    """Give an area another name, type, boundary, phone or beginning; return whether that changes
    any. A name that goes stays among the former ones, until today.

    ``seen`` is the version whoever asks had before him. Raises Refusal: not_allowed,
    unknown_record, name_needed, out_of_date, bad_fields.
    """
    _require(person)
    with store.writing() as connection:
        lock_district(connection, person.district)
        area = _area(connection, person, code)
        if area["version"] != seen:
            raise Refusal("out_of_date")
        before = area["fields"]
        said = {
            name: value
            for name, value in wanted.items()
            if name in CHANGEABLE and (value or None) != before.get(name)
        }
        _require_org(connection, person, code, said)
        if "name" in said:
            said["name"] = _named(str(said["name"] or ""))
            old = {"name": str(before.get("name") or code), "until": local_day(now)}
            said["old_names"] = {"add": {new_id(): old}}
        if not said:
            return False
        _change(connection, person, area, {name: value or None for name, value in said.items()},
                now)  # fmt: skip
        return True


CHANGEABLE = ("name", "grid_type", "boundary_text", "org_id", "notice_phone", "supervision_phone",
              "valid_from", "leader_id")  # fmt: skip
"""What of an area people write; workers and households are worked out (services/base_facts.py)."""


def end_area(store: Store, person: User, code: str, now: datetime) -> None:
    """End a grid or micro-grid in which nothing lies any more; its records of old stay.

    Raises Refusal: not_allowed, unknown_record, area_ended, area_not_empty with ``count``.
    """
    _require(person)
    with store.writing() as connection:
        lock_district(connection, person.district)
        area = _area(connection, person, code)
        _require_standing(area)
        names = {kind.info.name for kind in kinds() if kind.info.group in GROUPS} - {"area"}
        count = sum(
            sum(area_read.counted(connection, person.district, name, [code]).values())
            for name in names
        )
        inner = [one for one in area_read.area_rows(connection, person.district, [code])
                 if one["grid"] != code and stands(one["fields"])]  # fmt: skip
        if count or inner or len(code) < GRID_DIGITS:
            raise Refusal("area_not_empty", count=count + len(inner))
        _change(connection, person, area, {"valid_to": local_day(now)}, now)
        for holder in area_read.holders(connection, person.district):
            kept = [one for one in holder["scope_codes"] if one != code]
            if kept and len(kept) < len(holder["scope_codes"]):
                holdings.reassign(
                    connection, person.district, holder["user_id"], kept, now, by=person.user_id
                )
        _note(connection, person, now, "end_area", code, {})


def stands(fields: Mapping[str, Any]) -> bool:
    """Whether an area with these fields has not ended."""
    return not fields.get("valid_to")


def next_code(connection: sa.Connection, district: str, parent: str, digits: int) -> str:
    """Return the next free code under ``parent``: one more than the highest ever given, ended ones
    included. Raises Refusal ``grids_full``."""
    step = digits - len(parent)
    taken = [
        int(row["grid"][-step:])
        for row in records_read.areas_within(connection, district, (parent,))
        if len(row["grid"]) == digits
    ]
    held = [
        int(code[-step:])
        for one in area_read.holders(connection, district)
        for code in one["scope_codes"]
        if len(code) == digits and code.startswith(parent)
    ]
    number = max([*taken, *held], default=0) + 1
    if number >= 10**step:
        raise Refusal("grids_full")
    return f"{parent}{number:0{step}d}"


def _require(person: User) -> None:
    if not may(person.role, "areas"):
        raise Refusal("not_allowed")


def _named(name: str) -> str:
    clean = " ".join(name.split())
    if not 1 <= len(clean) <= LONGEST_NAME or not clean.isprintable():
        raise Refusal("name_needed")
    return clean


def _require_org(
    connection: sa.Connection, person: User, code: str, said: Mapping[str, Any]
) -> None:
    """Raise Refusal ``unknown_record`` when what is named as a grid's branch is none of its."""
    wanted = said.get("org_id")
    known = {one.record_id for one in party_orgs(connection, person, code)} if wanted else set()
    if wanted and wanted not in known:
        raise Refusal("unknown_record")


def _area(connection: sa.Connection, person: User, code: str) -> Row:
    known = re.fullmatch(r"[0-9]{6,17}", code) and inside(code, person.scope_codes)
    row = records_read.area_record(connection, person.district, code) if known else None
    if row is None:
        raise Refusal("unknown_record")
    return row


def _grid(connection: sa.Connection, person: User, code: str) -> Row:
    if len(code) != GRID_DIGITS:
        raise Refusal("unknown_record")
    row = _area(connection, person, code)
    _require_standing(row)
    return row


def _into(connection: sa.Connection, person: User, code: str) -> Row:
    """Return the grid that takes another in; raise Refusal ``bad_scope`` where none was chosen."""
    try:
        return _grid(connection, person, code)
    except Refusal:
        raise Refusal("bad_scope") from None


def _require_standing(row: Row) -> None:
    if not stands(row["fields"]):
        raise Refusal("area_ended")


def _standing(connection: sa.Connection, district: str, code: str) -> Iterable[str]:
    for row in base_read.lying_in(connection, district, "building", [code]):
        yield row["record_id"]


def _move(
    connection: sa.Connection, person: User, some: Iterable[Lying], area: str, now: datetime
) -> int:
    going = [one for one in some if one.area != area]
    if not going:
        return 0
    moving.put_into(connection, person.district, going, area, now, person.user_id)
    issues = {one.record_id for one in going if one.kind == ISSUE}
    follow_up(connection, person.district, issues, now)
    return len(going)


def _hand_over(
    connection: sa.Connection, person: User, wanted: Mapping[str, Collection[str]], now: datetime
) -> None:
    """Let exactly these people hold these grids; what else they hold stays. Nobody from outside the
    person's areas is given any."""
    for holder in area_read.holders(connection, person.district):
        held = set(holder["scope_codes"])
        if not any(inside(code, person.scope_codes) for code in held):
            continue
        after = set(held)
        for code, people in wanted.items():
            if holder["user_id"] not in people:
                after.discard(code)
            elif not inside(code, held):
                after.add(code)
        if after == held:
            continue
        if not after:
            raise Refusal("no_grid")
        holdings.reassign(
            connection, person.district, holder["user_id"], sorted(after), now, by=person.user_id
        )


def _make(
    connection: sa.Connection, person: User, code: str, name: str, level: str, parent: str,
    day: str, now: datetime, *, lineage: Mapping[str, Any] | None = None, **facts: Any,
) -> None:  # fmt: skip
    said = {
        "code": code, "name": name, "level": level, "parent_code": parent, "valid_from": day,
        **({"lineage": {"add": dict(lineage)}} if lineage else {}),
        **{field: value for field, value in facts.items() if value and field in CHANGEABLE},
    }  # fmt: skip
    change = CentralChange("area", new_id(), "create", said, person.user_id, grid=code)
    apply_central_change(connection, person.district, change, now)


def _change(
    connection: sa.Connection, person: User, row: Row, said: Mapping[str, Any], now: datetime
) -> None:
    change = CentralChange(
        "area", row["record_id"], "update", said, person.user_id, base_version=row["version"]
    )
    apply_central_change(connection, person.district, change, now)


def _note(
    connection: sa.Connection, person: User, now: datetime, action: str, code: str,
    detail: Mapping[str, Any],
) -> None:  # fmt: skip
    audit.note(
        connection, person.district, now, action, user_id=person.user_id, target=code,
        detail=dict(detail),
    )  # fmt: skip
