"""Records for the peers: flat documents of 25 fields, about 1 KB, and a schema that checks them.

The fields hold what a visit holds: words, codes, times, numbers, flags. The same record goes to
every peer.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from marshmallow import Schema, fields, validate
from uuid6 import uuid7

from benchmarks.field_changes import NAMES, words


def record(rng: random.Random) -> dict[str, Any]:
    """Return one record under an id that sorts by time."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        "id": str(uuid7()), "grid": f"990101100009{rng.randrange(999):03d}",
        "household": str(uuid7()), "author": f"{rng.getrandbits(128):032x}", "made_at": now,
        "visited_at": now, "purpose": "daily", "mode": "door", "result": "met",
        "met": rng.choice(NAMES), "phone": f"138{rng.randrange(10**8):08d}",
        "findings": words(rng, 8), "confirm": "verbal", "rating": rng.randint(1, 5),
        "notice_given": True, "gas": "ok", "wiring": "ok", "ebike": "problem",
        "smoke_alarm": "not_seen", "opinion_category": "facility", "opinion": words(rng, 1),
        "leaflets": rng.randint(0, 3), "longitude": 121_473_000 + rng.randrange(10_000),
        "latitude": 31_230_000 + rng.randrange(10_000), "late_reason": "",
    }  # fmt: skip


def batches(count: int, size: int, rng: random.Random) -> Iterator[list[dict[str, Any]]]:
    """Yield so many lists of ``size`` new records."""
    for _ in range(count):
        yield [record(rng) for _ in range(size)]


def dumped(value: Any) -> bytes:
    """Return compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _code(*codes: str) -> fields.String:
    return fields.String(required=True, validate=validate.OneOf(codes))


STATES = ("ok", "problem", "not_seen")


class RecordSchema(Schema):
    """The plain way to check such a record."""

    id = fields.UUID(required=True)
    grid = fields.String(required=True, validate=validate.Regexp(r"\d{15}\Z"))
    household = fields.UUID(required=True)
    author = fields.String(required=True, validate=validate.Length(equal=32))
    made_at = fields.AwareDateTime(required=True)
    visited_at = fields.AwareDateTime(required=True)
    purpose = _code("daily", "care", "info", "safety")
    mode = _code("door", "phone", "outside")
    result = _code("met", "nobody", "refused")
    met = fields.String(required=True, validate=validate.Length(max=60))
    phone = fields.String(required=True, validate=validate.Regexp(r"\d{11}\Z"))
    findings = fields.String(required=True, validate=validate.Length(max=2000))
    confirm = _code("verbal", "signed")
    rating = fields.Integer(required=True, strict=True, validate=validate.Range(1, 5))
    notice_given = fields.Boolean(required=True)
    gas = _code(*STATES)
    wiring = _code(*STATES)
    ebike = _code(*STATES)
    smoke_alarm = _code(*STATES)
    opinion_category = _code("facility", "green", "other")
    opinion = fields.String(required=True, validate=validate.Length(max=500))
    leaflets = fields.Integer(required=True, strict=True, validate=validate.Range(0, 100))
    longitude = fields.Integer(required=True, strict=True)
    latitude = fields.Integer(required=True, strict=True)
    late_reason = fields.String(required=True, validate=validate.Length(max=200))
