"""The centre opened for one command, and closed after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sync_server.services.centre import Centre, open_centre
from sync_server.settings import Settings


@contextmanager
def opened(settings: Settings, *, beside: bool = False) -> Iterator[Centre]:
    """Open the centre for one command; ``beside`` lets it make another district."""
    centre = open_centre(settings, beside=beside)
    try:
        yield centre
    finally:
        centre.store.close()
