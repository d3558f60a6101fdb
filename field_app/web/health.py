"""Whether the program answers, for whoever started it."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from field_app import __version__
from field_app.web.session import desk, while_locked

pages = Blueprint("health", __name__)


@pages.get("/healthz")
@while_locked
def healthz() -> Response:
    """Answer that the program is well; says nothing of any worker."""
    locked = desk().present() is None
    return jsonify(status="ok", app="field_app", version=__version__, locked=locked)
