"""In whose words codes are shown on a page: the district's, where it has words of its own; and
which personal fields forms ask: those the district collects."""

from __future__ import annotations

from flask import Flask, request

from field_app.services.level_labels import district_fields, own_words
from field_app.services.purposes import left_out
from field_app.web.session import find_workspace
from schemas.code_settings import settings_of
from schemas.codes import settle, speak
from schemas.purposes import leave_out


def init(app: Flask) -> None:
    """Speak the district's words on every page; after the guard of locked pages."""
    app.before_request(_choose)


def _choose() -> None:
    ws = find_workspace()
    known = ws is not None and request.endpoint != "static" and ws.joined
    speak(own_words(ws) if ws is not None and known else {})
    settle(settings_of(district_fields(ws)) if ws is not None and known else {})
    leave_out(left_out(ws) if ws is not None and known else frozenset())
