"""The exchange API under ``/api/v1`` and the health check."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Blueprint, Flask, Response, jsonify

import sync_server
from schemas.exchange import API
from sync_server.web.context import centre

blueprint = Blueprint("api", __name__, url_prefix=API)


def register(app: Flask) -> Blueprint:
    """Add the API's addresses to the app and return its blueprint (no session, no CSRF)."""
    app.add_url_rule("/healthz", "healthz", healthz)
    app.register_blueprint(blueprint)
    return blueprint


def healthz() -> Response:
    """Answer whether the database can be used."""
    with centre().store.reading() as connection:
        connection.execute(sa.select(sa.literal(1)))
    return jsonify(
        status="ok",
        app="sync_server",
        version=sync_server.__version__,
        synthetic=centre().district.synthetic,
    )
