"""For which purpose each group of personal fields is asked, on which legal basis, and whether it is
asked at all (personal information law, articles 6 and 17): the same on both sides.

A declared field names its ``group`` (FIELD_GROUP). A district says for each group what it is for,
on which basis and under which version of the notice; a group it does not use is asked by no form
and taken from no register. What was recorded before stays until somebody takes it away.

Whoever serves a page says once with ``leave_out`` which groups are not used; forms read it here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

from schemas.codes import all_lists
from schemas.fields import Declared
from schemas.labels import Label

LIST, FIELD = "FIELD_GROUP", "field_groups"
BASIC, CARE = "basic", "care"
ALWAYS = frozenset({BASIC, CARE, "guardian", "contact", "applicant"})
"""Groups without which there is no record, or that the law itself asks for."""

_VISITS = Label("网格走访、上门服务、政策通知和紧急联络",
                "Visits of the grid, services at the door, notices and urgent contact")  # fmt: skip
USUAL: Mapping[str, Label] = {
    BASIC: _VISITS,
    "id_no": Label("区分同名的人，代办事项时核对",
                   "Telling people of one name apart, and papers done for them"),
    "phone": Label("通知、回访和紧急联络", "Notices, answers and urgent contact"),
    "reside": Label("掌握实际居住情况，核对底数", "Knowing who really lives where"),
    "guardian": Label("不满14周岁由监护人同意（个人信息保护法第三十一条）",
                      "Consent of the guardian under 14 (article 31 of the law)"),
    "centre": Label("联系党员中心户", "Contact with Party-member centre households"),
    CARE: Label("关怀对象的定期探访和紧急帮助",
                "Regular visits to people in care, and help in need"),
    "care_more": Label("紧急时联系家人，按需求帮助", "Calling the family, and help as needed"),
    "met": Label("记录走访经过", "A record of the visit"),
    "reporter": Label("答复反映问题的人", "An answer to whoever reported it"),
    "applicant": Label("办理提出的需求", "Seeing through what was asked for"),
    "shop": Label("安全检查和通知", "Safety checks and notices"),
    "local": Label("楼栋和单元的联系", "Contact with buildings and entrances"),
    "contact": Label("组织成员和小区联系人名册", "Lists of members and of contacts"),
}  # fmt: skip
"""What a group is for where the district does not say."""
USUAL_BASIS: Mapping[str, str] = {
    group: "consent" if group in ("id_no", CARE, "care_more") else "statutory" for group in USUAL
}
"""Sensitive data ask for separate consent (articles 28 to 30) unless a duty is named."""


@dataclass(frozen=True)
class Purpose:
    """What a group is for, its legal basis (BASIS), the notice's version (empty: not said) and
    whether it is asked."""

    group: str
    words: Label
    basis: str
    notice: str
    asked: bool
    own: bool
    """Whether the district said what it is for."""


def purposes(district: Mapping[str, Any]) -> dict[str, Purpose]:
    """Return by group what a district has set (stored fields of its area record), in the order of
    the list."""
    said = district.get(FIELD) or {}
    found = {}
    for item in all_lists()[LIST].items:
        entry = said.get(item.code) or {}
        words = entry.get("purpose")
        found[item.code] = Purpose(
            item.code,
            Label(words, words) if words else USUAL[item.code],
            str(entry.get("basis") or USUAL_BASIS[item.code]),
            str(entry.get("notice") or ""),
            item.code in ALWAYS or not entry.get("unused"),
            bool(words),
        )
    return found


def unused(district: Mapping[str, Any]) -> frozenset[str]:
    """Return the groups that a district does not use."""
    return frozenset(one.group for one in purposes(district).values() if not one.asked)


_left_out: ContextVar[frozenset[str]] = ContextVar("groups not asked", default=frozenset())


def leave_out(groups: frozenset[str]) -> None:
    """Ask no field of these groups from here on, within this request or thread."""
    _left_out.set(groups)


def is_collected(declared: Declared) -> bool:
    """Whether the district collects what a field holds."""
    return declared.group not in _left_out.get()


def is_asked(declared: Declared) -> bool:
    """Whether forms ask a field here."""
    return declared.ask and is_collected(declared)


@cache
def fields_of(group: str) -> tuple[tuple[str, str], ...]:
    """Return the fields of a group as (kind, field)."""
    return tuple(_fields_of(group))


def _fields_of(group: str) -> Iterator[tuple[str, str]]:
    from schemas.catalogue import kinds  # late: the catalogue imports every kind

    for kind in kinds():
        for name, declared in kind.declared().items():
            if declared.group == group:
                yield kind.info.name, name
