"""Merging a change into a record, field by field (docs/PROTOCOL.md, Merging).

For each path a change names: no value yet, or a value its writer had seen (by the version he was
looking at, or because his own log holds it) -> it is set. The same value -> unchanged. Else two
people wrote without knowing of each other: the visible value stays and the other is kept beside
it, for staff to decide; a field of policy ``latest`` is decided at once by corrected time when
neither clock is doubtful, as a recorded decision that can be taken back. What is kept does not
depend on the order of arrival.

That a writer had seen a value may follow from versions alone that were lost. On a field of policy
``latest`` that is not certain: another's value may have replaced it there by time before he looked,
and the decision that recorded it is lost as well. Who follows whom stays as he wrote; it is
recorded as a decision of the same kind.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from schemas.exchange import MAX_TRAIL, VERSION_STEP
from schemas.fields import Policy
from schemas.kind import Kind
from schemas.values import apply, get_path, paths, set_path

VOIDED = "voided"
"""The path under which a record's being void is merged."""
DEFAULT = ""
"""The origin of every value without an entry of its own: the change that made the record."""

EPOCH_STEP = VERSION_STEP
"""Versions and change numbers of every run of a centre begin at a multiple of this: a run is what
one program gave out between opening the database and the next that opened it, or began an epoch."""

Decision = Literal["kept", "replaced"]
Outcome = Literal["applied", "merged", "unchanged", "conflict"]


class Edit(NamedTuple):
    """One change as the rule sees it. ``base_version`` is 0 when its writer had seen nothing;
    ``trail`` is what he had seen of the record in the runs before (``State.trail``).

    ``device_id`` None: written at the centre. ``happened_at`` is the corrected time, ``doubtful``
    whether the clock behind it is. ``held`` are changes the writer's own log held before this one,
    ``overtaken_by`` the (path, change) whose writers had seen this one (a restored centre gets
    them in any order). ``by_former`` are those of ``held`` that are known by the version alone that
    they were in a lost epoch; ``beyond`` tells that his base version was lost itself. A
    ``proposal`` is kept beside what stands, whatever its writer had seen. ``aware`` are the (path,
    change) he had seen at a record that was merged into this one. ``outdated`` are the paths at
    which his own log says something newer that counts already: this one was let in late.
    ``strange`` are the (field, change) of ``held`` whose value staff made another before they let
    that change in: the writer had not seen it.
    """

    change_id: str
    author: str
    device_id: str | None
    base_version: int
    happened_at: datetime
    doubtful: bool
    held: frozenset[str] = frozenset()
    overtaken_by: frozenset[tuple[str, str]] = frozenset()
    by_former: frozenset[str] = frozenset()
    beyond: bool = False
    proposal: bool = False
    aware: frozenset[tuple[str, str]] = frozenset()
    trail: tuple[int, ...] = ()
    outdated: frozenset[str] = frozenset()
    strange: frozenset[tuple[str, str]] = frozenset()


class State(NamedTuple):
    """What a record says, and where each value came from.

    ``floor``: the run's versions are above it. ``trail``: the record's last version in each earlier
    run that gave it one. Whoever looked at the record has seen every version of those runs up to
    these, and no other.
    """

    fields: Mapping[str, Any]
    origins: Mapping[str, Mapping[str, Any]]
    version: int
    voided: bool
    floor: int = 0
    trail: tuple[int, ...] = ()

    def gave_out(self, version: int) -> bool:
        """Whether the record has had this version, or one after it in the same run."""
        mine = (*self.trail, self.version)
        return any(same_run(version, last) and version <= last for last in mine)

    @property
    def next_version(self) -> int:
        """The version after this one; it jumps once in every run, counting on from there."""
        if self.version > self.floor:
            return self.version + 1
        return self.floor + self.version % EPOCH_STEP + 1

    @property
    def next_trail(self) -> tuple[int, ...]:
        """The trail that belongs to ``next_version``."""
        if same_run(self.version, self.next_version):
            return self.trail
        return (*self.trail, self.version)[-MAX_TRAIL:]


@dataclass(frozen=True)
class Clash:
    """Two values of one path whose writers did not know of each other.

    ``other`` is what the new change said, ``visible`` what stood when it came. ``decision`` None
    waits for staff; ``replaced`` means that ``other`` became visible.
    """

    path: str
    visible: Any
    visible_change_id: str
    other: Any
    decision: Decision | None


