"""The centre opened for one command, and closed after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sync_server.domain.errors import Refusal
from sync_server.services.centre import Centre, open_centre
from sync_server.settings import Settings


def check_folder_of(file: Path | None) -> None:
    """Raise Refusal ``no_folder`` unless a file that was named can be put where it was said: a
    stick that is not plugged in must not become a folder of this machine's own disk."""
    if file is not None and not file.parent.is_dir():
        raise Refusal("no_folder", folder=str(file.parent))


@contextmanager
def opened(settings: Settings, *, beside: bool = False) -> Iterator[Centre]:
    """Open the centre for one command; ``beside`` lets it make another district."""
    centre = open_centre(settings, beside=beside)
    try:
        yield centre
    finally:
        centre.store.close()
