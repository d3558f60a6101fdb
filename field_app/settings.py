"""What the program is started with, as one frozen value; nothing reads the environment later."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

DEFAULT_PORT = 5050
IDLE_MINUTES, SYNC_MINUTES = 10, 15
"""How soon an unused laptop locks and how often it syncs by itself, until the worker says else."""


class NotLoopback(ValueError):
    """The program may listen on this computer's own addresses only."""


@dataclass(frozen=True)
class Settings:
    """How one laptop program runs. ``data_dir`` holds the workers' stores."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    server_url: str = ""
    """The centre's address offered on the join page."""
    allow_http: bool = False
    """Whether the centre may be reached without TLS on other machines (a closed intranet)."""
    open_browser: bool = True
    proxy: str = ""
    """An HTTP proxy on the way to the centre; the environment's proxies are not used."""
    auto_sync: bool = True
    """Whether rounds start by themselves (as often as the worker chose)."""

    def __post_init__(self) -> None:
        if not is_loopback(self.host):
            raise NotLoopback(self.host)

    @property
    def address(self) -> str:
        """The address of the first page."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/"

    @property
    def hosts(self) -> frozenset[str]:
        """The only Host headers that are answered."""
        return frozenset(f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]"))


def is_loopback(host: str) -> bool:
    """Tell whether ``host`` is this computer alone (names other than localhost are not)."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def default_data_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return where stores are kept: GRIDROUNDS_FIELD_DATA, else the user's own data folder."""
    named = (os.environ if environ is None else environ).get("GRIDROUNDS_FIELD_DATA")
    return Path(named) if named else user_data_path("gridrounds", appauthor=False)
