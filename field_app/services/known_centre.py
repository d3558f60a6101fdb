"""The centre's address, for the next worker who joins on this laptop; all else stays in a store.

It lies readable beside the stores, because nobody has unlocked one when it is asked for.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from field_app.store.files import write_atomically
from field_app.sync_client import SyncFault, centre_address

FILE = "centre.json"
UNREADABLE = (OSError, ValueError, TypeError, LookupError, AttributeError, SyncFault)


@dataclass(frozen=True)
class KnownCentre:
    """Where the worker who sat here last has the centre."""

    server_url: str = ""
    allow_http: bool = False
    """Whether it may be reached without TLS, as he allowed."""


def known_centre(folder: Path) -> KnownCentre:
    """Return what the data folder knows of the centre, nothing where it cannot be read."""
    with contextlib.suppress(*UNREADABLE):
        kept = json.loads((folder / FILE).read_bytes())
        allow_http = kept.get("allow_http") is True
        return KnownCentre(centre_address(kept["server_url"], allow_http=allow_http), allow_http)
    return KnownCentre()


def remember_centre(folder: Path, server_url: str, *, allow_http: bool) -> None:
    """Keep the centre's address for the next worker; a disk that refuses costs only that."""
    known = KnownCentre(server_url, allow_http)
    if known != known_centre(folder):
        with contextlib.suppress(OSError):
            write_atomically(folder / FILE, json.dumps(asdict(known)).encode())
