"""What the worker chose for this laptop."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from field_app.services.workspace import Workspace
from field_app.settings import IDLE_MINUTES, SYNC_MINUTES
from field_app.sync_client import centre_address
from schemas.labels import LANGS

SUBJECT = "preferences"
IDLE_RANGE, SYNC_RANGE = (1, 120), (0, 240)
"""The fewest and most minutes; syncing every 0 minutes means only by hand."""


class BadPreference(ValueError):
    """A value is outside what can be chosen; ``name`` tells which."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True)
class Preferences:
    """One worker's choices; minutes are whole."""

    lang: str = "zh"
    idle_minutes: int = IDLE_MINUTES
    sync_minutes: int = SYNC_MINUTES
    allow_http: bool = False
    """Whether the centre may be reached without TLS (a closed intranet)."""


def preferences(ws: Workspace) -> Preferences:
    """Return the worker's choices, the defaults where none was made."""
    known = {one.name for one in fields(Preferences)}
    kept = ws.setting(SUBJECT)
    return Preferences(**{name: value for name, value in kept.items() if name in known})


def choose(ws: Workspace, **values: Any) -> Preferences:
    """Keep the choices given and return all of them; raises BadPreference, keeping nothing."""
    chosen = replace(preferences(ws), **values)
    if chosen.lang not in LANGS:
        raise BadPreference("lang")
    for name, (least, most) in {"idle_minutes": IDLE_RANGE, "sync_minutes": SYNC_RANGE}.items():
        value = getattr(chosen, name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise BadPreference(name)
    ws.keep_setting(SUBJECT, **asdict(chosen))
    return chosen


def move_server(ws: Workspace, address: str, *, allow_http: bool) -> None:
    """Keep another address of the worker's centre; raises SyncFault, keeping nothing."""
    server_url = centre_address(address, allow_http=allow_http)
    with ws.db.transaction():
        ws.keep_setting("identity", server_url=server_url)
        choose(ws, allow_http=allow_http)
