"""Opening a batch: are its changes sealed, numbered and chained, and can each be understood?

A change that is sealed and numbered but cannot be understood becomes an arrival with problems (it
will be quarantined, the next one goes on). A batch whose numbering or seals are wrong is refused as
a whole, because nothing in it can be told from damage on the way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, cast, get_args

from schemas.catalogue import KINDS, NewerSchema, UnknownKind, kind_of, upcast
from schemas.check import FieldProblem, check, quick_check
from schemas.exchange import MAX_CHANGE_BYTES, ChangeSchema, plain, pointers
from schemas.kind import Action, Kind
from schemas.messages import Problem
from schemas.seal import ZEROS, canonical
from schemas.search import search_text
from schemas.values import apply
from sync_server.domain.json_text import Written, quick_canonical
from sync_server.domain.times import moment

_HASH = re.compile(r"[0-9a-f]{64}\Z")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_AREA = re.compile(r"[0-9]{2,17}\Z")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)
_ACTION = re.compile(r"(create|update|void|step)\Z")
_ACTIONS = frozenset(get_args(Action))
_NUL = b"\\u0000"
_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
ID_LENGTH, ID_DASHES = 36, 4
_MOST = 2**53
LONGEST_POINTER = 200
MAKING = ("create", "step")
ASIDE = "quarantine_me"
ASIDE_MEMBERS = frozenset({"seq", "change_id", ASIDE, "prev", "hash"})
_schema = ChangeSchema()
_REQUIRED = frozenset(
    (one.data_key or name) for name, one in _schema.fields.items() if one.required
)
_KNOWN = frozenset((one.data_key or name) for name, one in _schema.fields.items())


class Inexact(Exception):
    """A batch that was read in the quick way (domain/json_text.py) holds something that only the
    exact way may judge: read it again."""


class BadEnvelope(Exception):
    """The batch cannot be used; ``errors`` are ``[{"pointer", "detail"}]``."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = errors


@dataclass
class Arrival:
    """One change as it came: what it says, and what is wrong with it.

    Once opened, ``members`` are safe to store as they are, and ``fields`` are today's, checked and
    normalised; empty when there are ``problems`` (as they stand in a receipt).
    """

    members: dict[str, Any]
    seq: int
    hash: str
    kind: type[Kind] | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    problems: list[dict[str, Any]] = field(default_factory=list)
    doubts: list[dict[str, Any]] = field(default_factory=list)
    sealed: bytes = b""
    """The canonical bytes under the hash, until the change is opened."""
    sure: bool = True
    """Whether ``sealed`` was written by the rule itself, not by its quick equal."""
    exact: bool = True
    """Whether ``members`` are exactly what came."""
    pointer: str = ""
    """Where it stands in its batch."""
    stored: dict[str, Any] | None = None
    """The fields of a new record as they are stored, when they were worked out ahead."""
    found_by: str = ""
    """The search text of such a record."""
    row: dict[str, Any] | None = None
    """The change's row, without what became of it, when it was worked out ahead."""

    @property
    def change_id(self) -> str:
        """The change's id."""
        return cast(str, self.members["change_id"])

    def named_ids(self) -> list[bytes]:
        """Return every id it names, in whichever member or field, and what is as long as one;
        asked before it is opened."""
        found: list[bytes] = []
        for text in self.sealed.split(b'"'):  # no id goes across the end of a text
            if len(text) == ID_LENGTH:
                found.append(text)
            elif len(text) > ID_LENGTH and text.count(b"-") >= ID_DASHES:
                found += _ID.findall(text)
        return found

    def open(self) -> None:
        """Understand and check the change, once; costs most of what receiving one costs."""
        sealed, self.sealed = self.sealed, b""
        if not sealed or self._open_quickly(sealed):
            return
        if not self.exact:
            raise Inexact
        if not self.sure:
            _require_hash(_canonical(self.members), self.members, self.pointer)
        self.problems = _misshapen(self.members, sealed)
        if not self.problems:
            _understand(self)
            if not self.problems or _NUL not in sealed:
                return
        self.members = _as_text(self.members)
        for one in self.problems:  # a member's name may hold anything
            one["pointer"] = one["pointer"][:LONGEST_POINTER].replace("\0", "\ufffd")

    def _open_quickly(self, sealed: bytes) -> bool:
        """Whether the change is plainly good, then understood and checked.

        It says yes to nothing that the long way would refuse or read otherwise.
        """
        members = self.members
        if len(sealed) > MAX_CHANGE_BYTES or not _well_formed(members):
            return False
        kind = KINDS.get(members["kind"])
        fields = members["fields"]
        if kind is None:
            return False
        if members["schema"] != kind.info.version and members["action"] != "void":
            try:
                same = upcast(members["kind"], members["schema"], fields) == fields
            except NewerSchema:
                return False
            if not same:
                return False
        checked = quick_check(kind, members["action"], fields)
        if checked is None:
            return False
        self.kind, self.fields = kind, checked.fields
        self.doubts = [one.as_json() for one in checked.doubts]
        if members["action"] in MAKING:
            whole = checked.whole
            self.stored = Written(apply(kind, {}, self.fields) if whole is None else whole)
            self.found_by = search_text(kind, self.stored)
        return True

    @property
    def action(self) -> Action:
        """The change's action."""
        return cast(Action, self.members["action"])


