"""What a district collects personal data for: reading it, and saying it.

It stands on the district's own area record, so that its laptops ask only what is collected, and
tell what it is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of
from schemas.check import check
from schemas.codes import code_list
from schemas.messages import Problem
from schemas.purposes import (
    ALWAYS,
    FIELD,
    LIST,
    USUAL_BASIS,
    Purpose,
    fields_of,
    purposes,
    unused,
)
from sync_server.domain.errors import Refusal
from sync_server.services import audit
from sync_server.services.accounts import User, allowed, require_records
from sync_server.services.central import apply_central_change
from sync_server.services.level_labels import district_change
from sync_server.store import quality_read
from sync_server.store.engine import Store
from sync_server.store.records_read import area_record
from sync_server.store.writing import lock_district

MEMBERS = ("purpose", "basis", "notice", "unused")


@dataclass(frozen=True)
class Line:
    """One group: its words, the fields it holds, what the district says (texts by member of an
    entry), what holds where it says nothing, and how many records still have what is not collected
    any more."""

    group: str
    words: str
    fields: tuple[str, ...]
    said: Mapping[str, str]
    purpose: str
    basis: str
    usual_basis: str
    notice: str
    asked: bool
    always: bool
    left: int = 0
    wrong: str = ""


@dataclass(frozen=True)
class Page:
    """Every group, and the version of the district's record they were read from (0: none)."""

    lines: tuple[Line, ...]
    version: int
    may_set: bool

    @property
    def wrong(self) -> bool:
        """Whether something that was typed cannot be kept."""
        return any(line.wrong for line in self.lines)


def district_says(connection: sa.Connection, district: str) -> Mapping[str, Any]:
    """Return the fields of the district's own area record; empty where there is none."""
    row = area_record(connection, district, district)
    return row["fields"] if row is not None else {}


def left_out(connection: sa.Connection, district: str) -> frozenset[str]:
    """Return the groups that the district does not collect."""
    return unused(district_says(connection, district))


def own_purposes(connection: sa.Connection, district: str) -> dict[str, Purpose]:
    """Return by group what the district itself says a group is for; groups it says nothing of are
    missing."""
    every = purposes(district_says(connection, district))
    return {group: one for group, one in every.items() if one.own}


def open_page(connection: sa.Connection, person: User, lang: str) -> Page:
    """Return what is collected for what; raise Refusal ``not_allowed``."""
    require_records(person)
    row = area_record(connection, person.district, person.district)
    said = (row["fields"].get(FIELD) or {}) if row else {}
    texts = {group: _texts(entry) for group, entry in said.items()}
    return _page(connection, person, texts, row["version"] if row else 0, lang)


def set_purposes(
    store: Store, person: User, posted: Mapping[str, Mapping[str, str]], version: int,
    now: datetime, lang: str,
) -> Page | None:  # fmt: skip
    """Say what each group is for, by group and member; an empty member is as usual. Return None
    when it stands now, else the page with what is wrong. ``version`` is the one the person looked
    at.

    Raises Refusal ``not_allowed``.
    """
    if not allowed(person, "purposes"):
        raise Refusal("not_allowed")
    texts = {
        item.code: {one: posted.get(item.code, {}).get(one, "").strip() for one in MEMBERS}
        for item in code_list(LIST).items
    }
    kept: dict[str, dict[str, Any]] = {}
    for group, said in texts.items():
        entry: dict[str, Any] = {one: said[one] for one in MEMBERS[:3] if said[one]}
        if said["unused"] and group not in ALWAYS:
            entry["unused"] = True
        if entry:
            kept[group] = entry
    problems = _problems(kept, lang)
    with store.writing() as connection:
        if problems:
            return _page(connection, person, texts, version, lang, problems)
        lock_district(connection, person.district)
        row = area_record(connection, person.district, person.district)
        change = district_change(connection, person, row, FIELD, kept, version, now)
        if change is not None:
            apply_central_change(connection, person.district, change, now)
            audit.note(
                connection, person.district, now, "purposes",
                user_id=person.user_id, target=person.district,
                detail={"groups": sorted(kept),
                        "unused": sorted(one for one in kept if kept[one].get("unused"))},
            )  # fmt: skip
    return None


def _texts(entry: Mapping[str, Any]) -> dict[str, str]:
    texts = {one: str(entry.get(one) or "") for one in MEMBERS[:3]}
    return texts | {"unused": "1" if entry.get("unused") else ""}


def _problems(kept: Mapping[str, Mapping[str, Any]], lang: str) -> dict[str, str]:
    if not kept:
        return {}
    checked = check(kind_of("area"), "update", {FIELD: {"add": dict(kept)}})
    bases = code_list("BASIS")
    found = {
        group: Problem("unknown_code", value=str(entry["basis"])).text(lang)
        for group, entry in kept.items()
        if entry.get("basis") and entry["basis"] not in bases
    }
    for one in checked.problems:
        parts = one.pointer.split("/")
        if len(parts) > 3:
            found[parts[3]] = one.problem.text(lang)
    return found


def _page(
    connection: sa.Connection, person: User, texts: Mapping[str, Mapping[str, str]], version: int,
    lang: str, problems: Mapping[str, str] | None = None,
) -> Page:  # fmt: skip
    stored = {group: {one: text for one, text in said.items() if text}
              for group, said in texts.items()}  # fmt: skip
    basis = code_list("BASIS")
    lines = []
    for group, one in purposes({FIELD: stored}).items():
        left = 0
        if not one.asked:
            left = len(quality_read.with_any(
                connection, person.district, person.scope_codes, fields_of(group)))  # fmt: skip
        lines.append(
            Line(
                group=group,
                words=code_list(LIST).text(group, lang),
                fields=_labels(group, lang),
                said=texts.get(group, {}),
                purpose=one.words.text(lang),
                basis=basis.text(one.basis, lang),
                usual_basis=basis.text(USUAL_BASIS[group], lang),
                notice=one.notice,
                asked=one.asked,
                always=group in ALWAYS,
                left=left,
                wrong=(problems or {}).get(group, ""),
            )
        )
    return Page(tuple(lines), version, allowed(person, "purposes"))


def _labels(group: str, lang: str) -> tuple[str, ...]:
    """Return the fields of a group in words: 居民·身份证号."""
    found = []
    for kind, name in fields_of(group):
        info = kind_of(kind)
        label = info.declared()[name].label.text(lang)
        joint = ": " if lang == "en" else "·"
        found.append(f"{info.info.label.text(lang)}{joint}{label}")
    return tuple(found)