@dataclass(frozen=True)
class Merged:
    """What became of a change: the record afterwards and what is kept beside it.

    ``withdrawn`` are paths on which the writer's own open entry is overtaken by this change.
    """

    outcome: Outcome
    state: State
    clashes: tuple[Clash, ...] = ()
    withdrawn: frozenset[str] = frozenset()

    @property
    def open_clashes(self) -> tuple[Clash, ...]:
        """The clashes that wait for staff."""
        return tuple(clash for clash in self.clashes if clash.decision is None)


def origin(edit: Edit, version: int) -> dict[str, Any]:
    """Return what is remembered of the change behind a value, as it is stored."""
    entry: dict[str, Any] = {
        "version": version,
        "change_id": edit.change_id,
        "author": edit.author,
        "device_id": edit.device_id,
        "happened_at": edit.happened_at.isoformat(),
    }
    if edit.doubtful:
        entry["doubtful"] = True
    return entry


def origin_of(
    fields: Mapping[str, Any], origins: Mapping[str, Mapping[str, Any]], path: str
) -> Mapping[str, Any] | None:
    """Return the origin of the value at ``path``; None when nobody ever wrote it."""
    if path in origins:
        return origins[path]
    return origins.get(DEFAULT) if get_path(fields, path) is not None else None


def created(
    kind: type[Kind],
    edit: Edit,
    wire: Mapping[str, Any],
    floor: int = 0,
    stored: Mapping[str, Any] | None = None,
) -> State:
    """Return a new record at the run's first version from the fields of its create; ``stored`` are
    the same as a record has them, when they are at hand."""
    fields = apply(kind, {}, wire) if stored is None else stored
    return State(fields, {DEFAULT: origin(edit, floor + 1)}, floor + 1, False, floor)


def run_of(version: int) -> int:
    """Return above which number the run began that gave out a version, below 1 for none."""
    return (version - 1) // EPOCH_STEP * EPOCH_STEP


def same_run(one: int, other: int) -> bool:
    """Whether two versions were given out by the same run of the centre."""
    return run_of(one) == run_of(other)


def void_was_seen(state: State, edit: Edit) -> bool:
    """Whether the record is void and the writer knew it when he wrote."""
    return state.voided and _knew(edit, VOIDED, state.origins[VOIDED])


def merge_update(
    kind: type[Kind],
    state: State,
    edit: Edit,
    wire: Mapping[str, Any],
    open_paths: frozenset[str] = frozenset(),
) -> Merged:
    """Merge an update. ``open_paths``: where this writer's device has an entry waiting already."""
    work = _Work(state, edit)
    policies = {name: field.policy for name, field in kind.declared().items()}
    for path, value in paths(kind, wire):
        work.write(path, value, policies[path.partition(".")[0]])
    return work.merged(frozenset(path for path, _ in paths(kind, wire)) & open_paths)


def merge_void(
    state: State, edit: Edit, reason: str, open_paths: frozenset[str] = frozenset()
) -> Merged:
    """Merge a void: it stands unless somebody edited the record without its writer knowing."""
    work = _Work(state, edit)
    if not state.voided:
        unseen = [entry for path, entry in state.origins.items() if not _knew(edit, path, entry)]
        if edit.proposal:
            unseen = unseen or list(state.origins.values())
        if (
            unseen
            and not edit.proposal
            and all(_is_overtaken(edit, state, entry) for entry in unseen)
        ):
            work.overtaken = True
        elif unseen:
            latest = max(unseen, key=lambda entry: entry["version"])
            work.clashes.append(
                Clash(VOIDED, None, latest["change_id"], {"voided": True, "reason": reason}, None)
            )
        else:
            work.voided = True
            work.set_origin(VOIDED)
    return work.merged(frozenset({VOIDED}) & open_paths)


