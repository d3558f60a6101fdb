"""The envelope of the exchange: what crosses the wire between laptop and centre (protocol 1).

Shapes are checked strictly here; what stands inside a change's ``fields`` is judged per change by
:mod:`schemas.check`, so that one bad change never blocks the next.
"""

from __future__ import annotations

import re
from typing import Any, Literal, TypedDict

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate

from schemas.messages import Problem

PROTOCOL = 1
API = "/api/v1"
MAX_CHANGES = 500
MAX_BODY_BYTES = 1_048_576
MAX_CHANGE_BYTES = 65_536
MAX_DEPTH = 8
MAX_WANT = 2_000
MAX_TRAIL = 100
"""In so many earlier runs of the centre a change tells what its writer had seen of the record."""
VERSION_STEP = 1_000_000
"""Versions of every run of the centre begin above a multiple of this, and count on within it."""
MAX_HELD = 200
"""How many changes put aside a request may ask about."""

Outcome = Literal["applied", "merged", "unchanged", "conflict", "held", "quarantined", "duplicate"]
ACCOUNTED = ("applied", "merged", "unchanged", "conflict", "held", "quarantined")
"""The outcomes an account counts; with what is unsent they add up to what was made."""
IN_STORE: frozenset[str] = frozenset({"applied", "merged", "unchanged"})
"""Outcomes after which the centre's record says what the change said (已入库)."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_HEX64 = re.compile(r"[0-9a-f]{64}\Z")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_CODE = re.compile(r"[0-9]{2,17}\Z")


class ChangeDict(TypedDict, total=False):
    """A change as it travels (sealed when saved, never altered)."""

    seq: int
    change_id: str
    kind: str
    schema: int
    record_id: str
    action: str
    grid: str | None
    base_version: int | None
    made_at: str
    author: str
    fields: dict[str, Any]
    corrects: str
    prev: str
    hash: str


class ReceiptDict(TypedDict, total=False):
    """What became of one change; every outcome means durably received."""

    seq: int
    change_id: str
    outcome: str
    version: int | None
    problem: list[dict[str, Any]]
    conflict_id: str
    first: dict[str, Any]


class UpdateDict(TypedDict, total=False):
    """One record as the centre has it, or ``{"record_id", "gone": true}``."""

    kind: str
    schema: int
    record_id: str
    version: int
    trail: list[int]
    change_no: int
    grid: str | None
    voided: bool
    merged_into: str
    fields: dict[str, Any]
    first: dict[str, str]
    last: dict[str, str]
    gone: bool


def ordinal(version: int) -> int:
    """Return the how many-eth version of its record a version is: what people are shown."""
    return version % VERSION_STEP


def _pattern(regex: re.Pattern[str], **kwargs: Any) -> fields.String:
    return fields.String(validate=validate.Regexp(regex), **kwargs)


def _whole(**kwargs: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(min=0, max=2**53), **kwargs)


class _Exact(Schema):
    class Meta:
        unknown = RAISE


class HeadSchema(_Exact):
    """Where one of the laptop's streams stands."""

    stream = _pattern(_UUID, required=True)
    acked_seq = _whole(required=True)
    acked_hash = _pattern(_HEX64, required=True)
    last_seq = _whole(required=True)


class ChangeSchema(_Exact):
    """The members of a change; ``fields`` is opaque here."""

    seq = _whole(required=True)
    change_id = _pattern(_UUID, required=True)
    kind = _pattern(_WORD, required=True)
    schema = _whole(required=True)
    record_id = _pattern(_UUID, required=True)
    action = fields.String(
        required=True, validate=validate.OneOf(["create", "update", "void", "step"])
    )
    grid = _pattern(_CODE, required=True, allow_none=True)
    base_version = _whole(required=True, allow_none=True)
    made_at = fields.String(required=True, validate=validate.Length(min=20, max=40))
    author = _pattern(_UUID, required=True)
    fields_ = fields.Dict(
        keys=fields.String(), required=True, data_key="fields", attribute="fields"
    )
    corrects = _pattern(_UUID)
    prev = _pattern(_HEX64, required=True)
    hash = _pattern(_HEX64, required=True)


class AsideSchema(_Exact):
    """A change the centre failed at several times: its canonical bytes, as text, under its place.

    ``hash`` is the change's own: SHA-256 of ``quarantine_me`` in UTF-8, so the chain goes on.
    """

    seq = _whole(required=True)
    change_id = _pattern(_UUID, required=True)
    quarantine_me = fields.String(required=True)
    prev = _pattern(_HEX64, required=True)
    hash = _pattern(_HEX64, required=True)


