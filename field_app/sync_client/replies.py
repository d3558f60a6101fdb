"""Reading what the centre answered: a reply that does not fit in every part counts for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from field_app.domain.identity import believed_offset
from field_app.sync_client.faults import SyncFault
from schemas.clock import read_moment
from schemas.exchange import PROTOCOL, Outcome

OUTCOMES = frozenset(get_args(Outcome))
ACCEPTED = OUTCOMES - {"duplicate"}

Known = dict[str, tuple[int, str]]
"""Where the centre says streams stand: ``{stream: (seq, hash)}``."""


@dataclass(frozen=True)
class Reply:
    """A confirmed answer to one exchange, checked in every part the laptop relies on."""

    server_epoch: str
    server_time: datetime
    known: Known
    receipts: tuple[dict[str, Any], ...]
    updates: tuple[dict[str, Any], ...]
    people: dict[str, str]
    """Names of users the updates refer to, by id."""
    cursor: str | None
    more: bool
    grids: tuple[str, ...] | None
    worker_kind: str
    """What kind of worker the centre says he is; empty when it says nothing."""
    keep_days: int | None
    max_changes: int | None
    max_bytes: int | None
    next_after_s: float | None
    offset_s: int
    """The centre's clock minus this one's, in seconds, by the middle of the round trip."""
    up_bytes: int = 0
    down_bytes: int = 0
    took_s: float = 0.0
    """What the exchange carried, packed as it travelled, and how long it took."""


def read_reply(body: Any, middle: datetime) -> Reply:
    """Return the reply a body holds; ``middle`` is this computer's time half-way of the exchange.

    Raises SyncFault ``not_our_server`` for another program's answer, ``bad_reply`` for a reply with
    any part missing or misshapen.
    """
    if not isinstance(body, dict) or body.get("protocol") != PROTOCOL:
        raise SyncFault("not_our_server")
    try:
        server_time = read_moment(_text(body["server_time"]))
        scope, limits = body.get("scope") or {}, body.get("limits") or {}
        return Reply(
            server_epoch=_text(body["server_epoch"]),
            server_time=server_time,
            known=read_known(body["known"]),
            receipts=tuple(_receipt(one) for one in _list(body["receipts"])),
            updates=tuple(_update(one) for one in _list(body["updates"])),
            people={_text(key): _text(name) for key, name in (body.get("people") or {}).items()},
            cursor=None if body["cursor"] is None else _text(body["cursor"]),
            more=_flag(body["more"]),
            grids=_grids(scope.get("grids")),
            worker_kind=str(scope.get("kind") or ""),
            keep_days=_count(scope.get("keep_days")),
            max_changes=_count(limits.get("changes")),
            max_bytes=_count(limits.get("bytes")),
            next_after_s=_seconds(body.get("next_after_s")),
            offset_s=believed_offset(round((server_time - middle).total_seconds())),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise SyncFault("bad_reply") from None


def read_known(value: Any) -> Known:
    """Return the ``known`` list by stream; raises KeyError, TypeError or ValueError."""
    return {
        _text(one["stream"]): (_whole(one["seq"]), _text(one["hash"])) for one in _list(value)
    }  # fmt: skip


def _receipt(value: Any) -> dict[str, Any]:
    receipt = _object(value)
    outcome = _text(receipt["outcome"])
    if outcome not in OUTCOMES:
        raise ValueError(outcome)
    if outcome == "duplicate" and _text(_object(receipt["first"])["outcome"]) not in ACCEPTED:
        raise ValueError("first")
    _text(receipt["change_id"])
    _whole(receipt["seq"])
    for one in (receipt, receipt.get("first") or {}):
        if one.get("version") is not None:
            _whole(one["version"])
    return receipt


def _update(value: Any) -> dict[str, Any]:
    update = _object(value)
    _text(update["record_id"])
    if update.get("gone") is True:
        return update
    _text(update["kind"])
    for author in (update.get("first"), update.get("last")):
        if author is not None:
            _object(author)
    _whole(update["schema"])
    _whole(update["version"])
    _object(update["fields"])
    if update["grid"] is not None:
        _text(update["grid"])
    return update


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError
    return dict(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError
    return value


def _count(value: Any) -> int | None:
    return None if value is None else _whole(value)


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**7:
        raise TypeError
    return float(value)


def _grids(value: Any) -> tuple[str, ...] | None:
    return None if value is None else tuple(_text(one) for one in _list(value))
