"""The one place where a failure becomes an answer of the API: RFC 9457 with a stable code."""

from __future__ import annotations

import logging
import random
from typing import Any

from flask import Response, current_app, g
from werkzeug.exceptions import HTTPException

from sync_server.domain.envelope import BadEnvelope
from sync_server.domain.errors import CODES, Refusal

log = logging.getLogger(__name__)

STATUS = {
    "bad_json": 400,
    "bad_encoding": 400,
    "bad_token": 401,
    "sign_in_needed": 401,
    "not_allowed": 403,
    "bad_code": 403,
    "device_revoked": 403,
    "wrong_device": 403,
    "not_found": 404,
    "unknown_kind": 404,
    "not_possible": 405,
    "busy": 409,
    "code_used": 409,
    "sequence_gap": 409,
    "stream_forked": 409,
    "offset_conflict": 409,
    "upload_gone": 410,
    "tus_version": 412,
    "too_large": 413,
    "relay_too_large": 413,
    "wrong_type": 415,
    "not_a_photo": 415,
    "bad_envelope": 422,
    "bad_request": 422,
    "relay_not_ours": 422,
    "relay_other_kind": 422,
    "relay_newer": 422,
    "relay_other_recipient": 422,
    "relay_damaged": 422,
    "relay_unsigned": 422,
    "relay_unknown_device": 422,
    "upload_locked": 423,
    "rate_limited": 429,
    "checksum_mismatch": 460,
    "unexpected": 500,
    "server_busy": 503,
    "unavailable": 503,
    "database_unreachable": 503,
    "database_damaged": 503,
    "disk_full": 503,
    "folder_unusable": 503,
    "photo_storage_full": 507,
}
OF_HTTP = {
    404: "not_found", 405: "not_possible", 413: "too_large", 415: "wrong_type",
    429: "rate_limited",
}  # fmt: skip
RETRY_AFTER_S = {
    "busy": 2, "upload_locked": 2, "rate_limited": 60, "unavailable": 5,
    "disk_full": 300, "database_damaged": 300, "folder_unusable": 300,
    "photo_storage_full": 300,
}  # fmt: skip
ORDINARY = frozenset({"server_busy"})
"""What a healthy centre says in every rush: counted, and no error in its log."""
SPREAD_S = {"server_busy": (5, 30), "database_unreachable": (5, 15)}
"""Retry-After drawn between two limits: those turned away must not come back all at once. A standby
takes over within seconds, and laptops wait up to 20 within a round."""
TELLS = frozenset({"known", "stream", "errors", "limit"})
"""Facts of a refusal that the answer carries."""


def answer(error: Exception) -> Response:
    """Return the problem document for any failure of an API request."""
    if isinstance(error, Refusal):
        facts = {name: value for name, value in error.facts.items() if name in TELLS}
        if STATUS.get(error.code, 400) >= 500 and error.code not in ORDINARY:
            log.error("refused: %s", error.code)
        return _document(error.code, STATUS.get(error.code, 400), facts)
    if isinstance(error, BadEnvelope):
        return _document("bad_envelope", 422, {"errors": error.errors})
    if isinstance(error, HTTPException):
        return _of_http(error)
    log.exception("request failed", exc_info=error)
    return _document("unexpected", 500, {})


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return Response(status=status, headers=list(error.get_headers()))
    code = OF_HTTP.get(status, "bad_request" if status < 500 else "unexpected")
    response = _document(code, status, {})
    for name, value in error.get_response().headers:
        if name in ("Allow", "Retry-After", "WWW-Authenticate"):
            response.headers[name] = value
    return response


def _document(code: str, status: int, facts: dict[str, Any]) -> Response:
    g.refused = code
    body = {
        "type": f"urn:gridrounds:problem:{code}",
        "title": CODES[code],
        "status": status,
        "code": code,
        **facts,
    }
    response = Response(
        current_app.json.dumps(body), status=status, mimetype="application/problem+json"
    )
    if code in RETRY_AFTER_S:
        response.headers["Retry-After"] = str(RETRY_AFTER_S[code])
    if code in SPREAD_S:
        response.headers["Retry-After"] = str(random.randint(*SPREAD_S[code]))
    if code == "bad_token":
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
