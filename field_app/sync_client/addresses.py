"""Which addresses a centre may have: https, or http where nobody else can listen."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from field_app.settings import is_loopback
from field_app.sync_client.faults import SyncFault

PROBE_TIMEOUT_S = 3.0


def centre_address(text: str, *, allow_http: bool = False) -> str:
    """Return a typed address as ``scheme://host[:port]``; https is added where none was typed.

    Plain http is for this computer alone, or for an intranet when ``allow_http``. Raises SyncFault
    ``bad_address`` or ``plain_http``.
    """
    typed = text.strip()
    if "://" not in typed:
        near = is_loopback(urlsplit(f"//{typed}").hostname or "")
        typed = f"{'http' if near else 'https'}://{typed}"
    try:
        parts = urlsplit(typed)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SyncFault("bad_address") from None
    odd = parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme not in ("http", "https") or not host or odd or not _plain_host(host):
        raise SyncFault("bad_address")
    if parts.scheme == "http" and not (allow_http or is_loopback(host)):
        raise SyncFault("plain_http")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def _plain_host(host: str) -> bool:
    return all(char.isalnum() or char in "-._:" for char in host)


def reachable(server_url: str) -> bool:
    """Tell whether somebody listens at a centre's address; sends nothing."""
    parts = urlsplit(server_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=PROBE_TIMEOUT_S):
            return True
    except (OSError, ValueError):
        return False


def answers_plainly(server_url: str) -> bool:
    """Tell whether an https address is answered without TLS: nothing of ours is in the question.

    A TLS server that can also say so answers with 400.
    """
    parts = urlsplit(server_url)
    try:
        place = (parts.hostname or "", parts.port or 443)
        with socket.create_connection(place, timeout=PROBE_TIMEOUT_S) as line:
            host = parts.netloc.encode("ascii", "ignore")
            line.sendall(b"HEAD / HTTP/1.0\r\nHost: " + host + b"\r\n\r\n")
            said = line.recv(12)  # "HTTP/1.0 302"
    except (OSError, ValueError):
        return False
    return said.startswith(b"HTTP/") and not said.endswith(b" 400")
