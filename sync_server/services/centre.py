"""One opened centre: its store, district, keys and clock, as every page and command is handed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import sqlalchemy as sa

from sync_server.domain.errors import Refusal
from sync_server.services import floors
from sync_server.services.casework import fold_missing
from sync_server.services.districts import District, district_of, open_district
from sync_server.services.epochs import begin_run, begin_where_older
from sync_server.services.keys import Keys, server_keys
from sync_server.services.turns import KnownStreams, Turns
from sync_server.settings import Settings
from sync_server.store.engine import Store, open_store
from sync_server.store.migrate import migrate
from sync_server.store.occupancy import occupy
from sync_server.store.relocating import check_not_moved
from sync_server.store.tables import districts, users

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present time, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Centre:
    """A running centre. ``district`` is the one its staff pages and commands work in."""

    settings: Settings
    store: Store
    district: District
    keys: Keys
    clock: Clock
    turns: Turns = field(default_factory=Turns)
    known: KnownStreams = field(default_factory=KnownStreams)

    @property
    def code(self) -> str:
        """The district's code, for queries."""
        return self.district.code


def open_centre(settings: Settings, clock: Clock = utc_now, *, beside: bool = False) -> Centre:
    """Open the database, bring it to today's tables, and make what a new one lacks: its district
    and keys. ``beside`` lets the district named be made where there are others already.

    The data folder is held, together with others, until the store is closed. Raises Refusal when
    the database cannot be used, is being restored or was moved elsewhere, holds demo accounts
    without being a demo database, or not the district named (see ``open_district``).
    """
    hold = occupy(settings.data)
    try:
        store = open_store(settings.database)
    except BaseException:
        hold.release()
        raise
    store.on_close(hold.release)
    store.server.on_arrival(lambda connection: _arrive(settings, connection, clock()))
    try:
        check_not_moved(store)
        migrate(store)
        with store.writing() as connection:
            district = open_district(connection, settings.district, beside=beside)
            keys = server_keys(connection)
            _refuse_stray_demo_accounts(connection, district)
            begun = begin_where_older(
                connection, district.code, clock(), floors.remembered(settings.data)
            )
            district = district_of(connection, district.code) or district
        fold_missing(store, district.code, clock())
        if begun:
            floors.remember(settings.data, begun)
        elif hold.first:
            _begin_run(settings, store, district.code, clock())
    except BaseException:
        store.close()
        raise
    return Centre(settings, store, district, keys, clock)


def _begin_run(settings: Settings, store: Store, district: str, now: datetime) -> None:
    """Let numbers jump. A full disk does not keep the centre from opening: what is there can be
    read."""
    try:
        with store.writing() as connection:
            begun = begin_run(connection, district, now)
        if begun:
            floors.remember(settings.data, begun)
    except (Refusal, OSError) as err:
        if isinstance(err, Refusal) and err.code != "disk_full":
            raise
        log.warning("numbers of district %s could not jump: %s", district, err)


def _arrive(settings: Settings, connection: sa.Connection, now: datetime) -> None:
    """Let the numbers of every district jump on a server that took the database over: should it be
    an older copy, a laptop will show it, and nothing was given out twice."""
    with connection.begin():
        wanted = sa.select(districts.c.district).order_by(districts.c.district)
        codes = connection.scalars(wanted).all()
        begun = [begin_run(connection, code, now) for code in codes]
    for number in filter(None, begun):
        floors.remember(settings.data, number)


def reopened(centre: Centre) -> Centre:
    """Return the same centre with its district's row read again (after a demo world was built)."""
    with centre.store.reading() as connection:
        present = district_of(connection, centre.code) or centre.district
    return replace(centre, district=present)


def _refuse_stray_demo_accounts(connection: sa.Connection, district: District) -> None:
    if district.synthetic:
        return
    stray = connection.execute(
        sa.select(users.c.user_id).where(users.c.district == district.code, users.c.demo).limit(1)
    ).first()
    if stray:
        raise Refusal("demo_outside", district=district.code)
