"""What is particular to PostgreSQL: several servers, of which one takes over when another dies.

An address may name several servers, as libpq does; connections go to the one that takes writes. A
standby that takes over continues the history on a *timeline* of its own. A synchronous one has
every commit that was answered; one that was not may lack the last ones, and then is an older copy
that nobody announced. Therefore whoever first writes on another timeline lets the numbers jump
before, as a program does that opens a database (``services/epochs.py``): then nothing is given out
twice, and what was lost shows at the next exchange of a laptop that had it.
"""

from __future__ import annotations

import logging
import re
import selectors
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import make_conninfo
from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import InvalidatePoolError

from sync_server.domain.errors import Refusal

log = logging.getLogger(__name__)

SEVERAL = re.compile(
    r"(?P<scheme>[\w+]+://)(?P<who>(?:[^@]*@)?)(?P<hosts>[^/?@]*,[^/?@]*)(?P<rest>(?:[/?].*)?)\Z"
)
NOTICE_DEATH: dict[str, object] = {
    "connect_timeout": 5,
    # A machine that lost its power says nothing: after so long without a word it is taken for dead.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""Options of a connection: seconds, the last one milliseconds."""
CONNECTING: dict[str, object] = {"options": "-c timezone=UTC", **NOTICE_DEATH}
"""What every connection is made with besides what the address says."""
SECRETS = frozenset({"password", "sslpassword"})
STATES = {
    "55P03": "busy",  # lock_not_available, asked with NOWAIT
    "25006": "database_unreachable",  # read_only_sql_transaction: no primary any more
    "53100": "disk_full",
    "53300": "unavailable",  # too_many_connections
    "40001": "unavailable",  # serialization_failure
    "40P01": "unavailable",  # deadlock_detected
    "57014": "unavailable",  # query_canceled
}
"""The refusal for an SQLSTATE."""
LOGIN = re.compile(
    r'authentication failed|no password supplied|no pg_hba\.conf entry|role "[^"]*" does not exist'
    r"|permission denied for database|is not permitted to log in"
)
"""What a server says that lets somebody not in."""
LOST = ("08", "57P0")
"""How the SQLSTATE of a connection that broke, or of a server that goes down, begins."""
ASK_AFTER_S = 1.0
"""A connection that was not used for so long is asked whether it is there still."""
TIMELINE = """
    SELECT CASE WHEN pg_is_in_recovery() THEN ''
                ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END
"""
AS_PROMISED = """
    SELECT set_config('synchronous_commit', 'on', false)
     WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
"""
"""Nothing is answered before it is on the disk, here and on the standby there is, whatever the
server was set to; ``remote_apply`` asks for more and stays."""
DOUBT = "gridrounds_doubtful_commit"
Arrive = Callable[[sa.Connection], None]


def several_hosts(address: str) -> str:
    """Return an address of several servers as SQLAlchemy writes it; others as they are.

    libpq's ``postgresql://a:1,b:2/name`` becomes ``postgresql:///name?host=a:1&host=b:2``.
    """
    found = SEVERAL.match(address)
    if not found:
        return address
    path, _, query = found["rest"].partition("?")
    hosts = [f"host={host}" for host in found["hosts"].split(",")]
    return f"{found['scheme']}{found['who']}{path or '/'}?{'&'.join(filter(None, [*hosts, query]))}"


def to_the_primary(url: URL) -> URL:
    """Return the address with its servers asked for the one that takes writes."""
    several = isinstance(url.query.get("host"), tuple)
    if not several or "target_session_attrs" in url.query:
        return url
    return url.update_query_dict({"target_session_attrs": "read-write"})


def as_conninfo(engine: sa.Engine) -> tuple[str, str | None]:
    """Return what the engine connects with as libpq's own programs take it, and the password.

    The string holds no secret: a command line can be read by others. What only the driver knows is
    left out; what the address leaves open, libpq takes from the environment in both.
    """
    _, to = engine.dialect.create_connect_args(engine.url)
    to = {**to, **CONNECTING}
    known = {one.keyword.decode() for one in psycopg.pq.Conninfo.get_defaults()} - SECRETS
    password = to.get("password")
    plain = {name: value for name, value in to.items() if name in known and value is not None}
    return make_conninfo("", **plain), None if password is None else str(password)


def code_of(state: str) -> str | None:
    """Return the refusal an SQLSTATE stands for, None for one that is a fault of ours."""
    return "database_unreachable" if state.startswith(LOST) else STATES.get(state)


def not_reached(text: str) -> bool:
    """Whether an error's words, in lower case, say that no connection came about."""
    if "failed to resolve host" in text or "connection is bad" in text:
        return True
    return "connection" in text and ("failed" in text or "timeout" in text)


def why_not_reached(error: BaseException | None, password: str = "") -> tuple[str, str]:
    """Return the code for an error of connecting that tells most, and what was said, a line without
    the password. A connection that never came about has no SQLSTATE, only words."""
    said = str(getattr(error, "orig", None) or "")
    lines = [one.strip() for one in said.splitlines() if one.strip()]
    told = next((one for one in lines if "FATAL:" in one), lines[0] if lines else "")
    words = told.rpartition(" failed: ")[2]
    if password:
        words = words.replace(password, "***")
    if LOGIN.search(words):
        return "database_login", words
    missing = re.search(r'database "[^"]*" does not exist', words)
    return "database_missing" if missing else "database_unreachable", words


def ask_who_was_idle(engine: sa.Engine) -> None:
    """Ask a connection whether it is there still when it has been idle for a while, or when the
    server said something unasked: that it ends, as a rule. (To ask before every use is a journey
    to the database for each transaction.)"""

    @event.listens_for(engine, "checkin")
    def note(_connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ask(connection: Any, record: Any, _proxy: Any) -> None:
        since = record.info.get("idle_since")
        if since is None:
            return
        try:
            if time.monotonic() - since >= ASK_AFTER_S or _was_told(connection):
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as err:
            raise InvalidatePoolError from err


def _was_told(connection: Any) -> bool:
    """Whether something came over an idle connection, or its end."""
    with selectors.DefaultSelector() as looked:
        looked.register(connection.fileno(), selectors.EVENT_READ)
        return bool(looked.select(0))


class Server:
    """Knows on which timeline the server is, and hears when it is another one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._timeline = ""
        self._moved = False
        self._arrive: Arrive | None = None

    def on_arrival(self, arrive: Arrive) -> None:
        """Call ``arrive`` with a connection before the first write on another timeline."""
        self._arrive = arrive

    def watch(self, engine: sa.Engine) -> None:
        """Look at every connection of an engine when it is made, and at its errors."""

        @event.listens_for(engine, "connect")
        def made(connection: Any, record: Any) -> None:
            connection.add_notice_handler(lambda notice: _heard(record, notice))
            self._look(connection)

        @event.listens_for(engine, "handle_error")
        def failed(context: Any) -> None:
            if getattr(context.original_exception, "sqlstate", None) == "25006":
                context.is_disconnect = True  # not the primary any more: connect anew

    def settle(self, connection: sa.Connection) -> None:
        """Do what is to be done before something is written on another timeline."""
        if not self._moved:
            return
        with self._lock:
            if self._moved and self._arrive is not None:
                log.warning("the database goes on at another server, timeline %s", self._timeline)
                self._arrive(connection)
            self._moved = False

    def check_commit(self, connection: sa.Connection) -> None:
        """Raise Refusal ``database_unreachable`` when the commit just made may not be at the
        standby: somebody broke the waiting for it off. It is sent again, and then known."""
        if connection.info.pop(DOUBT, False):
            raise Refusal("database_unreachable")

    def _look(self, connection: Any) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(AS_PROMISED)
                cursor.execute(TIMELINE)
                (timeline,) = cursor.fetchone()
            connection.commit()
        except psycopg.errors.InsufficientPrivilege:
            connection.rollback()
            return
        with self._lock:
            known, self._timeline = self._timeline, timeline
            self._moved = self._moved or known not in ("", timeline)


def _heard(record: Any, notice: Any) -> None:
    """Note a commit whose waiting for the standby was broken off: it is answered as if all was
    well. Only who said it tells it apart, for its words are in the server's language."""
    if notice.source_function == "SyncRepWaitForLSN":
        record.info[DOUBT] = True
