"""The district's time limits: reading them for deadlines, the table of them, changing one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.codes import code_list
from sync_server.domain.deadlines import UNITS, Limit
from sync_server.domain.errors import Refusal
from sync_server.domain.time_limits import (
    ANY,
    BY_ISSUE,
    CLOCK_LABELS,
    CLOCKS,
    DEFAULTS,
    Clockwork,
    Key,
    Limits,
    rules_in_order,
)
from sync_server.services import audit
from sync_server.services.accounts import User, require, require_records
from sync_server.services.working_calendar import calendar_of
from sync_server.store import clockwork, people_read, time_limits, writing
from sync_server.store.engine import Store

Row = dict[str, Any]
MOST = 9_999
CODE_LISTS = {"category": "ISSUE_CAT", "level": "ISSUE_LEVEL", "urgency": "URGENCY"}
"""The code lists a rule may name codes of."""


@dataclass(frozen=True)
class Rule:
    """One rule as staff see it: its key in words (empty: any), what holds here, the default (None:
    the district made the rule), and who set it."""

    key: Key
    clock: str
    category: str
    level: str
    urgency: str
    limit: Limit
    default: Limit | None
    own: bool
    set_by: str = ""
    set_at: datetime | None = None


def load_clockwork(connection: sa.Connection, district: str) -> Clockwork:
    """Return the district's calendar and limits, wanted once a transaction."""
    stored = clockwork.stored(connection, district)
    calendar, desk_hours = calendar_of(stored.settings, stored.days)
    return Clockwork(calendar, _known(stored.limits), desk_hours)


def list_rules(connection: sa.Connection, person: User, lang: str) -> list[Rule]:
    """Return every rule, clock by clock; raise Refusal ``not_allowed``."""
    require_records(person)
    return list(_rules(connection, person, lang).values())


def open_rule(connection: sa.Connection, person: User, key: Key, lang: str) -> Rule:
    """Return one rule; raise Refusal ``not_allowed``, ``not_found`` where there is none."""
    require_records(person)
    rules = _rules(connection, person, lang)
    if key not in rules:
        raise Refusal("not_found")
    return rules[key]


def set_limit(store: Store, person: User, key: Key, amount: str, unit: str, now: datetime) -> bool:
    """Set how long a rule gives, the amount as typed; tell whether anything changed.

    Setting a default again takes the district's word back. A rule that is new may name codes of
    the clocks that depend on an issue alone. Raises Refusal: not_allowed, bad_rule, bad_limit.
    """
    _require(person)
    if not _is_rule(key):
        raise Refusal("bad_rule")
    limit = read_limit(amount, unit)
    if DEFAULTS.get(key) == limit:
        return reset_limit(store, person, key, now)
    with store.writing() as connection:
        writing.lock_district(connection, person.district)
        if _limits(connection, person.district).own.get(key) == limit:
            return False
        facts = {"amount": int(limit.amount), "unit": limit.unit}
        by = {"set_by": person.user_id, "set_at": now}
        place = {"district": person.district, **key._asdict()}
        time_limits.put_limit(connection, place | facts | by)
        _note(connection, person, now, "set_limit", key, facts)
    return True


def reset_limit(store: Store, person: User, key: Key, now: datetime) -> bool:
    """Let the default hold again, or drop a rule that has none; tell whether anything changed.

    Raises Refusal ``not_allowed``.
    """
    _require(person)
    with store.writing() as connection:
        writing.lock_district(connection, person.district)
        if not time_limits.drop_limit(connection, person.district, key):
            return False
        _note(connection, person, now, "reset_limit", key, None)
    return True


def read_limit(amount: str, unit: str) -> Limit:
    """Return a limit as typed: a whole amount up to MOST; raise Refusal ``bad_limit``."""
    if unit == "same_day":
        return Limit(1, "same_day")
    typed = amount.strip()
    if not (typed.isascii() and typed.isdigit() and len(typed) <= len(str(MOST)) and int(typed)):
        raise Refusal("bad_limit", most=MOST)
    for known in UNITS:
        if known == unit:
            return Limit(int(typed), known)
    raise Refusal("bad_limit", most=MOST)


def _is_rule(key: Key) -> bool:
    if key.clock not in CLOCKS:
        return False
    parts = {name: part for name, part in key._asdict().items() if name in CODE_LISTS}
    if any(part != ANY for part in parts.values()) and key.clock not in BY_ISSUE:
        return False
    return all(part == ANY or part in code_list(CODE_LISTS[name]) for name, part in parts.items())


def _rows(connection: sa.Connection, district: str) -> dict[Key, Row]:
    """Return the district's own rules, as far as this program knows their clocks and units."""
    rows = (dict(row) for row in time_limits.own_limits(connection, district))
    return {
        time_limits.key_of(row): row
        for row in rows
        if _is_known(time_limits.key_of(row), row["unit"])
    }


def _is_known(key: Key, unit: str) -> bool:
    return key.clock in CLOCKS and unit in UNITS


def _limits(connection: sa.Connection, district: str) -> Limits:
    rows = _rows(connection, district)
    return _known({key: (row["amount"], row["unit"]) for key, row in rows.items()})


def _known(own: Mapping[Key, tuple[int, Any]]) -> Limits:
    return Limits({key: Limit(*limit) for key, limit in own.items() if _is_known(key, limit[1])})


def _rules(connection: sa.Connection, person: User, lang: str) -> dict[Key, Rule]:
    rows = _rows(connection, person.district)
    names = people_read.names_of(
        connection, person.district, {row["set_by"] for row in rows.values()}
    )
    rules = {}
    for key in rules_in_order(rows):
        row, default = rows.get(key), DEFAULTS.get(key)
        limit = Limit(row["amount"], row["unit"]) if row else default
        assert limit is not None
        rules[key] = Rule(
            key=key,
            clock=words_of_clock(key.clock, lang),
            category=_words("category", key.category, lang),
            level=_words("level", key.level, lang),
            urgency=_words("urgency", key.urgency, lang),
            limit=limit,
            default=default,
            own=row is not None,
            set_by=names.get(row["set_by"], "") if row else "",
            set_at=row["set_at"] if row else None,
        )
    return rules


def clocks_by_issue(lang: str) -> dict[str, str]:
    """Return the clocks whose limit may depend on the issue, in words."""
    return {clock: words_of_clock(clock, lang) for clock in CLOCKS if clock in BY_ISSUE}


def words_of_target(target: str, lang: str) -> str:
    """Return in words what an entry of the audit about a limit names."""
    parts = target.split("/")
    if len(parts) != len(Key._fields):
        return target
    key = Key(*parts)
    said = [_words(name, getattr(key, name), lang) for name in CODE_LISTS]
    return " · ".join([words_of_clock(key.clock, lang), *filter(None, said)])


def words_of_clock(clock: str, lang: str) -> str:
    """Return a clock in words; an unknown one is shown as such."""
    for known, label in CLOCK_LABELS.items():
        if known == clock:
            return label.text(lang)
    return clock


def _words(name: str, part: str, lang: str) -> str:
    return "" if part == ANY else code_list(CODE_LISTS[name]).text(part, lang)


def _require(person: User) -> None:
    require(person, "limits")


def _note(
    connection: sa.Connection,
    person: User,
    now: datetime,
    action: str,
    key: Key,
    detail: dict[str, Any] | None,
) -> None:
    audit.note(
        connection, person.district, now, action,
        user_id=person.user_id, target="/".join(key), detail=detail,
    )  # fmt: skip
