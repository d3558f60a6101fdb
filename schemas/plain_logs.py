"""Logs without anybody's data: what a database's driver says may quote the row that failed.

An error of a database, anywhere among the causes of an error, is written as its class and what
names it: the state, the constraint, the table, the column. The frames stay.
"""

from __future__ import annotations

import copy
import logging
import re
import sys
import threading
import traceback
from types import TracebackType
from typing import Any

log = logging.getLogger(__name__)

DRIVERS = frozenset({"sqlalchemy", "psycopg", "psycopg_pool", "sqlcipher3", "sqlite3", "_sqlite3"})
"""Where errors come from whose words may quote a value."""
NAMES = ("sqlstate", "sqlite_errorname")
WHERE = ("constraint_name", "table_name", "column_name")
CAUSE = "The above exception was the direct cause of the following exception:"
CONTEXT = "During handling of the above exception, another exception occurred:"
HARMLESS = re.compile(
    r"(NOT NULL|UNIQUE|FOREIGN KEY|CHECK) constraint failed(: [A-Za-z0-9_., ]+)?"
    r"|database is locked|disk I/O error|database disk image is malformed"
)
"""What SQLite says without quoting anything but its own names."""


class PlainLines(logging.Formatter):
    """Writes a record as a line, without what a driver says of a row."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, an error below it."""
        mine = without_rows(record)
        mine.exc_text = None  # which another formatter may have written in full
        return super().format(mine)

    def formatException(self, ei: Any) -> str:
        """Return an error with its causes, frames and all."""
        return told(ei[1]) if ei[1] is not None else "NoneType: None"


def tell_uncaught() -> None:
    """Let this program's log write the errors nobody caught, those of threads as well, in place of
    Python itself, which writes them word for word."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(PlainLines())
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_elsewhere
    sys.unraisablehook = _uncaught_elsewhere


def _uncaught(
    kind: type[BaseException], error: BaseException, frames: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, frames)
    else:
        log.critical("uncaught", exc_info=(kind, error, frames))


def _uncaught_elsewhere(said: Any) -> None:
    """Write an error of a thread, or one met while something was dropped."""
    error = said.exc_value
    if error is not None and not isinstance(error, SystemExit):
        log.critical("uncaught", exc_info=(type(error), error, said.exc_traceback))


def without_rows(record: logging.LogRecord) -> logging.LogRecord:
    """Return a record whose message names errors of a database without their words."""
    mine = copy.copy(record)
    if isinstance(record.args, tuple):
        mine.args = tuple(_word(one) if _quotes(one) else one for one in record.args)
    if _quotes(record.msg):
        mine.msg, mine.args = _word(record.msg), ()
    return mine


def told(error: BaseException) -> str:
    """Return an error with its causes as Python writes it, those of a database by their names."""
    return "\n\n".join(_chain(error, set())).rstrip("\n")


def _chain(error: BaseException, seen: set[int]) -> list[str]:
    seen.add(id(error))
    before: list[str] = []
    cause, context = error.__cause__, error.__context__
    if cause is not None and id(cause) not in seen:
        before = [*_chain(cause, seen), CAUSE]
    elif context is not None and not error.__suppress_context__ and id(context) not in seen:
        before = [*_chain(context, seen), CONTEXT]
    lines = [""]
    if error.__traceback__ is not None:
        lines = ["Traceback (most recent call last):\n", *traceback.format_tb(error.__traceback__)]
    lines += [_word(error)] if _quotes(error) else traceback.format_exception_only(error)
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        lines += ["\n", *(f"  | {line}\n" for line in told(inner).splitlines())]
    return [*before, "".join(lines).rstrip("\n")]


def _quotes(error: object) -> bool:
    """Tell whether an error's words may quote a value."""
    return isinstance(error, BaseException) and any(
        one.__module__.partition(".")[0] in DRIVERS for one in type(error).__mro__
    )


def _word(error: Any) -> str:
    """Return what names an error of a database."""
    kind = type(error)
    inner = getattr(error, "orig", None)
    facts = [] if inner is None else [f"of {_word(inner)}"]
    facts += [f"{name} {value}" for name in NAMES if (value := getattr(error, name, None))]
    facts += [str(error)] if HARMLESS.fullmatch(str(error)) else []
    diagnosis = getattr(error, "diag", None)
    facts += [
        f"{name.removesuffix('_name')} {value}"
        for name in WHERE
        if (value := getattr(diagnosis, name, None))
    ]
    return f"{kind.__module__}.{kind.__qualname__}" + (f" ({', '.join(facts)})" if facts else "")
