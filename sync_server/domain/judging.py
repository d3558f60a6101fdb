"""Judging one change of a laptop against what the centre knows: apply, hold or quarantine.

Area is judged by the centre's data: an existing record by the area it lies in, a step by its
issue's, only a create by what it claims. Outside the worker's grids it counts all the same when
the area was his when he made the change. A record that was moved meanwhile out of a grid of his
takes his change as a proposal: staff of its new area decide, and nothing is refused or lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from schemas.care_contact import same_alarm
from schemas.check import FieldProblem, broken_rules
from schemas.kind import KindInfo
from schemas.values import apply
from schemas.worker_rights import may_write
from sync_server.domain.areas import holds
from sync_server.domain.envelope import Arrival, problem
from sync_server.domain.holding import Holding, Made, held_when, untold

GRID_DIGITS = 15


@dataclass(frozen=True)
class Worker:
    """The person behind a device: the grids that are his today, and what he held when."""

    user_id: str
    grids: Sequence[str]
    held: Sequence[Holding] = ()
    kind: str = ""
    """Full-time, part-time or auxiliary (USER_KIND): what he may write at all."""
    told: Sequence[str] = ()
    """The grids his laptop was told last that he holds, as its cursor proves."""

    def areas(self, made: Made | None) -> tuple[str, ...]:
        """Return the codes that count for a change made then: today's, those of that time, and
        those he had not been told that they were taken from him."""
        if made is None or self._held_nothing_else:
            return tuple(self.grids)
        return (*self.grids, *held_when(self.held, made), *untold(self.held, made, self.told))

    @cached_property
    def _held_nothing_else(self) -> bool:
        return all(one.until is None and one.code in self.grids for one in self.held)


class Verdict(NamedTuple):
    """``problems``: to be quarantined. ``waits_for``: held until that record is created.

    Else to be applied; ``grid`` is the area it counts for. ``proposal``: to be kept beside the
    record for staff to decide, whatever its writer had seen. ``again``: the record exists and says
    this already.
    """

    grid: str = ""
    problems: Sequence[dict[str, Any]] = ()
    waits_for: str | None = None
    proposal: bool = False
    again: bool = False


def judge(
    arrival: Arrival,
    worker: Worker,
    record: Mapping[str, Any] | None,
    parent: Mapping[str, Any] | None = None,
    made: Made | None = None,
    lay_in: Sequence[str] = (),
    taken_over: bool = False,
    survivor: Mapping[str, Any] | None = None,
) -> Verdict:
    """Judge a change. ``record`` is the one it names, ``parent`` the one a step belongs to (rows
    of the centre, None when unknown); ``lay_in`` are the areas the record was moved out of. For
    a create these are what it hangs below, when that was moved, and the areas it was moved from;
    for a step the areas that its issue or service request was moved out of.

    ``made`` None: only the worker's grids of today count. ``taken_over``: the centre has taken the
    record (an issue) from its author, whose late edits are proposals to it. ``survivor``: the
    record was merged into that one, which takes the change; out of the worker's areas as a
    proposal.
    """
    if arrival.problems or arrival.kind is None:
        return Verdict(problems=arrival.problems)
    info = arrival.kind.info
    if arrival.members["author"] != worker.user_id:
        return _refused("wrong_author")
    if arrival.action not in info.laptop:
        return _refused("not_allowed")
    if not may_write(worker.kind, info, arrival.action):
        return _refused("not_your_kind")
    if faults := [fault for rule in info.laptop_rules if (fault := rule(arrival.fields))]:
        found = [FieldProblem(f"/{name}", words).as_json() for name, words in faults]
        return Verdict(problems=found)
    if arrival.action in ("create", "step"):
        return _judge_new(arrival, worker.areas(made), record, parent, lay_in)
    verdict = _judge_changed(arrival, worker, record, made, lay_in, survivor)
    return verdict._replace(proposal=True) if taken_over and verdict.grid else verdict


def parent_id(arrival: Arrival) -> str | None:
    """Return the record a step belongs to, None for every other change."""
    if arrival.action != "step" or arrival.kind is None or not arrival.kind.info.parent:
        return None
    return arrival.fields.get(arrival.kind.info.parent)


def hangs_below(arrival: Arrival) -> str | None:
    """Return the record a create is listed under, None for every other change."""
    if arrival.action != "create" or arrival.kind is None or not arrival.kind.info.parent:
        return None
    return arrival.fields.get(arrival.kind.info.parent)


def _judge_new(
    arrival: Arrival,
    areas: Sequence[str],
    record: Mapping[str, Any] | None,
    parent: Mapping[str, Any] | None,
    lay_in: Sequence[str],
) -> Verdict:
    assert arrival.kind is not None
    info = arrival.kind.info
    if record is not None:
        if record["kind"] == info.name and _is_raised(arrival, record):
            return Verdict(grid=record["grid"], again=True)
        return _refused("already_exists" if record["kind"] == info.name else "wrong_kind")
    if (wanted := parent_id(arrival)) is not None:
        if parent is None:
            return Verdict(waits_for=wanted)
        if parent["kind"] != getattr(arrival.kind.declared()[str(info.parent)], "kind", None):
            return _refused("wrong_kind")
        area = parent["grid"]
        if _lay_in_his(arrival, areas, lay_in, info):
            return Verdict(grid=area)  # its issue was moved; whoever did not know goes on with it
    else:
        area = arrival.members["grid"] or ""
        if parent is not None and _lay_in_his(arrival, areas, lay_in, info):
            return Verdict(grid=parent["grid"])  # it lies where what it hangs below went
    return Verdict(grid=area) if _in_area(areas, area, info) else _refused("out_of_area")


def _is_raised(arrival: Arrival, record: Mapping[str, Any]) -> bool:
    """Whether the centre has raised the alarm that a laptop raises too, for whoever made the visit:
    both have the one id that follows from visit and person (decision 0014)."""
    by_rule = record["device_id"] is None
    if arrival.kind is None or arrival.kind.info.name != "issue" or not by_rule:
        return False
    return same_alarm(apply(arrival.kind, {}, arrival.fields), record["fields"])


def _judge_changed(
    arrival: Arrival,
    worker: Worker,
    record: Mapping[str, Any] | None,
    made: Made | None,
    lay_in: Sequence[str],
    survivor: Mapping[str, Any] | None,
) -> Verdict:
    assert arrival.kind is not None
    info = arrival.kind.info
    if record is None:
        return Verdict(waits_for=arrival.members["record_id"])
    if record["kind"] != info.name:
        return _refused("wrong_kind")
    areas = worker.areas(made)
    at_home = _in_area(areas, record["grid"], info)
    if not at_home and not _lay_in_his(arrival, areas, lay_in, info):
        return _refused("out_of_area")
    if info.only_author and record["author"] != worker.user_id:
        return _refused("not_allowed")
    if not _may_answer(arrival, worker, record, info):
        return _refused("not_allowed")
    if arrival.action == "update":
        whole = apply(arrival.kind, (survivor or record)["fields"], arrival.fields)
        if faults := broken_rules(arrival.kind, whole):
            return Verdict(problems=[one.as_json() for one in faults])
    if survivor is not None and not _in_area(areas, survivor["grid"], info):
        at_home = False
    return Verdict(grid=(survivor or record)["grid"], proposal=not at_home)


def _may_answer(
    arrival: Arrival, worker: Worker, record: Mapping[str, Any], info: KindInfo
) -> bool:
    """Whether what is asked of one worker is answered by him, and only answered."""
    if info.addressee is None:
        return True
    mine = record["fields"].get(info.addressee) == worker.user_id
    return mine and arrival.fields.keys() <= info.answers


def _lay_in_his(
    arrival: Arrival, areas: Sequence[str], lay_in: Sequence[str], info: KindInfo
) -> bool:
    """Whether the record had lain where its writer saw it, and that was his.

    Who still names the old area has not seen the move, whatever his clock says.
    """
    claimed = arrival.members["grid"] or ""
    return any(
        holds([claimed], area, info.reach) and _in_area(areas, area, info) for area in lay_in
    )


def _in_area(areas: Sequence[str], area: str, info: KindInfo) -> bool:
    """Whether somebody with ``areas`` may write in ``area``."""
    whole_grid = info.reach == "community" or len(area) >= GRID_DIGITS
    return whole_grid and holds(areas, area, info.reach)


def _refused(code: str) -> Verdict:
    return Verdict(problems=[problem(code)])
