"""The settings of one centre, gathered once at start; nothing reads the environment later."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_DATA = Path("var") / "centre"
BODY_LIMIT = "gridrounds_body_limit"
"""The app's extension that tells, before a body is read, how many bytes it may have, by its path
and the request's cookies."""


@dataclass(frozen=True)
class Settings:
    """Where the centre keeps its data and how it is reached.

    ``database_url`` empty means an SQLite file in ``data``; else ``postgresql+psycopg://…``.
    ``district`` empty means the only district of the database (a new one gets
    ``services.districts.FIRST``). ``host_names`` are the names under which browsers and laptops
    reach it besides its address. ``keep_days`` tells laptops how long acknowledged changes stay.
    ``exchanges_at_once`` bounds the exchanges one process serves at a time; with eight threads it
    leaves two for the staff's pages. ``photo_bytes`` and ``photo_pixels`` bound one uploaded photo,
    as stored and decoded, ``relay_bytes`` one relay file handed in over the network.
    ``metrics_token`` is asked of who reads ``/metrics``; empty: this machine alone reads them.
    ``json_logs``: a JSON object a line, and a line a request.
    """

    data: Path = DEFAULT_DATA
    database_url: str = ""
    district: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    listen_remotely: bool = False
    host_names: tuple[str, ...] = ()
    behind_tls: bool = False
    keep_days: int = 90
    next_after_s: int = 900
    exchanges_at_once: int = 6
    joins_per_minute: int = 10
    sign_ins_per_minute: int = 20
    photo_bytes: int = 1_048_576
    photo_pixels: int = 24_000_000
    relay_bytes: int = 4 * 1024**3
    testing: bool = False
    metrics_token: str = field(default="", repr=False)
    json_logs: bool = False

    @property
    def database(self) -> str:
        """The SQLAlchemy address of the database."""
        return self.database_url or f"sqlite:///{self.data / 'centre.db'}"

    @property
    def photos(self) -> Path:
        """The folder of the photos."""
        return self.data / "photos"

    @property
    def base_map(self) -> Path:
        """The map an operator may lay below the drawing of coverage: one PMTiles file."""
        return self.data / "basemap.pmtiles"

    @property
    def loopback(self) -> bool:
        """Whether ``host`` can be reached from this machine alone."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def trusted_hosts(self) -> list[str] | None:
        """Names a request may be addressed to; None when any may (remote without names)."""
        local = ["127.0.0.1", "localhost", "::1", "[::1]"]
        if self.loopback or self.host_names:
            return [*local, *self.host_names]
        return None


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what the environment says about settings, as texts by setting name.

    Known are GRIDROUNDS_DATA, GRIDROUNDS_DATABASE_URL, GRIDROUNDS_DISTRICT,
    GRIDROUNDS_METRICS_TOKEN, SERVER_PORT.
    """
    names = {
        "data": "GRIDROUNDS_DATA",
        "database_url": "GRIDROUNDS_DATABASE_URL",
        "district": "GRIDROUNDS_DISTRICT",
        "metrics_token": "GRIDROUNDS_METRICS_TOKEN",
        "port": "SERVER_PORT",
    }
    return {name: environment[key] for name, key in names.items() if environment.get(key)}