def open_batch(changes: Sequence[Any], *, exact: bool = True) -> list[Arrival]:
    """Return the changes of a batch in order, still to be opened; raise BadEnvelope.

    Checked are numbering (a consecutive run), the chain inside the batch and every seal. Whether
    the first ``prev`` is the centre's hash is for the caller, who knows the stream. Not ``exact``:
    the batch was read in the quick way, and Inexact is raised, here or when a change is opened, for
    whatever is not plainly good.
    """
    arrivals: list[Arrival] = []
    previous: Mapping[str, Any] | None = None
    for place, change in enumerate(changes):
        pointer = f"/changes/{place}"
        if not _is_sealed(change):
            _require_sealed(change, pointer)
        if previous is None:
            if change["seq"] <= 1 and change["prev"] != ZEROS:
                raise _unusable(f"{pointer}/prev", "not zeros")
        elif change["seq"] != previous["seq"] + 1:
            raise _unusable(f"{pointer}/seq", "not consecutive")
        elif change["prev"] != previous["hash"]:
            raise _unusable(f"{pointer}/prev", "not the hash before")
        if ASIDE in change:
            if not exact:
                raise Inexact
            arrivals.append(_kept_aside(change, pointer))
        else:
            arrivals.append(_sealed(change, pointer, exact))
        previous = change
    return arrivals


def _sealed(change: dict[str, Any], pointer: str, exact: bool) -> Arrival:
    """Return a change whose hash is right."""
    unsealed = change.copy()  # what was handed in may be read by others at the same time
    told = unsealed.pop("hash")
    quickly = quick_canonical(unsealed)
    if quickly is not None and sha256(quickly).hexdigest() == told:
        arrival = Arrival(change, change["seq"], told, sealed=quickly, pointer=pointer)
        arrival.sure, arrival.exact = False, exact
        return arrival
    if not exact:
        raise Inexact
    sealed = _canonical(change)
    _require_hash(sealed, change, pointer)
    return Arrival(change, change["seq"], change["hash"], sealed=sealed, pointer=pointer)


def _canonical(change: Mapping[str, Any]) -> bytes:
    return canonical({name: value for name, value in change.items() if name != "hash"})


def _require_hash(sealed: bytes, change: Mapping[str, Any], pointer: str) -> None:
    right = sha256(sealed).hexdigest() == change["hash"]
    _require(right, f"{pointer}/hash", "does not match the content")


def _kept_aside(change: Mapping[str, Any], pointer: str) -> Arrival:
    """Return a change that came as text because the centre failed at it, as one to quarantine.

    Its hash is the change's own, over the text; where the text can be read, it must say the same
    place and id. It is never opened: that is what failed.
    """
    text = change[ASIDE]
    _require(isinstance(text, str) and "\0" not in text, f"{pointer}/{ASIDE}", "not text")
    _require(set(change) == ASIDE_MEMBERS, pointer, "other members beside the text")
    try:
        _require_hash(text.encode(), change, pointer)
        told = json.loads(text)
    except UnicodeEncodeError:
        raise BadEnvelope([{"pointer": f"{pointer}/{ASIDE}", "detail": "not UTF-8"}]) from None
    except (ValueError, RecursionError):
        told = None
    members = dict(told) if isinstance(told, dict) else {}
    for name in ("seq", "change_id", "prev"):
        same = members.get(name, change[name]) == change[name]
        _require(same, f"{pointer}/{name}", "not what the text says")
    place = {name: change[name] for name in ("seq", "change_id", "prev", "hash")}
    fit = _as_text(members | place) | {"fields": {"text": text}}
    return Arrival(fit, change["seq"], change["hash"], problems=[problem("unreadable_at_centre")])


def reopened(members: Mapping[str, Any]) -> Arrival:
    """Return a stored change opened again (it was held or refused), against today's kinds.

    What staff made of it before they released it (``fixed``) counts in place of what was sent.
    """
    said = members["fixed"] or {}
    arrival = Arrival({**members, **said}, members["seq"] or 0, members["hash"] or "")
    _understand(arrival)
    return arrival


def problem(code: str, **facts: Any) -> dict[str, Any]:
    """Return a problem of a change as a whole, as it stands in a receipt."""
    return FieldProblem("", Problem(code, **facts)).as_json()


