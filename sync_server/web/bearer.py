"""Which laptop is asking: the token in the Authorization header of an API request."""

from __future__ import annotations

from flask import request

from sync_server.domain.errors import Refusal
from sync_server.services.devices import Device, authenticate
from sync_server.web.context import centre


def calling_device(*, revoked: bool = False) -> Device:
    """Return the device whose token the request carries; raise Refusal bad_token or
    device_revoked. ``revoked`` tells that a revoked device may ask this."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Refusal("bad_token")
    return authenticate(centre().store, token.strip(), revoked=revoked)