class _Work:
    """A merge under way: copies of the record that become its next state."""

    def __init__(self, state: State, edit: Edit) -> None:
        self.before = state
        self.edit = edit
        self.fields = dict(state.fields)
        self.origins = dict(state.origins)
        self.voided = state.voided
        self.changed = False
        self.overtaken = False
        self.clashes: list[Clash] = []

    def write(self, path: str, value: Any, policy: Policy) -> None:
        """Set ``path``, leave it, or keep ``value`` beside what stands."""
        present = get_path(self.fields, path)
        if present == value:
            return
        if path in self.edit.outdated:
            self.overtaken = True
            return
        entry = origin_of(self.fields, self.origins, path)
        if self.before.voided:
            # Its writer has not seen the void (the caller refused the others): nothing vanishes,
            # and nothing moves, until staff have settled whether the record stands.
            self._clash(path, present, entry or self.origins[VOIDED], value, None)
        elif self.edit.proposal:
            self._clash(path, present, entry or self.origins[DEFAULT], value, None)
        elif entry is None or _knew(self.edit, path, entry):
            if policy == "latest" and entry is not None and _by_lost_versions(self.edit, entry):
                self._clash(path, present, entry, value, "replaced")
            self._set(path, value)
        elif (path, entry["change_id"]) in self.edit.overtaken_by:
            self.overtaken = True  # what stands was written by somebody who had read this value
            if policy == "latest":
                self._clash(path, present, entry, value, "kept")
        else:
            decision = _decide(self.edit, entry) if policy == "latest" else None
            self._clash(path, present, entry, value, decision)
            if decision == "replaced":
                self._set(path, value)

    def _set(self, path: str, value: Any) -> None:
        set_path(self.fields, path, value)
        self.set_origin(path)

    def set_origin(self, path: str) -> None:
        """Remember this change as the writer of ``path``."""
        self.changed = True
        self.origins[path] = origin(self.edit, self.before.next_version)

    def _clash(
        self,
        path: str,
        present: Any,
        entry: Mapping[str, Any],
        value: Any,
        decision: Decision | None,
    ) -> None:
        self.clashes.append(Clash(path, present, entry["change_id"], value, decision))

    def merged(self, mine: frozenset[str]) -> Merged:
        """Return the result; ``mine`` are the named paths with an open entry of this writer."""
        before = self.before
        version = before.next_version if self.changed else before.version
        trail = before.next_trail if self.changed else before.trail
        state = State(self.fields, self.origins, version, self.voided, before.floor, trail)
        still_open = {clash.path for clash in self.clashes if clash.decision is None}
        return Merged(self._outcome(), state, tuple(self.clashes), mine - still_open)

    def _outcome(self) -> Outcome:
        if any(clash.decision is None for clash in self.clashes):
            return "conflict"
        if self.clashes or self.overtaken:
            return "merged"
        if not self.changed:
            return "unchanged"
        beside = any(not _knew(self.edit, *one) for one in self.before.origins.items())
        return "merged" if beside else "applied"


def _knew(edit: Edit, path: str, entry: Mapping[str, Any]) -> bool:
    """Whether the writer had seen the value of ``entry``: looked at it, wrote it before, or saw it
    at a record that was merged into this one."""
    return bool(
        entry["version"] <= edit.base_version
        or (entry["change_id"] in edit.held and not is_strange(edit.strange, path, entry))
        or (path, entry["change_id"]) in edit.aware
    )


def is_strange(strange: Collection[tuple[str, str]], path: str, entry: Mapping[str, Any]) -> bool:
    """Whether what ``entry`` says at ``path`` is what staff made of a change (``Edit.strange``)."""
    return (path.partition(".")[0], entry["change_id"]) in strange


def _by_lost_versions(edit: Edit, entry: Mapping[str, Any]) -> bool:
    """Whether versions alone that were lost tell that the writer had seen the value."""
    one = entry["change_id"]
    return one in edit.by_former or (edit.beyond and one not in edit.held)


def _is_overtaken(edit: Edit, state: State, entry: Mapping[str, Any]) -> bool:
    """Whether all of ``entry`` that stands was written by somebody who had seen the edit."""
    stands = [path for path, one in state.origins.items() if one["change_id"] == entry["change_id"]]
    return all((path, entry["change_id"]) in edit.overtaken_by for path in stands)


def _decide(edit: Edit, entry: Mapping[str, Any]) -> Decision | None:
    """Decide by corrected time; None when a clock is doubtful. Ids settle equal times."""
    if edit.doubtful or entry.get("doubtful"):
        return None
    mine = (edit.happened_at, edit.change_id)
    theirs = (datetime.fromisoformat(entry["happened_at"]), entry["change_id"])
    return "replaced" if mine > theirs else "kept"
