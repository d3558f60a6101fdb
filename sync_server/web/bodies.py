"""Reading JSON bodies within limits, and writing them compressed where that is welcome."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

from flask import Request, Response

from schemas.exchange import MAX_BODY_BYTES
from sync_server.domain.errors import Refusal
from sync_server.domain.json_text import read_object

GZIP_OVER_BYTES = 1_000


def read_json(request: Request) -> tuple[dict[str, Any], str]:
    """Return the object in the request's body, and the body as text.

    Raises Refusal: wrong_type (not JSON), too_large (counted while decoding), bad_encoding,
    bad_json (also for NaN, infinity, lone surrogates, and anything that is no object).
    """
    return read_object(read_raw(request))


def read_raw(request: Request) -> bytes:
    """Return the JSON body, decoded but unread; raise Refusal as ``read_json``, bad_json apart."""
    if request.mimetype != "application/json":
        raise Refusal("wrong_type")
    return _decoded(request)


def _decoded(request: Request) -> bytes:
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise Refusal("wrong_type")
    raw = _read(request)
    return _gunzipped(raw) if encoding == "gzip" else raw


def _read(request: Request) -> bytes:
    """Return the body as it came; raise Refusal too_large, having read one byte too many at most.

    The limit is set one higher, because a body without a length is cut off at it without a word.
    """
    request.max_content_length = MAX_BODY_BYTES + 1
    raw = request.get_data(cache=False)
    if len(raw) > MAX_BODY_BYTES:
        raise Refusal("too_large", limit=MAX_BODY_BYTES)
    return raw


def _gunzipped(raw: bytes) -> bytes:
    """Return the content, never holding more of it than the limit (a bomb stops there)."""
    inflater = zlib.decompressobj(wbits=31)
    try:
        content = inflater.decompress(raw, MAX_BODY_BYTES + 1)
    except zlib.error:
        raise Refusal("bad_encoding") from None
    if len(content) > MAX_BODY_BYTES:
        raise Refusal("too_large", limit=MAX_BODY_BYTES)
    if not inflater.eof or inflater.unused_data:
        raise Refusal("bad_encoding")
    return content


def compressed(request: Request, response: Response) -> Response:
    """Return the response, gzip when the client takes it and it is worth while."""
    response.headers.add("Vary", "Accept-Encoding")
    worth = not response.is_streamed and (response.content_length or 0) > GZIP_OVER_BYTES
    if worth and request.accept_encodings["gzip"] > 0 and not response.content_encoding:
        response.set_data(gzip.compress(response.get_data(), compresslevel=5, mtime=0))
        response.content_encoding = "gzip"
    return response
