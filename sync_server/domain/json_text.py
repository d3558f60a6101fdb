"""Reading a JSON object as the exchange wants it, from whichever road it came.

The quick way reads and writes the same several times faster wherever a body holds what records are
made of. Where it does not (numbers of other sizes, text that is none) it may give a near value, or
nothing; whoever uses it has to notice and take the exact way (domain/envelope.py).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import orjson

from sync_server.domain.errors import Refusal

_decode = json.JSONDecoder().raw_decode
_SPACE = re.compile(r"[ \t\n\r]*")
_slowly = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def read_object(raw: bytes) -> tuple[dict[str, Any], str]:
    """Return the object a body holds, and the body as text.

    Raises Refusal ``bad_json``, also for NaN, infinity, lone surrogates, and anything that is no
    object.
    """
    try:
        text = raw.decode("utf-8")
        body = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
        if "\\ud" in text or "\\uD" in text:  # the only way a lone surrogate can come in
            json.dumps(body, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise Refusal("bad_json") from None
    if not isinstance(body, dict):
        raise Refusal("bad_json")
    return body, text


def inside(text: str) -> Iterator[tuple[str, str]]:
    """Yield what a JSON object or list holds: the name, empty in a list, and the value's text as it
    stands there. ``text`` must be good JSON that begins with its bracket."""

    def past(at: int) -> int:
        found = _SPACE.match(text, at)
        return found.end() if found else at

    at, name = past(1), ""
    while text[at] not in "}]":
        if text[0] == "{":
            name, at = _decode(text, at)
            at = past(past(at) + 1)
        begin = at
        at = _decode(text, begin)[1]
        yield name, text[begin:at]
        at = past(at)
        if text[at] == ",":
            at = past(at + 1)


def read_quickly(raw: bytes) -> dict[str, Any] | None:
    """Return the object a body holds, near enough: whole numbers beyond 64 bits come as floats.

    None when it has to be read in the exact way.
    """
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def quick_canonical(value: Any) -> bytes | None:
    """Return what `schemas.seal.canonical` returns, floats apart, which may be written otherwise;
    None when it cannot tell."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, RecursionError):
        return None


class Written(dict[str, Any]):
    """An object with its text, written ahead: nobody changes it any more."""

    __slots__ = ("text",)

    def __init__(self, value: Mapping[str, Any]) -> None:
        super().__init__(value)
        self.text = write_quickly(value)


def write_quickly(value: Any) -> str:
    """Return JSON without spaces, characters as they are, for what checked records and receipts are
    made of: text, whole numbers, flags, nothing; a float that is no number comes out as null."""
    if type(value) is Written:
        return value.text
    try:
        return orjson.dumps(value).decode()
    except (orjson.JSONEncodeError, RecursionError):
        return _slowly(value)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
