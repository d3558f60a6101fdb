"""Reading a JSON object as the exchange wants it, from whichever road it came."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from sync_server.domain.errors import Refusal


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


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
