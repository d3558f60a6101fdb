"""The one place where a failure's code becomes a page: its status and its sentence."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from field_app.domain.errors import Trouble, sentence
from field_app.services.troubles import trouble_of
from field_app.web.i18n import language
from schemas.check import FieldProblem

log = logging.getLogger(__name__)

STATUS = {
    "wrong_passphrase": 403,
    "wrong_passphrase_wait": 403,
    "too_many_attempts": 429,
    "recovery_key_mistyped": 422,
    "weak_passphrase": 422,
    "passphrases_differ": 422,
    "unknown_worker": 404,
    "worker_exists": 409,
    "store_busy": 409,
    "store_closed": 401,
    "not_joined": 409,
    "no_grids": 409,
    "disk_full": 507,
    "disk_full_locked": 507,
    "form_expired": 400,
    "bad_host": 400,
    "cross_site": 403,
    "not_found": 404,
    "bad_type": 415,
    "form_too_large": 413,
    "not_possible": 405,
}
"""Codes with a status of their own; troubles of the store and the unknown are 500, others 422."""
OF_HTTP = {404: "not_found", 405: "not_possible", 413: "form_too_large", 415: "bad_type"}
SERVER_SIDE = frozenset({"store_damaged", "commits_missing", "store_newer", "unsafe_sqlite",
                         "store_interrupted", "unexpected"})  # fmt: skip


def init(app: Flask) -> None:
    """Answer every failure with a page that says what to do next."""
    app.register_error_handler(CSRFError, lambda error: page(Trouble("form_expired")))
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _any)


def status_of(code: str) -> int:
    """Return the HTTP status a code is answered with."""
    return STATUS.get(code, 500 if code in SERVER_SIDE else 422)


def say(trouble: Trouble) -> str:
    """Return the sentence for a trouble in the language of this request."""
    return sentence(trouble.code, language(), **trouble.facts)


def problem_text(problem: FieldProblem) -> str:
    """Return what is wrong with one field in the language of this request."""
    return problem.problem.text(language())


def page(trouble: Trouble) -> Response:
    """Return the error page of a trouble, or its bare sentence to a page's own request."""
    status, words = status_of(trouble.code), say(trouble)
    if "HX-Request" in request.headers:
        answer = make_response(render_template("error_note.html", words=words), status)
    else:
        answer = make_response(
            render_template("error.html", words=words, code=trouble.code, status=status), status
        )
    return answer


def _http(error: HTTPException) -> Any:
    if error.code is None or error.code < 400:
        return error
    # The checks of `security` name their code where werkzeug puts a description.
    named = error.description if error.description in STATUS else None
    code = named or OF_HTTP.get(error.code)
    if code is None:
        return error
    answer = page(Trouble(code))
    answer.status_code = error.code
    if "Allow" in (headers := dict(error.get_headers())):
        answer.headers["Allow"] = headers["Allow"]
    return answer


def _any(error: Exception) -> Response:
    known = trouble_of(error)
    if known is None:
        log.exception("unexpected failure at %s", request.endpoint)
        known = Trouble("unexpected")
    return page(known)