class SyncSchema(_Exact):
    """The body of ``POST /sync``; changes are opened one by one by :class:`ChangeSchema`."""

    class Meta:
        unknown = EXCLUDE

    protocol = fields.Integer(required=True, strict=True, validate=validate.Equal(PROTOCOL))
    device_id = _pattern(_UUID, required=True)
    batch_id = _pattern(_UUID, required=True)
    server_epoch = fields.String(required=True, allow_none=True, validate=validate.Length(max=64))
    cursor = fields.String(required=True, allow_none=True, validate=validate.Length(max=2000))
    sent_at = fields.String(required=True, validate=validate.Length(min=20, max=40))
    app = fields.String(required=True, validate=validate.Length(max=40))
    heads = fields.List(fields.Nested(HeadSchema), required=True, validate=validate.Length(max=50))
    stream = _pattern(_UUID, required=True)
    changes = fields.List(
        fields.Nested(ChangeSchema), required=True, validate=validate.Length(max=MAX_CHANGES)
    )
    former = fields.Dict(
        keys=_pattern(_UUID),
        values=_whole(),
        load_default=dict,
        validate=validate.Length(max=MAX_CHANGES),
    )
    trails = fields.Dict(
        keys=_pattern(_UUID),
        values=fields.List(_whole(), validate=validate.Length(max=MAX_TRAIL)),
        load_default=dict,
        validate=validate.Length(max=MAX_CHANGES),
    )
    held = fields.List(_pattern(_UUID), load_default=list, validate=validate.Length(max=MAX_HELD))
    want = fields.Integer(
        strict=True, load_default=500, validate=validate.Range(min=0, max=MAX_WANT)
    )
    # What the laptop says of its own log; a courtesy, so whatever stands here refuses nothing.
    account = fields.Raw(load_default=None, allow_none=True)


class JoinSchema(_Exact):
    """The body of ``POST /devices``."""

    class Meta:
        unknown = EXCLUDE

    code = fields.String(required=True, validate=validate.Length(min=4, max=64))
    device_name = fields.String(required=True, validate=validate.Length(min=1, max=80))
    public_key = _pattern(_HEX64, required=True)
    app = fields.String(required=True, validate=validate.Length(max=40))


class ProblemAnswer(TypedDict, total=False):
    """An error as RFC 9457 ``application/problem+json`` with a stable ``code``."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[dict[str, Any]]
    known: list[dict[str, Any]]


def pointers(messages: Any, pointer: str = "") -> list[dict[str, str]]:
    """Return marshmallow's nested messages as ``[{"pointer", "detail"}]``."""
    if isinstance(messages, dict):
        return [
            entry
            for key, inner in messages.items()
            for entry in pointers(inner, pointer if key == "_schema" else f"{pointer}/{key}")
        ]
    if isinstance(messages, list):
        return [entry for inner in messages for entry in pointers(inner, pointer)]
    return [{"pointer": pointer, "detail": str(messages)}]


def depth(value: Any) -> int:
    """Return how deeply ``value`` is nested (a plain value: 0); stops one beyond the limit."""
    deepest = 0
    stack = [(value, 0)]
    while stack:
        one, level = stack.pop()
        if isinstance(one, dict | list):
            deepest = max(deepest, level + 1)
            if deepest > MAX_DEPTH:
                return deepest
            stack.extend((inner, level + 1) for inner in (
                one.values() if isinstance(one, dict) else one
            ))  # fmt: skip
    return deepest


def plain(value: Any) -> Problem | None:
    """Return what makes ``value`` unfit for the wire (a number beyond ±2^53, a float, a surrogate,
    too deep), or None."""
    stack = [((value,), 0)]
    while stack:
        inner, level = stack.pop()
        for one in inner:
            if one is None or one is True or one is False:
                continue
            if isinstance(one, str):
                if not _encodable(one):
                    return Problem("bad_characters")
            elif isinstance(one, dict | list):
                if level >= MAX_DEPTH:
                    return Problem("too_deep")
                if isinstance(one, dict):
                    stack.append((tuple(one), level + 1))
                    stack.append((tuple(one.values()), level + 1))
                else:
                    stack.append((tuple(one), level + 1))
            elif isinstance(one, float) or abs(one) > 2**53:
                return Problem("not_whole")
    return None


def _encodable(text: str) -> bool:
    """Whether ``text`` can be written as UTF-8, which a lone surrogate cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


__all__ = [
    "ACCOUNTED", "API", "IN_STORE", "MAX_BODY_BYTES", "MAX_CHANGES", "MAX_CHANGE_BYTES",
    "MAX_DEPTH", "MAX_WANT", "PROTOCOL", "AsideSchema", "ChangeDict", "ChangeSchema", "HeadSchema",
    "JoinSchema", "Outcome", "ProblemAnswer", "ReceiptDict", "SyncSchema", "UpdateDict",
    "ValidationError", "depth", "plain", "pointers",
]  # fmt: skip
