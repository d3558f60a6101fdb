"""The code lists as a district uses them: reading them, saying which codes it uses and which
standard's code each stands for.

It stands on the district's own area record, so that its laptops offer the same codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.catalogue import kind_of, kinds
from schemas.check import check
from schemas.code_settings import CHOSEN, FIELD, MAPPED
from schemas.codes import CodeList, all_lists, code_list
from schemas.describe import code_lists
from schemas.fields import Code, Keyed
from schemas.messages import Problem
from sync_server.domain.errors import Refusal
from sync_server.services import audit
from sync_server.services.accounts import User, allowed, require_records
from sync_server.services.central import apply_central_change
from sync_server.services.level_labels import district_change
from sync_server.store.engine import Store
from sync_server.store.records_read import area_record
from sync_server.store.writing import lock_district


@dataclass(frozen=True)
class Used:
    """One list: where it is asked (居民·与户主关系), how many codes it has and offers."""

    codes: CodeList
    places: tuple[str, ...]
    chosen: bool
    mapped: bool


@dataclass(frozen=True)
class Entry:
    """One code of a form: its words, the program's own standard, what the district says."""

    code: str
    words: str
    usual: str
    unused: bool
    standard: str
    wrong: str = ""


@dataclass(frozen=True)
class Form:
    """One list as a form, and the version of the district's record it was read from (0: none)."""

    name: str
    title: str
    entries: tuple[Entry, ...]
    chosen: bool
    version: int
    empty: bool = False
    """Whether nothing would be left to choose."""

    @property
    def wrong(self) -> bool:
        """Whether something that was typed cannot be kept."""
        return self.empty or any(one.wrong for one in self.entries)


def every(connection: sa.Connection, person: User, lang: str) -> list[Used]:
    """Return every list that forms ask, as the district uses it; raise Refusal ``not_allowed``."""
    require_records(person)
    places = _places(lang)
    return [
        Used(code_list(name), tuple(places[name]), name in CHOSEN, name in MAPPED)
        for name in all_lists()
        if name in places
    ]


def open_form(connection: sa.Connection, person: User, name: str, lang: str) -> Form:
    """Return one list as a form; raise Refusal: not_allowed, unknown_record (no such list, or one
    that is used whole)."""
    _require(person, name)
    row = area_record(connection, person.district, person.district)
    said = (row["fields"].get(FIELD) or {}) if row else {}
    return _form(name, said, row["version"] if row else 0, lang)


def set_codes(
    store: Store, person: User, name: str, posted: Mapping[str, str], version: int, now: datetime,
    lang: str,
) -> Form | None:  # fmt: skip
    """Say of a list's codes which are not used (``unused.<code>``) and which standard's code each
    stands for (``standard.<code>``). Return None when it stands now, else the form with what is
    wrong. ``version`` is the one the person looked at.

    Raises Refusal: not_allowed, unknown_record.
    """
    _require(person, name)
    mine: dict[str, dict[str, Any]] = {}
    items = all_lists()[name].items
    for item in items:
        key = f"{name}.{item.code}"
        entry: dict[str, Any] = {}
        if name in CHOSEN and posted.get(f"unused.{item.code}"):
            entry["unused"] = True
        if standard := " ".join(posted.get(f"standard.{item.code}", "").split()):
            entry["standard"] = standard
        if entry:
            mine[key] = {"code": key, **entry}
    problems = _problems(mine, lang)
    empty = all(mine.get(f"{name}.{one.code}", {}).get("unused") for one in items if one.active)
    if problems or empty:
        return _form(name, mine, version, lang, problems, empty=empty)
    with store.writing() as connection:
        lock_district(connection, person.district)
        row = area_record(connection, person.district, person.district)
        said = (row["fields"].get(FIELD) or {}) if row else {}
        others = {key: one for key, one in said.items() if key.partition(".")[0] != name}
        change = district_change(connection, person, row, FIELD, others | mine, version, now)
        if change is not None:
            apply_central_change(connection, person.district, change, now)
            audit.note(
                connection, person.district, now, "code_settings", user_id=person.user_id,
                target=name,
                detail={"unused": sorted(one["code"] for one in mine.values() if "unused" in one),
                        "amount": len(mine)},
            )  # fmt: skip
    return None


def _require(person: User, name: str) -> None:
    if not allowed(person, "levels"):
        raise Refusal("not_allowed")
    if name not in MAPPED:
        raise Refusal("unknown_record")


def _places(lang: str) -> dict[str, list[str]]:
    """Return by list the fields that ask it."""
    found: dict[str, list[str]] = {}
    joint = ": " if lang == "en" else "·"
    for kind in kinds():
        names = code_lists(kind)
        label = kind.info.label.text(lang)
        for declared in kind.declared().values():
            inner = [declared]
            here: set[str] = set()
            if isinstance(declared, Keyed):
                inner += declared.entry_fields.values()
                here |= {declared.keys_name} if declared.keys_name else set()
            here |= {one.codes_name for one in inner if isinstance(one, Code)}
            for name in here & names:
                found.setdefault(name, []).append(f"{label}{joint}{declared.label.text(lang)}")
    return found


def _problems(kept: Mapping[str, Mapping[str, Any]], lang: str) -> dict[str, str]:
    if not kept:
        return {}
    checked = check(kind_of("area"), "update", {FIELD: {"add": dict(kept)}})
    found: dict[str, str] = {}
    for one in checked.problems:
        parts = one.pointer.split("/")
        problem: Problem = one.problem
        if len(parts) > 3:
            found[parts[3]] = problem.text(lang)
    return found


def _form(
    name: str, said: Mapping[str, Mapping[str, Any]], version: int, lang: str,
    problems: Mapping[str, str] | None = None, *, empty: bool = False,
) -> Form:  # fmt: skip
    entries = []
    for item in all_lists()[name].items:
        if item.active:
            key = f"{name}.{item.code}"
            entry = said.get(key) or {}
            entries.append(
                Entry(
                    item.code, item.label.text(lang), item.std_map, bool(entry.get("unused")),
                    str(entry.get("standard") or ""), (problems or {}).get(key, ""),
                )
            )  # fmt: skip
    title = (
        "; ".join(_places(lang).get(name, []))
        if lang == "en"
        else "、".join(_places(lang).get(name, []))
    )
    return Form(name, title, tuple(entries), name in CHOSEN, version, empty)
