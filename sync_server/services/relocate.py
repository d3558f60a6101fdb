"""Moving a centre from the embedded database to PostgreSQL, without its laptops noticing.

The same history goes on: epoch, numbers, keys and tokens are carried over as they are. Everything
arrives in one transaction; the database that is left is marked right before that is made final, so
that whatever breaks off, and wherever, never are both served.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sync_server.domain.errors import Refusal
from sync_server.settings import Settings
from sync_server.store import relocating
from sync_server.store.engine import Store, open_store
from sync_server.store.migrate import migrate_within
from sync_server.store.occupancy import occupy
from sync_server.store.restoring import is_empty


def move(settings: Settings, tell: Callable[[str, int], None]) -> None:
    """Carry the embedded database of the data folder over to the empty one that
    ``settings.database_url`` names; ``tell`` hears of each table and its rows.

    A move that broke off at its very end is made final. Raises Refusal: move_where, no_database,
    server_running, moved_away, database_not_empty, what ``relocating.check_source`` and
    ``carry_over`` raise, and what opening raises; then nothing was moved.
    """
    file = settings.data / "centre.db"
    if not settings.database_url:
        raise Refusal("move_where")
    if not file.exists():
        raise Refusal("no_database", file=str(file))
    hold = occupy(settings.data, alone=True)
    try:
        target = open_store(settings.database_url)
        try:
            if target.is_sqlite:
                raise Refusal("move_where")
            source = open_store(replace(settings, database_url="").database)
            try:
                _move(source, target, tell)
            finally:
                source.close()
        finally:
            target.close()
    finally:
        hold.release()


def _move(source: Store, target: Store, tell: Callable[[str, int], None]) -> None:
    with target.writing() as into:
        with source.reading() as out:
            state = relocating.mark_of(out)
            if state == relocating.MOVED:
                raise Refusal("moved_away")
            relocating.check_source(out)
            if is_empty(into):
                migrate_within(into)
                relocating.carry_over(out, into, tell)
            elif state != relocating.LEAVING or not relocating.goes_on_in(out, into):
                raise Refusal("database_not_empty")
        relocating.mark(source, relocating.LEAVING)
    relocating.mark(source, relocating.MOVED)