def _is_sealed(change: Any) -> bool:
    """Whether ``_require_sealed`` finds nothing; a quick look that may miss what is good."""
    try:
        seq = change["seq"]
        return (
            type(seq) is int
            and 1 <= seq <= _MOST
            and _UUID.match(change["change_id"]) is not None
            and _HASH.match(change["prev"]) is not None
            and _HASH.match(change["hash"]) is not None
        )
    except (TypeError, KeyError, IndexError):
        return False


def _require_sealed(change: Any, pointer: str) -> None:
    _require(isinstance(change, dict), pointer, "not an object")
    seq = change.get("seq")
    whole = isinstance(seq, int) and not isinstance(seq, bool) and 1 <= seq <= _MOST
    _require(whole, f"{pointer}/seq", "not a number from 1")
    _require(_matches(_UUID, change.get("change_id")), f"{pointer}/change_id", "not an id")
    for name in ("prev", "hash"):
        _require(_matches(_HASH, change.get(name)), f"{pointer}/{name}", "not a hash")


def _require(ok: bool, pointer: str, detail: str) -> None:
    if not ok:
        raise _unusable(pointer, detail)


def _unusable(pointer: str, detail: str) -> BadEnvelope:
    return BadEnvelope([{"pointer": pointer, "detail": detail}])


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.match(value) is not None


def _misshapen(change: Mapping[str, Any], sealed: bytes) -> list[dict[str, Any]]:
    """Return what is wrong with the change before its kind is looked at."""
    if not _well_formed(change):
        details = pointers(_schema.validate(change)) or [{"pointer": "/made_at"}]
        return [problem("not_an_object") | {"pointer": one["pointer"]} for one in details]
    if fault := plain(change):
        return [FieldProblem("", fault).as_json()]
    if len(sealed) > MAX_CHANGE_BYTES:
        return [problem("too_large")]
    return []


def _well_formed(change: Mapping[str, Any]) -> bool:
    """Whether every member is as ChangeSchema wants it; the same rules, several times faster."""
    names = change.keys()
    if not names >= _REQUIRED or not names <= _KNOWN:
        return False
    grid, base = change["grid"], change["base_version"]
    try:
        return (
            _WORD.match(change["kind"]) is not None
            and _counts(change["schema"])
            and _UUID.match(change["record_id"]) is not None
            and change["action"] in _ACTIONS
            and (grid is None or _AREA.match(grid) is not None)
            and (base is None or _counts(base))
            and _TIME.match(change["made_at"]) is not None
            and moment(change["made_at"]) is not None
            and _UUID.match(change["author"]) is not None
            and isinstance(change["fields"], dict)
            and ("corrects" not in change or _UUID.match(change["corrects"]) is not None)
        )
    except TypeError:  # one of them is no text
        return False


def _counts(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST


def _understand(arrival: Arrival) -> None:
    """Find the kind, bring the fields to today's version and check them."""
    members = arrival.members
    try:
        kind = kind_of(members["kind"])
        fields = members["fields"]
        if members["action"] != "void":
            fields = upcast(members["kind"], members["schema"], fields)
    except (UnknownKind, NewerSchema):
        arrival.problems = [problem("unknown_schema")]
        return
    checked = check(kind, members["action"], fields)
    arrival.kind = kind
    arrival.problems = [one.as_json() for one in checked.problems]
    if any(one.problem.code == "unknown_field" for one in checked.problems):
        arrival.problems.append(problem("unknown_schema"))
    arrival.doubts = [one.as_json() for one in checked.doubts]
    arrival.fields = {} if arrival.problems else checked.fields


def _as_text(change: Mapping[str, Any]) -> dict[str, Any]:
    """Return members that any database can hold; the change itself is kept whole as text."""

    def fit(name: str, pattern: re.Pattern[str], otherwise: Any) -> Any:
        return change[name] if _matches(pattern, change.get(name)) else otherwise

    whole = {name: change.get(name) for name in ("schema", "base_version")}
    return {
        "seq": change["seq"],
        "change_id": change["change_id"],
        "prev": change["prev"],
        "hash": change["hash"],
        "kind": fit("kind", _WORD, "unknown"),
        "schema": whole["schema"] if _counts(whole["schema"]) else 0,
        "record_id": fit("record_id", _UUID, change["change_id"]),
        "action": fit("action", _ACTION, "unknown"),
        "grid": fit("grid", _AREA, None),
        "base_version": whole["base_version"] if _counts(whole["base_version"]) else None,
        "made_at": fit("made_at", _TIME, ""),
        "author": fit("author", _UUID, ""),
        "corrects": fit("corrects", _UUID, None),
        "fields": {"text": json.dumps(change, sort_keys=True)},
    }
