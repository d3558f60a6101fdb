"""Logs on standard error: lines for people, or one JSON object a line for machines.

Messages carry ids and codes, never names, numbers or answers of people.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

from schemas.plain_logs import PlainLines, without_rows

PLAIN = "%(asctime)s %(levelname)s %(name)s %(message)s"
NOISY = ("alembic", "waitress")
NAMED = re.compile(r"(\w+)=%[a-z]")
"""A value with its name in a message: ``batch=%s``."""
ALL = re.compile(r"%[-0-9.]*[a-z]")


class JsonLines(PlainLines):
    """Writes a record as one JSON object; what a message calls by name becomes a member."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        record = without_rows(record)
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        said |= {name: value for name, value in _named(record).items() if name not in said}
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False, default=str)


def set_up(as_json: bool) -> None:
    """Send the logs of this program to standard error."""
    logging.basicConfig(level=logging.INFO, force=as_json)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonLines() if as_json else PlainLines(PLAIN))
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)


def guard() -> None:
    """Keep what a database says of a row out of what a command without logs writes."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(PlainLines())


def _named(record: logging.LogRecord) -> dict[str, Any]:
    """Return the arguments of a message that stand behind a name."""
    if not isinstance(record.args, tuple) or not isinstance(record.msg, str):
        return {}
    places = [match.start() for match in ALL.finditer(record.msg)]
    found: dict[str, Any] = {}
    for match in NAMED.finditer(record.msg):
        number = places.index(match.end() - 2) if match.end() - 2 in places else len(places)
        if number < len(record.args):
            found[match[1]] = record.args[number]
    return found
