"""One exchange per device at a time within this process; the database sees to other processes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sync_server.domain.errors import Refusal


class Turns:
    """Who is being served at the moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._served: set[tuple[str, str]] = set()

    @contextmanager
    def take(self, district: str, device_id: str) -> Iterator[None]:
        """Serve one device; raise Refusal ``busy`` when it is being served already."""
        key = (district, device_id)
        with self._lock:
            if key in self._served:
                raise Refusal("busy")
            self._served.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._served.discard(key)
