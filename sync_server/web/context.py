"""What every route may ask for: the opened centre behind the running app."""

from __future__ import annotations

from typing import cast

from flask import current_app
from flask_limiter import Limiter

from sync_server.services.centre import Centre
from sync_server.web.gate import Gate

CENTRE = "gridrounds_centre"
LIMITER = "gridrounds_limiter"
GATE = "gridrounds_gate"


def centre() -> Centre:
    """Return the centre this app serves."""
    return cast(Centre, current_app.extensions[CENTRE])


def limiter() -> Limiter:
    """Return the app's rate limiter (kept in memory, per process)."""
    return cast(Limiter, current_app.extensions[LIMITER])


def gate() -> Gate:
    """Return the gate in front of the exchanges of this process."""
    return cast(Gate, current_app.extensions[GATE])
