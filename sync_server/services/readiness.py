"""Whether the centre can serve now: for whoever shares out requests, or wakes somebody up."""

from __future__ import annotations

from collections.abc import Callable

from sync_server.domain.errors import Refusal
from sync_server.services.centre import Centre
from sync_server.store import readiness as store

OK = "ok"


def readiness(centre: Centre) -> dict[str, str]:
    """Return for each thing the centre needs "ok", or the code of what is wrong with it.

    ``database``: reachable and taking writes; ``tables``: those of this program; ``folder``: the
    data folder can be written to.
    """
    return {
        "database": _code(lambda: store.check_database(centre.store)),
        "tables": _code(lambda: store.check_tables(centre.store)),
        "folder": _code(lambda: store.check_folder(centre.settings.data)),
    }


def _code(check: Callable[[], None]) -> str:
    try:
        check()
    except Refusal as refusal:
        return refusal.code
    return OK
