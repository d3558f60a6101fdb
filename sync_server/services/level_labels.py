"""What a district calls the levels of an issue: reading its names, and changing them.

They stand on the district's own area record, so that its laptops get them with the next sync. The
levels themselves, 1 to 4, are fixed: they decide who handles an issue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.check import check
from schemas.clock import local_day
from schemas.codes import OwnWords, all_lists
from schemas.values import difference
from sync_server.domain.errors import Refusal
from sync_server.services import audit
from sync_server.services.accounts import User, allowed
from sync_server.services.central import CentralChange, apply_central_change
from sync_server.services.districts import district_of
from sync_server.services.ids import new_id
from sync_server.store.engine import Store
from sync_server.store.records_read import Row, area_record
from sync_server.store.writing import lock_district

LEVELS, FIELD = "ISSUE_LEVEL", "level_labels"


@dataclass(frozen=True)
class Level:
    """One level: its number, the usual words, the district's own name and what is wrong with it."""

    code: str
    usual: str
    own: str
    wrong: str = ""


@dataclass(frozen=True)
class Form:
    """The four levels, and the version of the district's record they were read from (0: none)."""

    levels: tuple[Level, ...]
    version: int
    problems: Mapping[str, str] = field(default_factory=dict)


def own_words(connection: sa.Connection, district: str) -> OwnWords:
    """Return the district's own words for codes; empty when it has none."""
    row = area_record(connection, district, district)
    return words_of(row["fields"] if row else {})


def words_of(fields: Mapping[str, Any]) -> OwnWords:
    """Return a district's own words for codes, from the fields of its own area record."""
    labels = {code: str(one["label"]) for code, one in (fields.get(FIELD) or {}).items()}
    return {LEVELS: labels} if labels else {}


def may_name(person: User) -> bool:
    """Tell whether somebody may name the levels of the whole district."""
    return allowed(person, "levels")


def open_form(connection: sa.Connection, person: User, lang: str) -> Form:
    """Return the names as they are; raise Refusal ``not_allowed``."""
    if not may_name(person):
        raise Refusal("not_allowed")
    row = area_record(connection, person.district, person.district)
    return _form(_labels(row), row["version"] if row else 0, lang)


def name_levels(
    store: Store, person: User, posted: Mapping[str, str], version: int, now: datetime, lang: str
) -> Form | None:
    """Give the levels the ``posted`` names by code, an empty one taking a name away; return None
    when they stand now, else the form with what is wrong.

    ``version`` is the one the person was looking at: a name somebody else changed meanwhile is a
    conflict like any other. Raises Refusal ``not_allowed``.
    """
    if not may_name(person):
        raise Refusal("not_allowed")
    known = [item.code for item in all_lists()[LEVELS].items]
    names = {code: " ".join(posted.get(code, "").split()) for code in known}
    problems = _problems({code: text for code, text in names.items() if text}, lang)
    if problems:
        return _form(names, version, lang, problems)
    kept = {code: {"label": text} for code, text in names.items() if text}
    with store.writing() as connection:
        lock_district(connection, person.district)
        row = area_record(connection, person.district, person.district)
        change = district_change(connection, person, row, FIELD, kept, version, now)
        if change is not None:
            apply_central_change(connection, person.district, change, now)
            audit.note(
                connection, person.district, now, "level_labels",
                user_id=person.user_id, target=person.district, detail={"levels": sorted(kept)},
            )  # fmt: skip
    return None


def _labels(row: Row | None) -> dict[str, str]:
    named = (row["fields"].get(FIELD) or {}) if row else {}
    return {code: str(one["label"]) for code, one in named.items()}


def _problems(names: Mapping[str, str], lang: str) -> dict[str, str]:
    add = {code: {"label": text} for code, text in names.items()}
    if not add:
        return {}
    checked = check(kind_of("area"), "update", {FIELD: {"add": add}})
    return {one.pointer.split("/")[3]: one.problem.text(lang) for one in checked.problems}


def _form(
    names: Mapping[str, str], version: int, lang: str, problems: Mapping[str, str] | None = None
) -> Form:
    found = problems or {}
    levels = tuple(
        Level(
            item.code,
            item.label.text(lang),
            names.get(item.code, ""),
            found.get(item.code, ""),
        )
        for item in all_lists()[LEVELS].items
    )
    return Form(levels, version, found)


def district_change(
    connection: sa.Connection,
    person: User,
    row: Row | None,
    field: str,
    kept: Mapping[str, Any],
    version: int,
    now: datetime,
) -> CentralChange | None:
    """Return what makes a list of the district's own record hold these entries and no others, None
    when it does already. ``version`` is the one of the record the person looked at."""
    code = person.district
    if row is None:
        if not kept:
            return None
        known = district_of(connection, code)
        fields = {
            "code": code,
            "name": known.name if known else code,
            "level": "district",
            "valid_from": local_day(now),
            field: {"add": dict(kept)},
        }
        return CentralChange("area", new_id(), "create", fields, person.user_id, grid=code)
    stored = row["fields"]
    asked = difference(kind_of("area"), stored, {**stored, field: dict(kept)})
    if not asked:
        return None
    return CentralChange(
        "area", row["record_id"], "update", asked, person.user_id, base_version=version
    )
