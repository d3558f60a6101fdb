"""Reading the form of a step with its photos: larger than other forms, and looked at only once it
is known who asks."""

from __future__ import annotations

from flask import Flask, current_app, render_template, request
from flask_wtf.csrf import CSRFProtect
from werkzeug.exceptions import RequestEntityTooLarge

from sync_server.web import errors
from sync_server.web.large_bodies import STEP_BYTES


class TooLarge(Exception):
    """The form is larger than a step's may be; ``answer`` says so."""

    def __init__(self) -> None:
        super().__init__("too_large")
        self.answer = (
            render_template("error.html", status=413, code="too_large",
                            words=errors.say("too_large")),
            413,
        )  # fmt: skip


def exempt(app: Flask, view: object) -> None:
    """Let a view that calls ``posted_photos`` check its form's token itself."""
    csrf: CSRFProtect = app.extensions["csrf"]
    csrf.exempt(view)


def posted_photos() -> list[bytes]:
    """Return the photos of the posted step, after the form's token was checked.

    Raises TooLarge, and CSRFError for a form without its token.
    """
    request.max_content_length = STEP_BYTES
    try:
        current_app.extensions["csrf"].protect()
        sent = [one for one in request.files.getlist("photo") if one.filename]
        return [one.stream.read() for one in sent]
    except RequestEntityTooLarge:
        raise TooLarge from None
