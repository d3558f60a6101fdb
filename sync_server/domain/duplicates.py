"""Records that may be one: which kinds are searched, by what they are found, what merging them
means. How alike two are is weighed in ``schemas/likeness``, which laptops share.

**Merging** record B into survivor A: A gets the values staff chose, B becomes an alias of A and
changes no more. What names B is shown at A; no reference is rewritten.

**Later changes** of B by somebody who did not know go to A by the ordinary rule. Versions of B say
nothing of A, so what he had seen is told by path: ``carried`` remembers, for every path at which A
says after the merge what B said, which change had written it at B and which stands behind it at A.
Who had seen the one knew the other; at every other path he knew nothing of A.

**Undoing** gives B back as it was, and then its own changes that had been passed on to A, by the
ordinary rule. A gets back, at every path where a value of B's still stands, what it last said
itself. What was written to A in knowledge of the merge stays at A.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from schemas.kind import Kind
from schemas.likeness.blocks import COMPARED, Facts
from schemas.values import get_path
from sync_server.domain.merge import Edit, is_strange, origin_of

KINDS = tuple(COMPARED)
CARE = "care"
MERGED = (*KINDS, CARE)
"""Kinds whose records can be merged: those compared, and two care records of one person."""
STORED = frozenset({"resident", "household", "shop"})
"""Kinds found by stored keys; rooms are found below their building."""
BY_PLACE = frozenset("hrd")
"""Keys that name what a record hangs below: those need no row of their own."""
Carried = Mapping[str, Mapping[str, Any]]
"""By path: ``change_id`` and ``version`` behind the value at the merged record, and ``here``, the
change behind the same value at the survivor."""


class Circle(Exception):
    """A record would be merged into itself, by whatever way."""


def key_number(key: str) -> int:
    """Return a key as a signed 64-bit number, so that no name or number stands in an index."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), signed=True)


def stored_keys(kind: str, facts: Facts) -> set[int]:
    """Return the numbers of the keys a record of a kind is stored under."""
    if kind not in STORED:
        return set()
    return {
        key_number(f"{kind} {one}")
        for one in COMPARED[kind].keys(facts)
        if kind == "shop" or (one[0] not in BY_PLACE and not one.startswith("m:"))
    }


def in_order(one: str, other: str) -> tuple[str, str]:
    """Return two ids as a pair is stored: the smaller first."""
    return (one, other) if one < other else (other, one)


def root_of(record_id: str, survivor: Callable[[str], str | None]) -> str:
    """Return the record that another one went into in the end, itself when it was not merged."""
    return chain_of(record_id, survivor)[-1]


def chain_of(record_id: str, survivor: Callable[[str], str | None]) -> list[str]:
    """Return the records another one went into, one after the other, itself first; raise Circle."""
    chain = [record_id]
    while (into := survivor(chain[-1])) is not None:
        if into in chain:
            raise Circle(record_id)
        chain.append(into)
    return chain


def carried_over(
    merged: Mapping[str, Any], survivor: Mapping[str, Any], paths: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """Return at which of ``paths`` a survivor, as it is after the merge, says what the merged
    record said (rows of the centre)."""
    found = {}
    for path in paths:
        value = get_path(merged["fields"], path)
        if value != get_path(survivor["fields"], path):
            continue
        there = origin_of(merged["fields"], merged["origins"], path)
        here = origin_of(survivor["fields"], survivor["origins"], path)
        if there is not None and here is not None:
            found[path] = {
                "change_id": there["change_id"],
                "version": there["version"],
                "here": here["change_id"],
            }
    return found


def known_beyond(
    links: Iterable[Carried],
    base_version: int,
    held: Collection[str],
    strange: Collection[tuple[str, str]] = (),
) -> frozenset[tuple[str, str]]:
    """Return, as (path, change), what a writer who looked at a merged record in ``base_version``,
    and whose log holds ``held``, had seen of the record it went into by way of ``links``.

    ``strange`` are the (field, change) of ``held`` whose value staff made another.
    """
    known: set[tuple[str, str]] = set()
    for step, carried in enumerate(links):
        beyond = {
            (path, str(entry["here"]))
            for path, entry in carried.items()
            if (step == 0 and entry["version"] <= base_version)
            or (entry["change_id"] in held and not is_strange(strange, path, entry))
            or (path, entry["change_id"]) in known
        }
        known = beyond
    return frozenset(known)


def paths_of(kind: type[Kind], *stored: Mapping[str, Any]) -> list[str]:
    """Return every path at which one of these stored fields says something, in declared order."""
    found: dict[str, None] = {}
    for name, declared in kind.declared().items():
        for fields in stored:
            value = fields.get(name)
            if declared.widget == "keyed":
                found |= {f"{name}.{key}": None for key in value or ()}
            elif value is not None:
                found[name] = None
    return list(found)


def came_across(entry: Mapping[str, Any], change_ids: Collection[str]) -> bool:
    """Whether the value behind an origin came to a survivor by one of these changes."""
    return entry["change_id"] in change_ids


def as_written(row: Mapping[str, Any], *, doubtful: bool) -> Edit:
    """Return the edit that a change in the log was, for judging it at another record."""
    return Edit(
        change_id=row["change_id"],
        author=row["author"],
        device_id=row["device_id"],
        base_version=row["base_version"] or 0,
        happened_at=row["happened_at"],
        doubtful=doubtful,
    )


def is_live(row: Mapping[str, Any]) -> bool:
    """Whether a record counts: neither void nor merged."""
    return not row["voided"] and row["merged_into"] is None
