"""Merging one record into another, and undoing it: recorded changes like any other.

The survivor is changed by the centre where staff chose a value it did not have; the merged record
gets an entry ``merge`` in the log and travels with the survivor's id. What named it is listed
under the survivor; no reference is rewritten. What all this means: ``domain/duplicates.py``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.clock import written
from schemas.fields import Keyed
from schemas.kind import Kind
from schemas.values import get_path
from sync_server.domain.access import may
from sync_server.domain.areas import inside
from sync_server.domain.deciding import wire
from sync_server.domain.duplicates import (
    CARE,
    MERGED,
    as_written,
    carried_over,
    in_order,
    is_live,
    paths_of,
)
from sync_server.domain.envelope import reopened
from sync_server.domain.errors import Refusal
from sync_server.domain.merge import Edit
from sync_server.services import audit, care_alarms, care_doubles
from sync_server.services.accounts import User
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.central_log import central_row
from sync_server.services.corrected import Corrected, as_update
from sync_server.services.decision_records import tell_decisions
from sync_server.services.field_sums import look_again
from sync_server.services.ids import new_id
from sync_server.services.ledger import (
    Effect,
    Ledger,
    VoidedRecord,
    Writer,
    next_version,
    state_of,
)
from sync_server.services.parting import bring_home, own_children
from sync_server.store import duplicates, merge_log, retention, writing
from sync_server.store.engine import Store
from sync_server.store.moving import Lying

Row = dict[str, Any]
Side = Literal["survivor", "merged"]
LONGEST_WORDS = 1000
RESIDENT = "resident"


@dataclass(frozen=True)
class Wanted:
    """What somebody wants merged: ``picks`` say by path whose value the survivor is to have (a
    path not named keeps the survivor's, or takes the only one there is); ``seen`` are the versions
    he looked at."""

    record_id: str
    survivor_id: str
    picks: Mapping[str, Side]
    seen: tuple[int, int]
    words: str = ""


def merge_records(store: Store, person: User, wanted: Wanted, now: datetime) -> str:
    """Merge one record into another, all of it or nothing, and return the merge's id.

    Raises Refusal: not_allowed; unknown_record (also outside the person's areas); out_of_date (a
    record moved on, is void, or was merged); conflicts_first (one has an open conflict); bad_fields
    with ``problems`` when the values chosen do not make a record.
    """
    if not may(person.role, "merge"):
        raise Refusal("not_allowed")
    with store.writing() as connection:
        return merge_within(connection, person, wanted, now)


def merge_within(connection: sa.Connection, person: User, wanted: Wanted, now: datetime) -> str:
    """Merge within the running write transaction; raises as ``merge_records``."""
    district = person.district
    writing.lock_district(connection, district)
    merged, survivor = _both(connection, person, wanted)
    kind = kind_of(merged["kind"])
    if writing.open_entries(connection, district, [wanted.record_id, wanted.survivor_id]):
        raise Refusal("conflicts_first")
    change_id = _give_values(connection, person, wanted, merged, survivor, now)
    survivor = writing.load_records(connection, district, [wanted.survivor_id])[wanted.survivor_id]
    carried = carried_over(merged, survivor, paths_of(kind, merged["fields"], survivor["fields"]))
    _turn(connection, person, kind, merged, "merge", wanted.survivor_id, now)
    duplicates.put_alias(connection, district, wanted.record_id, wanted.survivor_id, now)
    duplicates.settle_parents(connection, district, [wanted.record_id], wanted.survivor_id)
    merge_id = new_id()
    duplicates.add_merge(
        connection,
        {
            "district": district,
            "merge_id": merge_id,
            "kind": kind.info.name,
            "record_id": wanted.record_id,
            "survivor_id": wanted.survivor_id,
            "area": merged["grid"],
            "survivor_area": survivor["grid"],
            "carried": carried,
            "change_id": change_id,
            "made_by": person.user_id,
            "made_at": now,
            "words": wanted.words[:LONGEST_WORDS] or None,
        },
    )
    pair = in_order(wanted.record_id, wanted.survivor_id)
    _settle_pair(connection, person, pair, "merged", now)
    if kind.info.name == RESIDENT:
        care_doubles.settle_within(connection, district, now, [wanted.survivor_id])
    care_alarms.sound_regrouped(connection, district, [wanted.survivor_id], now)
    audit.note(
        connection, district, now, "merge", user_id=person.user_id, target=wanted.record_id,
        detail={"into": wanted.survivor_id, "kind": kind.info.name, "merge_id": merge_id,
                "picks": dict(wanted.picks), "words": wanted.words},
    )  # fmt: skip
    return merge_id


def _both(connection: sa.Connection, person: User, wanted: Wanted) -> tuple[Row, Row]:
    """Return the two records as they are now."""
    rows = writing.load_records(connection, person.district, [wanted.record_id, wanted.survivor_id])
    if len(rows) != 2:
        raise Refusal("unknown_record")
    merged, survivor = rows[wanted.record_id], rows[wanted.survivor_id]
    for row in (merged, survivor):
        alike = row["kind"] in MERGED and row["kind"] == merged["kind"]
        if not alike or not inside(row["grid"], person.scope_codes):
            raise Refusal("unknown_record")
    if not is_live(merged) or not is_live(survivor):
        raise Refusal("out_of_date")
    if (merged["version"], survivor["version"]) != wanted.seen:
        raise Refusal("out_of_date")
    return merged, survivor


def chosen_values(
    kind: type[Kind],
    survivor: Mapping[str, Any],
    merged: Mapping[str, Any],
    picks: Mapping[str, Side],
) -> dict[str, Any]:
    """Return by path what the survivor's fields have to become: what was chosen of the merged
    record, and what only that one says; entries of keyed lists come together by their keys."""
    values = {}
    for path in paths_of(kind, survivor, merged):
        mine, theirs = get_path(survivor, path), get_path(merged, path)
        keyed = isinstance(kind.declared()[path.partition(".")[0]], Keyed)
        default: Side = "merged" if mine is None else "survivor"
        pick = default if keyed and mine is None else picks.get(path, default)
        if pick == "merged" and theirs != mine:
            values[path] = theirs
    return values


def _give_values(
    connection: sa.Connection,
    person: User,
    wanted: Wanted,
    merged: Row,
    survivor: Row,
    now: datetime,
) -> str | None:
    """Give the survivor what was chosen; return the id of the change, None when it has all."""
    kind = kind_of(merged["kind"])
    values = chosen_values(kind, survivor["fields"], merged["fields"], wanted.picks)
    if not values:
        return None
    before = {entry["change_id"] for entry in survivor["origins"].values()}
    _change(connection, person.district, person.user_id, kind, survivor, values, now)
    after = writing.load_records(connection, person.district, [wanted.survivor_id])
    made = {e["change_id"] for e in after[wanted.survivor_id]["origins"].values()} - before
    (change_id,) = made
    return str(change_id)


def _change(
    connection: sa.Connection,
    district: str,
    author: str,
    kind: type[Kind],
    row: Row,
    values: Mapping[str, Any],
    now: datetime,
) -> Effect:
    change = CentralChange(
        row["kind"], row["record_id"], "update", wire(kind, values), author,
        base_version=row["version"], settles=True,
    )  # fmt: skip
    return apply_central_change(connection, district, change, now)


def _turn(
    connection: sa.Connection,
    person: User,
    kind: type[Kind],
    row: Row,
    action: Literal["merge", "unmerge"],
    other: str,
    now: datetime,
) -> None:
    """Let a record be merged into another, or stand for itself again, as an entry of the log."""
    district, base = person.district, row["version"]
    last, floor, _ = writing.lock_numbers(connection, district)
    row |= next_version(state_of(row, floor)) | {
        "merged_into": other if action == "merge" else None,
        "change_no": last + 1,
        "last_author": person.user_id,
        "last_made_at": written(now),
    }
    writing.update_records(connection, [row])
    writing.set_change_no(connection, district, last + 1)
    edit = Edit(new_id(), person.user_id, None, base, now, False)
    said = {"into" if action == "merge" else "from": other}
    effect = Effect("applied", row["version"])
    entry = central_row(
        district, kind, row["record_id"], action, said, edit, effect, now, base_version=base
    )
    writing.insert_changes(connection, [entry])
    if row["kind"] == "household":
        look_again(connection, district, [other])


def _settle_pair(
    connection: sa.Connection, person: User, pair: tuple[str, str], state: str, now: datetime
) -> None:
    if duplicates.pair(connection, person.district, pair) is not None:
        values = {"state": state, "decided_by": person.user_id, "decided_at": now}
        duplicates.change_pair(connection, person.district, pair, values)


# Undoing ------------------------------------------------------------------


def undo_merge(store: Store, person: User, merge_id: str, words: str, now: datetime) -> None:
    """Let a merged record stand for itself again, with what came to it since.

    Raises Refusal: not_allowed; unknown_record (no such merge, or outside the person's areas);
    out_of_date (undone already); later_merge_first (the survivor was merged itself since);
    retention_emptied (there is nothing left to tell them apart by).
    """
    if not may(person.role, "merge"):
        raise Refusal("not_allowed")
    with store.writing() as connection:
        undo_within(connection, person, merge_id, words, now)


def undo_within(
    connection: sa.Connection, person: User, merge_id: str, words: str, now: datetime
) -> None:
    """Undo within the running write transaction; raises as ``undo_merge``."""
    district = person.district
    writing.lock_district(connection, district)
    merge = duplicates.merge_of(connection, district, merge_id)
    if merge is None:
        raise Refusal("unknown_record")
    rows = writing.load_records(connection, district, [merge["record_id"], merge["survivor_id"]])
    if len(rows) != 2 or not all(inside(one["grid"], person.scope_codes) for one in rows.values()):
        raise Refusal("unknown_record")
    merged, survivor = rows[merge["record_id"]], rows[merge["survivor_id"]]
    if merge["undone_at"] is not None or merged["merged_into"] != merge["survivor_id"]:
        raise Refusal("out_of_date")
    if survivor["merged_into"] is not None:
        raise Refusal("later_merge_first")
    if retention.emptied_at(connection, district, rows):
        raise Refusal("retention_emptied")
    kind = kind_of(merge["kind"])
    went_along = duplicates.gathered(connection, district, [merge["record_id"]])
    family = {merge["record_id"], *went_along}
    if merge["kind"] == RESIDENT:
        _part_care(connection, person, merge["survivor_id"], family, words, now)
    passed = merge_log.passed_on(connection, district, merge["survivor_id"], family)
    children = own_children(connection, district, merge["survivor_id"], family)
    duplicates.drop_alias(connection, district, merge["record_id"])
    values = {"undone_by": person.user_id, "undone_at": now}
    duplicates.change_merge(connection, district, merge_id, values)
    _turn(connection, person, kind, merged, "unmerge", merge["survivor_id"], now)
    merge_log.list_under(connection, district, children, merge["record_id"])
    moved = bring_home(
        connection, district, _lying(merged), _lying(survivor), children, merge["made_at"], now,
        person.user_id,
    )  # fmt: skip
    _take_back(connection, person, kind, survivor, merge, passed, now)
    _apply_again(connection, district, passed, now)
    _settle_pair(
        connection, person, in_order(merge["record_id"], merge["survivor_id"]), "apart", now
    )
    both = [merge["record_id"], merge["survivor_id"]]
    care_alarms.sound_regrouped(connection, district, both, now)
    audit.note(
        connection, district, now, "unmerge", user_id=person.user_id, target=merge["record_id"],
        detail={"from": merge["survivor_id"], "kind": merge["kind"], "merge_id": merge_id,
                "changes": len(passed), "moved": moved, "words": words[:LONGEST_WORDS]},
    )  # fmt: skip


def _lying(row: Row) -> Lying:
    return Lying(row["record_id"], row["kind"], row["grid"])


def _part_care(
    connection: sa.Connection, person: User, survivor_id: str, family: Collection[str], words: str,
    now: datetime,
) -> None:  # fmt: skip
    """Give each of two people who part their own care record back, the last merge of these first;
    pairs of them that waited are none any more."""
    district = person.district
    care = [
        str(row["record_id"])
        for row in merge_log.listed_under(connection, district, survivor_id)
        if row["kind"] == CARE
    ]
    whose = {
        one: row["fields"].get("resident_id") in family
        for one, row in writing.load_records(connection, district, care).items()
    }
    made = duplicates.standing_merges(connection, district, care).values()
    for merge in sorted(made, key=lambda one: one["made_at"], reverse=True):
        if whose.get(merge["record_id"]) != whose.get(merge["survivor_id"]):
            undo_within(connection, person, merge["merge_id"], words, now)
    known = duplicates.pairs_with(connection, district, care)
    across = [ids for ids in known if whose.get(ids[0]) != whose.get(ids[1])]
    duplicates.drop_pairs(connection, district, across)


def _take_back(
    connection: sa.Connection,
    person: User,
    kind: type[Kind],
    survivor: Row,
    merge: Mapping[Any, Any],
    passed: Sequence[Row],
    now: datetime,
) -> None:
    """Withdraw what came to the survivor from the merged record and was not changed since; a void
    survivor keeps its values: nobody writes to a void record, and none counts there."""
    district = person.district
    ids = {row["change_id"] for row in passed}
    undone = {
        one["change_id"]
        for one in duplicates.merges_about(connection, district, survivor["record_id"])
        if one["survivor_id"] == survivor["record_id"] and one["undone_at"] is not None
    }  # this one among them
    strange = (ids | undone) - {None}
    values: dict[str, Any] = {}
    for path, entry in survivor["origins"].items():
        if path and entry["change_id"] in strange and _is_field(kind, path):
            own = merge_log.own_value(connection, district, survivor["record_id"], path, strange)
            if own != get_path(survivor["fields"], path):
                values[path] = own
    open_ones = [
        row["conflict_id"]
        for row in writing.open_entries(connection, district, [survivor["record_id"]])
        if row["change_id"] in ids
    ]
    for conflict_id in open_ones:
        said = {"decision": "withdrawn", "decided_at": now, "decided_by": person.user_id}
        writing.change_conflict(connection, district, conflict_id, said)
    if values and not survivor["voided"]:
        _change(connection, district, person.user_id, kind, survivor, _whole(kind, values), now)
    tell_decisions(connection, district, open_ones, now)


def _is_field(kind: type[Kind], path: str) -> bool:
    return path.partition(".")[0] in kind.declared()


def _whole(kind: type[Kind], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values without the emptying of what a record must have."""
    required = {name for name, field in kind.declared().items() if field.required}
    return {
        path: value for path, value in values.items() if value is not None or path not in required
    }


def _apply_again(
    connection: sa.Connection, district: str, passed: Iterable[Row], now: datetime
) -> None:
    """Apply changes that had been passed on where they belong now, each by the ordinary rule."""
    ledger = Ledger(connection, district, now)
    rows = list(passed)
    ledger.load({row["record_id"] for row in rows})
    creates = Corrected(connection, district)
    creates.load(row["corrects"] for row in rows)
    for row in rows:
        arrival = reopened(row)
        row |= {"into_id": None, "into_version": None, "conflict_id": None}
        if arrival.problems or arrival.kind is None:
            continue  # a kind this program does not understand; its values stand in the log
        doubtful = bool(row["doubtful"] and row["time_confirmed_by"] is None)
        writer = Writer(row["stream"], row["seq"], row["former_version"])
        first = creates.let_in(arrival, ledger.record(row["record_id"]))
        if first is not None:  # it corrected what was let in meanwhile
            added = ledger.lines.added_between(first, row, rows)
            arrival = as_update(arrival, first, added)
        edit = as_written(row, doubtful=doubtful)
        try:
            effect = ledger.change(
                edit, row["record_id"], arrival.action,
                row["made_at"], arrival.fields, row["clock_offset_s"] or 0, writer,
            )  # fmt: skip
        except VoidedRecord:
            continue
        row |= {
            "version": effect.version,
            "conflict_id": effect.conflict_id,
            "into_id": effect.into_id,
            "into_version": effect.into_version,
        }
    ledger.write()
    writing.settle_held(connection, rows)
    tell_decisions(connection, district, ledger.decided, now)
