"""Judging one change of a laptop against what the centre knows: apply, hold or quarantine.

Area is judged by the centre's data: an existing record by the area it lies in, a step by its
issue's, only a create by what it claims.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.check import broken_rules
from schemas.kind import KindInfo
from schemas.values import apply
from sync_server.domain.areas import holds
from sync_server.domain.envelope import Arrival, problem

GRID_DIGITS = 15


@dataclass(frozen=True)
class Worker:
    """The person behind a device, with the grids the centre has given him."""

    user_id: str
    grids: Sequence[str]


@dataclass(frozen=True)
class Verdict:
    """``problems``: to be quarantined. ``waits_for``: held until that record is created.

    Else to be applied; ``grid`` is the area it counts for.
    """

    grid: str = ""
    problems: list[dict[str, Any]] = field(default_factory=list)
    waits_for: str | None = None


def judge(
    arrival: Arrival,
    worker: Worker,
    record: Mapping[str, Any] | None,
    parent: Mapping[str, Any] | None = None,
) -> Verdict:
    """Judge a change. ``record`` is the one it names, ``parent`` the one a step belongs to (rows
    of the centre, None when unknown)."""
    if arrival.problems or arrival.kind is None:
        return Verdict(problems=arrival.problems)
    info = arrival.kind.info
    if arrival.members["author"] != worker.user_id:
        return _refused("wrong_author")
    if arrival.action not in info.laptop:
        return _refused("not_allowed")
    if arrival.action in ("create", "step"):
        return _judge_new(arrival, worker, record, parent)
    return _judge_changed(arrival, worker, record)


def parent_id(arrival: Arrival) -> str | None:
    """Return the record a step belongs to, None for every other change."""
    if arrival.action != "step" or arrival.kind is None or not arrival.kind.info.parent:
        return None
    return arrival.fields.get(arrival.kind.info.parent)


def _judge_new(
    arrival: Arrival,
    worker: Worker,
    record: Mapping[str, Any] | None,
    parent: Mapping[str, Any] | None,
) -> Verdict:
    assert arrival.kind is not None
    info = arrival.kind.info
    if record is not None:
        return _refused("already_exists" if record["kind"] == info.name else "wrong_kind")
    if (wanted := parent_id(arrival)) is not None:
        if parent is None:
            return Verdict(waits_for=wanted)
        if parent["kind"] != getattr(arrival.kind.declared()[str(info.parent)], "kind", None):
            return _refused("wrong_kind")
        area = parent["grid"]
    else:
        area = arrival.members["grid"] or ""
    return _in_area(worker, area, info) or Verdict(grid=area)


def _judge_changed(arrival: Arrival, worker: Worker, record: Mapping[str, Any] | None) -> Verdict:
    assert arrival.kind is not None
    info = arrival.kind.info
    if record is None:
        return Verdict(waits_for=arrival.members["record_id"])
    if record["kind"] != info.name:
        return _refused("wrong_kind")
    if outside := _in_area(worker, record["grid"], info):
        return outside
    if info.only_author and record["author"] != worker.user_id:
        return _refused("not_allowed")
    if not _may_answer(arrival, worker, record, info):
        return _refused("not_allowed")
    if arrival.action == "update":
        whole = apply(arrival.kind, record["fields"], arrival.fields)
        if faults := broken_rules(arrival.kind, whole):
            return Verdict(problems=[one.as_json() for one in faults])
    return Verdict(grid=record["grid"])


def _may_answer(
    arrival: Arrival, worker: Worker, record: Mapping[str, Any], info: KindInfo
) -> bool:
    """Whether what is asked of one worker is answered by him, and only answered."""
    if info.addressee is None:
        return True
    mine = record["fields"].get(info.addressee) == worker.user_id
    return mine and arrival.fields.keys() <= info.answers


def _in_area(worker: Worker, area: str, info: KindInfo) -> Verdict | None:
    """Return the refusal when the worker does not hold ``area``, None when he does."""
    whole_grid = info.reach == "community" or len(area) >= GRID_DIGITS
    if whole_grid and holds(worker.grids, area, info.reach):
        return None
    return _refused("out_of_area")


def _refused(code: str) -> Verdict:
    return Verdict(problems=[problem(code)])
