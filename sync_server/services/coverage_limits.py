"""The limits of the coverage view in a district: reading them, and setting others.

They stand on the district's own area record, so that its laptops mark by the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from schemas.codes import all_lists
from schemas.coverage import USUAL, Limits, limits_of
from sync_server.domain.errors import Refusal
from sync_server.services import audit
from sync_server.services.accounts import User, allowed
from sync_server.services.central import apply_central_change
from sync_server.services.level_labels import district_change
from sync_server.store.engine import Store
from sync_server.store.records_read import area_record
from sync_server.store.writing import lock_district

LIST, FIELD = "COVERAGE_LIMIT", "coverage_limits"
MOST = 1000


@dataclass(frozen=True)
class Line:
    """One limit: its code and words, the usual days, what the district says (empty: the usual)."""

    code: str
    words: str
    usual: int
    text: str
    wrong: bool = False


@dataclass(frozen=True)
class Form:
    """The limits, and the version of the district's record they were read from (0: none)."""

    lines: tuple[Line, ...]
    version: int
    contradict: bool = False
    """Whether what was typed cannot stand together."""

    @property
    def wrong(self) -> bool:
        """Whether a limit is none."""
        return any(line.wrong for line in self.lines)


def limits(connection: sa.Connection, district: str) -> Limits:
    """Return the district's limits."""
    row = area_record(connection, district, district)
    return limits_of(row["fields"]) if row is not None else USUAL


def may_set(person: User) -> bool:
    """Tell whether somebody may set the limits of the whole district."""
    return allowed(person, "limits")


def open_form(connection: sa.Connection, person: User, lang: str) -> Form:
    """Return the limits as they are set; raise Refusal ``not_allowed``."""
    if not may_set(person):
        raise Refusal("not_allowed")
    row = area_record(connection, person.district, person.district)
    said = (row["fields"].get(FIELD) or {}) if row else {}
    texts = {code: str(one["days"]) for code, one in said.items()}
    return _form(texts, row["version"] if row else 0, lang)


def set_limits(
    store: Store, person: User, posted: Mapping[str, str], version: int, now: datetime, lang: str
) -> Form | None:
    """Set the limits ``posted`` by code, an empty one being the usual again; return None when they
    stand now, else the form with what is wrong. ``version`` is the one the person looked at.

    Raises Refusal ``not_allowed``.
    """
    if not may_set(person):
        raise Refusal("not_allowed")
    texts = {one: posted.get(one, "").strip() for one in asdict(USUAL)}
    days = {code: _days(text) for code, text in texts.items() if text}
    wrong = frozenset(code for code, count in days.items() if count is None)
    kept = {code: {"days": count} for code, count in days.items() if count is not None}
    if (
        wrong
        or not Limits(**(asdict(USUAL) | {c: one["days"] for c, one in kept.items()})).possible
    ):
        return _form(texts, version, lang, wrong, contradict=not wrong)
    with store.writing() as connection:
        lock_district(connection, person.district)
        row = area_record(connection, person.district, person.district)
        change = district_change(connection, person, row, FIELD, kept, version, now)
        if change is not None:
            apply_central_change(connection, person.district, change, now)
            audit.note(
                connection, person.district, now, "coverage_limits",
                user_id=person.user_id, target=person.district,
                detail={code: one["days"] for code, one in kept.items()},
            )  # fmt: skip
    return None


def _days(text: str) -> int | None:
    count = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    return count if 1 <= count <= MOST else None


def _form(
    texts: Mapping[str, str], version: int, lang: str, wrong: frozenset[str] = frozenset(), *,
    contradict: bool = False,
) -> Form:  # fmt: skip
    usual = asdict(USUAL)
    lines = tuple(
        Line(item.code, item.label.text(lang), usual[item.code], texts.get(item.code, ""),
             item.code in wrong)
        for item in all_lists()[LIST].items
    )  # fmt: skip
    return Form(lines, version, contradict)
